"""``dataset.json``: what a dataset was made of and what is in it, in figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .catalogue import Catalogue
from .checksums import file_checksum
from .labels import RELATIONS, Relations
from .product import SOURCES
from .splits import PHASES, Split

FORMAT_VERSION = 2

_QUANTILES = {"min": 0.0, "25%": 0.25, "50%": 0.5, "75%": 0.75, "90%": 0.9, "99%": 0.99, "max": 1.0}


def source_entry(path: Path, kind: str) -> dict[str, object]:
    """An input file: its name without its folder, size and checksum."""
    return {
        "kind": kind,
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": file_checksum(path),
    }


def catalogue_figures(
    catalogue: Catalogue, relations: Relations, pictures: int
) -> dict[str, object]:
    """How many items there are and what they have."""
    labelled = relations.labelled
    return {
        "items": catalogue.n_items,
        "lines": catalogue.lines,
        "duplicate_lines": catalogue.lines - catalogue.n_items,
        "with_title": catalogue.with_field["title"],
        "with_brand": catalogue.with_field["brand"],
        "with_category": catalogue.with_field["category"],
        "with_price": catalogue.with_field["price"],
        "with_description": catalogue.with_field["description"],
        "with_image_address": catalogue.with_field["image_urls"],
        "with_picture": pictures,
        "with_references": _distinct(catalogue.n_items, catalogue.references.item),
        "with_pairs": _distinct(relations.n_items, relations.first, relations.second),
        "with_relations": _distinct(
            relations.n_items, relations.first[labelled], relations.second[labelled]
        ),
    }


def reference_figures(catalogue: Catalogue) -> dict[str, object]:
    """Directed references by source, to items inside and outside the catalogue."""
    references = catalogue.references
    inside = references.other < catalogue.n_items
    return {
        "inside": _by_source(references.source[inside]),
        "outside": _by_source(references.source[~inside]),
        "outside_ids": len(catalogue.outsider_ids),
        "self_relations_dropped": catalogue.dropped.self_relations,
        "duplicates_dropped": catalogue.dropped.duplicates,
        "unusable_ids_dropped": catalogue.dropped.unusable_ids,
    }


def pair_figures(relations: Relations, split: Split) -> dict[str, object]:
    """Undirected pairs by source, behaviour, relation and phase."""
    by_source = {source: int(relations.from_source(source).sum()) for source in SOURCES}
    viewed, bought = relations.viewed, relations.bought
    by_relation = {}
    for relation in RELATIONS:
        phases = split.phase[relations.of(relation)]
        by_relation[relation] = {
            "all": len(phases),
            **{phase: int((phases == code).sum()) for code, phase in enumerate(PHASES)},
        }
    return {
        "by_source": {source: count for source, count in by_source.items() if count},
        "co_view": int(viewed.sum()),
        "co_purchase": int(bought.sum()),
        "co_view_and_co_purchase": int((viewed & bought).sum()),
        "any": len(relations),
        "labelled": int(relations.labelled.sum()),
        "by_relation": by_relation,
    }


def degree_figures(first: np.ndarray, second: np.ndarray, n_items: int) -> dict[str, object]:
    """Distinct neighbours of an item: how long the tail is.

    Args:
        first: [p] one end of each labelled pair.
        second: [p] the other end.
        n_items: size of the catalogue.
    """
    degree = np.bincount(np.concatenate([first, second]), minlength=n_items)
    bins = np.bincount(np.searchsorted([0, 5, 20], degree), minlength=4).tolist()
    quantiles = np.quantile(degree, list(_QUANTILES.values()), method="nearest")
    return {
        "items_by_neighbours": dict(zip(("0", "1-5", "6-20", ">20"), bins, strict=True)),
        "quantiles": {name: int(q) for name, q in zip(_QUANTILES, quantiles, strict=True)},
        "mean": round(float(degree.mean()), 3),
    }


def quarantine_figures(counts: Mapping[str, int]) -> dict[str, object]:
    """How many lines could not be used, by reason."""
    return {"total": sum(counts.values()), "by_reason": dict(sorted(counts.items()))}


def _by_source(sources: np.ndarray) -> dict[str, int]:
    counts = np.bincount(sources, minlength=len(SOURCES)).tolist()
    by_source = {source: count for source, count in zip(SOURCES, counts, strict=True) if count}
    return {"all": len(sources), **by_source}


def _distinct(n_items: int, *items: np.ndarray) -> int:
    """How many different items there are among these."""
    seen = np.zeros(n_items, dtype=bool)
    for some in items:
        seen[some] = True
    return int(seen.sum())
