"""What the settings of every model of ours have in common, and the check of their keys.

RecBole accepts any key in silence, so a misspelt one would change nothing: :func:`check_keys`
refuses it and names the nearest valid key.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from logging import getLogger
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

# Keys RecBole reads that are in none of its YAML files, nor in its list of arguments.
OTHER_RECBOLE_KEYS = frozenset(
    {
        "model",  # configurator.py:197, like dataset below, when not given to Config itself
        "dataset",
        "config_files",  # run_recbole.py's command line
        "nproc",  # quick_start.py:78: processes and where they meet
        "world_size",
        "ip",
        "port",
        "offset",
        "group_offset",
        "local_rank",
        "encoding",  # dataset.py:458
        "tail_ratio",  # evaluator/metrics.py:717
        "neg_sampling",  # configurator.py:382: deprecated, RecBole says so itself
        "training_neg_sample_num",
    }
)
SIMILAR = 0.8  # a key on the command line this near to a valid one is a misspelling of it


Settings = TypeVar("Settings", bound="ModelSettings")


class SettingsError(ValueError):
    """A setting of ours has an unknown name, a wrong type, or a value out of range."""


class ModelSettings(BaseModel):
    """Base of a model's settings: each field with a description, defaults in its YAML file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    model_name: ClassVar[str]

    @classmethod
    def from_config(cls: type[Settings], config: Mapping[str, Any]) -> Settings:
        """The settings in a RecBole Config, or in a dict.

        Raises:
            SettingsError: a value is missing, of the wrong type, or out of range.
        """
        found = {name: config[name] for name in cls.model_fields if name in config}
        try:
            return cls(**found)
        except ValidationError as error:
            raise SettingsError(cls._explain(error)) from None

    @classmethod
    def _explain(cls, error: ValidationError) -> str:
        lines = [f"{cls.model_name} cannot run with these settings:"]
        for problem in error.errors():
            if not problem["loc"]:  # of several settings together
                lines.append(f"  {problem['ctx']['error']}")
                continue
            name = str(problem["loc"][0])
            found = "nothing" if problem["type"] == "missing" else repr(problem["input"])
            lines.append(
                f"  {name}: {problem['msg']}, found {found} "
                f"({name}: {cls.model_fields[name].description})"
            )
        return "\n".join(lines)


def check_keys(
    settings: type[ModelSettings],
    recbole_keys: Iterable[str],
    given: Iterable[object],
    on_command_line: Iterable[object] = (),
) -> None:
    """Refuse a key that neither RecBole nor the model reads.

    Args:
        settings: the model's settings; their names are valid.
        recbole_keys: RecBole's names, which are valid too (:data:`OTHER_RECBOLE_KEYS` are added).
        given: the keys of config files and of ``config_dict``.
        on_command_line: the keys of ``sys.argv``. It may belong to the host process (pytest,
            Jupyter), so a key there is refused only when it resembles a valid one.

    Raises:
        SettingsError: names each unknown key and the nearest valid one.
    """
    valid = {*recbole_keys, *OTHER_RECBOLE_KEYS, *settings.model_fields}
    wrong = [_unknown(key, valid, cutoff=0.6) for key in given if key not in valid]
    for key in on_command_line:
        if key in valid:
            continue
        if difflib.get_close_matches(str(key), valid, n=1, cutoff=SIMILAR):
            wrong.append(_unknown(f"--{key}", valid, cutoff=SIMILAR))
        else:
            getLogger().warning(
                "--%s on the command line is no setting of %s's: not used.",
                key,
                settings.model_name,
            )
    if wrong:
        raise SettingsError(
            f"{settings.model_name} does not know {'; nor '.join(wrong)}. Its own settings: "
            f"{', '.join(settings.model_fields)}; all others are RecBole's."
        )


def _unknown(key: object, valid: set[str], cutoff: float) -> str:
    near = difflib.get_close_matches(str(key).removeprefix("--"), valid, n=1, cutoff=cutoff)
    return f"'{key}' (did you mean '{near[0]}'?)" if near else f"'{key}'"
