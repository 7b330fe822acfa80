"""The report of a benchmark: one HTML file that needs nothing else and asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from recbole_mmsc.benchmark.grid import (
    ABOUT_DIFFERENCE,
    CUT_SHORT,
    DIFFERENCE,
    FAILED,
    TRAINING_TIME,
    difference_text,
    figure_text,
    heading,
    mishaps_of,
    number,
    unfinished,
)
from recbole_mmsc.benchmark.leaderboard import ALPHA, Leaderboard
from recbole_mmsc.benchmark.record import RunRecord
from recbole_mmsc.benchmark.report import words
from recbole_mmsc.benchmark.report.figures import colours_of, noise_plots_of, plots_of
from recbole_mmsc.benchmark.report.method import (
    PLAN,
    benchmark_command,
    dataset_commands,
    methods_of,
    versions_of,
)
from recbole_mmsc.benchmark.report.sections import sections_of
from recbole_mmsc.dataset_builders.printable import printable
from recbole_mmsc.dataset_builders.whole_file import whole_file

REPORT = "report.html"


def write_report(
    leaderboards: Sequence[Leaderboard],
    records: Sequence[RunRecord],
    out: Path,
    data: Path,
    title: str = "",
) -> Path:
    """Write ``report.html`` into the folder of a benchmark. Same runs, same bytes.

    Args:
        leaderboards: of the benchmark.
        records: of its runs, trials too.
        out: its folder.
        data: the folder of datasets, for their cards; datasets may be gone from it.
        title: of the report; there is one by default.

    Returns:
        The file.

    Raises:
        ValueError: a ``dataset.json`` is damaged.
    """
    text = _render(leaderboards, records, out, data, title or "Benchmark")
    with whole_file(out / REPORT) as scratch:
        scratch.write_text(text, encoding="utf-8", newline="\n")
    return out / REPORT


def _render(
    leaderboards: Sequence[Leaderboard],
    records: Sequence[RunRecord],
    out: Path,
    data: Path,
    title: str,
) -> str:
    environment = _environment()
    rows = {(board.dataset, row.label) for board in leaderboards for row in board.rows}
    records = [record for record in records if (record.dataset, record.label) in rows]
    colours = colours_of(leaderboards)
    sections = sections_of(leaderboards, records, data)
    runs = [run for section in sections for run in section.runs]
    cards = [section.card for section in sections if section.card]
    # of one relation: a run is of both
    mishaps = [one for section in sections for one in mishaps_of(section.boards[0].table)]
    style, script = (_asset(name) for name in ("style.css", "sort.js"))
    plan = out / PLAN
    data_from_out = os.path.relpath(data, out)
    return environment.get_template("report.html.j2").render(
        title=title,
        unfinished=unfinished(leaderboards),
        sections=sections,
        failed=[one for one in mishaps if one.what == FAILED],
        cut_short=[one for one in mishaps if one.what == CUT_SHORT],
        difference=DIFFERENCE,
        about_difference=ABOUT_DIFFERENCE,
        training_time=TRAINING_TIME,
        colours=colours,
        plots={one.name: plots_of(one, colours) for one in sections if not one.noise},
        noise_plots=noise_plots_of(sections, colours),
        facts=list(dict.fromkeys(what for card in cards for what in card.facts)),
        sources=sorted({source for card in cards for source in card.sources}),
        methods=methods_of(records),
        runs=runs,
        dataset_commands=dataset_commands(cards, data_from_out),
        benchmark_command=benchmark_command(data_from_out),
        plan=plan.read_text(encoding="utf-8").splitlines() if plan.is_file() else [],
        versions=versions_of(runs),
        resamples=max((board.n_resamples for board in leaderboards), default=0),
        alpha=ALPHA,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _environment() -> Environment:
    """Jinja that escapes everything, and shows what titles and labels hide."""
    environment = Environment(
        loader=PackageLoader(__name__, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    own = (words.sort_value, words.p_value, words.duration, words.count, _indented)
    for shown in (number, figure_text, difference_text, heading, *own):
        environment.filters[shown.__name__.strip("_")] = shown
    return environment


def _finalize(value: Any) -> Any:
    return value if isinstance(value, Markup) else printable(str(value))


def _indented(line: str) -> Markup:
    """A line of a file, with the spaces that it begins with."""
    return Markup(" " * (len(line) - len(line.lstrip(" ")))) + printable(line)


def _asset(name: str) -> Markup:
    """A file of this package, to stand in the document as it is."""
    return Markup((files(__name__) / name).read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    """What a content security policy calls an inline script or style by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
