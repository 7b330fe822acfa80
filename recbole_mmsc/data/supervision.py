"""What labellers say of pairs, put together: ``supervision/<labeller>.parquet`` for MMSC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from recbole_mmsc.data.queries import RELATIONS

CLASSES = (*RELATIONS, "irrelevant")
UNSURE = "unsure"
RANDOM = "random"  # how a pair was chosen whose label tells how well the labeller judges
COLUMNS = ("query", "target", "label", "confidence", "labeller", "prompt_version")
DOUBT = 5.0  # judgements that a labeller is taken to have made at random, before any is looked at
SPARSE = 2  # training pairs of an item that has few
APPROVED = 0.5  # a pair is related if that is likelier than all else together


class SupervisionError(ValueError):
    """A file of labels is missing, damaged, or speaks of other items."""


@dataclass(frozen=True, eq=False)
class Supervision:
    """For each relation what is believed of the judged pairs.

    Args:
        targets: for each relation ``[n_items, n_items]`` symmetric, belief in (0, 1] that the pair
            is of that relation.
        trust: ``[n_items, n_items]`` symmetric, of the same pairs, in [0, 1]: how much it counts.
    """

    targets: Sequence[sparse.csr_array]
    trust: sparse.csr_array

    def of(self, relation: int, items: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, ...]:
        """Belief and trust ``[m]`` of pairs of ``[m]`` items and ``[m]`` nodes, 0 if not judged.

        Nodes beyond the items are products outside the catalogue, which nobody judges.
        """
        inside = np.flatnonzero(nodes < self.trust.shape[0])
        found = np.zeros((2, len(items)), np.float32)
        for row, matrix in zip(found, (self.targets[relation], self.trust), strict=True):
            row[inside] = np.asarray(matrix[items[inside], nodes[inside]]).ravel()
        return found[0], found[1]

    def approved(self, relation: int) -> sparse.csr_array:
        """``[n_items, n_items]``, belief times trust of the pairs that are of the relation."""
        target = self.targets[relation]
        approved = sparse.csr_array(target.multiply(self.trust).multiply(target > APPROVED))
        approved.eliminate_zeros()
        return approved

    def weigh(self, relation: int, pairs: sparse.csr_array) -> sparse.csr_array:
        """Training pairs after supervision.

        Args:
            relation: of the pairs.
            pairs: ``[n_items, n_items]``, one for each training pair.

        Returns:
            ``[n_items, n_items]``: a pair that is judged counts for its :func:`strength`; approved
            pairs that are no training pairs are added.
        """
        items = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
        counts = strength(*self.of(relation, items, pairs.indices))
        weighed = sparse.csr_array((counts, pairs.indices, pairs.indptr), shape=pairs.shape)
        approved = self.approved(relation)
        return sparse.csr_array(weighed + approved - approved.multiply(pairs > 0))


def strength(target: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """How much an observed pair counts: ``1 - trust (1 - target)``, so 1 where nothing is said."""
    return (1 - trust * (1 - target)).astype(np.float32)


def supervision_path(folder: Path, labeller: str) -> Path:
    """Where the labels of ``labeller`` lie in a dataset folder (``a:b/c`` is filed as a-b-c)."""
    return folder / "supervision" / (re.sub(r"[^A-Za-z0-9._+]+", "-", labeller) + ".parquet")


def read_supervision(
    folder: Path,
    labellers: Sequence[str],
    ids: dict[str, int],
    related: Sequence[sparse.csr_array],
) -> Supervision:
    """Read the labels of some labellers and put them together.

    A labeller's vote is worth what its labels have been worth so far: from the pairs that it was
    given at random we count how often it says each label of pairs that training calls substitutes,
    complements, or neither (Dawid and Skene 1979, with behaviour as the reference). The logarithms
    of these chances add up over labellers, each times the confidence in the label, and a softmax
    turns them into beliefs. Pairs without behaviour count where an item has few training pairs
    (:func:`_used`). So a labeller that says the same of everything has no say, and
    labellers that contradict each other leave a belief that few trust. ``unsure`` says nothing.

    Args:
        folder: ``dataset/<name>``.
        labellers: whose labels, ``supervision/<labeller>.parquet`` each.
        ids: item id → row.
        related: for each relation ``[n_items, n_items]``, its training pairs.

    Raises:
        SupervisionError: a file is missing, damaged, or speaks of items that are not there.
    """
    n_items = related[0].shape[0]
    keys, votes = [], []
    for labeller in labellers:
        pairs, labels, confidence, random = _read(folder, labeller, ids)
        behaviour = np.stack([np.asarray(graph[tuple(pairs.T)]).ravel() > 0 for graph in related])
        classes = np.concatenate([behaviour, ~behaviour.any(axis=0, keepdims=True)])
        said = np.log(_chances(labels[random], classes[:, random]))[:, labels].T
        keys.append(pairs.min(axis=1) * n_items + pairs.max(axis=1))
        votes.append(confidence[:, None] * said)
    pairs, place = np.unique(np.concatenate(keys), return_inverse=True)
    used = _used(np.divmod(pairs, n_items), related)
    total = np.zeros((len(pairs), len(CLASSES)))
    np.add.at(total, place, np.concatenate(votes))
    belief = np.exp(total - total.max(axis=1, keepdims=True))
    belief /= belief.sum(axis=1, keepdims=True)
    even = 1 / len(CLASSES)
    trust = (belief.max(axis=1) - even) / (1 - even)
    ends = np.divmod(pairs[used], n_items)
    return Supervision(
        [_symmetric(ends, column, n_items) for column in belief[used].T[: len(RELATIONS)]],
        _symmetric(ends, trust[used], n_items),
    )


def _used(ends: tuple[np.ndarray, np.ndarray], related: Sequence[sparse.csr_array]) -> np.ndarray:
    """``[m]`` bool: training pairs, and pairs of which an item has few of them.

    A labeller says what would do; behaviour, where it is rich, says which of all that would do is
    chosen.
    """
    observed = np.stack([np.asarray(graph[ends]).ravel() > 0 for graph in related]).any(axis=0)
    few = sum(np.diff(graph.indptr) for graph in related) <= SPARSE
    return observed | few[ends[0]] | few[ends[1]]


def _chances(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """How likely a labeller says each label of each class.

    Args:
        labels: ``[m]``, indices into :data:`CLASSES`.
        classes: ``[n_classes, m]`` bool, what training says of the pairs.

    Returns:
        ``[n_classes, n_classes]``, class by label; rows add up to one. To the counts are added
        :data:`DOUBT` judgements that follow the labeller's habit whatever the class.
    """
    said = np.eye(len(CLASSES))[labels]
    habit = (said.sum(axis=0) + 1) / (len(labels) + len(CLASSES))
    counts = classes.astype(np.float64) @ said + DOUBT * habit
    return counts / counts.sum(axis=1, keepdims=True)


def _read(
    folder: Path, labeller: str, ids: dict[str, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs ``[m, 2]``, labels ``[m]``, confidence ``[m]``, and which ``[m]`` were random.

    Where a file does not say how its pairs were chosen, or none at random, all count as random.
    """
    path = supervision_path(folder, labeller)
    if not path.is_file():
        there = sorted(file.stem for file in path.parent.glob("[!.]*.parquet"))
        raise SupervisionError(
            f"expected the labels of {labeller} in {path}, found "
            f"{', '.join(there) or 'no labels at all'}; make them: "
            f"recbole-mmsc label {folder.name} --labeller {labeller}"
        )
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise SupervisionError(f"expected a Parquet file of labels in {path}: {error}") from None
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise SupervisionError(f"expected the columns {', '.join(missing)} in {path}, found none")
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
    confidence = np.array(table["confidence"].to_pylist(), dtype=np.float64)
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise SupervisionError(f"expected every confidence in [0, 1] in {path}")
    pairs = np.array(
        [[ids[name] for name in columns[end]] for end in ("query", "target")], np.int64
    ).T
    labels = np.array([CLASSES.index(name) if name != UNSURE else -1 for name in columns["label"]])
    random = np.ones(len(labels), bool)
    if "chosen" in table.column_names:
        random = np.array(table["chosen"].to_pylist()) == RANDOM
    sure = labels >= 0
    if not random[sure].any():
        random[:] = True
    return pairs[sure], labels[sure].astype(np.int64), confidence[sure], random[sure]


def _symmetric(
    ends: tuple[np.ndarray, np.ndarray], values: np.ndarray, n_items: int
) -> sparse.csr_array:
    both = np.concatenate(ends), np.concatenate(ends[::-1])
    data = np.concatenate([values, values]).astype(np.float32)
    return sparse.csr_array((data, both), shape=(n_items, n_items))
