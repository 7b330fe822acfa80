"""How fast pictures become vectors, against the bare model's forward pass, in one run.

    python benchmarks/encode_speed.py [--pictures 64] [--batch 32] [--runs 5] [--workers 0]

A ViT-B/32 with random weights encodes the JPEG files of a catalogue by `encode_dataset`: read,
decoded and transformed in worker processes, the forward pass, shards and the features file. The
bare side is the same forward pass on tensors that lie ready, at the same batch size, precision and
cores. At least 90 % of its rate is wanted.

Both sides are run in turn, warm, and the median of the ratios counts. Times are those of the wall,
which an otherwise busy machine disturbs; CPU seconds of this process and its workers, printed
beside them, suffer less. The exit code is 1 when the target is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from safetensors.torch import save_file

from recbole_mmsc.encoders import Encoder, get_encoder
from recbole_mmsc.encoders.encode import encode_dataset
from recbole_mmsc.encoders.precision import PRECISIONS
from recbole_mmsc.images.decoding import decode_image

WANTED = 0.9
ARCHITECTURE = "ViT-B-32"


def main() -> int:
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        files = write_pictures(Path(folder), options.pictures, options.side)
        encoder = random_encoder(Path(folder), options.precision, options.device)
        ready = prepared(encoder, files, options.batch)
        bare = lambda: forward(encoder, ready)  # noqa: E731
        ours = lambda: encode(Path(folder), encoder, options.batch, options.workers)  # noqa: E731
        bare(), ours()
        runs = [(seconds(bare), seconds(ours)) for _ in range(options.runs)]
    ratios = [bare / ours for (bare, _), (ours, _) in runs]
    cpu_ratios = [bare / ours for (_, bare), (_, ours) in runs]
    rates = [
        len(files) / statistics.median(side[0] for side in both) for both in zip(*runs, strict=True)
    ]
    ratio = statistics.median(ratios)
    workers = "default" if options.workers is None else options.workers
    print(
        f"{ARCHITECTURE}, {encoder.describe()['computed']}, batches of {options.batch}, "
        f"{os.cpu_count()} cores, {workers} workers, JPEG of {options.side} pixels"
    )
    print(f"pictures/s: bare {rates[0]:.1f}, ours {rates[1]:.1f}; ratio {ratio:.3f} (>= {WANTED})")
    print("all ratios: " + ", ".join(f"{each:.3f}" for each in ratios))
    print("in CPU seconds: " + ", ".join(f"{each:.3f}" for each in cpu_ratios))
    return 0 if ratio >= WANTED else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure encoding against the bare model.")
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--side", type=int, default=500, help="of a picture, in pixels")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--runs", type=int, default=5, help="of each side")
    parser.add_argument("--workers", type=int, help="default: what encode takes")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def random_encoder(folder: Path, precision: str, device: str) -> Encoder:
    weights = folder / "random.safetensors"
    model = open_clip.create_model(ARCHITECTURE, load_weights=False)
    save_file(model.state_dict(), weights)
    return get_encoder(f"open_clip:{ARCHITECTURE}/{weights}", precision, device)


def write_pictures(folder: Path, count: int, side: int) -> list[Path]:
    """Write a catalogue and its JPEG files: coarse noise, as large as a shop's photographs."""
    generator, files = np.random.default_rng(2026), []
    texts = {name: [""] * count for name in ("title", "brand", "category", "description")}
    catalogue = pa.table({"item_id": [str(number) for number in range(count)], **texts})
    pq.write_table(catalogue, folder / "catalogue.parquet")
    (folder / "images").mkdir()
    for number in range(count):
        coarse = generator.integers(0, 256, (side // 10, side // 10, 3), dtype=np.uint8)
        files.append(folder / "images" / f"{number}.jpg")
        Image.fromarray(coarse).resize((side, side)).save(files[-1], quality=90)
    return files


def encode(folder: Path, encoder: Encoder, batch: int, workers: int | None) -> None:
    """Our path, from files to the features file."""
    shutil.rmtree(folder / "features", ignore_errors=True)  # finished shards would be kept
    encode_dataset(folder, encoder, batch_size=batch, workers=workers, progress=False)


def prepared(encoder: Encoder, files: list[Path], batch: int) -> list[torch.Tensor]:
    transform = encoder.image_transform()
    arrays = np.stack([transform(decode_image(file.read_bytes())) for file in files])
    return [encoder.pixels(arrays[start : start + batch]) for start in range(0, len(files), batch)]


@torch.inference_mode()
def forward(encoder: Encoder, ready: list[torch.Tensor]) -> None:
    """The bare model on tensors that lie ready."""
    for pixels in ready:
        encoder.model.encode_image(pixels).cpu()


def seconds(job: Callable[[], None]) -> tuple[float, float]:
    """Seconds of the wall, and of the CPU in this process and the workers it waited for."""
    wall, cpu = time.perf_counter(), sum(os.times()[:4])
    job()
    return time.perf_counter() - wall, sum(os.times()[:4]) - cpu


if __name__ == "__main__":
    sys.exit(main())
