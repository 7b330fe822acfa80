"""The demo's catalogue, with planted truth: raw files as Amazon's, and what is true of them.

Its texts tell a product's type and often its style, its pictures show both, and nothing but
behaviour tells the audience. Tests use it where they must know the right answer.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from ..whole_file import whole_file
from .pictures import draw_product
from .words import STYLES, TYPES, brand_names, write_texts
from .world import CO_PURCHASE, CO_VIEW, N_BRANDS, World, list_references, make_world

FEWEST = 200  # products; of fewer no relation has pairs enough to be learned


@dataclass(frozen=True, slots=True)
class DemoPaths:
    """What ``generate_demo`` wrote.

    Attributes:
        meta: the catalogue as Amazon's 2018 metadata, ``.json.gz``.
        images: a folder of pictures named ``<item id>.png``; a few items have none.
        truth: Parquet, one row per reference in ``meta``: item, other, source, noise (bool) and
            kind: clean, overlap (substitutes also bought together), random (any two items) or
            swapped (a pair of the other relation).
        items_truth: Parquet, one row per item and outsider: item, type, style, brand, audience,
            price, popularity, in_catalogue.
    """

    meta: Path
    images: Path
    truth: Path
    items_truth: Path


def generate_demo(
    raw_dir: str | os.PathLike[str],
    n_items: int = 2000,
    seed: int = 2026,
    noise: float = 0.25,
    progress: bool = True,
) -> DemoPaths:
    """Write the demo's raw files; the same arguments give the same bytes.

    Args:
        raw_dir: where to write; files of an earlier run are replaced.
        n_items: products in the catalogue, :data:`FEWEST` or more.
        seed: of everything random.
        noise: share of the pairs that is noise, half random pairs, half pairs whose relation is
            swapped; in [0, 0.6].
        progress: show a progress bar on stderr.
    """
    if n_items < FEWEST:
        raise ValueError(f"Expected {FEWEST} products or more, got {n_items}.")
    if seed < 0:
        raise ValueError(f"Expected a seed of 0 or more, got {seed}.")
    if not 0 <= noise <= 0.6:
        raise ValueError(f"Expected noise in [0, 0.6], got {noise}.")
    # One stream each, so that the world stays the same when only the noise changes.
    world_rng, pairs_rng, noise_rng, text_rng, picture_rng = np.random.default_rng(seed).spawn(5)
    world = make_world(n_items, world_rng)
    references = list_references(world, noise, pairs_rng, noise_rng)
    raw = Path(raw_dir)
    paths = DemoPaths(
        raw / "meta_demo.json.gz",
        raw / "images",
        raw / "truth.parquet",
        raw / "items_truth.parquet",
    )
    paths.images.mkdir(parents=True, exist_ok=True)
    for picture in paths.images.glob("DEMO*.png"):
        picture.unlink()
    records = _records(world, references, paths.images, text_rng, picture_rng)
    bar = tqdm(records, "draw the demo", n_items, unit="item", disable=not progress)
    with (
        whole_file(paths.meta) as scratch,
        scratch.open("wb") as file,
        # Neither time nor name in the gzip header: they would change the bytes.
        gzip.GzipFile("", "wb", mtime=0, fileobj=file) as lines,
    ):
        for record in bar:
            lines.write(json.dumps(record).encode() + b"\n")
    for path, table in ((paths.truth, references), (paths.items_truth, _items_truth(world))):
        with whole_file(path) as scratch:
            pq.write_table(table, scratch)
    return paths


def _records(
    world: World,
    references: pa.Table,
    images: Path,
    text_rng: np.random.Generator,
    picture_rng: np.random.Generator,
) -> Iterator[dict[str, object]]:
    """The metadata's records, drawing each item's picture on the way."""
    lists: dict[tuple[str, str], list[str]] = {}
    for row in references.select(["item", "other", "source"]).to_pylist():
        lists.setdefault((row["item"], row["source"]), []).append(row["other"])
    brands = brand_names(N_BRANDS, text_rng)
    styles = list(STYLES)
    for i, item in enumerate(world.ids[: world.n_items]):
        kind, style = TYPES[world.type[i]], styles[world.style[i]]
        colours = STYLES[style][1]
        colour = list(colours)[text_rng.integers(len(colours))]
        texts = write_texts(kind, style, colour, brands[world.brand[i]], text_rng)
        picture = draw_product(kind.name, style, colours[colour], picture_rng)
        if picture_rng.random() < 0.95:
            picture.save(images / f"{item}.png", optimize=False)
        yield {
            "asin": item,
            **texts,
            "price": f"${world.price[i]:,.2f}" if text_rng.random() < 0.9 else "",
            CO_PURCHASE: lists.get((item, CO_PURCHASE), []),
            CO_VIEW: lists.get((item, CO_VIEW), []),
            "imageURL": [],
        }


def _items_truth(world: World) -> pa.Table:
    styles = list(STYLES)
    return pa.table(
        {
            "item": world.ids,
            "type": [TYPES[t].name for t in world.type],
            "style": [styles[s] for s in world.style],
            "brand": world.brand,
            "audience": world.audience,
            "price": world.price,
            "popularity": world.popularity,
            "in_catalogue": np.arange(len(world.ids)) < world.n_items,
        }
    )
