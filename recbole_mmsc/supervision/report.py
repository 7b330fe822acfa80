"""How well a labeller agrees with behaviour and with the others, and a sample to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from recbole_mmsc.data.labels import CLASSES, RANDOM, UNSURE, supervision_path
from recbole_mmsc.supervision.judgement import Pair

SAMPLE = 5  # pairs shown of each label
LABELS = [*CLASSES, UNSURE]


def write_report(folder: Path, labeller: str, pairs: Sequence[Pair]) -> Path:
    """Write ``supervision/<labeller>.md``.

    Behaviour's word on a pair is substitute where it was viewed together, complement where it was
    only bought together, irrelevant where it is no edge: noisy itself, so that agreement is no
    accuracy.

    Args:
        folder: the dataset.
        labeller: whose labels.
        pairs: with titles and behaviour, those that are labelled among them.

    Returns:
        The report's path.
    """
    path = supervision_path(folder, labeller)
    rows = pq.read_table(path).to_pylist()
    pair_of = {pair.key: pair for pair in pairs}
    lines = [f"# Labels by {labeller}", "", f"{len(rows):,} pairs."]
    lines += _agreement("behaviour, pairs chosen at random", _beside_behaviour(rows, pair_of))
    for other in sorted(path.parent.glob("[!.]*.parquet")):
        if other != path:
            try:
                labels = _labels_in(other)
            except (pa.ArrowException, OSError, ValueError):
                lines += ["", f"## Agreement with {other.stem}", ""]
                lines += [f"Left out: {other.name} is damaged, or no file of labels."]
                continue
            keys = [frozenset((row["query"], row["target"])) for row in rows]
            both = zip(keys, rows, strict=True)
            shared = [(row["label"], labels[key]) for key, row in both if key in labels]
            lines += _agreement(other.stem, shared)
    tokens = sum(row["tokens"] for row in rows)
    lines += ["", "## Cost", "", f"{len(rows):,} pairs, {tokens:,} tokens."]
    lines += ["", "## A sample", ""]
    for label in LABELS:
        for row in [row for row in rows if row["label"] == label][:SAMPLE]:
            pair = pair_of[row["query"], row["target"]]
            lines.append(
                f"- **{label}** ({row['confidence']:.2f}, {row['chosen']}): "
                f"{_plain(pair.first.title)} / {_plain(pair.second.title)}: {_plain(row['reason'])}"
            )
    report = path.with_suffix(".md")
    report.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return report


def _labels_in(path: Path) -> dict[frozenset[str], str]:
    """Unordered pair → label.

    Raises:
        ValueError: a column is missing or holds no text, or a label is none of ours.
        OSError: the file cannot be read.
    """
    columns = ["query", "target", "label"]
    texts = pa.schema([(name, pa.string()) for name in columns])
    rows = pq.read_table(path, columns=columns).cast(texts).to_pylist()
    labels = {frozenset((row["query"], row["target"])): row["label"] for row in rows}
    if unknown := {*labels.values()} - {*LABELS}:
        raise ValueError(f"expected labels out of {', '.join(LABELS)}, found {unknown}")
    return labels


def _beside_behaviour(rows: list[dict], pair_of: dict) -> list[tuple[str, str]]:
    found = []
    for row in rows:
        if row["chosen"] == RANDOM:
            pair = pair_of[row["query"], row["target"]]
            said = "substitute" if pair.viewed else "complement" if pair.bought else "irrelevant"
            found.append((row["label"], said))
    return found


def _agreement(name: str, both: list[tuple[str, str]]) -> list[str]:
    """A confusion matrix and Cohen's kappa (1960) over the pairs that both are sure of."""
    lines = ["", f"## Agreement with {name}", ""]
    sure = [pair for pair in both if UNSURE not in pair]
    if not sure:
        return [*lines, "No pair that both are sure of."]
    ours, theirs = zip(*sure, strict=True)
    kappa = cohen_kappa_score(ours, theirs, labels=list(CLASSES))
    share = np.mean([one == other for one, other in sure])
    kappa_text = "not defined: one label alone" if np.isnan(kappa) else f"{kappa:.2f}"
    unsure = f" {len(both) - len(sure):,} more are unsure." if len(sure) < len(both) else ""
    lines += [
        f"{len(sure):,} pairs, {share:.0%} alike, Cohen's κ {kappa_text}.{unsure} Rows: this "
        f"labeller; columns: {name}.",
        "",
    ]
    counts = confusion_matrix(*zip(*both, strict=True), labels=LABELS)
    lines += [f"| labelled | {' | '.join(LABELS)} |", f"| --- |{' ---: |' * len(LABELS)}"]
    lines += [
        f"| {label} | {' | '.join(map(str, row))} |"
        for label, row in zip(LABELS, counts.tolist(), strict=True)
    ]
    return lines


def _plain(text: str) -> str:
    """One line of a seller's text that is no markup."""
    return " ".join(text.split())[:120].replace("<", "&lt;").replace("[", "\\[").replace("*", "\\*")
