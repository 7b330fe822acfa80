"""What is to be encoded: a catalogue's texts and pictures, cut into shards."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from recbole_mmsc.data.built import catalogue_columns, command

from ..data.features import features_path, item_ids_checksum
from ..images.decoding import BadImage
from ..images.sources import Picture, Source, open_source
from . import Encoder

SHARD_ITEMS = 1024
_VERSION = 2  # of the parts; another one makes them anew


@dataclass(frozen=True)
class Job:
    """A catalogue and a fitted encoder, with all that decides the bytes of the features.

    Attributes:
        folder: of the dataset.
        path: the features file that is to be written.
        encoder: after ``fit``.
        item_ids: of all n items, in ``.item`` order.
        texts: one per item, "" for none; all are "" if the encoder takes no texts.
        source: what the pictures are read from; None without pictures.
        pictures: sorted by item; empty without pictures.
        batch_size: of texts and of pictures.
        shard_items: how many items a shard has; the last one may have fewer.
    """

    folder: Path
    path: Path
    encoder: Encoder
    item_ids: list[str]
    texts: list[str]
    source: Source | None
    pictures: list[Picture]
    batch_size: int
    shard_items: int
    _read: dict[int, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those that the encoder takes and the catalogue has."""
        has = {"text": any(self.texts), "image": bool(self.pictures)}
        return tuple(modality for modality in self.encoder.modalities if has[modality])

    @property
    def n_shards(self) -> int:
        """How many shards there are."""
        return -(-len(self.item_ids) // self.shard_items)

    def items_of(self, shard: int) -> range:
        """The rows of a shard."""
        start = shard * self.shard_items
        return range(start, min(start + self.shard_items, len(self.item_ids)))

    def pictures_of(self, shard: int) -> list[Picture]:
        """The pictures of a shard's items."""
        items = self.items_of(shard)
        start, end = np.searchsorted(self._items_with_pictures, (items.start, items.stop))
        return self.pictures[start:end]

    @cached_property
    def _items_with_pictures(self) -> np.ndarray:
        return np.array([picture.item for picture in self.pictures], np.int64)

    def fingerprint(self, shard: int) -> str:
        """Changes with everything that can change the part of a shard."""
        return _checksum([self._made_from, self._contents(shard)])

    @cached_property
    def _made_from(self) -> str:
        """What the parts of all shards have in common."""
        made_from = {
            "version": _VERSION,
            "encoder": self.encoder.name,
            "description": self.encoder.describe(),
            "template": str(self.encoder.template),
            "modalities": self.modalities,
            "batch_size": self.batch_size,
            "shard_items": self.shard_items,
            "items": item_ids_checksum(self.item_ids),
            "texts": _checksum(self.texts),
            "pictures": _checksum([each.item, each.name, each.size] for each in self.pictures),
        }
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()

    @property
    def pictures_checksum(self) -> str:
        """SHA-256 of the names and contents of all pictures."""
        return _checksum(self._contents(shard) for shard in range(self.n_shards))

    def _contents(self, shard: int) -> str:
        """SHA-256 of the names and contents of a shard's pictures, which are read once."""
        # Not the times of change: shares are made from copies of one folder too, whose times
        # differ. Reading the pictures takes little of the time that encoding them does.
        if shard not in self._read:
            pictures, source = self.pictures_of(shard), self.source
            with ThreadPoolExecutor() as threads:
                found = threads.map(lambda picture: _content(source, picture), pictures)
                self._read[shard] = _checksum(
                    [picture.item, picture.name, content]
                    for picture, content in zip(pictures, found, strict=True)
                )
        return self._read[shard]


def make_job(
    folder: str | os.PathLike[str],
    encoder: Encoder,
    images: str | os.PathLike[str] | None = None,
    batch_size: int | None = None,
    shard_items: int = SHARD_ITEMS,
) -> Job:
    """Read a dataset folder, find its pictures and fit the encoder to all its texts.

    Args:
        folder: a built dataset folder.
        encoder: an encoder.
        images: folder or archive of pictures; by default the dataset's own ``images/``, if any.
        batch_size: of texts and of pictures; by default what the encoder likes.
        shard_items: items per shard.

    Raises:
        FileNotFoundError: the folder holds no ``catalogue.parquet``.
        ValueError: there is nothing that the encoder can encode, or nothing where ``images`` says.
    """
    folder = Path(folder)
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"Expected a batch size of at least 1 (got {batch_size}).")
    fields = encoder.template.fields if "text" in encoder.modalities else ()
    catalogue = catalogue_columns(folder, "item_id", *fields)
    item_ids = catalogue.column("item_id").to_pylist()
    texts = [""] * len(item_ids)
    if fields:
        texts = encoder.template.texts(catalogue)
    source, pictures = _find_pictures(folder, encoder, images, item_ids)
    job = Job(
        folder=folder,
        path=features_path(folder, encoder.name),
        encoder=encoder,
        item_ids=item_ids,
        texts=texts,
        source=source,
        pictures=pictures,
        batch_size=batch_size or encoder.batch_size,
        shard_items=shard_items,
    )
    if not job.modalities:
        raise ValueError(_nothing(folder, encoder, len(item_ids)))
    if "text" in job.modalities:
        encoder.fit([text for text in texts if text])
    return job


def _find_pictures(
    folder: Path,
    encoder: Encoder,
    images: str | os.PathLike[str] | None,
    item_ids: list[str],
) -> tuple[Source | None, list[Picture]]:
    if "image" not in encoder.modalities:
        if images is not None:
            raise ValueError(f"The encoder {encoder.name} takes no pictures, got {images}.")
        return None, []
    if images is None and not (folder / "images").is_dir():
        return None, []
    source, pictures = open_source(folder / "images" if images is None else images, item_ids)
    if images is not None and not pictures:
        raise ValueError(
            f"Expected pictures named after items, such as {item_ids[0]}.jpg, in {images}, "
            "found none."
        )
    return source, pictures


def _nothing(folder: Path, encoder: Encoder, n_items: int) -> str:
    wanted = {"text": "text", "image": "pictures"}
    expected = " or ".join(wanted[modality] for modality in encoder.modalities)
    message = f"Expected {expected} in {folder}, found none in {n_items} items."
    if "image" in encoder.modalities:
        message += (
            " Name a folder or an archive of pictures with --images, or fetch them with "
            f"`{command('fetch-images', folder)}`."
        )
    return message


def _content(source: Source, picture: Picture) -> str:
    try:
        return hashlib.sha256(source.read(picture)).hexdigest()
    except BadImage as reason:
        return str(reason)


def _checksum(entries: Iterable[object]) -> str:
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(json.dumps(entry).encode() + b"\n")
    return digest.hexdigest()
