"""Raw metadata in, an audited dataset folder out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .amazon.reviews import MIN_USERS, co_review_references
from .amazon.v2023 import NO_CO_VIEWS
from .atomic import write_inter, write_item, write_user
from .audit import audit_folder
from .candidates import write_candidates
from .card import ORIGINS, OWN_CATALOGUE, render_card
from .catalogue import Catalogue, CatalogueBuilder
from .checksums import split_checksum
from .document import (
    FORMAT_VERSION,
    catalogue_figures,
    degree_figures,
    pair_figures,
    quarantine_figures,
    reference_figures,
    source_entry,
)
from .folder import checked_name, new_folder
from .labels import DEFAULT_POLICY, EXCLUSIVE_POLICIES, POLICIES, Relations, label_pairs
from .lines import check_files
from .names import COLD, dataset_name
from .parquet import write_behaviour, write_catalogue
from .pictures import check_pictures, link_pictures
from .product import CO_PURCHASE, CO_REVIEW, CO_VIEW, SOURCES, BuildError
from .quarantine import Quarantine
from .reading import read_products, sniff_format
from .splits import SPLITS, Split
from .summary import BuildSummary


@dataclass(frozen=True, slots=True)
class _Request:
    """What is to be built; see :func:`build_dataset`."""

    name: str
    paths: list[Path]
    format: str
    images: Path | None
    reviews: list[Path]
    policy: str
    split: str
    seed: int
    field_map: Mapping[str, str] | None
    origin: str
    progress: bool


def build_dataset(
    name: str,
    paths: Sequence[str | Path],
    out: str | Path = "dataset",
    *,
    format: str = "auto",
    images: str | Path | None = None,
    reviews: Sequence[str | Path] = (),
    policy: str = DEFAULT_POLICY,
    split: str = "warm",
    seed: int = 2026,
    field_map: Mapping[str, str] | None = None,
    origin: str = "",
    replace: bool = False,
    progress: bool = True,
) -> BuildSummary:
    """Build the dataset folder ``out/name``, whole and audited, or nothing at all.

    Args:
        name: of the dataset; a cold split adds ``-cold``.
        paths: metadata files, all of one format.
        out: the folder of datasets.
        format: one of :data:`~.reading.FORMAT_NAMES`.
        images: a folder of pictures named after item ids.
        reviews: review files; items reviewed by the same users count as co-purchase.
        policy: one of :data:`~.labels.POLICIES`.
        split: ``warm`` or ``cold``.
        seed: of the split and of the candidates.
        field_map: our field → their column, for ``jsonl`` and ``parquet``.
        origin: where the data come from and what to cite, for the card; by default what is known
            of the format.
        replace: take the place of an existing dataset of that name.
        progress: show progress bars on stderr.

    Raises:
        BuildError: wrong options, unusable input, no room, or a finding of the audit. Whatever
            is raised, an existing dataset stays untouched and no new one appears.
    """
    _check("split", split, SPLITS)
    _check("label policy", policy, POLICIES)
    if seed < 0:
        raise BuildError(f"Expected a seed of 0 or more, got {seed}.")
    if split == "warm" and name.endswith(COLD):
        raise BuildError(
            f"Expected another name or the split cold, found {name!r} for a warm split: names that "
            f"end in {COLD} are those of cold ones."
        )
    checked = check_files(paths)
    request = _Request(
        name=checked_name(dataset_name(name, DEFAULT_POLICY, split)),
        paths=checked,
        format=sniff_format(checked[0]) if format == "auto" else format,
        images=None if images is None else check_pictures(images),
        reviews=check_files(reviews) if reviews else [],
        policy=policy,
        split=split,
        seed=seed,
        field_map=field_map,
        origin=origin,
        progress=progress,
    )
    out = Path(out)
    with new_folder(out, request.name, replace) as folder:
        document = _fill(folder, request)
        report = audit_folder(folder, request.name)
        if not report.ok:
            raise BuildError(f"The audit of the new dataset failed.\n{report.render()}")
    return BuildSummary(out / request.name, document, report)


def _fill(folder: Path, request: _Request) -> dict:
    """Write everything into the folder; returns the content of ``dataset.json``."""
    with Quarantine(folder / "quarantine.jsonl") as quarantine:
        try:
            catalogue = _collect(folder, request, quarantine)
            relations = label_pairs(catalogue.references, catalogue.n_items, request.policy)
            if not relations.labelled.any():
                raise BuildError(_no_pairs(catalogue, request))
            split = SPLITS[request.split](relations, request.seed)
        except BuildError as error:
            raise BuildError(f"{error}{_kept_out(quarantine)}") from error
    labelled = relations.labelled
    written = _write_tables(folder, request, catalogue, relations, split)
    document = {
        "format_version": FORMAT_VERSION,
        "name": request.name,
        "origin": request.origin or ORIGINS.get(request.format, OWN_CATALOGUE),
        "notices": [*quarantine.broken, *_notices(catalogue, relations, request)],
        "exclusive_relations": request.policy in EXCLUSIVE_POLICIES,
        "options": {
            "format": request.format,
            "policy": request.policy,
            "split": request.split,
            "seed": request.seed,
            "field_map": dict(request.field_map) if request.field_map else None,
            "images": request.images is not None,
        },
        "sources": [
            *(source_entry(path, "metadata") for path in request.paths),
            *(source_entry(path, "reviews") for path in request.reviews),
        ],
        "catalogue": catalogue_figures(catalogue, relations, written["pictures"]),
        "references": reference_figures(catalogue),
        "pairs": pair_figures(relations, split),
        "queries": written["queries"],
        "behaviour_rows": written["behaviour"],
        "candidates": written["candidates"],
        "degrees": degree_figures(
            relations.first[labelled], relations.second[labelled], relations.n_items
        ),
        "quarantine": quarantine_figures(quarantine.counts),
        "split_audit": split.audit,
        "split_sha256": split_checksum(folder, request.name),
    }
    _write(folder / "dataset.json", json.dumps(document, indent=2) + "\n")
    _write(folder / "README.md", render_card(document))
    return document


def _write_tables(
    folder: Path, request: _Request, catalogue: Catalogue, relations: Relations, split: Split
) -> dict:
    """Write all but the documents; returns what only the writers know."""
    name, images = request.name, request.images
    steps = {
        "queries": lambda: write_inter(folder, name, catalogue, relations, split),
        "items": lambda: write_item(folder, name, catalogue),
        "users": lambda: write_user(folder, name, catalogue),
        "catalogue": lambda: write_catalogue(folder / "catalogue.parquet", catalogue),
        "behaviour": lambda: write_behaviour(
            folder / "behaviour.parquet", catalogue.ids, catalogue.references, relations, split
        ),
        "candidates": lambda: write_candidates(
            folder / "candidates" / "test.parquet",
            catalogue.item_ids,
            relations,
            split,
            request.seed,
        ),
        "pictures": lambda: (
            link_pictures(images, folder / "images", catalogue.item_ids) if images else 0
        ),
    }
    with tqdm(steps.items(), "writing", unit="table", disable=not request.progress) as bar:
        return {what: write() for what, write in bar}


def _collect(folder: Path, request: _Request, quarantine: Quarantine) -> Catalogue:
    builder = CatalogueBuilder(scratch=folder)
    for product in read_products(
        request.paths, request.format, quarantine, request.field_map, request.progress
    ):
        builder.add(product)
    if request.reviews:
        for item_id, others in co_review_references(
            request.reviews, builder.item_ids(), quarantine, progress=request.progress
        ):
            builder.add_references(item_id, others, CO_REVIEW)
    return builder.finish()


def _notices(catalogue: Catalogue, relations: Relations, request: _Request) -> list[str]:
    """What the reader of the card must not overlook."""
    notices = []
    notices += _without_ids(catalogue, request)
    listed = {SOURCES[code] for code in np.unique(catalogue.references.source)}
    if request.reviews and CO_REVIEW not in listed:
        names = ", ".join(path.name for path in request.reviews)
        notices.append(
            f"No two items were reviewed by the same {MIN_USERS} users in {names}: nothing was "
            "added to co-purchase. Check that the reviews are of these items."
        )
    for relation, evidence, sources in (
        ("substitute", relations.viewed, CO_VIEW),
        ("complement", relations.bought, CO_PURCHASE),
    ):
        if relations.of(relation).any():
            continue
        if evidence.any():
            why = "the label policy leaves none"
        elif relation == "substitute" and request.format == "amazon-2023":
            why = NO_CO_VIEWS
        elif not sources.isdisjoint(listed):
            why = "its sources list no two items of the catalogue"
        elif sources.isdisjoint(catalogue.dropped.sources_without_ids):
            why = "no source speaks of any"
        else:
            why = "what its sources list cannot be ids"
        notices.append(f"There are no {relation}s in this dataset: {why}.")
    return notices


def _without_ids(catalogue: Catalogue, request: _Request) -> list[str]:
    """A line for each source whose ids are of a shape that nobody can read."""
    columns = request.field_map or {}
    return [
        f"No usable id in column {columns[source]!r}, mapped to {source}: expected texts or "
        "integers, alone or in lists."
        if source in columns
        else f"No usable id in {source}."
        for source in catalogue.dropped.sources_without_ids
    ]


def _no_pairs(catalogue: Catalogue, request: _Request) -> str:
    lines = [
        f"No two of the {catalogue.n_items:,} products read from "
        f"{', '.join(path.name for path in request.paths)} are related under the label policy "
        f"{request.policy!r}: {len(catalogue.references):,} references were read, "
        f"{int((catalogue.references.other < catalogue.n_items).sum()):,} of them to others of "
        f"the catalogue, and {catalogue.dropped.self_relations:,} more of products to "
        "themselves. Check the format and, for a catalogue of your own, the field map.",
        *_without_ids(catalogue, request),
    ]
    return "\n".join(lines)


def _kept_out(quarantine: Quarantine) -> str:
    """The quarantine in words, since its file goes away with the failed build."""
    if not quarantine.total:
        return ""
    reasons = "; ".join(f"{count:,} x {reason}" for reason, count in quarantine.counts.items())
    return f"\n{quarantine.total:,} lines could not be used: {reasons}."


def _check(what: str, value: str, allowed: Mapping[str, object]) -> None:
    if value not in allowed:
        raise BuildError(f"Expected a {what} out of {', '.join(allowed)}, got {value!r}.")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
