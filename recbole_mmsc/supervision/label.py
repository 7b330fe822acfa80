"""``recbole-mmsc label``: choose pairs, have them judged, keep what was said."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from tqdm import tqdm

from recbole_mmsc.data.built import catalogue_path
from recbole_mmsc.data.labels import TRAIN_SHA256, supervision_path
from recbole_mmsc.data.pairs import training_checksum
from recbole_mmsc.dataset_builders.whole_file import whole_file
from recbole_mmsc.supervision.cache import Cache
from recbole_mmsc.supervision.catalogue import read_catalogue
from recbole_mmsc.supervision.judgement import Failure, Judgement, Key
from recbole_mmsc.supervision.labellers import LabellerOptions, get_labeller
from recbole_mmsc.supervision.labellers.people import write_sheet
from recbole_mmsc.supervision.report import write_report

Labels = dict[Key, tuple[Judgement, str]]


@dataclass(frozen=True)
class LabelSummary:
    """What ``label_dataset`` did.

    Attributes:
        labeller: its name.
        path: of the labels.
        report: of the report beside them.
        labels: label → how many pairs have it.
        asked: pairs that were judged now; the others were judged before.
        tokens: that this cost.
        failures: reason → how many pairs got no judgement.
        details: reason → what exactly happened to one of them, where that is known.
        left_out: pairs that were judged before, and are held out now or not in the catalogue.
        seconds: of judging.
    """

    labeller: str
    path: Path
    report: Path
    labels: dict[str, int]
    asked: int
    tokens: int
    failures: dict[str, int]
    details: dict[str, str]
    left_out: int
    seconds: float

    def render(self) -> str:
        """For the terminal."""
        counts = ", ".join(f"{count:,} {label}" for label, count in self.labels.items())
        lines = [
            f"{self.path}: {sum(self.labels.values()):,} pairs ({counts or 'none'})",
            f"{self.asked:,} judged now, {self.tokens:,} tokens, {self.seconds:.0f} s; "
            f"agreement and a sample to read: {self.report}",
        ]
        if self.labels:
            lines.append(f"to use it: supervision: ['{self.labeller}']")
        if self.failures:
            told = ", ".join(self._failed(reason) for reason in self.failures)
            lines.append(f"not judged: {told}; the same command asks again")
        if self.left_out:
            lines.append(
                f"left out: {self.left_out:,} judged before, held out now or not in the catalogue"
            )
        return "\n".join(lines)

    def _failed(self, reason: str) -> str:
        detail = f" ({self.details[reason]})" if reason in self.details else ""
        return f"{self.failures[reason]:,} {reason}{detail}"


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
    of pairs depends on the dataset, the encoder and the budget alone. Everything this version has
    judged is in the file, under whichever budget. Rules, whose word does not last, judge anew.

    Args:
        folder: ``dataset/<name>``.
        labeller: a name that :func:`get_labeller` knows.
        budget: pairs to choose; a labeller that brings its own, people, judges those.
        encoder: whose features tell which items are alike; not read for people's own pairs.
        options: of the labeller.
        progress: show a progress bar.

    Raises:
        ValueError: no such labeller, a budget below one, damaged files, nothing can be judged, or
            a labeller's own pair is held out or not of the catalogue.
        OSError: the dataset lacks a file.
    """
    if budget < 1:
        raise ValueError(f"expected a budget of one pair or more, found {budget}")
    judge = get_labeller(labeller, options)
    catalogue_path(folder)  # or there is nothing to label
    path = supervision_path(folder, judge.name)
    path.parent.mkdir(exist_ok=True)
    with (
        _alone(path.parent / ".lock"),
        Cache(path.parent / ".cache.sqlite", judge.name, judge.prompt_version) as cache,
    ):
        if not judge.lasting:
            cache.forget()
        told = cache.all()
        if judge.own_pairs is None:
            catalogue = read_catalogue(folder, encoder, progress)
            chosen = catalogue.chosen(budget)
        else:
            catalogue = read_catalogue(folder, None, progress)
            chosen = catalogue.checked(judge.own_pairs, judge.name)
        open_pairs = [pair for pair in chosen if pair.key not in told]
        started, tokens, asked = time.perf_counter(), 0, 0
        failures: Counter[str] = Counter()
        details: dict[str, str] = {}
        bar = tqdm(total=len(open_pairs), desc=judge.name, unit="pair", disable=not progress)
        with bar:
            for pair, said in judge.judge(iter(open_pairs)):
                tokens += said.tokens
                if isinstance(said, Failure):
                    failures[said.reason] += 1
                    if said.detail:
                        details.setdefault(said.reason, said.detail)
                else:
                    cache.add(pair.key, said, chosen[pair])
                    asked += 1
                bar.update()
        seconds = time.perf_counter() - started
        told = cache.all()
    pairs = catalogue.judged(told)  # some may have been judged before the dataset was built anew
    labels = {key: told[key] for key in pairs}
    write_labels(path, labels, judge.name, judge.prompt_version, training_checksum(folder))
    report = write_report(folder, judge.name, [*pairs.values()])
    return LabelSummary(
        labeller=judge.name,
        path=path,
        report=report,
        labels=dict(Counter(judgement.label for judgement, _ in labels.values()).most_common()),
        asked=asked,
        tokens=tokens,
        failures=dict(failures.most_common()),
        details=details,
        left_out=len(told) - len(labels),
        seconds=seconds,
    )


def make_sheet(
    folder: Path, sheet: Path, budget: int, encoder: str, *, progress: bool = True
) -> int:
    """Write the pairs of a budget as a sheet for people; how many there are.

    Raises:
        OSError: there is such a file already, or the dataset lacks one.
    """
    pairs = read_catalogue(folder, encoder, progress).chosen(budget)
    write_sheet(sheet, pairs)
    return len(pairs)


def write_labels(
    path: Path, labels: Labels, labeller: str, prompt_version: str, train_sha256: str
) -> None:
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
    schema = pa.schema(
        [(name, types.get(name, pa.string())) for name in columns],
        metadata={TRAIN_SHA256: train_sha256},
    )
    with whole_file(path) as scratch:
        pq.write_table(pa.table(columns, schema=schema), scratch)


def _alone(path: Path) -> FileLock:
    """A lock that only one run on this dataset holds; says so where it has to wait."""
    lock = FileLock(path)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        print("another run labels this dataset; waiting for it")
        return lock.acquire()
