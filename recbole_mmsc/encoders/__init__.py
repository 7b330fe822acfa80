"""Encoders turn an item's text and pictures into vectors; this registry finds them by name.

A name is ``family`` or ``family:argument``; everything after the first colon is handed to the
family's factory. Heavy libraries are imported by the factories, never by this module.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from recbole_mmsc.families import Families

from .template import DEFAULT_TEMPLATE, TextTemplate

if TYPE_CHECKING:
    from PIL.Image import Image


class Encoder(ABC):
    """What ``encode_dataset`` needs of an encoder.

    Attributes:
        name: the name it is registered under, with its argument.
        modalities: what it encodes, a subset of ``("text", "image")``.
        template: which fields of an item make its text.
        batch_size: how many texts or pictures it likes to get at once.
        fills_cores: whether encoding alone keeps the cores busy; known once it is placed.
    """

    name: str
    modalities: tuple[str, ...] = ("text",)
    template: TextTemplate = DEFAULT_TEMPLATE
    batch_size: int = 64
    fills_cores: bool = False

    def fit(self, texts: Sequence[str]) -> None:  # noqa: B027 (doing nothing is the default)
        """See all texts of the catalogue once, before any is encoded; fixed weights ignore it."""

    def place(self, precision: str, device: str) -> None:
        """Choose where and how exactly to compute; called once, before anything is encoded.

        Args:
            precision: "float32", "bfloat16", "float16", or "auto" for the fastest sound one.
            device: a device of torch's, or "auto".

        Raises:
            ValueError: there is no such choice for this encoder.
        """
        if precision not in ("float32", "auto") or device not in ("cpu", "auto"):
            raise ValueError(
                f"Expected precision float32 on the device cpu, all that {self.name} computes in "
                f"(got {precision!r} on {device!r})."
            )

    @abstractmethod
    def describe(self) -> dict[str, str]:
        """Header entries: ``weights_sha256``, licence, library versions.

        Asked after ``fit``, for the parts of a run, and again after ``fit_images``, for the
        header: both times the checksum covers all that has been fitted.
        """

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Encode a batch of n non-empty texts into [n, d] float32, rows of length 1 (or 0)."""
        raise NotImplementedError(f"{self.name} encodes no texts")

    def image_transform(self) -> Callable[[Image], np.ndarray]:
        """What turns a decoded RGB picture into the array that :meth:`encode_images` wants.

        It is pickled and called in worker processes, so it must not hold the model.
        """
        raise NotImplementedError(f"{self.name} encodes no images")

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        """Encode n stacked outputs of the transform into [n, d] float32, rows of length 1 (or 0).

        Args:
            pixels: [n, …], the arrays of one batch.
        """
        raise NotImplementedError(f"{self.name} encodes no images")

    def fit_images(self, vectors: np.ndarray) -> None:  # noqa: B027
        """See the catalogue's encoded pictures once, after the last; fixed weights ignore it.

        Args:
            vectors: [m, d] float32, one row per item that has pictures: their normalised mean.
        """

    def finish_images(self, vectors: np.ndarray) -> np.ndarray:
        """What is stored of encoded pictures, [n, d] → [n, e]; asked after ``fit_images``."""
        return vectors


EncoderFactory = Callable[[str], Encoder]

_families: Families[EncoderFactory] = Families("an encoder")


def register_encoder(family: str, factory: EncoderFactory) -> None:
    """Make an encoder available by name; registering a name again replaces it.

    Args:
        family: the part of the name before the first colon.
        factory: called with the part after it ("" if there is none).
    """
    _families.register(family, factory)


def encoder_names() -> tuple[str, ...]:
    """The registered families, sorted."""
    return _families.names()


def check_encoder(name: str) -> None:
    """Pass if there is such a family; whether it can use the argument shows when it is made.

    Raises:
        ValueError: no such family; the nearest name is suggested.
    """
    _families.find(name)


def get_encoder(name: str, precision: str = "float32", device: str = "auto") -> Encoder:
    """The encoder called ``family`` or ``family:argument``, placed (see ``Encoder.place``).

    Raises:
        ValueError: no such family (the nearest name is suggested), an argument it cannot use, or
            a precision or device it does not know.
    """
    factory, argument = _families.find(name)
    encoder = factory(argument)
    encoder.place(precision, device)
    return encoder


def _tfidf(argument: str) -> Encoder:
    from .tfidf import TfidfEncoder

    if argument:
        raise ValueError(f"The encoder tfidf takes no argument (got {argument!r}).")
    return TfidfEncoder()


def _offline(argument: str) -> Encoder:
    from .offline import OfflineEncoder

    if argument:
        raise ValueError(f"The encoder offline takes no argument (got {argument!r}).")
    return OfflineEncoder()


def _minilm(argument: str) -> Encoder:
    from .minilm import MiniLMEncoder

    if argument:
        raise ValueError(f"The encoder minilm takes no argument (got {argument!r}).")
    return MiniLMEncoder()


def _open_clip(argument: str) -> Encoder:
    from .open_clip_models import OpenClipEncoder

    return OpenClipEncoder(argument)


def _transformers(argument: str) -> Encoder:
    from .transformers_models import transformers_encoder

    return transformers_encoder(argument)


register_encoder("tfidf", _tfidf)
register_encoder("offline", _offline)
register_encoder("minilm", _minilm)
register_encoder("open_clip", _open_clip)
register_encoder("transformers", _transformers)
