"""What the audit checks in ``dataset.json``: that it is about these files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..keys import pair_keys
from ..labels import EXCLUSIVE_POLICIES, POLICIES
from ..splits import PHASES, SPLITS
from .findings import Finding
from .reading import Folder


def recorded_name(folder: Folder) -> Iterator[Finding]:
    """``dataset.json``: about the dataset of this name."""
    if folder.document and folder.document.get("name") != folder.name:
        message = f"dataset.json is about {folder.document.get('name')!r}"
        yield Finding("error", "name", 1, message)


def recorded_options(folder: Folder) -> Iterator[Finding]:
    """The split, whose contract is checked, and the label policy, which decides the masks."""
    if not folder.document:
        return
    options = folder.document.get("options")
    options = options if isinstance(options, dict) else {}
    for option, known in (("split", SPLITS), ("policy", POLICIES)):
        if options.get(option) not in known:
            expected = f"dataset.json: expected a {option} out of {', '.join(known)}"
            message = f"{expected}, found {options.get(option)!r}"
            yield Finding("error", f"unknown-{option}", 1, message)
    said, policy = folder.document.get("exclusive_relations"), options.get("policy")
    if policy in POLICIES and said is not (policy in EXCLUSIVE_POLICIES):
        message = f"dataset.json says exclusive_relations {said!r} beside the policy {policy}"
        yield Finding("error", "exclusive", 1, message)
    if said is True and folder.as_recorded and (both := _of_both_relations(folder)):
        message = "pair has two relations, though dataset.json says exclusive_relations"
        yield Finding("error", "exclusive", both, message)


def recorded_split(folder: Folder) -> Iterator[Finding]:
    """The ``.inter`` files that ``dataset.json`` was written for, and their figures."""
    if not folder.document or any(phase not in folder.rows for phase in PHASES):
        return
    if not folder.as_recorded:
        message = "the .inter files are not those that dataset.json was written for (split_sha256)"
        yield Finding("error", "checksum", 1, message)
        return
    if not {"pairs", "queries"} <= folder.document.keys():
        return
    pairs, queries = folder.document["pairs"]["by_relation"], folder.document["queries"]
    for code, relation in enumerate(folder.relations):
        for phase in PHASES:
            rows = folder.rows[phase].where(folder.rows[phase].relation == code)
            keys = pair_keys(rows.query, rows.target, len(folder.items))
            for what, said, found in (
                ("pairs", pairs[relation][phase], keys),
                ("queries", queries[phase][relation], rows.query),
            ):
                if said != (count := len(np.unique(found))):
                    message = f"dataset.json says {said} {what} of {relation} in {phase}: {count}"
                    yield Finding("error", "figures", 1, message)


def _of_both_relations(folder: Folder) -> int:
    """How many unordered pairs are rows of more than one relation, whichever the phase."""
    n = len(folder.items)
    found = [
        np.unique(
            np.concatenate(
                [
                    pair_keys(rows.query[of], rows.target[of], n)
                    for rows in folder.rows.values()
                    for of in [rows.relation == code]
                ]
            )
        )
        for code in range(len(folder.relations))
        if folder.between_items and folder.rows
    ]
    keys = np.concatenate([np.empty(0, np.int64), *found])
    return len(keys) - len(np.unique(keys))


ALL = (recorded_name, recorded_options, recorded_split)
