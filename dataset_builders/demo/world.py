"""What is true in the demo's catalogue, and the references drawn from it.

Every product has a type, a style, a brand, a price and an audience. Products are viewed together
when they are of one type, bought together when their types go together; in both cases the more
so, the better style, audience, brand and price fit. A known share of the references is noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from .words import COMPLEMENTS, STYLES, TYPES

PAIRS_PER_ITEM = 6  # clean pairs of each relation, so 12 neighbours an item on average
ITEMS_PER_TYPE = 40  # at least: a small catalogue has fewer types
LONGEST_LIST = 20  # references an item names per source
OUTSIDERS = 0.08  # products that others name but that are not in the file, per item
COLD = 0.04  # items without any relation
OVERLAP = 0.2  # substitutes that are bought together as well
N_AUDIENCES = 2
N_BRANDS = 60
# What makes a pair likely, in the logarithm of its odds; popularity counts once for each end.
STYLE, AUDIENCE, BRAND, PRICE = 4.0, 3.0, 1.0, 1.5
CO_VIEW, CO_PURCHASE = "also_view", "also_buy"


@dataclass(slots=True)
class World:
    """The planted truth of n products, the items first, then the outsiders; arrays of shape [n]."""

    n_items: int
    ids: list[str]
    type: np.ndarray
    style: np.ndarray
    brand: np.ndarray
    audience: np.ndarray
    price: np.ndarray
    popularity: np.ndarray


def make_world(n_items: int, rng: np.random.Generator) -> World:
    """Draw the products: unequal types, brands that keep to a style, a long tail of popularity."""
    n = n_items + round(n_items * OUTSIDERS)
    n_types = min(len(TYPES), n_items // ITEMS_PER_TYPE)
    brand_style = rng.integers(len(STYLES), size=N_BRANDS)
    sizes = rng.uniform(0.5, 1.5, n_types)
    kind = rng.choice(n_types, n, p=sizes / sizes.sum())
    brand = rng.integers(N_BRANDS, size=n)
    style = np.where(rng.random(n) < 0.7, brand_style[brand], rng.integers(len(STYLES), size=n))
    base = np.array([t.price for t in TYPES])[kind]
    popularity = np.exp(rng.normal(0, 1.2, n))
    popularity[rng.permutation(n_items)[: round(n_items * COLD)]] = 0
    return World(
        n_items=n_items,
        ids=[f"DEMO{i:06d}" for i in range(n)],
        type=kind,
        style=style,
        brand=brand,
        audience=rng.integers(N_AUDIENCES, size=n),
        price=np.round(base * np.exp(rng.normal(0, 0.4, n)), 2),
        popularity=popularity,
    )


def list_references(
    world: World, noise: float, pairs_rng: np.random.Generator, noise_rng: np.random.Generator
) -> pa.Table:
    """Draw pairs of products, spoil a share of them, and write down who names whom."""
    drawn = round(PAIRS_PER_ITEM * world.n_items)
    spoilt = round(drawn * noise / (1 - noise) / 2)
    # Twice as many as are listed as they are: some of the rest get swapped.
    substitutes = _draw_pairs(world, [(t, t) for t in range(len(TYPES))], 2 * drawn, pairs_rng)
    index = {t.name: i for i, t in enumerate(TYPES)}
    goes_with = [(index[a], index[b]) for a, b in COMPLEMENTS]
    complements = _draw_pairs(world, goes_with, 2 * drawn, pairs_rng)
    both = substitutes[:drawn][pairs_rng.random(drawn) < OVERLAP]
    taken = np.concatenate([substitutes, complements])
    groups = [
        (substitutes[:drawn], CO_VIEW, "clean"),
        (complements[:drawn], CO_PURCHASE, "clean"),
        (both, CO_PURCHASE, "overlap"),
        (substitutes[drawn : drawn + spoilt], CO_PURCHASE, "swapped"),
        (complements[drawn : drawn + spoilt], CO_VIEW, "swapped"),
        (_random_pairs(world, spoilt, taken, noise_rng), CO_VIEW, "random"),
        (_random_pairs(world, spoilt, taken, noise_rng), CO_PURCHASE, "random"),
    ]
    rows = [row for group in groups for row in _directed(world, *group, noise_rng)]
    noise_rng.shuffle(rows)
    listed: dict[tuple[int, str], int] = {}
    kept = []
    for item, other, source, kind in rows:
        listed[item, source] = listed.get((item, source), 0) + 1
        if listed[item, source] <= LONGEST_LIST:
            noisy = kind in ("random", "swapped")
            kept.append((item, world.ids[item], world.ids[other], source, noisy, kind))
    kept.sort(key=lambda row: row[0])
    names = ("item", "other", "source", "noise", "kind")
    return pa.table(dict(zip(names, list(zip(*kept, strict=True))[1:], strict=True)))


def _draw_pairs(
    world: World, blocks: list[tuple[int, int]], n: int, rng: np.random.Generator
) -> np.ndarray:
    """The n pairs [n, 2] of products from pairs of types, likelier ones first and more often.

    Drawn without replacement, a pair's weight being popularity times fit (by Gumbel's trick).
    """
    members = [np.flatnonzero(world.type == t) for t in range(len(TYPES))]
    found, keys = [], []
    for first, second in blocks:
        a, b = (grid.ravel() for grid in np.meshgrid(members[first], members[second]))
        a, b = (a[a < b], b[a < b]) if first == second else (a, b)
        found.append(np.stack([a, b], 1))
        keys.append(_fit(world, a, b) + rng.gumbel(size=len(a)))
    pairs, key = np.concatenate(found), np.concatenate(keys)
    order = np.argsort(-key, kind="stable")[: min(n, int(np.isfinite(key).sum()))]
    return pairs[order]


def _fit(world: World, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Logarithm of a pair's weight: how popular both are, and how well they fit."""
    base = np.log(np.array([t.price for t in TYPES]))
    level = np.log(world.price) - base[world.type]
    with np.errstate(divide="ignore"):
        popularity = np.log(world.popularity[a]) + np.log(world.popularity[b])
    return (
        popularity
        + STYLE * (world.style[a] == world.style[b])
        + AUDIENCE * (world.audience[a] == world.audience[b])
        + BRAND * (world.brand[a] == world.brand[b])
        - PRICE * np.abs(level[a] - level[b])
    )


def _random_pairs(world: World, n: int, taken: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """N pairs of any products that have relations, popular ones more often, none of ``taken``."""
    chance = world.popularity**0.6
    pairs = rng.choice(len(chance), (4 * n + 100, 2), p=chance / chance.sum())
    keys = np.sort(pairs, 1) @ [len(chance), 1]
    _, first = np.unique(keys, return_index=True)
    usable = np.zeros(len(pairs), bool)
    usable[first] = True
    usable &= pairs[:, 0] != pairs[:, 1]
    usable &= ~np.isin(keys, np.sort(taken, 1) @ [len(chance), 1])
    return pairs[usable][:n]


def _directed(
    world: World, pairs: np.ndarray, source: str, kind: str, rng: np.random.Generator
) -> Iterator[tuple[int, int, str, str]]:
    """Who names whom: one of the two or, half the time, both; outsiders name nobody."""
    for (a, b), luck in zip(pairs.tolist(), rng.random(len(pairs)), strict=True):
        if luck < 0.75 and a < world.n_items:
            yield a, b, source, kind
        if luck > 0.25 and b < world.n_items:
            yield b, a, source, kind
