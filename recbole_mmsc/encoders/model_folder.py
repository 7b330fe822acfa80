"""What lies in the folder of a model of the library transformers or sentence-transformers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

import torch
from huggingface_hub import snapshot_download

from .frozen import loading

# No Python files: nothing that comes from a hub is executed.
_FILES = ("*.json", "*.txt", "*.jinja", "*.model", "model*.safetensors", "README.md")

_Json = TypeVar("_Json", dict[str, Any], list[Any])


def model_folder(argument: str) -> Path:
    """The folder itself, or that of a model on the hub, fetched if it is not there yet.

    Raises:
        ValueError: the hub has no such model or cannot be reached.
        FileNotFoundError: neither a folder nor such a name as the hub gives.
    """
    if argument and Path(argument).is_dir():
        return Path(argument)
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", argument):
        raise FileNotFoundError(
            "Expected transformers:<name on the hub> or transformers:<folder of a model>, "
            f"found no folder {argument!r}."
        )
    with loading("a model", f"the hub's {argument}"):
        return Path(snapshot_download(argument, allow_patterns=_FILES))


def weight_files(folder: Path) -> list[Path]:
    """The one or several files of the weights.

    Raises:
        FileNotFoundError: no weights in safetensors.
    """
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if not index.is_file():
        raise FileNotFoundError(
            f"Expected {single.name} in {folder}, found none; "
            "weights in other formats can hold code and are not read."
        )
    names = set(_read_json(index, {}).get("weight_map", {}).values())
    return sorted(folder / name for name in names)


def pooling_mode(folder: Path) -> str:
    """What ``modules.json`` and ``1_Pooling/config.json`` ask for, "mean" if they are not there.

    Raises:
        ValueError: another pooling than "mean" or "cls", or layers of other kinds.
    """
    kinds = {
        str(module.get("type") if isinstance(module, dict) else module).rpartition(".")[2]
        for module in _read_json(folder / "modules.json", [])
    }
    if unknown := kinds - {"Transformer", "Pooling", "Normalize"}:
        raise ValueError(
            "Expected a sentence model of Transformer, Pooling and Normalize, "
            f"found {', '.join(sorted(unknown))} in {folder / 'modules.json'}."
        )
    path = folder / "1_Pooling" / "config.json"
    said = _read_json(path, {})
    mode = said.get("pooling_mode")
    if not mode:  # older ones have a switch for each
        flags = [re.fullmatch("pooling_mode_(.+?)(_tokens?)?", key) for key in said if said[key]]
        mode = "+".join(flag[1] for flag in flags if flag) or "mean"
    if mode not in ("mean", "cls"):
        raise ValueError(f"Expected pooling by mean or cls, found {mode!r} in {path}.")
    return mode


def longest_text(folder: Path, model: torch.nn.Module, tokenizer: Any) -> int:
    """The shortest of the lengths that the model, its tokenizer and sentence-transformers name."""
    config = getattr(model.config, "text_config", model.config)
    positions = getattr(config, "max_position_embeddings", None)
    embeddings = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    if positions and getattr(embeddings, "padding_idx", None) is not None:
        positions -= embeddings.padding_idx + 1  # RoBERTa counts from behind its padding
    said = _read_json(folder / "sentence_bert_config.json", {}).get("max_seq_length")
    return min(int(length) for length in (said, tokenizer.model_max_length, positions) if length)


def _read_json(path: Path, default: _Json) -> _Json:
    """The file's content, the default where there is no file."""
    if not path.is_file():
        return default
    with loading("JSON", path):
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, type(default)):
            raise ValueError(f"{type(default).__name__} expected, {type(found).__name__} found")
        return found
