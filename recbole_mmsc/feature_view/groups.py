"""Categories, coarse enough to give each a colour, and a few items spread over them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SEPARATOR = " > "
NO_GROUP = ""
_SAME_FOR_ALL = 0.9  # of the items: a level that most share tells nothing
_DEEPEST = 3


def category_groups(categories: pa.ChunkedArray) -> np.ndarray:
    """The coarsest level of the category paths that tells items apart.

    That is the first level, or, where nine in ten items share it, the second (or third).

    Args:
        categories: ``[n]`` paths such as ``Beauty > Makeup > Nails``, null or "" for none.

    Returns:
        ``[n]`` text, the beginning of each path; :data:`NO_GROUP` for items without a path.
    """
    encoded = pc.fill_null(categories, "").combine_chunks().dictionary_encode()
    paths = [path.split(SEPARATOR) for path in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy()
    counts = np.bincount(codes, minlength=len(paths))
    for depth in range(1, _DEEPEST + 1):
        beginnings = [SEPARATOR.join(path[:depth]) for path in paths]
        sizes: Counter[str] = Counter()
        for beginning, count in zip(beginnings, counts.tolist(), strict=True):
            if beginning:
                sizes[beginning] += count
        if not sizes or max(sizes.values()) <= _SAME_FOR_ALL * sizes.total():
            break
    return np.array(beginnings or [NO_GROUP], dtype=object)[codes]


def short_names(groups: list[str]) -> list[str]:
    """Each group by the last part of its path, or by the whole path where two would be alike."""
    last = [group.split(SEPARATOR)[-1] for group in groups]
    often = Counter(last)
    return [name if often[name] == 1 else path for name, path in zip(last, groups, strict=True)]


def typical_rows(categories: pa.ChunkedArray, usable: np.ndarray, count: int) -> list[int]:
    """A few items that show the breadth of a catalogue, the same ones every time.

    The first usable item of the largest leaf category of each group, largest leaves first, then
    of the second largest ones, and so on; where there are too few categories, items evenly
    spread over the catalogue.

    Args:
        categories: ``[n]`` paths as :func:`category_groups` takes them.
        usable: ``[n]`` bool, the items to choose from.
        count: how many at most.

    Returns:
        Distinct rows.
    """
    rows = np.flatnonzero(usable)
    groups = category_groups(categories)
    leaves = pc.fill_null(categories, "").combine_chunks().dictionary_encode()
    codes, names = leaves.indices.to_numpy(), leaves.dictionary.to_pylist()
    sizes = np.bincount(codes, minlength=len(names))
    present, first = np.unique(codes[rows], return_index=True)
    first_row = dict(zip(present.tolist(), rows[first].tolist(), strict=True))
    seen: Counter[str] = Counter()
    ranked = []
    for place, leaf in enumerate(sorted(first_row, key=lambda leaf: (-sizes[leaf], names[leaf]))):
        if names[leaf]:
            group = str(groups[first_row[leaf]])
            ranked.append((seen[group], place, first_row[leaf]))
            seen[group] += 1
    chosen = [row for _, _, row in sorted(ranked)[:count]]
    rest = np.setdiff1d(rows, chosen)
    missing = min(count - len(chosen), len(rest))
    spread = np.linspace(0, len(rest) - 1, missing).astype(int)
    return chosen + rest[spread].tolist()
