"""Datasets with planted noise, for curves: the same questions, asked after a worse training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .atomic import write_phase
from .audit import audit_folder
from .card import render_card
from .checksums import split_checksum
from .document import degree_figures, pair_figures
from .folder import checked_name, link_or_copy, new_folder
from .keys import pair_keys
from .labels import DEFAULT_POLICY, RELATIONS, Relations, label_pairs
from .names import dataset_name
from .parquet import COMPRESSION, write_behaviour
from .planting import KINDS, Clean, Noisy
from .product import BuildError
from .splits import PHASES, TRAIN, UNLABELLED, Split, shares_reached
from .training import read_document, read_training

# What a noisy dataset shares with the one it is made from.
_SAME_SUFFIXES = ("valid.inter", "test.inter", "item", "user")
_SAME_FILES = ("catalogue.parquet", "quarantine.jsonl")
_SAME_FOLDERS = ("candidates", "features", "images")
# What was learned from the clean training would clean the noisy one: labels are made again, and so
# are features whose name ends like this (``recbole-mmsc adapt``).
_LEARNED = "+adapted"


def add_noise(
    folder: Path, out: Path | None, kind: str, share: float, seed: int, replace: bool = False
) -> Path:
    """Make a dataset from another by planting noise in its training, whole or not at all.

    Only training changes: ``.train.inter`` and ``behaviour.parquet``. What is held out, the
    catalogue, candidates and features are the same files, by hard link where there can be one.
    What was learned from the clean training stays behind: labels and adapted features.
    ``noise.parquet`` (item, other, relation, kind) lists the unordered pairs that are noise; its
    relation is what training calls them. The same arguments give the same bytes.

    Args:
        folder: a dataset folder that ``build`` made.
        out: the folder of datasets for the new one; None for the one that holds ``folder``.
        kind: ``random``: pairs of items that are not related are added; ``swapped``: pairs move to
            the other relation. See :mod:`.planting`.
        share: in (0, 1], of each relation's training pairs.
        seed: of the draw.
        replace: take the place of an existing dataset of that name.

    Returns:
        The new folder, ``<name>-random30`` for a share of 0.3.

    Raises:
        BuildError: wrong arguments; ``folder`` is no dataset of ours, or noisy itself; the new
            one exists; the audit finds a leak. Nothing is made then.
    """
    if kind not in KINDS:
        raise BuildError(f"Expected a kind of noise out of {', '.join(KINDS)}, got {kind!r}.")
    if not 0 < share <= 1:
        raise BuildError(f"Expected a share in (0, 1], got {share}.")
    if seed < 0:
        raise BuildError(f"Expected a seed of 0 or more, got {seed}.")
    folder = Path(folder).absolute()
    document = read_document(folder)
    if "noise" in document:
        raise BuildError(
            f"Expected a dataset without noise, found {folder.name}, where some is planted "
            f"already. Plant it in the dataset that one was made from."
        )
    # The clean dataset's name says its policy and split already.
    name = checked_name(dataset_name(folder.name, DEFAULT_POLICY, "warm", (kind, share)))
    ids, clean = read_training(folder, document["options"]["policy"])
    noisy = KINDS[kind](clean, share, np.random.Generator(np.random.PCG64(seed)))
    if not len(noisy.item):
        raise BuildError(
            f"Expected a share that comes to a pair, got {share} of so few that it is none. Ask "
            f"for a larger one."
        )
    out = folder.parent if out is None else Path(out)
    with new_folder(out, name, replace) as new:
        _share_files(folder, new, name)
        _write_truth(new / "noise.parquet", ids, noisy, kind)
        said = {"kind": kind, "share": share, "seed": seed, "of": folder.name}
        document = _document(document, said, noisy) | _write_training(
            new, name, ids, document, clean, noisy
        )
        _write(new / "dataset.json", json.dumps(document, indent=2) + "\n")
        _write(new / "README.md", render_card(document))
        report = audit_folder(new, name)
        if not report.ok:
            raise BuildError(f"The audit of the noisy dataset failed.\n{report.render()}")
    return out / name


def _share_files(folder: Path, new: Path, name: str) -> None:
    """Link what stays the same; files beside it that are no part of a dataset stay behind."""
    same = {f"{folder.name}.{suffix}": f"{name}.{suffix}" for suffix in _SAME_SUFFIXES}
    same |= {file: file for file in _SAME_FILES}
    for shared in _SAME_FOLDERS:
        files = [
            file.name
            for file in (folder / shared).glob("[!.]*")
            if file.is_file() and not file.stem.endswith(_LEARNED)
        ]
        if files:
            (new / shared).mkdir()
        same |= {f"{shared}/{file}": f"{shared}/{file}" for file in files}
    for old_name, new_name in same.items():
        if (folder / old_name).exists():
            link_or_copy((folder / old_name).resolve(), new / new_name)


def _write_truth(path: Path, ids: pa.StringArray, noisy: Noisy, kind: str) -> None:
    """Write ``noise.parquet``, sorted by relation, item and other."""
    order = np.lexsort((noisy.other, noisy.item, noisy.relation))
    columns = {
        "item": ids.take(pa.array(noisy.item[order])),
        "other": ids.take(pa.array(noisy.other[order])),
        "relation": pa.array(RELATIONS).take(pa.array(noisy.relation[order])),
        "kind": pa.repeat(kind, len(order)),
    }
    pq.write_table(pa.table(columns), path, compression=COMPRESSION)


def _document(document: dict, said: dict, noisy: Noisy) -> dict:
    """The clean dataset's ``dataset.json``, and what the noise is."""
    notice = (
        f"Training holds planted noise ({said['kind']}, {said['share']:.4g} of each relation's "
        "pairs): for noise curves only."
    )
    counts = np.bincount(noisy.relation, minlength=len(RELATIONS)).tolist()
    return {
        **document,
        "notices": [*document["notices"], notice],
        "noise": {
            **said,
            "of_split_sha256": document["split_sha256"],
            "pairs": dict(zip(RELATIONS, counts, strict=True)),
        },
    }


def _write_training(
    new: Path, name: str, ids: pa.StringArray, document: dict, clean: Clean, noisy: Noisy
) -> dict:
    """Write ``.train.inter`` and ``behaviour.parquet``; returns the figures that change.

    ``document`` is the clean dataset's.
    """
    n = clean.relations.n_items
    relations = label_pairs(noisy.references, n, document["options"]["policy"])
    split = _all_training(relations)
    train = write_phase(new / f"{name}.train.inter", ids[:n], relations, split, TRAIN)
    behaviour = write_behaviour(new / "behaviour.parquet", ids, noisy.references, relations, split)
    labelled = relations.labelled
    keys = [pair_keys(relations.first[labelled], relations.second[labelled], n)]
    keys += clean.held_out.values()
    first, second = np.divmod(np.concatenate(keys), n)
    phase = np.repeat(np.arange(len(PHASES)), [len(some) for some in keys])
    return {
        "name": name,
        "pairs": _changed(
            document["pairs"],
            pair_figures(clean.relations, _all_training(clean.relations)),
            pair_figures(relations, split),
        ),
        "queries": {**document["queries"], "train": train},
        "behaviour_rows": behaviour,
        "degrees": degree_figures(first, second, n),
        "split_audit": {**document["split_audit"], "shares_reached": shares_reached(phase)},
        "split_sha256": split_checksum(new, name),
    }


def _all_training(relations: Relations) -> Split:
    """Every labelled pair is in training."""
    phase = np.where(relations.labelled, TRAIN, UNLABELLED).astype(np.int8)
    return Split("warm", phase, np.zeros(relations.n_items, dtype=np.int8), {})


def _changed(total: dict, before: dict, after: dict) -> dict:
    """Figures of the whole after a part of it has changed from ``before`` to ``after``."""
    figures = {}
    for key in {**total, **after}:
        if isinstance(total.get(key), dict):
            figures[key] = _changed(total[key], before[key], after[key])
        else:
            figures[key] = total.get(key, 0) + after.get(key, 0) - before.get(key, 0)
    return figures


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
