"""Encode shards, each written as soon as it is finished.

No batch holds items of two shards, so it is no matter which process makes which of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from tqdm import tqdm

from ..images.loading import CHUNK, Loaded, PictureLoader, default_workers
from ..images.sources import Picture
from .job import Job
from .parts import Part, Problem, is_finished, part_path, parts_folder, write_part

NO_PICTURE = "no picture"


def encode_shards(
    job: Job, shards: Sequence[int], workers: int | None = None, progress: bool = True
) -> int:
    """Make those shards that are not finished yet.

    Args:
        job: what is encoded.
        shards: which shards, counted from 0.
        workers: processes that load pictures, 0 for none; by default :func:`default_workers`.
        progress: show a progress bar on stderr.

    Returns:
        How many shards were made.
    """
    folder = parts_folder(job.path)
    todo = [shard for shard in shards if not _is_kept(job, shard)]
    n_items, n_todo = (sum(len(job.items_of(shard)) for shard in some) for some in (shards, todo))
    bar = tqdm(
        desc=f"encode {job.encoder.name}",
        total=n_items,
        initial=n_items - n_todo,
        unit="item",
        disable=not progress,
    )
    loader = _loader(job, todo, workers)
    try:
        with bar:
            loaded = loader.load(_chunks(job, todo)) if loader else iter(())
            for shard in todo:
                part = _encode_shard(job, shard, loaded, bar)
                write_part(folder, shard, job.fingerprint(shard), part)
    finally:
        if loader:
            loader.close()
    return len(todo)


def _is_kept(job: Job, shard: int) -> bool:
    """Whether a shard is finished; pictures are read only where there is a part to compare."""
    folder = parts_folder(job.path)
    there = part_path(folder, shard).is_file()
    return there and is_finished(folder, shard, job.fingerprint(shard))


def _loader(job: Job, shards: Sequence[int], workers: int | None) -> PictureLoader | None:
    if job.source is None or not job.pictures:
        return None
    if workers is None:
        pictures = sum(len(job.pictures_of(shard)) for shard in shards)
        workers = default_workers(pictures, job.encoder.fills_cores)
    return PictureLoader(job.source, job.encoder.image_transform(), workers, job.batch_size)


def _chunks(job: Job, shards: Sequence[int]) -> Iterator[list[Picture]]:
    for shard in shards:
        pictures = iter(job.pictures_of(shard))
        while chunk := list(islice(pictures, CHUNK)):
            yield chunk


def _encode_shard(job: Job, shard: int, loaded: Iterator[Loaded], bar: tqdm) -> Part:
    items = job.items_of(shard)
    part = Part({}, {}, np.zeros(len(items), np.int32), [])
    before = bar.n
    if "text" in job.modalities:
        _encode_texts(job, shard, part, bar)
    if "image" in job.modalities:
        _encode_pictures(job, shard, loaded, part, bar)
    bar.update(before + len(items) - bar.n)
    return part


def _encode_texts(job: Job, shard: int, part: Part, bar: tqdm) -> None:
    items = job.items_of(shard)
    texts = job.texts[items.start : items.stop]
    later = {picture.item - items.start for picture in job.pictures_of(shard)}
    # Texts of like length together waste no computation on padding; the longest come first, so
    # that a lack of memory shows at once.
    order = [row for row, text in enumerate(texts) if text]
    order.sort(key=lambda row: -len(texts[row]))
    vectors = np.zeros((len(items), 0), np.float32)
    for start in range(0, len(order), job.batch_size):
        rows = order[start : start + job.batch_size]
        encoded = job.encoder.encode_texts([texts[row] for row in rows])
        if not start:
            vectors = np.zeros((len(items), encoded.shape[1]), np.float32)
        vectors[rows] = encoded
        bar.update(sum(row not in later for row in rows))
    _keep(part, "text", vectors, np.array([bool(text) for text in texts], bool))


def _encode_pictures(job: Job, shard: int, loaded: Iterator[Loaded], part: Part, bar: tqdm) -> None:
    """Average the vectors of each item's pictures; list those that cannot be read."""
    items, pictures = job.items_of(shard), job.pictures_of(shard)
    bad: list[tuple[int, str, str]] = []
    sums = np.zeros((len(items), 0))
    usable = _usable(pictures, loaded, bad)
    while batch := list(islice(usable, job.batch_size)):
        rows = [picture.item - items.start for picture, _ in batch]
        encoded = job.encoder.encode_images(np.stack([pixels for _, pixels in batch]))
        if not sums.shape[1]:
            sums = np.zeros((len(items), encoded.shape[1]))
        np.add.at(sums, rows, encoded)
        bar.update(sum(not part.pictures[row] for row in set(rows)))
        np.add.at(part.pictures, rows, 1)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    _keep(part, "image", sums / np.where(lengths, lengths, 1), part.pictures > 0)
    without = set(items) - {picture.item for picture in pictures}
    bad.extend((item, "", NO_PICTURE) for item in without)
    bad.sort(key=lambda entry: entry[0])
    part.problems = [Problem(job.item_ids[item], *why) for item, *why in bad]


def _usable(
    pictures: Sequence[Picture], loaded: Iterator[Loaded], bad: list[tuple[int, str, str]]
) -> Iterator[tuple[Picture, np.ndarray]]:
    """The pictures of a shard that could be loaded; the others go to ``bad``, with the reason."""
    for start in range(0, len(pictures), CHUNK):
        chunk = pictures[start : start + CHUNK]
        for picture, result in zip(chunk, next(loaded), strict=True):
            if isinstance(result, str):
                bad.append((picture.item, picture.name, result))
            else:
                yield picture, result


def _keep(part: Part, modality: str, vectors: np.ndarray, available: np.ndarray) -> None:
    part.vectors[modality] = vectors[available].astype(np.float32)
    part.available[modality] = available
