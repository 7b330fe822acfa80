"""Features files and neighbours, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from recbole_mmsc.dataset_builders.printable import printable

from .catalogue import Catalogue
from .inventory import FeaturesSummary

_SHORT = 12  # characters of a checksum
_LONGEST = 300  # characters of a header entry
_ENTRIES = 12


def summary_text(summary: FeaturesSummary) -> RenderableType:
    """A features file that verifies."""
    head = Text(printable(summary.encoder), "bold green")
    head.append(f"  {printable(summary.path.name)}, {summary.size / 1e6:,.1f} MB", "default")
    lines: list[RenderableType] = [head, Padding(_facts(summary), (0, 0, 0, 2))]
    if summary.filed_as != summary.path.name:
        remark = f"  a model that asks for this encoder reads {printable(summary.filed_as)}"
        lines.append(Text(remark, "yellow"))
    return Group(*lines, Text())


def problem_text(name: str, problem: str) -> RenderableType:
    """A features file that is of no use, and why."""
    return Group(Text(f"✗ {printable(name)}", "bold red"), Text(f"  {printable(problem)}"), Text())


def neighbours_text(
    catalogue: Catalogue, row: int, found: Mapping[str, Sequence[tuple[int, float]] | None]
) -> RenderableType:
    """An item and what is near it.

    Args:
        catalogue: has the titles.
        row: the item.
        found: what was compared, such as "text" → rows and cosines; None if the item lacks it.
    """
    category = printable(catalogue.category(row)) or "no category"
    lines = [
        _line(_item(catalogue, row), "bold cyan"),
        _line(f"  {category}", "dim"),
    ]
    for by, neighbours in found.items():
        if neighbours is None:
            lines.append(_line(f"  by {by}: the item has no vector"))
        elif not neighbours:
            lines.append(_line(f"  by {by}: no other item has a vector"))
        else:
            lines.append(_line(f"  by {by}", "underline"))
        for other, cosine in neighbours or ():
            lines.append(_line(f"  {cosine:6.3f}  {_item(catalogue, other)}"))
    return Group(*lines, Text())


def _facts(summary: FeaturesSummary) -> Table:
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(no_wrap=True, style="dim")
    facts.add_column(overflow="fold")

    def fact(name: str, value: str) -> None:
        value = printable(value)
        facts.add_row(Text(printable(name)), Text(value[:_LONGEST] + "…" * (len(value) > _LONGEST)))

    for one in summary.modalities:
        zero = f"; {one.n_empty:,} of them a vector of zeros" if one.n_empty else ""
        covered = _share(one.n_with, summary.n_items)
        fact(one.name, f"{one.dim} dimensions, {one.dtype}, {covered}{zero}")
    if len(summary.modalities) > 1:
        fact("both", _share(summary.n_with_all, summary.n_items))
    fact(
        "neither" if len(summary.modalities) > 1 else "without",
        _share(summary.n_with_none, summary.n_items),
    )
    fact("order", f"verified against the catalogue's {summary.n_items:,} items")
    header = dict(summary.header)
    if "weights" in header or "weights_sha256" in header:
        weights = [header.pop("weights", ""), header.pop("weights_sha256", "")[:_SHORT]]
        fact("weights", ", SHA-256 ".join(filter(None, weights)))
    for name, value in list(header.items())[:_ENTRIES]:
        is_checksum = name.endswith("_sha256")
        fact(name.replace("_", " "), value[:_SHORT] if is_checksum else value)
    if len(header) > _ENTRIES:
        fact("", f"and {len(header) - _ENTRIES:,} more entries")
    return facts


def _share(count: int, n_items: int) -> str:
    return f"{count:,} of {n_items:,} items ({count / max(n_items, 1):.1%})"


def _item(catalogue: Catalogue, row: int) -> str:
    item_id, title = printable(catalogue.ids[row]), printable(catalogue.title(row))
    return f"{item_id}  {title or '(no title)'}"


def _line(text: str, style: str = "") -> Text:
    """One line, cut to the width of the terminal."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
