"""What one labeller says of pairs: ``supervision/<labeller>.parquet``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recbole_mmsc.data.built import command
from recbole_mmsc.data.pairs import training_checksum
from recbole_mmsc.data.queries import RELATIONS
from recbole_mmsc.families import filed_as

CLASSES = (*RELATIONS, "irrelevant")
UNSURE = "unsure"
RANDOM = "random"  # how a pair was chosen whose label tells how well the labeller judges
TRAIN_SHA256 = "train_sha256"  # in the file's metadata, of the training pairs it was made for
COLUMNS = ("query", "target", "label", "confidence", "labeller", "prompt_version")


class SupervisionError(ValueError):
    """A file of labels is missing, damaged, or speaks of other items."""


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of which the labeller is sure.

    Args:
        pairs: ``[m, 2]`` rows of items.
        said: ``[m]`` indices into :data:`CLASSES`.
        confidence: ``[m]`` in [0, 1].
        random: ``[m]`` bool, pairs that were chosen at random; where a file does not say how its
            pairs were chosen, or none at random, all count as random.
    """

    pairs: np.ndarray
    said: np.ndarray
    confidence: np.ndarray
    random: np.ndarray


def supervision_path(folder: Path, labeller: str) -> Path:
    """Where the labels of ``labeller`` lie in a dataset folder (``a:b/c`` is filed as a-b-c)."""
    return folder / "supervision" / f"{filed_as(labeller)}.parquet"


def read_labels(folder: Path, labeller: str, ids: dict[str, int]) -> Labels:
    """Read what one labeller says.

    Args:
        folder: ``dataset/<name>``.
        labeller: whose labels, ``supervision/<labeller>.parquet``; its name, or the file's.
        ids: item id → row.

    Raises:
        SupervisionError: the file is missing, damaged, by another labeller, of another split or
            perhaps of one, or speaks of items that are not there.
    """
    path = supervision_path(folder, labeller)
    if not path.is_file():
        there = sorted(file.stem for file in path.parent.glob("[!.]*.parquet"))
        raise SupervisionError(
            f"expected the labels of {labeller} in {path}, found "
            f"{', '.join(there) or 'no labels at all'}; make them: "
            f"{_made_by(folder, labeller)}"
        )
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise SupervisionError(f"expected a Parquet file of labels in {path}: {error}") from None
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise SupervisionError(f"expected the columns {', '.join(missing)} in {path}, found none")
    judged_for = (table.schema.metadata or {}).get(TRAIN_SHA256.encode())
    if judged_for is None:
        raise SupervisionError(
            f"expected the checksum of the training pairs as {TRAIN_SHA256} in the metadata of "
            f"{path}, found none (pandas drops it); labels that lost it may be of pairs that are "
            f"held out here; write them anew, none is paid for again: {_made_by(folder, labeller)}"
        )
    if judged_for != training_checksum(folder).encode():
        raise SupervisionError(
            f"expected labels of the training pairs of {folder}, found those of another split in "
            f"{path}, with pairs that may be held out here; write them anew, none is paid for "
            f"again: {_made_by(folder, labeller)}"
        )
    names = {*map(str, table["labeller"].to_pylist())}
    if others := sorted(name for name in names if labeller not in (name, filed_as(name))):
        raise SupervisionError(
            f"expected labels by {labeller} in {path}, found some by {others[0]}; write them anew: "
            f"{_made_by(folder, labeller)}"
        )
    columns = {name: table[name].to_pylist() for name in ("query", "target", "label")}
    if unknown := {*columns["label"]} - {*CLASSES, UNSURE}:
        raise SupervisionError(
            f"expected labels out of {', '.join((*CLASSES, UNSURE))} in {path}, found "
            f"{sorted(map(str, unknown))[0]!r}"
        )
    if strangers := ({*columns["query"]} | {*columns["target"]}) - ids.keys():
        raise SupervisionError(
            f"expected items of the catalogue in {path}, found {sorted(map(str, strangers))[0]!r}; "
            f"label the dataset again"
        )
    try:
        confidence = table["confidence"].cast(pa.float64()).to_numpy()
    except pa.ArrowException as error:
        raise SupervisionError(
            f"expected a number as every confidence in {path}, found something else: {error}"
        ) from None
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise SupervisionError(f"expected every confidence in [0, 1] in {path}")
    pairs = np.array(
        [[ids[name] for name in columns[end]] for end in ("query", "target")], np.int64
    ).T
    if (itself := pairs[:, 0] == pairs[:, 1]).any():
        raise SupervisionError(
            f"expected pairs of two items in {path}, found {columns['query'][itself.argmax()]!r} "
            f"with itself; take it out"
        )
    labels = np.array([CLASSES.index(name) if name != UNSURE else -1 for name in columns["label"]])
    random = np.ones(len(labels), bool)
    if "chosen" in table.column_names:
        random = np.array(table["chosen"].to_pylist()) == RANDOM
    sure = labels >= 0
    if not random[sure].any():
        random[:] = True
    return Labels(pairs[sure], labels[sure].astype(np.int64), confidence[sure], random[sure])


def _made_by(folder: Path, labeller: str) -> str:
    if labeller.startswith("people") and not labeller.endswith(".csv"):
        labeller = f"people:{labeller.removeprefix('people').lstrip(':-') or 'SHEET'}.csv"
    return command("label", folder, "--labeller", labeller)
