"""Runs as tables for a terminal, one for each relation."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from recbole_mmsc.data.queries import RELATIONS
from recbole_mmsc.evaluation.run import Run

METRICS = ("ndcg@10", "hit@10", "recall@10")


def relation_tables(runs: Sequence[Run]) -> list[Table]:
    """One table per relation that was tested, the best run by NDCG@10 first."""
    tables = []
    for relation in RELATIONS:
        tested = [run for run in runs if f"{relation}/{METRICS[0]}" in run.test]
        if not tested:
            continue
        table = Table(title=f"{relation}s, test part, full ranking")
        table.add_column("model")
        for heading in ("NDCG@10", "Hit@10", "Recall@10", "seconds"):
            table.add_column(heading, justify="right")
        tested.sort(key=lambda run: -run.test[f"{relation}/{METRICS[0]}"])
        for place, run in enumerate(tested):
            figures = [f"{run.test[f'{relation}/{metric}']:.4f}" for metric in METRICS]
            style = "bold" if place == 0 else None
            table.add_row(run.model, *figures, f"{run.seconds:.0f}", style=style)
        tables.append(table)
    return tables
