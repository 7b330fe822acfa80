"""What ``dataset.json`` says about a dataset, as rows for people; what is not in it is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_mmsc.data.built import read_document

_EMPHASIS = re.compile(r"\*([^*]+)\*")  # of Markdown
PHASES = {"train": "training", "valid": "validation", "test": "test"}


@dataclass(frozen=True)
class Noise:
    """Noise planted into the training pairs of a dataset.

    Args:
        kind: what was done, such as ``random`` or ``swapped``.
        share: of the training pairs of each relation.
        of: name of the dataset without the noise.
        seed: of the draw.
    """

    kind: str
    share: float
    of: str
    seed: int


@dataclass(frozen=True)
class Card:
    """A dataset.

    Args:
        facts: what → figure or text.
        sources: of each file its name, kind, bytes and checksum.
        origin: where it comes from, under which terms.
        split_sha256: checksum of the split.
        noise: None where none was planted.
        build: words of the command that builds it, before any noise: files by name alone, ``DIR``
            for the folder of pictures.
    """

    facts: dict[str, str]
    sources: list[tuple[str, str, str, str]]
    origin: str
    split_sha256: str
    noise: Noise | None
    build: tuple[str, ...]


def read_card(folder: Path) -> Card | None:
    """Read the ``dataset.json`` of a folder; None where there is none.

    Raises:
        ValueError: it is damaged.
    """
    return read_document(folder, _card) if (folder / "dataset.json").is_file() else None


def _card(document: Mapping[str, Any]) -> Card:
    planted = document.get("noise")
    noise = (
        Noise(planted["kind"], float(planted["share"]), planted["of"], int(planted["seed"]))
        if planted
        else None
    )
    return Card(
        facts=dict(_facts(document)),
        sources=[
            (source["file"], source["kind"], f"{source['bytes']:,}", source["sha256"])
            for source in document.get("sources", [])
        ],
        origin=_EMPHASIS.sub(r"\1", document.get("origin", "")),
        split_sha256=document.get("split_sha256", ""),
        noise=noise,
        build=tuple(_build(noise.of if noise else document["name"], document)),
    )


def _build(name: str, document: Mapping[str, Any]) -> Iterator[str]:
    options = document.get("options", {})
    yield from ("recbole-mmsc", "build", "--name", name)
    for flag, kind in (("--meta", "metadata"), ("--reviews", "reviews")):
        files = [one["file"] for one in document.get("sources", []) if one["kind"] == kind]
        yield from (flag, *files) if files else ()
    for option in ("format", "policy", "split", "seed"):
        if option in options:
            yield from (f"--{option}", str(options[option]))
    for ours, theirs in (options.get("field_map") or {}).items():
        yield from ("--field", f"{ours}={theirs}")
    if options.get("images"):
        yield from ("--images", "DIR")


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    options = {**document.get("options", {})}
    for name, what in (("policy", "label policy"), ("split", "split"), ("seed", "seed")):
        if name in options:
            yield what, str(options[name])
    if "exclusive_relations" in document:
        yield "a pair has one relation at most", "yes" if document["exclusive_relations"] else "no"
    catalogue = document.get("catalogue", {})
    for name, what in (
        ("items", "items, all of them ranked"),
        ("with_relations", "items with relations"),
        ("with_title", "items with a title"),
        ("with_picture", "items with a picture"),
    ):
        if name in catalogue:
            yield what, f"{catalogue[name]:,}"
    pairs = document.get("pairs", {})
    for name, what in (
        ("co_view", "co-viewed pairs"),
        ("co_purchase", "co-purchased pairs"),
        ("co_view_and_co_purchase", "both co-viewed and co-purchased"),
    ):
        if name in pairs:
            yield what, f"{pairs[name]:,}"
    for relation, phases in pairs.get("by_relation", {}).items():
        for phase, what in PHASES.items():
            yield f"{relation} pairs, {what}", f"{phases[phase]:,}"
    if "quantiles" in document.get("degrees", {}):
        quantiles = document["degrees"]["quantiles"]
        yield (
            "neighbours of an item, median and maximum",
            " and ".join(f"{quantiles[name]:,}" for name in ("50%", "max")),
        )
    if noise := document.get("noise"):
        yield "noise in training", f"{noise['share']:.0%}, {noise['kind']}"
