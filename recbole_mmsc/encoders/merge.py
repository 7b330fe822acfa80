"""All parts of a run into one features file, and what became of its pictures beside it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recbole_mmsc.data.built import command
from recbole_mmsc.dataset_builders.whole_file import whole_file

from ..data.features import write_features
from .job import Job
from .parts import Part, PartError, parts_folder, read_part

_NAMED = 5  # parts in an error


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge wrote.

    Attributes:
        path: the features file.
        dims: modality → width of its vectors.
        available: modality → how many items have it.
        pictures: how many pictures were averaged in all.
        problems: how many entries the list of missing and bad pictures has.
        problems_path: that list, JSON Lines of item, picture and reason; None without pictures.
    """

    path: Path
    dims: dict[str, int]
    available: dict[str, int]
    pictures: int
    problems: int
    problems_path: Path | None


def merge_parts(job: Job, dtype: str = "float16") -> Merged:
    """Verify that all parts are there and belong together, write the features, drop the parts.

    Beside the features of an encoder of pictures stand ``<encoder>.images.jsonl``, every missing
    or bad picture with its reason, and ``<encoder>.images.parquet``, the number of pictures of
    every item.

    Args:
        job: what was encoded.
        dtype: how the vectors are stored, "float16" or "float32".

    Raises:
        PartError: a part is missing, damaged or of another run; each is named.
        ValueError: no picture could be used, and the encoder takes no texts.
    """
    folder = parts_folder(job.path)
    parts = _read_parts(job, folder)
    problems_path = job.path.with_suffix(".images.jsonl")
    counts_path = job.path.with_suffix(".images.parquet")
    pictures = np.concatenate([part.pictures for part in parts])
    problems = [problem for part in parts for problem in part.problems]
    if "image" in job.modalities:
        lines = (json.dumps(problem._asdict()) + "\n" for problem in problems)
        with whole_file(problems_path) as scratch:
            scratch.write_text("".join(lines), encoding="utf-8")
        counts = pa.table({"item_id": job.item_ids, "pictures": pictures})
        with whole_file(counts_path) as scratch:
            pq.write_table(counts, scratch)
    else:  # of an earlier run that had pictures
        problems_path.unlink(missing_ok=True)
        counts_path.unlink(missing_ok=True)
    masks = {
        modality: np.concatenate([part.available[modality] for part in parts])
        for modality in job.modalities
    }
    available = {modality: mask for modality, mask in masks.items() if mask.any()}
    if not available:
        shutil.rmtree(folder, ignore_errors=True)
        raise ValueError(
            f"None of {len(job.pictures):,} pictures can be used; see {problems_path}."
        )
    vectors = {}
    for modality, mask in available.items():
        rows = _take(parts, modality)
        if modality == "image":
            job.encoder.fit_images(rows)
            rows = job.encoder.finish_images(rows)
        vectors[modality] = np.zeros((len(mask), rows.shape[1]), dtype)
        vectors[modality][mask] = rows
    metadata = dict(job.encoder.describe())
    if "text" in vectors:
        metadata["text_template"] = str(job.encoder.template)
    if "image" in job.modalities:
        metadata["images_sha256"] = job.pictures_checksum
        metadata["images_per_item"] = json.dumps(dict(sorted(Counter(pictures.tolist()).items())))
    write_features(
        job.path, job.item_ids, vectors, available, encoder=job.encoder.name, metadata=metadata
    )
    shutil.rmtree(folder, ignore_errors=True)
    return Merged(
        path=job.path,
        dims={modality: rows.shape[1] for modality, rows in vectors.items()},
        available={modality: int(mask.sum()) for modality, mask in available.items()},
        pictures=int(pictures.sum()),
        problems=len(problems),
        problems_path=problems_path if "image" in job.modalities else None,
    )


def _read_parts(job: Job, folder: Path) -> list[Part]:
    parts, wrong = [], []
    for shard in range(job.n_shards):
        try:
            parts.append(read_part(folder, shard, job.fingerprint(shard)))
        except PartError as error:
            wrong.append(str(error))
    if wrong:
        encode = command("encode", job.folder, "--encoder", job.encoder.name)
        more = f"; and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise PartError(
            f"Expected {job.n_shards} parts of one run, {len(wrong)} of them cannot be used: "
            f"{'; '.join(wrong[:_NAMED])}{more}. Make those with `{encode}` and the options "
            "of that run; finished ones are kept."
        )
    return parts


def _take(parts: Sequence[Part], modality: str) -> np.ndarray:
    """Move the vectors out of the parts: [m, d], of all items that have the modality."""
    rows = [part.vectors.pop(modality) for part in parts]
    return np.concatenate([some for some in rows if len(some)])  # none of them have no width
