"""Encoders from the library transformers: CLIP, SigLIP, and text models pooled as sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import transformers
from huggingface_hub import snapshot_download
from PIL.Image import Image

from . import Encoder
from .frozen import FrozenEncoder, licence_of, loading, unit_rows

# No Python files: nothing that comes from a hub is executed.
_FILES = ("*.json", "*.txt", "*.model", "model*.safetensors", "README.md")
_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
_PAIRED = ("clip", "siglip")


def transformers_encoder(argument: str) -> Encoder:
    """The encoder for a model's folder or for its name on the hub, by the kind its config says.

    Raises:
        ValueError: a kind of model that is not supported, or files that do not load or arrive.
        OSError: files that are not there.
    """
    folder = _folder(argument)
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"Expected a model's folder, found no config.json in {folder}.")
    with loading("the configuration of a model", folder):
        config = transformers.AutoConfig.from_pretrained(folder, **_LOCAL)
    name = f"transformers:{argument}"
    if config.model_type in _PAIRED:
        return PairedEncoder(name, folder, argument)
    reads_text = type(config) in transformers.MODEL_FOR_MASKED_LM_MAPPING
    if reads_text and not getattr(config, "is_encoder_decoder", False):
        return SentenceEncoder(name, folder, argument)
    raise ValueError(
        f"Expected a model of kind {' or '.join(_PAIRED)} or a text encoder such as bert, roberta "
        f"or mpnet; {argument} is of kind {config.model_type!r}."
    )


class _TransformersEncoder(FrozenEncoder):
    """A model and its tokenizer from one folder."""

    def __init__(self, name: str, folder: Path, source: str) -> None:
        weights = _weights(folder)
        with loading("a model and its tokenizer", folder):
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **_LOCAL)
            model, report = transformers.AutoModel.from_pretrained(
                folder,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
                **_LOCAL,
            )
            # Sentence models come without this head, and nothing here reads it.
            missing = [key for key in report["missing_keys"] if not key.startswith("pooler.")]
            if missing:
                raise ValueError(f"no weights for {', '.join(sorted(missing)[:5])}")
        super().__init__(
            name,
            model,
            weights,
            source=source,
            licence=licence_of(folder, source),
            libraries=f"transformers {transformers.__version__}",
            max_tokens=_max_tokens(folder, model, self.tokenizer),
        )

    def _tokens(self, texts: Sequence[str], padding: bool | str) -> dict[str, torch.Tensor]:
        return self.tokenizer(
            list(texts),
            padding=padding,
            truncation=True,
            max_length=self.max_tokens,
            return_tensors="pt",
        ).to(self.device)


class SentenceEncoder(_TransformersEncoder):
    """A text encoder whose states are pooled into one vector, as sentence-transformers does.

    Args:
        name: the encoder's name.
        folder: the model, its tokenizer and perhaps ``1_Pooling/config.json``.
        source: what the model is called, for the header.

    Raises:
        ValueError: files that do not load, or another pooling than mean or cls.
        OSError: files that are not there.
    """

    def __init__(self, name: str, folder: Path, source: str) -> None:
        self.pooling = _pooling(folder)
        super().__init__(name, folder, source)

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Encode texts into [n, d] float32 rows of length 1; longer ones are cut."""
        tokens = self._tokens(texts, padding=True)
        states = self.model(**tokens).last_hidden_state.float()
        if self.pooling == "cls":
            return unit_rows(states[:, 0])
        mask = tokens["attention_mask"].unsqueeze(-1)
        return unit_rows((states * mask).sum(1) / mask.sum(1))


class PairedEncoder(_TransformersEncoder):
    """CLIP or SigLIP: texts and pictures in one space.

    Args:
        name: the encoder's name.
        folder: the model, its tokenizer and its image processor.
        source: what the model is called, for the header.

    Raises:
        ValueError: files that do not load.
        OSError: files that are not there.
    """

    modalities = ("text", "image")

    def __init__(self, name: str, folder: Path, source: str) -> None:
        with loading("an image processor", folder):
            self.processor = transformers.AutoImageProcessor.from_pretrained(folder, **_LOCAL)
        super().__init__(name, folder, source)
        # SigLIP learnt from texts filled up to its full length, and reads the filling.
        self.padding = "max_length" if self.model.config.model_type == "siglip" else True

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Encode texts into [n, d] float32 rows of length 1; longer ones are cut."""
        return unit_rows(_pooled(self.model.get_text_features(**self._tokens(texts, self.padding))))

    def image_transform(self) -> Callable[[Image], np.ndarray]:
        """The model's own image processor: RGB picture → [3, height, width] float32."""
        return ProcessorTransform(self.processor)

    @torch.inference_mode()
    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        """Encode [n, 3, height, width] into [n, d] float32 rows of length 1."""
        return unit_rows(_pooled(self.model.get_image_features(self.pixels(pixels))))


@dataclass(frozen=True)
class ProcessorTransform:
    """An image processor, made once, that takes one picture and yields one array."""

    processor: Any

    def __call__(self, image: Image) -> np.ndarray:
        """RGB picture → [3, height, width] float32."""
        return self.processor(image, return_tensors="pt")["pixel_values"][0].numpy()


def _pooled(output: Any) -> torch.Tensor:
    # transformers 4 answers with the tensor itself
    return getattr(output, "pooler_output", output)


def _folder(argument: str) -> Path:
    if argument and Path(argument).is_dir():
        return Path(argument)
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", argument):
        raise FileNotFoundError(
            "Expected transformers:<name on the hub> or transformers:<folder of a model>, "
            f"found no folder {argument!r}."
        )
    with loading("a model on the hub or a folder", argument):
        return Path(snapshot_download(argument, allow_patterns=_FILES))


def _weights(folder: Path) -> list[Path]:
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


def _pooling(folder: Path) -> str:
    """What ``modules.json`` and ``1_Pooling/config.json`` ask for, mean if they are not there."""
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


def _max_tokens(folder: Path, model: torch.nn.Module, tokenizer: Any) -> int:
    """The shortest of the lengths that the model, its tokenizer and sentence-transformers name."""
    config = getattr(model.config, "text_config", model.config)
    positions = getattr(config, "max_position_embeddings", None)
    embeddings = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    if positions and getattr(embeddings, "padding_idx", None) is not None:
        positions -= embeddings.padding_idx + 1  # RoBERTa counts from behind its padding
    said = _read_json(folder / "sentence_bert_config.json", {}).get("max_seq_length")
    return min(int(length) for length in (said, tokenizer.model_max_length, positions) if length)


_Json = TypeVar("_Json", dict[str, Any], list[Any])


def _read_json(path: Path, default: _Json) -> _Json:
    """The file's content, the default where there is no file."""
    if not path.is_file():
        return default
    with loading("JSON", path):
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, type(default)):
            raise ValueError(f"{type(default).__name__} expected, {type(found).__name__} found")
        return found
