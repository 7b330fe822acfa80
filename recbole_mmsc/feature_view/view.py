"""``recbole-mmsc features``: which features a dataset has, what is near what, a map."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from recbole_mmsc.data.built import command
from recbole_mmsc.data.features import FeatureError, Features, features_path
from recbole_mmsc.dataset_builders.printable import printable

from .catalogue import Catalogue, read_catalogue
from .groups import category_groups, typical_rows
from .inventory import features_files, read_checked, summarise
from .neighbours import nearest
from .picture import MapText, draw_map
from .projection import project, sample_rows
from .text import neighbours_text, problem_text, summary_text

EXAMPLES = 5  # items whose neighbours are shown


def show_features(
    folder: Path,
    encoder: str = "",
    items: Sequence[str] = (),
    neighbours: int = 5,
    out: Path | None = None,
    console: Console | None = None,
) -> bool:
    """Print what features a dataset folder has; of a single file also neighbours and a map.

    Args:
        folder: ``dataset/<name>``.
        encoder: look at this one's file alone; by default at all files.
        items: ids of the items whose neighbours are shown; by default a few of large categories.
        neighbours: how many of each.
        out: where ``<encoder>.<modality>.png`` goes, by default beside the features.
        console: to print on.

    Returns:
        Whether every file looked at is sound.

    Raises:
        FileNotFoundError: there is no such dataset.
        ValueError: it has no features or none of this encoder, an item is unknown, or items are
            asked for while it is open which file is meant.
    """
    if neighbours < 1:
        raise ValueError(f"Expected 1 neighbour or more, got {neighbours}.")
    console = console or Console()
    catalogue = read_catalogue(folder)
    files = _files(folder, encoder)
    if items and len(files) > 1:
        names = ", ".join(printable(file.stem) for file in files)
        raise ValueError(f"Expected --encoder beside --items, one of: {names}.")
    rows = catalogue.rows(items)
    sound = True
    for file in files:
        try:
            features = read_checked(file, catalogue.ids)
        except FeatureError as error:
            console.print(problem_text(file.name, str(error)), highlight=False)
            sound = False
            continue
        console.print(summary_text(summarise(file, features)), highlight=False)
        if len(files) == 1:
            _show_neighbours(console, catalogue, features, rows, neighbours)
            _draw_maps(console, catalogue, features, out or file.parent, file.stem)
    if len(files) > 1:
        more = command("features", folder)
        console.print(f"neighbours and a map: {more} --encoder …", markup=False)
    return sound


def _files(folder: Path, encoder: str) -> list[Path]:
    files = features_files(folder)
    if not encoder and files:
        return files
    make = command("encode", folder, "--encoder", encoder or "minilm")
    if not files:
        raise FeatureError(f"{folder} has no features yet. Make them with `{make}`.")
    wanted = features_path(folder, encoder)
    if wanted in files:
        return [wanted]
    names = [printable(file.stem) for file in files]
    near = difflib.get_close_matches(wanted.stem, names, n=1)
    advice = f"Did you mean {near[0]!r}?" if near else f"Make them with `{make}`."
    raise FeatureError(
        f"{folder} has features of {', '.join(names)}, none of {encoder!r}. {advice}"
    )


def _show_neighbours(
    console: Console, catalogue: Catalogue, features: Features, rows: list[int], k: int
) -> None:
    masks = np.stack(list(features.available.values()))
    if not rows:
        # of the items that have the most of what there is to compare
        has = masks.sum(axis=0)
        rows = typical_rows(catalogue.categories, (has > 0) & (has == has.max(initial=0)), EXAMPLES)
    if not rows:
        console.print("no neighbours: no item has a vector")
    by = {name: [features.vectors[name]] for name in features.modalities}
    if len(by) > 1:
        by[" and ".join(by)] = [features.vectors[name] for name in features.modalities]
    with _waiting(f"neighbours among {len(catalogue.ids):,} items"):
        found = {name: nearest(vectors, rows, k) for name, vectors in by.items()}
    for place, row in enumerate(rows):
        near = {
            name: found[name][place] if any(part[row].any() for part in vectors) else None
            for name, vectors in by.items()
        }
        console.print(neighbours_text(catalogue, row, near), highlight=False)


def _draw_maps(
    console: Console, catalogue: Catalogue, features: Features, out: Path, stem: str
) -> None:
    groups = category_groups(catalogue.categories)
    for modality in features.modalities:
        rows = sample_rows(features.available[modality])
        if not len(rows):
            console.print(f"no map of {modality}: no item has it", highlight=False)
            continue
        with _waiting(f"map of {modality}: {len(rows):,} items"):
            projection = project(features.vectors[modality][rows])
        n_with = int(features.available[modality].sum())
        drawn = "all drawn" if len(rows) == n_with else f"a sample of {len(rows):,} drawn"
        text = MapText(
            title=f"{catalogue.name}: {modality} by {features.encoder}",
            subtitle=f"{n_with:,} of {len(catalogue.ids):,} items have {modality}, {drawn}",
            caption=projection.method,
        )
        path = draw_map(out / f"{stem}.{modality}.png", projection.points, groups[rows], text)
        console.print(f"map of {modality}: {path}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _waiting(what: str) -> Iterator[None]:
    """Time that passes: sklearn does not say how far it is."""
    columns = SpinnerColumn(), TextColumn(escape(what)), TimeElapsedColumn()
    console = Console(stderr=True)
    disabled = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disabled) as progress:
        progress.add_task("", total=None)
        yield
