"""The command line: parses, calls, prints."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recbole_mmsc.arguments import make_parser

if TYPE_CHECKING:
    from recbole_mmsc.benchmark.leaderboard import Leaderboard

RESUMABLE = ("benchmark", "encode", "fetch-images", "label")
ADAPTATION = ("relations", "itc_weight", "temperature", "epochs", "learning_rate", "seed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. The exit code: 0 done, 1 could not, 2 wrong usage.

    Args:
        arguments: the words after ``recbole-mmsc``, by default those of this process.
    """
    options = make_parser().parse_args(arguments)
    # of what RecBole calls, not of what the user does
    warnings.filterwarnings("ignore", module=r"(recbole|thop|torch|numpy|pandas|sklearn)\b")
    # RecBole reads settings from the process's arguments; these are not meant for it.
    sys.argv = sys.argv[:1]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may lack some of our characters
            stream.reconfigure(errors="replace")
    try:
        return COMMANDS[options.command](options)
    except BrokenPipeError:  # who reads us, head or less, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError) as error:
        print(f"recbole-mmsc {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        more = "The same command goes on where it was." if options.command in RESUMABLE else ""
        said = " ".join(filter(None, (str(stop), more)))
        print(f"\nrecbole-mmsc {options.command}: stopped. {said}".rstrip(), file=sys.stderr)
        return 130


def _build(options: argparse.Namespace) -> int:
    from recbole_mmsc.data.built import command
    from recbole_mmsc.dataset_builders.build import build_dataset
    from recbole_mmsc.dataset_builders.names import dataset_name
    from recbole_mmsc.dataset_builders.presets import get_preset

    if not (options.name or options.preset):
        raise ValueError("expected a preset or --name NAME, found neither; see build --help")
    name = options.name or dataset_name(
        get_preset(options.preset).name, options.policy, options.split
    )
    summary = build_dataset(
        name,
        options.meta,
        options.out,
        format=options.format,
        images=options.images,
        reviews=options.reviews,
        policy=options.policy,
        split=options.split,
        seed=options.seed,
        field_map=options.field,
        replace=options.replace,
    )
    print(summary.render())
    print(f"next: {command('encode', summary.folder)}")
    return 0


def _audit(options: argparse.Namespace) -> int:
    from recbole_mmsc.dataset_builders.audit import audit_folder

    report = audit_folder(options.folder)
    print(report.render())
    return 0 if report.ok else 1


def _fetch_images(options: argparse.Namespace) -> int:
    from recbole_mmsc.images.fetch import fetch_images

    summary = fetch_images(
        options.data / options.name,
        per_item=options.per_item,
        concurrency=options.concurrency,
        per_second=options.per_second,
        retry=options.retry,
    )
    print(summary.render())
    return 0


def _encode(options: argparse.Namespace) -> int:
    from recbole_mmsc.encoders.encode import encode_dataset

    summary = encode_dataset(
        options.data / options.name,
        options.encoder,
        precision=options.precision,
        device=options.device,
        images=options.images,
        shard=options.shard,
        merge=options.merge,
        workers=options.workers,
        batch_size=options.batch_size,
        ray=options.ray,
    )
    print(summary.render())
    return 0


def _features(options: argparse.Namespace) -> int:
    from recbole_mmsc.feature_view.view import show_features

    sound = show_features(
        options.data / options.name,
        options.encoder,
        options.items,
        options.neighbours,
        options.out,
    )
    return 0 if sound else 1


def _adapt(options: argparse.Namespace) -> int:
    from recbole_mmsc.encoders.adapt import adapt_dataset
    from recbole_mmsc.settings.adaptation import AdaptationSettings

    given = {name: getattr(options, name) for name in ADAPTATION}
    given = {name: value for name, value in given.items() if value is not None}
    summary = adapt_dataset(
        options.data / options.name, options.encoder, AdaptationSettings.of(**given)
    )
    print(summary.render())
    return 0


def _label(options: argparse.Namespace) -> int:
    from recbole_mmsc.supervision.label import label_dataset, make_sheet
    from recbole_mmsc.supervision.labellers import LabellerOptions

    folder = options.data / options.name
    if options.sheet:
        count = make_sheet(folder, options.sheet, options.budget, options.encoder)
        print(f"{options.sheet}: {count:,} pairs; fill in the labels, then")
        words = ["label", options.name, "--data", str(options.data), "--encoder", options.encoder]
        words += ["--labeller", f"people:{options.sheet}"]
        print(f"next: recbole-mmsc {shlex.join(words)}")
        return 0
    given = LabellerOptions(
        prompt=options.prompt,
        concurrency=options.concurrency,
        per_second=options.per_second,
        batch_size=options.batch_size,
        device=options.device,
        precision=options.precision,
    )
    summary = label_dataset(folder, options.labeller, options.budget, options.encoder, given)
    print(summary.render())
    return 0 if summary.labels else 1


def _benchmark(options: argparse.Namespace) -> int:
    from recbole_mmsc.benchmark.benchmark import run_benchmark
    from recbole_mmsc.benchmark.plan import find_plan
    from recbole_mmsc.benchmark.tables import print_tables

    plan = find_plan(options.plan)
    out = options.out or Path("benchmark") / plan.stem
    leaderboards = run_benchmark(
        plan, options.data, out, options.ray, options.retry, options.report_only
    )
    print_tables(leaderboards)
    print(f"{out / 'report.html'}, and leaderboard.md, .csv and .tex beside it")
    return _any_run(leaderboards)


def _any_run(leaderboards: Sequence[Leaderboard]) -> int:
    """The exit status of a benchmark: 1 where not one run succeeded."""
    return 0 if any(row.seeds for board in leaderboards for row in board.rows) else 1


def _compare(options: argparse.Namespace) -> int:
    from recbole_mmsc.benchmark.compare import compare_runs
    from recbole_mmsc.benchmark.compare_text import render

    metric = options.metric.lower()
    render(compare_runs(options.a, options.b, options.data, metric, options.queries))
    return 0


def _recommend(options: argparse.Namespace) -> int:
    from recbole_mmsc.recommend import recommend

    written = recommend(
        options.checkpoint, options.out, options.top, options.relations, options.data
    )
    print(written.render())
    return 0


def _demo(options: argparse.Namespace) -> int:
    from recbole_mmsc.demo import run_demo

    return _any_run(run_demo(options.data, options.items, options.seed))


def _doctor(options: argparse.Namespace) -> int:
    from recbole_mmsc.doctor import diagnose

    diagnose(options.data).render()
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "build": _build,
    "audit": _audit,
    "fetch-images": _fetch_images,
    "encode": _encode,
    "adapt": _adapt,
    "features": _features,
    "label": _label,
    "benchmark": _benchmark,
    "compare": _compare,
    "recommend": _recommend,
    "demo": _demo,
    "doctor": _doctor,
}
