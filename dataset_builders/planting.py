"""Noise for curves: wrong references planted among those that training is made of.

Works on behaviour, not on relations: relabelled with the dataset's own policy, the noisy
references give the noisy training pairs, so that both tell the same story.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .keys import contains, pair_keys, sorted_unique
from .labels import RELATIONS, Relations
from .product import CO_PURCHASE, CO_VIEW, SOURCES, BuildError
from .references import PLACES, References

#: [relation, source] bool: the source is of the relation's behaviour.
_SPEAKS = np.array([[source in some for source in SOURCES] for some in (CO_VIEW, CO_PURCHASE)])
_DRAWN = 1024  # pairs at a time, at least


@dataclass(frozen=True, slots=True)
class Clean:
    """What training is made of.

    Attributes:
        references: all that training may know; no held-out pair is among them.
        n_ids: how many ids they are numbered among, the items first.
        relations: the pairs of items among the references; the labelled ones are in training.
        held_out: phase → [h] int64, keys of its pairs (:func:`~.keys.pair_keys`), ascending.
    """

    references: References
    n_ids: int
    relations: Relations
    held_out: dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Noisy:
    """The same with noise, and which pairs are noise.

    Attributes:
        references: with the noise.
        item: [q] int32, the smaller item number of a pair of noise.
        other: [q] int32, the larger item number.
        relation: [q] int8, index into :data:`~.labels.RELATIONS`: what training calls the pair.
    """

    references: References
    item: np.ndarray
    other: np.ndarray
    relation: np.ndarray


def plant_random(clean: Clean, share: float, rng: np.random.Generator) -> Noisy:
    """Add random pairs: ``share`` times as many as a relation has training pairs.

    Both ends have training pairs already, so cold items stay cold. Nothing is known of a pair: it
    is neither held out nor among the references, under any relation or none.

    Raises:
        BuildError: there are not so many pairs.
    """
    relations, n = clean.relations, clean.relations.n_items
    wanted = [round(share * relations.of(relation).sum()) for relation in RELATIONS]
    keys = _unknown_pairs(clean, sum(wanted), rng)
    relation = np.repeat(np.arange(len(RELATIONS), dtype=np.int8), wanted)
    item, other = keys // n, keys % n
    turned = rng.random(len(keys)) < 0.5  # who lists whom
    old = clean.references
    lister, listed = np.where(turned, other, item), np.where(turned, item, other)
    source = _usual_sources(old)[relation]
    new = (lister, listed, source, _anywhere(old, lister, source, rng))
    columns = zip((old.item, old.other, old.source, old.place), new, strict=True)
    references = References.clean(map(np.concatenate, columns), clean.n_ids)
    return Noisy(references, item.astype(np.int32), other.astype(np.int32), relation)


def plant_swapped(clean: Clean, share: float, rng: np.random.Generator) -> Noisy:
    """Move a share of each relation's training pairs to the other relation.

    What spoke for the old relation speaks for the new one; what spoke for the new one already
    stays. A drawn pair that is in both relations is left as it is.

    Raises:
        BuildError: a relation has no training pair to swap with.
    """
    relations, n = clean.relations, clean.relations.n_items
    left = np.full(len(relations), -1, dtype=np.int8)  # the relation that a moved pair leaves
    for code, relation in enumerate(RELATIONS):
        pairs = np.flatnonzero(relations.of(relation))
        if not len(pairs):
            raise BuildError(
                f"Expected training pairs of both relations to swap, found no {relation}. Plant "
                f"noise of the kind random instead."
            )
        drawn = rng.permutation(pairs)[: round(share * len(pairs))]
        both = relations.substitute[drawn] & relations.complement[drawn]
        left[drawn[~both]] = code
    old = clean.references
    inside = np.flatnonzero(old.other < n)
    known = pair_keys(relations.first, relations.second, n)
    pair = np.searchsorted(known, pair_keys(old.item[inside], old.other[inside], n))
    changes = (left[pair] >= 0) & _SPEAKS[left[pair], old.source[inside]]
    changing, source, place = inside[changes], old.source.copy(), old.place.copy()
    source[changing] = _usual_sources(old)[1 - left[pair[changes]]]
    place[changing] = _anywhere(old, old.item[changing], source[changing], rng)
    moved = np.flatnonzero(left >= 0)
    return Noisy(
        References.clean((old.item, old.other, source, place), clean.n_ids),
        relations.first[moved],
        relations.second[moved],
        1 - left[moved],
    )


#: Kind of noise → how it is planted, from what is clean, a share in (0, 1] and random numbers.
KINDS: dict[str, Callable[[Clean, float, np.random.Generator], Noisy]] = {
    "random": plant_random,
    "swapped": plant_swapped,
}


def _usual_sources(references: References) -> np.ndarray:
    """[2] int8: for each relation the commonest source of its behaviour.

    Noise under a source of its own would give itself away.
    """
    counts = np.bincount(references.source, minlength=len(SOURCES))
    return np.where(_SPEAKS, counts, -1).argmax(axis=1).astype(np.int8)


def _anywhere(
    references: References, item: np.ndarray, source: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """[q] int16: for each item and source a place in its list, any of them.

    Noise at the end of the lists, or at places of other lists, would give itself away.
    """
    n_items = int(max(references.item.max(initial=0), item.max(initial=0))) + 1
    lists = np.bincount(
        references.source.astype(np.int64) * n_items + references.item,
        minlength=len(SOURCES) * n_items,
    )
    length = lists[source.astype(np.int64) * n_items + item]
    return np.minimum(rng.random(len(item)) * (length + 1), PLACES - 1).astype(np.int16)


def _unknown_pairs(clean: Clean, count: int, rng: np.random.Generator) -> np.ndarray:
    """[count] int64: keys of different pairs of items with training pairs; none is known."""
    relations, n = clean.relations, clean.relations.n_items
    known = [pair_keys(relations.first, relations.second, n), *clean.held_out.values()]
    known = sorted_unique(np.concatenate(known))
    trained = np.zeros(n, dtype=bool)
    for end in (relations.first, relations.second):
        trained[end[relations.labelled]] = True
    ends = np.flatnonzero(trained)
    possible = len(ends) * (len(ends) - 1) // 2
    possible -= int((trained[known // n] & trained[known % n]).sum())
    if count > possible:
        raise BuildError(
            f"Expected {count:,} pairs of items that are not related, found {possible:,} among "
            f"the {len(ends):,} items with training pairs. Ask for a smaller share."
        )
    found = np.empty(0, dtype=np.int64)
    while len(found) < count:
        one, other = rng.choice(ends, (2, max(_DRAWN, count)))
        keys = pair_keys(one, other, n)
        keys = np.concatenate([found, keys[(one != other) & ~contains(known, keys)]])
        found = keys[np.sort(np.unique(keys, return_index=True)[1])]
    return found[:count]
