"""The comparison of two runs, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from recbole_mmsc.benchmark.compare import Comparison, Part, QueryComparison, Recommended
from recbole_mmsc.benchmark.grid import heading
from recbole_mmsc.benchmark.record import RunRecord
from recbole_mmsc.dataset_builders.printable import printable

HIT, OTHER = "✓", "≠"
POSITIVES = 5  # held-out positives that are named


def render(comparison: Comparison, console: Console | None = None) -> None:
    """Print where two runs differ.

    Args:
        comparison: of the runs.
        console: to print on; its width is what titles are cut to.
    """
    console = console or Console()
    for part in _parts(comparison):
        console.print(part, highlight=False)


def _parts(comparison: Comparison) -> Iterable[RenderableType]:
    names = _names(comparison.first, comparison.second)
    metric = heading(comparison.metric)
    yield _line(f"Both on {comparison.first.dataset}. Differences in {metric} are B − A.")  # noqa: RUF001
    for letter, name in zip("AB", names, strict=True):
        yield _line(f"{letter}  {name}", "bold")
    yield from (_line(notice, "yellow") for notice in comparison.notices)
    yield _differences(metric, comparison.overall, comparison.by_degree)
    for title, queries in (
        ("Largest gains: B is better", comparison.gains),
        ("Largest losses: A is better", comparison.losses),
    ):
        yield _line("")
        yield _line(title if queries else f"{title}: none", "bold underline")
        yield from (_query(query) for query in queries)
    if any(item.hit or item.other_relation for item in _all_items(comparison)):
        yield _line("")
        yield _line(f"{HIT} held-out positive   {OTHER} known to be of the other relation", "dim")


def _all_items(comparison: Comparison) -> Iterator[Recommended]:
    for query in (*comparison.gains, *comparison.losses):
        yield from (*query.first_items, *query.second_items)


def _names(*runs: RunRecord) -> list[str]:
    """What runs are called: by label and seed, and by id where that does not tell them apart."""
    names = [printable(f"{run.label}, seed {run.seed}") for run in runs]
    if len(set(names)) < len(names):
        names = [f"{name}, {printable(run.id)}" for name, run in zip(names, runs, strict=True)]
    return names


def _differences(metric: str, overall: Sequence[Part], by_degree: Sequence[Part]) -> Table:
    """One table for 80 columns: each relation, and below it its queries by training pairs."""
    table = Table(
        title=f"{metric} of all queries, and by training pairs of the query item",
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("", no_wrap=True)
    headings = ("n", "A", "B", "B − A", "95 % from", "to", "p", "better", "same", "worse")  # noqa: RUF001
    for name in headings:
        table.add_column(name, justify="right")
    for part in overall:
        table.add_row(f"{part.relation}s", *_cells(part), style="bold")
        for bucket in by_degree:
            if bucket.relation == part.relation:
                table.add_row(f"  {bucket.bucket}", *_cells(bucket))
    return table


def _cells(part: Part) -> list[str]:
    found = part.paired
    return [
        f"{part.n_queries:,}",
        f"{part.first:.4f}",
        f"{part.second:.4f}",
        *(f"{value:+.4f}" for value in (found.difference, found.low, found.high)),
        "<.001" if found.p_bootstrap < 0.001 else f"{found.p_bootstrap:.3f}",
        *(f"{count:,}" for count in (part.wins, part.ties, part.losses)),
    ]


def _query(query: QueryComparison) -> Group:
    change = f"{query.first:.3f} → {query.second:.3f}"
    about = f"{query.item}, {query.degree:,} training pairs, {change}"
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("", width=2, no_wrap=True)
    for name in "AB":
        table.add_column(name, ratio=1, no_wrap=True, overflow="ellipsis")
    rows = max(len(query.first_items), len(query.second_items))
    for place in range(rows):
        cells = [
            _recommended(items[place]) if place < len(items) else Text()
            for items in (query.first_items, query.second_items)
        ]
        table.add_row(f"{place + 1}.", *cells)
    lines: list[RenderableType] = [
        Text(),
        _line(f"{query.relation}s of {printable(query.title)}", "bold cyan"),
        _line(f"   {printable(about)}", "dim"),
        table,
    ]
    for place, title in enumerate(query.positives[:POSITIVES]):
        lines.append(_line(f"   {'' if place else 'held out':10}{printable(title)}", "dim"))
    if len(query.positives) > POSITIVES:
        lines.append(_line(f"{'':13}and {len(query.positives) - POSITIVES:,} more", "dim"))
    return Group(*lines)


def _recommended(item: Recommended) -> Text:
    if item.hit:
        mark, style = HIT, "green"
    else:
        mark, style = (OTHER, "red") if item.other_relation else (" ", "")
    return Text(f"{mark} {printable(item.title)}", style=style)


def _line(text: str, style: str = "") -> Text:
    """One line, cut to the width of the terminal."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
