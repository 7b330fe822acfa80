"""``recbole-mmsc label``: choose pairs, have them judged, keep what was said."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from scipy import sparse
from tqdm import tqdm

from recbole_mmsc.data.inputs import read_inputs
from recbole_mmsc.data.modalities import item_ids
from recbole_mmsc.data.queries import read_queries
from recbole_mmsc.data.supervision import supervision_path
from recbole_mmsc.data.training import training_graphs
from recbole_mmsc.settings import MMSCSettings
from recbole_mmsc.supervision.cache import Cache
from recbole_mmsc.supervision.judgement import Failure, Judgement, Pair, Product
from recbole_mmsc.supervision.labellers import LabellerOptions, get_labeller
from recbole_mmsc.supervision.labellers.people import write_sheet
from recbole_mmsc.supervision.report import write_report
from recbole_mmsc.supervision.selection import Material, choose_pairs

DESCRIPTION = 300  # characters of a description that are shown
SEED = 2026

Chosen = dict[tuple[str, str], tuple[Judgement, str]]


@dataclass(frozen=True)
class LabelSummary:
    """What ``label_dataset`` did.

    Attributes:
        path: of the labels.
        report: of the report beside them.
        labels: label → how many pairs have it.
        asked: pairs that were judged now; the others were judged before.
        tokens: that this cost.
        failures: reason → how many pairs got no judgement.
        seconds: of judging.
    """

    path: Path
    report: Path
    labels: dict[str, int]
    asked: int
    tokens: int
    failures: dict[str, int]
    seconds: float

    def render(self) -> str:
        """For the terminal."""
        counts = ", ".join(f"{count:,} {label}" for label, count in self.labels.items())
        lines = [
            f"{self.path}: {sum(self.labels.values()):,} pairs ({counts or 'none'})",
            f"{self.asked:,} judged now, {self.tokens:,} tokens, {self.seconds:.0f} s; "
            f"agreement and a sample to read: {self.report}",
        ]
        if self.failures:
            told = ", ".join(f"{count:,} {reason}" for reason, count in self.failures.items())
            lines.append(f"not judged: {told}; the same command asks again")
        return "\n".join(lines)


def label_dataset(
    folder: Path,
    labeller: str,
    budget: int,
    encoder: str,
    options: LabellerOptions | None = None,
    *,
    progress: bool = True,
) -> LabelSummary:
    """Label pairs of a dataset, for training only.

    A pair that was judged before, by this labeller and the same version of its prompt, is never
    judged again, whatever ended the run before; of two runs at once the second waits. The choice
    of pairs depends on the dataset, the encoder and the budget alone.

    Args:
        folder: ``dataset/<name>``.
        labeller: a name that :func:`get_labeller` knows.
        budget: pairs that this labeller has judged in all when it is done.
        encoder: whose features tell which items are alike.
        options: of the labeller.
        progress: show a progress bar.

    Raises:
        ValueError: no such labeller, a budget below one, damaged files, or nothing can be judged.
        OSError: the dataset lacks a file.
    """
    if budget < 1:
        raise ValueError(f"expected a budget of one pair or more, found {budget}")
    judge = get_labeller(labeller, options)
    path = supervision_path(folder, judge.name)
    path.parent.mkdir(exist_ok=True)
    with (
        _alone(path.parent / ".lock"),
        Cache(path.parent / ".cache.sqlite", judge.name, judge.prompt_version) as cache,
    ):
        chosen = choose(folder, encoder, budget, progress)
        told = cache.all()
        open_pairs = [pair for pair in chosen if pair.key not in told]
        started, tokens, asked = time.perf_counter(), 0, 0
        failures: Counter[str] = Counter()
        bar = tqdm(total=len(open_pairs), desc=judge.name, unit="pair", disable=not progress)
        with bar:
            for pair, said in judge.judge(iter(open_pairs)):
                if isinstance(said, Failure):
                    failures[said.reason] += 1
                else:
                    cache.add(pair.key, said, chosen[pair])
                    tokens, asked = tokens + said.tokens, asked + 1
                bar.update()
        keys = {pair.key for pair in chosen}
        labels = {key: said for key, said in cache.all().items() if key in keys}
    write_labels(path, labels, judge.name, judge.prompt_version)
    report = write_report(folder, judge.name, list(chosen))
    return LabelSummary(
        path=path,
        report=report,
        labels=dict(Counter(judgement.label for judgement, _ in labels.values()).most_common()),
        asked=asked,
        tokens=tokens,
        failures=dict(failures.most_common()),
        seconds=time.perf_counter() - started,
    )


def make_sheet(
    folder: Path, sheet: Path, budget: int, encoder: str, *, progress: bool = True
) -> int:
    """Write the pairs of a budget as a sheet for people; how many there are.

    Raises:
        OSError: there is such a file already, or the dataset lacks one.
    """
    pairs = list(choose(folder, encoder, budget, progress))
    write_sheet(sheet, pairs)
    return len(pairs)


def write_labels(path: Path, labels: Chosen, labeller: str, prompt_version: str) -> None:
    """Write ``supervision/<labeller>.parquet``, whole or not at all; same labels, same bytes."""
    rows = sorted(labels.items())
    columns = {
        "query": [first for (first, _), _ in rows],
        "target": [second for (_, second), _ in rows],
        "label": [said.label for _, (said, _) in rows],
        "confidence": [said.confidence for _, (said, _) in rows],
        "labeller": [labeller] * len(rows),
        "prompt_version": [prompt_version] * len(rows),
        "chosen": [chosen for _, (_, chosen) in rows],
        "reason": [said.reason for _, (said, _) in rows],
        "tokens": [said.tokens for _, (said, _) in rows],
    }
    types = {"confidence": pa.float64(), "tokens": pa.int64()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in columns])
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pq.write_table(pa.table(columns, schema=schema), scratch)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def choose(folder: Path, encoder: str, budget: int, progress: bool) -> dict[Pair, str]:
    """The pairs of a budget, with what a labeller is told of them → how each was chosen."""
    config = Config(
        model="MMSC",
        dataset=folder.name,
        config_dict={
            "data_path": str(folder.parent),
            "encoder": encoder,
            "supervision": [],
            "show_progress": progress,
            "gpu_id": "",
        },
    )
    logging.getLogger().setLevel(logging.ERROR)  # RecBole's account of the data
    parts = [loader.dataset for loader in data_preparation(config, create_dataset(config))]
    train, ids = parts[0], item_ids(parts[0])
    queries = read_queries(train)
    settings = MMSCSettings.from_config(config)
    inputs = read_inputs(Path(config["data_path"]), train, settings, SEED)
    known = training_graphs(train, queries)
    held_out = [graph for part in parts[1:] for graph in training_graphs(part, queries)]
    material = Material(
        known,
        sparse.csr_array(sum(held_out[1:], held_out[0])),
        inputs.graphs,
        inputs.completion,
        inputs.alike,
    )
    names = {row: item_id for item_id, row in ids.items()}
    products = _products(folder)
    bought = [_edges(graph, len(ids) + 1) for graph in inputs.graphs]
    return {
        Pair(
            products[names[one]], products[names[other]], *(bool(b[one, other]) for b in bought)
        ): how
        for (one, other), how in choose_pairs(material, budget, SEED).items()
    }


def _edges(graph: object, n_items: int) -> sparse.csr_array:
    """``[n_items, n_nodes]`` of ones."""
    entries, offsets = graph.entries.numpy(), graph.offsets.numpy()
    shape = n_items, len(graph.popularity)
    return sparse.csr_array((np.ones(len(entries), bool), entries, offsets), shape=shape)


def _products(folder: Path) -> dict[str, Product]:
    names = ["item_id", "title", "brand", "category", "price", "description"]
    table = pq.read_table(folder / "catalogue.parquet", columns=names).to_pylist()
    return {
        row["item_id"]: Product(
            row["item_id"],
            row["title"] or "",
            row["brand"] or "",
            row["category"] or "",
            row["price"] if row["price"] is not None and np.isfinite(row["price"]) else None,
            (row["description"] or "")[:DESCRIPTION],
        )
        for row in table
    }


def _alone(path: Path) -> FileLock:
    """A lock that only one run on this dataset holds; says so where it has to wait."""
    lock = FileLock(path)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        print("another run labels this dataset; waiting for it")
        return lock.acquire()
