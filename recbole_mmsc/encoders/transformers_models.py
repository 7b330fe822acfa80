"""Encoders from the library transformers: CLIP, SigLIP, and text models pooled as sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL.Image import Image

from . import Encoder
from .frozen import FrozenEncoder, licence_of, loading, unit_rows
from .model_folder import longest_text, model_folder, pooling_mode, weight_files

_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
_PAIRED = ("clip", "siglip")


def transformers_encoder(argument: str) -> Encoder:
    """The encoder for a model's folder or for its name on the hub, by the kind its config says.

    Raises:
        ValueError: a kind of model that is not supported, or files that do not load or arrive.
        OSError: files that are not there.
    """
    folder = model_folder(argument)
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
        weights = weight_files(folder)
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
            max_tokens=longest_text(folder, model, self.tokenizer),
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
        self.pooling = pooling_mode(folder)
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
