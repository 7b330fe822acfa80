"""Text and image encoders of open_clip: by tag, from a local file or folder, or from its hub."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open_clip
import torch
from open_clip.constants import HF_CONFIG_NAME, HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.pretrained import download_pretrained_from_hf
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL.Image import Image

from .frozen import FrozenEncoder, licence_of, loading, unit_rows

_DIR, _HUB = "local-dir:", "hf-hub:"


class OpenClipEncoder(FrozenEncoder):
    """A contrastive text-image model of open_clip.

    Args:
        argument: ``<model>/<pretrained tag>``, ``<model>/<path of a weights file>`` (so
            ``ViT-B-32//data/weights.pt`` for an absolute one), ``local-dir:<folder>`` or
            ``hf-hub:<owner>/<repository>`` in open_clip's own layout.

    Raises:
        ValueError: unknown model or tag (the nearest is suggested), or files that do not load or
            arrive.
        OSError: files that are not there.
    """

    modalities = ("text", "image")

    def __init__(self, argument: str) -> None:
        source = _find(argument)
        with loading(f"an open_clip model {source.model}", source.weights):
            config = open_clip.get_model_config(source.model)
            options = (config["text_cfg"] or {}).get("tokenizer_kwargs") or {}
            if "trust_remote_code" in options:
                raise ValueError("its tokenizer asks to run code of its own")
            model = open_clip.create_model(
                source.model,
                source.tag,
                load_weights=False,  # they are loaded below, from the file that is checksummed
                pretrained_text=False,
                force_quick_gelu=source.quick_gelu,
            )
            open_clip.load_checkpoint(model, str(source.weights), weights_only=True)
            self.tokenizer = open_clip.get_tokenizer(source.model)
        self.preprocessing = PreprocessCfg(**model.visual.preprocess_cfg)
        super().__init__(
            f"open_clip:{argument}",
            model,
            [source.weights],
            source=argument,
            licence=licence_of(source.weights.parent, argument),
            libraries=f"open_clip {open_clip.__version__}",
            max_tokens=self.tokenizer.context_length,
        )

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Encode texts into [n, d] float32 rows of length 1; longer ones are cut."""
        return unit_rows(self.model.encode_text(self.tokenizer(list(texts)).to(self.device)))

    def image_transform(self) -> Callable[[Image], np.ndarray]:
        """The model's own evaluation transform: RGB picture → [3, height, width] float32."""
        return OpenClipTransform(image_transform_v2(self.preprocessing, is_train=False))

    @torch.inference_mode()
    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        """Encode [n, 3, height, width] into [n, d] float32 rows of length 1."""
        return unit_rows(self.model.encode_image(self.pixels(pixels)))


@dataclass(frozen=True)
class OpenClipTransform:
    """A transform of open_clip's that yields an array."""

    transform: Callable[[Image], torch.Tensor]

    def __call__(self, image: Image) -> np.ndarray:
        """RGB picture → [3, height, width] float32."""
        return self.transform(image).numpy()


@dataclass(frozen=True)
class _Source:
    """Where a model comes from: what open_clip calls it, and the file of its weights."""

    model: str
    weights: Path
    tag: str | None = None
    quick_gelu: bool = False


def _find(argument: str) -> _Source:
    if argument.startswith(_DIR):
        return _Source(argument, _in_folder(Path(argument.removeprefix(_DIR))))
    if argument.startswith(_HUB):
        with loading("an open_clip model", argument):
            weights = download_pretrained_from_hf(argument.removeprefix(_HUB))
        return _Source(argument, Path(weights))
    model, _, tag = argument.partition("/")
    if model not in open_clip.list_models():
        raise ValueError(
            "Expected an open_clip model as <model>/<tag or path of the weights>, "
            f"{_DIR}<folder> or {_HUB}<repository> (got {argument!r})."
            + _nearest(model, open_clip.list_models())
        )
    if known := open_clip.get_pretrained_cfg(model, tag):
        with loading(f"weights of {model}", tag):
            weights = open_clip.download_pretrained(known)
        return _Source(model, Path(weights), tag, known.get("quick_gelu", False))
    if Path(tag).is_file():
        return _Source(model, Path(tag))
    if "/" in tag:
        raise FileNotFoundError(f"Expected weights of {model} at {tag}, found no such file.")
    tags = open_clip.list_pretrained_tags_by_model(model)
    raise ValueError(
        f"Expected weights of {model}: a file, or a tag among {', '.join(tags) or 'none'} "
        f"(got {tag!r})." + _nearest(tag, tags)
    )


def _in_folder(folder: Path) -> Path:
    if not (folder / HF_CONFIG_NAME).is_file():
        raise FileNotFoundError(f"Expected {HF_CONFIG_NAME} in {folder}, found none.")
    for name in (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"Expected {HF_SAFE_WEIGHTS_NAME} or {HF_WEIGHTS_NAME} in {folder}, found neither."
    )


def _nearest(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
