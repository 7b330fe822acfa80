"""How fast metadata is read, against the bare parsers, in one run.

    python benchmarks/read_speed.py [--runs 9]

Amazon-2018: `.json.gz` to products against isal + orjson (decompress and parse every line, keep
nothing); at least half that rate is wanted. Amazon-2014: literals against `ast.literal_eval`, both
alone (at least 5 times its rate is wanted) and on the way to products. On the real files (folder in
RECBOLE_MMSC_DATA, or `../shared/data`) where there are any, and on generated ones of more lines.

Both sides of a ratio are run in turn, warm, and the median of the ratios counts. Times are CPU
seconds of this process, which works in one thread, so that a busy machine disturbs little. The
exit code is 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
from isal import igzip

from recbole_mmsc.dataset_builders.literals import parse_literal
from recbole_mmsc.dataset_builders.quarantine import Quarantine
from recbole_mmsc.dataset_builders.reading import read_products

HALF, FIVE_TIMES = 0.5, 5.0
WORDS = ["soft", "classic", "steel", "portable", "case", "with", "the", "for", "travel", "size"]
SPICE = ["women's", '10"', "&amp;", "<b>new</b>", "<br />"]  # what makes a text slow to read


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure reading against the bare parsers.")
    parser.add_argument("--runs", type=int, default=9, help="runs of each side (default: 9)")
    runs = parser.parse_args().runs
    print(f"{'file':46} raw MB  bare MB/s  ours MB/s  ratio  wanted")
    with tempfile.TemporaryDirectory() as folder:
        reached = [compare(*case, runs) for case in cases(Path(folder))]
    return 0 if all(reached) else 1


def cases(folder: Path) -> Iterator[tuple[str, float, float, Callable, Callable]]:
    """Yield name, raw megabytes, wanted ratio, the bare parser's job and ours."""
    for path in [*real_files("amazon-2018"), generated(folder, "amazon-2018", 10_000)]:
        yield path.name, raw_size(path), HALF, lambda p=path: bare_json(p), lambda p=path: ours(p)
    for path in [*real_files("amazon-2014"), generated(folder, "amazon-2014", 3_000)]:
        size, lines = raw_size(path), igzip.open(path).read().splitlines()
        literal = lambda some=lines: [ast.literal_eval(line.decode()) and None for line in some]  # noqa: E731
        yield (
            *(f"{path.name}, literals alone", size, FIVE_TIMES, literal),
            lambda some=lines: [parse_literal(line) and None for line in some],
        )
        yield path.name, size, 0.0, lambda p=path: bare_literal(p), lambda p=path: ours(p)


def compare(
    name: str, size: float, wanted: float, bare: Callable, mine: Callable, runs: int
) -> bool:
    bare(), mine()
    times = [(seconds(bare), seconds(mine)) for _ in range(runs)]
    ratio = statistics.median(b / m for b, m in times)
    rates = [size / statistics.median(column) for column in zip(*times, strict=True)]
    print(f"{name:46} {size:6.1f} {rates[0]:10.0f} {rates[1]:10.0f} {ratio:6.2f} {wanted or '':>7}")
    return ratio >= wanted


def seconds(job: Callable) -> float:
    start = time.process_time()
    job()
    return time.process_time() - start


def bare_json(path: Path) -> None:
    with igzip.open(path) as lines:
        for line in lines:
            orjson.loads(line)


def bare_literal(path: Path) -> None:
    with igzip.open(path) as lines:
        for line in lines:
            ast.literal_eval(line.decode())


def ours(path: Path) -> None:
    with Quarantine(os.devnull) as quarantine:
        for _ in read_products([path], "auto", quarantine, progress=False):
            pass


def raw_size(path: Path) -> float:
    with igzip.open(path) as file:
        return len(file.read()) / 1e6


def real_files(release: str) -> list[Path]:
    named = os.environ.get("RECBOLE_MMSC_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    return sorted((folder / release).glob("meta_*.json.gz"))


def generated(folder: Path, release: str, lines: int) -> Path:
    """Write products of about the real sizes, one text in four with quotes, entities or tags."""
    path = folder / f"generated-{release}.json.gz"
    random_ = random.Random(2026)
    with gzip.open(path, "wt", compresslevel=6) as file:
        for number in range(lines):
            record = (old if release == "amazon-2014" else new)(random_, number)
            line = repr(record) if release == "amazon-2014" else json.dumps(record)
            file.write(line + "\n")
    return path


def words(random_: random.Random, count: int, spiced: float = 0.25) -> str:
    spice = random_.choices(SPICE, k=3) if random_.random() < spiced else []
    mixed = random_.choices(WORDS, k=count) + spice
    random_.shuffle(mixed)
    return " ".join(mixed)


def ids(random_: random.Random, most: int) -> list[str]:
    return [f"B00{random_.randrange(10**7):07d}" for _ in range(random_.randrange(most))]


def old(random_: random.Random, number: int) -> dict:
    sources = ("also_bought", "also_viewed", "bought_together")
    return {
        "asin": f"B00{number:07d}",
        "title": words(random_, 8, 0.05),
        "description": words(random_, 50),
        "price": round(random_.uniform(1, 90), 2),
        "imUrl": f"http://images.example/I/{number}.jpg",
        "related": {source: ids(random_, 45) for source in sources},
        "salesRank": {"Beauty": number},
        "categories": [["Beauty", f"Kind {number % 40}", f"Type {number % 300}"]],
        "brand": f"Brand {number % 500}",
    }


def new(random_: random.Random, number: int) -> dict:
    pictures = [f"https://images.example/I/{number}-{place}" for place in range(3)]
    return {
        "category": ["Home", f"Kind {number % 40}", f"Type {number % 300}"],
        "tech1": "",
        "description": [words(random_, 40)],
        "fit": "",
        "title": words(random_, 8, 0.05),
        "also_buy": ids(random_, 35),
        "tech2": "",
        "brand": f"Brand {number % 500}",
        "feature": [words(random_, 10, 0), words(random_, 10, 0)],
        "rank": [f">#{number} in Home"],
        "also_view": ids(random_, 35),
        "details": {"Shipping Weight:": "3 ounces", "ASIN: ": f"B00{number:07d}"},
        "main_cat": "Home",
        "similar_item": "",
        "date": "",
        "price": f"${random_.randrange(90)}.99",
        "asin": f"B00{number:07d}",
        "imageURL": [f"{picture}._SX38_.jpg" for picture in pictures],
        "imageURLHighRes": [f"{picture}.jpg" for picture in pictures],
    }


if __name__ == "__main__":
    sys.exit(main())
