"""Labellers judge pairs of products; this registry finds them by name.

A name is ``family`` or ``family:argument``; everything after the first colon is handed to the
family's factory. Heavy libraries are imported by the factories, never by this module.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from recbole_mmsc.families import Families
from recbole_mmsc.supervision.judgement import Failure, Judgement, Key, Pair


@dataclass(frozen=True)
class LabellerOptions:
    """How a labeller works; each labeller takes what concerns it.

    Attributes:
        prompt: a prompt's file; None for the ready one.
        concurrency: requests at once, to a server.
        per_second: requests per second, to a server.
        batch_size: pairs at once, by a local model.
        device: of a local model, or "auto".
        precision: of a local model.
    """

    prompt: Path | None = None
    concurrency: int = 8
    per_second: float = 20.0
    batch_size: int = 16
    device: str = "auto"
    precision: str = "float32"

    def __post_init__(self) -> None:
        """Refuse numbers with which nothing would be judged."""
        for name in ("concurrency", "per_second", "batch_size"):
            if getattr(self, name) <= 0:
                raise ValueError(
                    f"expected {name} above 0, found {getattr(self, name)}; that judges nothing"
                )


class Labeller(ABC):
    """What ``label_dataset`` needs of a labeller.

    Attributes:
        name: the name it is registered under, with its argument; no secret is in it.
        prompt_version: of what it is asked or how it judges; another version is another judgement.
        own_pairs: the pairs that it judges, with how they were chosen; None: those it is given.
        lasting: what it said once is kept. False: it goes by behaviour, which another build
            changes, and costs nothing, so that each call has everything judged anew.
    """

    name: str
    prompt_version: str
    own_pairs: Mapping[Key, str] | None = None
    lasting: bool = True

    @abstractmethod
    def judge(self, pairs: Iterable[Pair]) -> Iterator[tuple[Pair, Judgement | Failure]]:
        """Judge pairs, each by itself, and yield each as soon as it is judged, in any order.

        Not more pairs than are worked on are taken from ``pairs``. A model that refuses has judged:
        ``unsure`` with confidence 0 and the reason. An answer that is not understood is a failure.

        Raises:
            ValueError: nothing can be judged at all, such as a refused key or an unknown model.
        """


LabellerFactory = Callable[[str, LabellerOptions], Labeller]

_families: Families[LabellerFactory] = Families("a labeller")


def register_labeller(family: str, factory: LabellerFactory) -> None:
    """Make a labeller available by name; registering a name again replaces it.

    Args:
        family: the part of the name before the first colon.
        factory: called with the part after it ("" if there is none) and the options.
    """
    _families.register(family, factory)


def get_labeller(name: str, options: LabellerOptions | None = None) -> Labeller:
    """The labeller called ``family`` or ``family:argument``.

    Raises:
        ValueError: no such family (the nearest name is suggested), or an argument it cannot use.
    """
    factory, argument = _families.find(name)
    return factory(argument, options or LabellerOptions())


def _rules(argument: str, _: LabellerOptions) -> Labeller:
    from .rules import Rules

    if argument:
        raise ValueError(f"The labeller rules takes no argument (got {argument!r}).")
    return Rules()


def _openai(argument: str, options: LabellerOptions) -> Labeller:
    from .openai_server import OpenAIServer

    return OpenAIServer.of(argument, options)


def _transformers(argument: str, options: LabellerOptions) -> Labeller:
    from .transformers_model import TransformersModel

    return TransformersModel.of(argument, options)


def _people(argument: str, _: LabellerOptions) -> Labeller:
    from .people import People

    return People(Path(argument))


register_labeller("rules", _rules)
register_labeller("openai", _openai)
register_labeller("transformers", _transformers)
register_labeller("people", _people)
