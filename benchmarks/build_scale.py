"""Build a generated catalogue of a million products and ten million references; print the cost.

    python benchmarks/build_scale.py [--products 1000000] [--references 10] [--folder DIR]

The catalogue is written as Amazon-2018 metadata (gzip): long-tailed popularity, neighbours within
groups of like products so that co-view and co-purchase overlap, four references in ten to products
outside the catalogue, titles, brands, categories, prices, descriptions. The build, audit included,
runs in a process of its own, whose peak resident memory is printed.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from isal import igzip

GROUP = 200  # like products
CHUNK = 20_000
OUTSIDERS_PER_PRODUCT = 2
WORDS = np.array(
    [
        *("steel", "cotton", "classic", "portable", "wireless", "organic", "compact", "premium"),
        *("kitchen", "garden", "lamp", "brush", "bottle", "jacket", "cable", "puzzle", "blender"),
    ]
)

BUILD = """
import resource, sys, time
from recbole_mmsc.dataset_builders.build import build_dataset
imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
summary = build_dataset("scale", [sys.argv[1]], sys.argv[2], format="amazon-2018")
print(summary.render())
print(f"build and audit: {time.perf_counter() - start:.0f} s")
print(f"memory after the imports: {imported / 2**20:.2f} GiB")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--references", type=int, default=10, help="mean number per product")
    parser.add_argument("--folder", type=Path, help="where to work; by default a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        source = Path(folder) / "meta_Scale.json.gz"
        start = time.perf_counter()
        count = generate(source, options.products, options.references)
        print(
            f"generated {options.products:,} products with {count:,} references, "
            f"{source.stat().st_size / 1e6:.0f} MB, in {time.perf_counter() - start:.0f} s"
        )
        subprocess.run([sys.executable, "-c", BUILD, source, Path(folder) / "out"], check=True)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        print(f"peak resident memory of the build: {peak / 2**30:.2f} GiB ({peak / 1e9:.2f} GB)")
        if peak > 2e9:
            sys.exit("more than 2 GB")


def generate(path: Path, products: int, mean: int) -> int:
    """Write the file; returns the number of references in it."""
    rng = np.random.Generator(np.random.PCG64(7))
    popularity = rng.permutation(products)
    total = 0
    with igzip.open(path, "wb", compresslevel=1) as file:
        for start in range(0, products, CHUNK):
            n = min(CHUNK, products - start)
            lengths = rng.poisson(mean, n)
            others = _others(rng, start, lengths, products, popularity)
            total += len(others)
            views = rng.random(len(others)) < 0.5
            words = WORDS[rng.integers(len(WORDS), size=(n, 6))]
            prices = rng.gamma(2, 15, n).round(2)
            bounds = np.concatenate([[0], np.cumsum(lengths)])
            lines = [
                _line(
                    start + row,
                    words[row],
                    prices[row],
                    others[bounds[row] : bounds[row + 1]],
                    views[bounds[row] : bounds[row + 1]],
                )
                for row in range(n)
            ]
            file.write("".join(lines).encode())
    return total


def _others(
    rng: np.random.Generator, start: int, lengths: np.ndarray, products: int, popularity: np.ndarray
) -> np.ndarray:
    """Numbers of the products listed; from ``products`` on they are outside the catalogue."""
    item = np.repeat(np.arange(start, start + len(lengths)), lengths)
    near = np.minimum(item // GROUP * GROUP + rng.integers(GROUP, size=len(item)), products - 1)
    popular = popularity[(products * rng.random(len(item)) ** 3).astype(np.int64)]
    outside = products + rng.integers(OUTSIDERS_PER_PRODUCT * products, size=len(item))
    kind = rng.random(len(item))
    return np.select([kind < 0.4, kind < 0.6], [near, popular], outside)


def _line(
    number: int, words: np.ndarray, price: float, others: np.ndarray, views: np.ndarray
) -> str:
    record = {
        "asin": f"B{number:09d}",
        "title": " ".join(words),
        "brand": f"Brand {number % 5000}",
        "category": ["Home", f"Department {number // GROUP % 40}", f"Group {number // GROUP}"],
        "price": f"${price:,.2f}",
        "description": [" ".join(words) + ", made for everyday use and easy to clean. " * 6],
        "imageURL": [f"https://images.example/I/{number:09d}.jpg"],
        "also_view": [f"B{other:09d}" for other in others[views].tolist()],
        "also_buy": [f"B{other:09d}" for other in others[~views].tolist()],
    }
    return json.dumps(record) + "\n"


if __name__ == "__main__":
    main()
