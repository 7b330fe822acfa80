"""The dataset folder's Parquet files: ``behaviour.parquet`` and ``catalogue.parquet``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .catalogue import Catalogue
from .keys import pair_keys
from .labels import Relations
from .product import SOURCES
from .spill import SCHEMA
from .splits import TRAIN, Split

_WORDS = pa.dictionary(pa.int32(), pa.string())
#: One row for each directed reference that is no secret of the split.
BEHAVIOUR_SCHEMA = pa.schema(
    [("item", _WORDS), ("other", _WORDS), ("source", _WORDS), ("in_catalogue", pa.bool_())]
)
_ROW_GROUP = 1 << 19
_COMPRESSION = "zstd"


def write_behaviour(
    path: Path, catalogue: Catalogue, relations: Relations, split: Split
) -> dict[str, int]:
    """Write what the sources say, less what is held out.

    Left out are held-out pairs, in both directions and whatever the source, and all references
    from or to a cold item: a cold item has no behaviour. Sorted by item, other and source.

    Returns:
        Source → number of rows.
    """
    references, n_items = catalogue.references, catalogue.n_items
    known = pair_keys(relations.first, relations.second, n_items)
    held_out = np.append(split.phase > TRAIN, False)  # the last for pairs that are not known
    cold = split.cold()
    rows: Counter[str] = Counter(dict.fromkeys(SOURCES, 0))
    with pq.ParquetWriter(
        path,
        BEHAVIOUR_SCHEMA,
        compression=_COMPRESSION,
        # Room for a row group's own ids, so that they stay dictionary-encoded.
        dictionary_pagesize_limit=64 << 20,
    ) as writer:
        for start in range(0, len(references), _ROW_GROUP):
            part = slice(start, start + _ROW_GROUP)
            item, other = references.item[part], references.other[part]
            source = references.source[part]
            inside = other < n_items
            place = np.full(len(item), len(known))
            place[inside] = np.searchsorted(known, pair_keys(item[inside], other[inside], n_items))
            secret = held_out[place] | cold[item]
            secret[inside] |= cold[other[inside]]
            keep = ~secret
            for code, count in enumerate(np.bincount(source[keep], minlength=len(SOURCES))):
                rows[SOURCES[code]] += int(count)
            columns = [
                _words(item[keep], catalogue.ids),
                _words(other[keep], catalogue.ids),
                _words(source[keep], pa.array(SOURCES)),
                pa.array(inside[keep]),
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=BEHAVIOUR_SCHEMA))
    return {source: count for source, count in rows.items() if count}


def write_catalogue(path: Path, catalogue: Catalogue) -> None:
    """Write the catalogue's texts, prices and image addresses, in the order of ``.item``."""
    with pq.ParquetWriter(path, SCHEMA, compression=_COMPRESSION) as writer:
        for batch in catalogue.batches():
            writer.write_batch(batch)


def _words(codes: np.ndarray, words: pa.StringArray) -> pa.DictionaryArray:
    """The words as a dictionary array that holds only those used."""
    used, index = np.unique(codes, return_inverse=True)
    return pa.DictionaryArray.from_arrays(
        pa.array(index.astype(np.int32)), words.take(pa.array(used))
    )
