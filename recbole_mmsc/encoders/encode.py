"""Encode a built dataset: its catalogue and pictures → ``features/<encoder>.safetensors``."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from . import Encoder, get_encoder
from .job import SHARD_ITEMS, make_job
from .merge import Merged, merge_parts
from .on_ray import encode_on_ray
from .shards import encode_shards


@dataclass(frozen=True, slots=True)
class EncodeSummary:
    """What ``encode_dataset`` did.

    Attributes:
        encoder: its name.
        modalities: those that the encoder takes.
        n_items: items in the catalogue.
        n_shards: shards in the catalogue.
        made: shards that were made now; the others were finished before, or are not asked for.
        merged: what was written; None if only some of the shards were asked for.
        seconds: how long it took.
    """

    encoder: str
    modalities: tuple[str, ...]
    n_items: int
    n_shards: int
    made: int
    merged: Merged | None
    seconds: float

    @property
    def path(self) -> Path:
        """The features file.

        Raises:
            ValueError: it was not written.
        """
        if self.merged is None:
            raise ValueError("Only some of the shards were made, there is no features file yet.")
        return self.merged.path

    def render(self) -> str:
        """For the terminal."""
        took = f"{self.seconds:.0f} s"
        if self.merged is None:
            return (
                f"{self.encoder}: made {self.made} of {self.n_shards} shards, {took}; "
                "when all are made, put them together with --merge"
            )
        merged, lines = self.merged, []
        for modality in self.modalities:
            if modality in merged.dims:
                lines.append(
                    f"  {modality}: {merged.available[modality]:,} of {self.n_items:,} items, "
                    f"{merged.dims[modality]} dimensions"
                )
            else:
                lines.append(f"  {modality}: none found, so these features are without it")
        if merged.problems_path:
            lines.append(
                f"  {merged.pictures:,} pictures used; {merged.problems:,} missing or bad, listed "
                f"in {merged.problems_path}"
            )
        kept = self.n_shards - self.made
        resumed = f", {kept} of {self.n_shards} shards were finished before" if kept else ""
        return "\n".join([f"{merged.path}: {took}{resumed}", *lines])


def encode_dataset(
    folder: str | os.PathLike[str],
    encoder: str | Encoder,
    *,
    precision: str = "float32",
    device: str = "auto",
    images: str | os.PathLike[str] | None = None,
    shard: str | None = None,
    merge: bool = False,
    workers: int | None = None,
    batch_size: int | None = None,
    ray: str | None = None,
    dtype: str = "float16",
    shard_items: int = SHARD_ITEMS,
    progress: bool = True,
) -> EncodeSummary:
    """Encode texts and pictures of every item of a dataset folder, reproducibly.

    The catalogue is cut into shards. Each finished one is kept in ``features/.<encoder>.parts/``,
    so that a run that was killed goes on where it was. The features file is written at the end,
    whole or not at all. The same input, encoder and machine give the same bytes, in one run or
    in many.

    An item without text or picture gets a row of zeros and 0 in that modality's mask. An encoder
    of both modalities makes do with one if the catalogue has nothing else.

    Args:
        folder: a built dataset folder.
        encoder: a registered name (see ``recbole_mmsc.encoders``) or an encoder.
        precision: of an encoder given by name, see ``Encoder.place``.
        device: likewise.
        images: folder or archive of pictures; by default the dataset's own ``images/``, if any.
        shard: "i/n", i from 1 to n: make only each n-th shard, and no features file.
        merge: make no shard; verify those that others made, and write the features file.
        workers: processes that load pictures, 0 for none; by default as the machine has cores.
        batch_size: of texts and of pictures; by default what the encoder likes.
        ray: address of an existing Ray cluster to make the shards on; the folder and the pictures
            must lie where every node sees them under the same path.
        dtype: how the vectors are stored, "float16" or "float32"; they are computed in float32.
        shard_items: items per shard.
        progress: show a progress bar on stderr.

    Raises:
        FileNotFoundError: the folder holds no ``catalogue.parquet``.
        ValueError: unknown encoder, wrong options, nothing to encode, pictures that are not where
            ``images`` says, or parts that do not belong together.
    """
    started = time.perf_counter()
    if sum([merge, shard is not None, ray is not None]) > 1:
        raise ValueError("Expected one of a shard, a merge and a Ray cluster, got more.")
    if workers is not None and workers < 0:
        raise ValueError(f"Expected 0 workers or more (got {workers}).")
    i, n = _read_shard("1/1" if shard is None else shard)
    if isinstance(encoder, str):
        encoder = get_encoder(encoder, precision, device)
    job = make_job(folder, encoder, images, batch_size, shard_items)
    made = 0
    if ray is not None:
        options = {
            "precision": precision,
            "device": device,
            "images": images,
            "workers": workers,
            "batch_size": batch_size,
            "shard_items": shard_items,
        }
        made = encode_on_ray(ray, job, folder, options, progress)
    elif not merge:
        made = encode_shards(job, range(i - 1, job.n_shards, n), workers, progress)
    merged = merge_parts(job, dtype) if shard is None else None
    return EncodeSummary(
        encoder=encoder.name,
        modalities=encoder.modalities,
        n_items=len(job.item_ids),
        n_shards=job.n_shards,
        made=made,
        merged=merged,
        seconds=time.perf_counter() - started,
    )


def _read_shard(shard: str) -> tuple[int, int]:
    """The i and n of "i/n"."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", shard)
    i, n = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= i <= n:
        raise ValueError(f"Expected a shard i/n with 1 <= i <= n, such as 1/4 (got {shard!r}).")
    return i, n
