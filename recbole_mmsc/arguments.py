"""The words of the command line: commands, options, help."""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path
from typing import Any

FORMATS = ("auto", "amazon-2014", "amazon-2018", "amazon-2023", "jsonl", "parquet")
ENCODER = "minilm"


def make_parser() -> argparse.ArgumentParser:
    """Commands with their options; ``command`` of what is parsed is the command's name."""
    from recbole_mmsc.dataset_builders.presets import load_presets
    from recbole_mmsc.encoders import encoder_names
    from recbole_mmsc.properties_files import ready_plans
    from recbole_mmsc.settings.adaptation import AdaptationSettings

    parser = argparse.ArgumentParser(
        prog="recbole-mmsc",
        description="Substitutable and complementary items with RecBole.",
        epilog="example: recbole-mmsc demo",
    )
    parser.add_argument("--version", action="version", version=version("recbole-mmsc"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, summary: str, example: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=summary, description=summary, epilog=f"example: recbole-mmsc {example}"
        )

    build = command(
        "build",
        "Turn raw metadata into an audited dataset folder.",
        "build amazon-home --meta meta_Home_and_Kitchen.json.gz",
    )
    presets = ", ".join(name for name, preset in load_presets().items() if preset.file)
    build.add_argument("preset", nargs="?", default="", help=f"a preset: {presets}")
    build.add_argument(
        "--meta",
        nargs="+",
        type=Path,
        required=True,
        metavar="FILE",
        help="the catalogue: JSON Lines, plain, .gz or .zst, or Parquet; one file or several",
    )
    build.add_argument(
        "--name",
        help="name of the dataset, needed where no preset is given; a cold split adds -cold. "
        "By default the preset's, then -POLICY unless it is difference, then -cold",
    )
    build.add_argument("--format", choices=FORMATS, default="auto", help="default: %(default)s")
    build.add_argument(
        "--field",
        action=_Pairs,
        default={},
        type=_pair,
        metavar="OURS=THEIRS",
        help="for jsonl and parquet: which of your columns is our item_id, title, also_buy, …",
    )
    build.add_argument("--images", type=Path, metavar="DIR", help="pictures named after item ids")
    build.add_argument(
        "--reviews",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="co-reviews count as co-purchase",
    )
    build.add_argument(
        "--policy",
        choices=("difference", "raw", "exclusive"),
        default="difference",
        help="how behaviour becomes relations; default: %(default)s",
    )
    build.add_argument(
        "--split",
        choices=("warm", "cold"),
        default="warm",
        help="what is held out, pairs or items; default: %(default)s",
    )
    build.add_argument("--seed", type=int, default=2026, help="of the split; default: %(default)s")
    build.add_argument("--out", type=Path, default=Path("dataset"), help="default: %(default)s/")
    build.add_argument("--replace", action="store_true", help="replace a dataset of this name")

    audit = command("audit", "Look for leaks in a dataset folder.", "audit dataset/amazon-home")
    audit.add_argument("folder", type=Path)

    fetch = command(
        "fetch-images",
        "Fetch the pictures of a catalogue from its addresses; stop and go on at any time.",
        "fetch-images amazon-home --per-second 5",
    )
    fetch.add_argument("name", help="name of the dataset")
    fetch.add_argument(
        "--per-item",
        type=int,
        default=1,
        metavar="N",
        help="pictures of each item, from the first addresses that work; default: %(default)s",
    )
    fetch.add_argument(
        "--concurrency",
        type=int,
        default=16,
        metavar="N",
        help="items at once; default: %(default)s",
    )
    fetch.add_argument(
        "--per-second",
        type=float,
        default=10.0,
        metavar="N",
        help="requests per second to one host; default: %(default)g",
    )
    fetch.add_argument("--retry", action="store_true", help="ask again what failed for good")

    encode = command(
        "encode",
        "Encode the texts and pictures of a catalogue; a run that was stopped goes on.",
        "encode amazon-home --encoder offline --images photos.zip",
    )
    encode.add_argument("name", help="name of the dataset")
    encode.add_argument(
        "--encoder",
        default=ENCODER,
        help=f"one of {', '.join(encoder_names())} (open_clip:MODEL/TAG_OR_PATH, "
        "transformers:NAME_OR_PATH); default: %(default)s",
    )
    encode.add_argument(
        "--precision",
        choices=("float32", "auto", "bfloat16", "float16"),
        default="float32",
        help="of the model; auto is the fastest this device is made for; default: %(default)s",
    )
    encode.add_argument("--device", default="auto", help="cpu, cuda:1, …; default: %(default)s")
    encode.add_argument(
        "--images",
        type=Path,
        metavar="PATH",
        help="a folder, .zip, .tar or .tar.gz of pictures named after item ids, B01.jpg, "
        "B01.1.jpg, …; default: the dataset's own images/",
    )
    encode.add_argument(
        "--shard", metavar="I/N", help="make only the I-th of N shares, here or on another machine"
    )
    encode.add_argument(
        "--merge",
        action="store_true",
        help="verify the shares that were made and put them together",
    )
    encode.add_argument(
        "--ray",
        nargs="?",
        const="auto",
        metavar="ADDRESS",
        help="make all shares on an existing Ray cluster, by default the one of this machine",
    )
    encode.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that load pictures, 0 for none; default: what the cores have room for",
    )
    encode.add_argument(
        "--batch-size", type=int, metavar="N", help="texts or pictures at once; default: encoder's"
    )

    features = command(
        "features",
        "What features a dataset has: coverage, neighbours, a map. Exit code 1 if a file is bad "
        "or there is none.",
        "features amazon-home --encoder minilm",
    )
    features.add_argument("name", help="name of the dataset")
    features.add_argument(
        "--encoder",
        default="",
        help="neighbours and a map of this one's; needed where there are several",
    )
    features.add_argument(
        "--items",
        nargs="+",
        default=[],
        metavar="ID",
        help="whose neighbours; by default a few items of the largest categories",
    )
    features.add_argument(
        "--neighbours", type=int, default=5, metavar="N", help="of each item; default: %(default)s"
    )
    features.add_argument(
        "--out", type=Path, metavar="DIR", help="for the map; default: beside the features"
    )

    adapt = command(
        "adapt",
        "Adapt the features of an encoder to the training pairs; the model that is to use them "
        "takes encoder: ENCODER+adapted.",
        "adapt amazon-home --encoder minilm",
    )
    adapt.add_argument("name", help="name of the dataset")

    def default(setting: str) -> str:
        return f"default: {AdaptationSettings.model_fields[setting].default}"

    adapt.add_argument("--encoder", default=ENCODER, help="whose features; default: %(default)s")
    adapt.add_argument(
        "--relations",
        nargs="+",
        metavar="RELATION",
        help="whose pairs are pulled together: substitute, complement; default: substitute",
    )
    adapt.add_argument(
        "--itc-weight",
        type=float,
        metavar="W",
        help=f"of an item's own text and image, 0: off; {default('itc_weight')}",
    )
    adapt.add_argument(
        "--temperature", type=float, help=f"divides the cosines; {default('temperature')}"
    )
    adapt.add_argument(
        "--epochs", type=int, help="at most, by default 2; a catalogue of hundreds wants 6"
    )
    adapt.add_argument("--learning-rate", type=float, metavar="RATE", help=default("learning_rate"))
    adapt.add_argument("--seed", type=int, help=default("seed"))

    label = command(
        "label",
        "Have pairs judged by a language model, by rules or by people, for MMSC's training; a run "
        "that was stopped goes on, and no pair is paid for twice.",
        "label amazon-home --labeller openai:qwen2.5-7b@http://localhost:8000/v1 --budget 2000",
    )
    label.add_argument("name", help="name of the dataset")
    label.add_argument(
        "--labeller",
        default="rules",
        help="one of rules, transformers:NAME_OR_PATH, openai:MODEL@URL (key in OPENAI_API_KEY), "
        "people:SHEET.csv; default: %(default)s",
    )
    label.add_argument(
        "--budget", type=int, default=2000, metavar="N", help="pairs in all; default: %(default)s"
    )
    label.add_argument(
        "--encoder",
        default=ENCODER,
        help="whose features help to choose the pairs; default: %(default)s",
    )
    label.add_argument(
        "--sheet", type=Path, metavar="CSV", help="write the pairs for people, and judge nothing"
    )
    label.add_argument("--prompt", type=Path, metavar="YAML", help="a prompt of your own")
    label.add_argument(
        "--concurrency",
        type=int,
        default=8,
        metavar="N",
        help="requests at once; default: %(default)s",
    )
    label.add_argument(
        "--per-second",
        type=float,
        default=20.0,
        metavar="N",
        help="requests per second; default: %(default)g",
    )
    label.add_argument(
        "--batch-size",
        type=int,
        default=16,
        metavar="N",
        help="pairs at once, of a local model; default: %(default)s",
    )
    label.add_argument("--device", default="auto", help="of a local model; default: %(default)s")
    label.add_argument(
        "--precision",
        choices=("float32", "auto", "bfloat16", "float16"),
        default="float32",
        help="of a local model; default: %(default)s",
    )

    benchmark = command(
        "benchmark",
        "Models, datasets and seeds of a plan into one leaderboard.",
        "benchmark demo --out benchmark/demo",
    )
    benchmark.add_argument("plan", help=f"a plan file, or a ready one: {', '.join(ready_plans())}")
    benchmark.add_argument("--out", type=Path, help="default: benchmark/<name of the plan>/")
    benchmark.add_argument(
        "--ray",
        nargs="?",
        const="auto",
        metavar="ADDRESS",
        help="make the runs on an existing Ray cluster, by default the one of this machine",
    )
    benchmark.add_argument("--retry", action="store_true", help="make failed runs again")
    benchmark.add_argument(
        "--report-only", action="store_true", help="make no run, report the finished ones"
    )

    compare = command(
        "compare",
        "Where two runs of a benchmark differ, query by query.",
        "compare benchmark/demo/runs/demo-MMSC-… benchmark/demo/runs/demo-EASE-…",
    )
    compare.add_argument("a", type=Path, metavar="RUN", help="folder of a run")
    compare.add_argument("b", type=Path, metavar="RUN", help="folder of another")
    compare.add_argument("--metric", default="ndcg@10", help="default: %(default)s")
    compare.add_argument(
        "--queries", type=_count, default=10, help="shown on each side; default: %(default)s"
    )

    recommend = command(
        "recommend",
        "What a trained model recommends for every item of its catalogue, as one table: item, "
        "relation, rank, recommended, score, known (a pair that stands in the dataset).",
        "recommend saved/MMSC-….pth --top 10 --out related.parquet",
    )
    recommend.add_argument(
        "checkpoint", type=Path, help="RecBole's, of any model; unpickled: one that you trust"
    )
    recommend.add_argument(
        "--out",
        type=Path,
        default=Path("recommendations.parquet"),
        help="a .parquet or .csv, replaced if there is one; default: %(default)s",
    )
    recommend.add_argument(
        "--top", type=_count, default=20, metavar="N", help="of each list; default: %(default)s"
    )
    recommend.add_argument(
        "--relations",
        nargs="+",
        metavar="RELATION",
        default=["substitute", "complement"],
        help="substitute, complement; default: both",
    )
    recommend.add_argument(
        "--data", type=Path, help="where the dataset lies now; default: where it was in training"
    )

    demo = command(
        "demo",
        "The whole job on a generated catalogue, offline. An earlier demo is replaced, its "
        "features too.",
        "demo",
    )
    demo.add_argument(
        "--items", type=int, default=2000, help="products, 200 or more; default: %(default)s"
    )
    demo.add_argument(
        "--seed", type=int, default=2026, help="of the catalogue; default: %(default)s"
    )

    doctor = command("doctor", "Versions, guards, what is missing.", "doctor")

    for added in (fetch, encode, adapt, features, label, benchmark, compare, demo, doctor):
        added.add_argument(
            "--data", type=Path, default=Path("dataset"), help="default: %(default)s/"
        )
    return parser


class _Pairs(argparse.Action):
    """Collects pairs in a dict. One that comes twice is refused: either would be lost."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Add a pair."""
        given = getattr(namespace, self.dest)
        ours, theirs = values
        if ours in given:
            raise argparse.ArgumentError(
                self, f"expected {ours} once, found {given[ours]!r} and {theirs!r}"
            )
        setattr(namespace, self.dest, {**given, ours: theirs})


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, found {text!r}")
    return int(text)


def _pair(text: str) -> tuple[str, str]:
    ours, separator, theirs = text.partition("=")
    if not (ours and separator and theirs):
        raise argparse.ArgumentTypeError(
            f"expected OURS=THEIRS, such as title=name, found {text!r}"
        )
    return ours, theirs
