"""The dataset folder's Parquet files: ``behaviour.parquet`` and ``catalogue.parquet``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .catalogue import Catalogue
from .keys import pair_keys
from .labels import Relations
from .product import SOURCES
from .references import PLACES, References
from .spill import SCHEMA
from .splits import TRAIN, Split
from .vocabulary import Vocabulary

_WORDS = pa.dictionary(pa.int32(), pa.string())
#: One row for each directed reference that is no secret of the split.
BEHAVIOUR_SCHEMA = pa.schema(
    [
        ("item", _WORDS),
        ("other", _WORDS),
        ("source", _WORDS),
        ("place", pa.int16()),
        ("in_catalogue", pa.bool_()),
    ]
)
_ROW_GROUP = 1 << 19
COMPRESSION = "zstd"


def write_behaviour(
    path: Path, ids: pa.StringArray, references: References, relations: Relations, split: Split
) -> dict[str, int]:
    """Write what the sources say, less what is held out.

    Left out are held-out pairs, in both directions and whatever the source, and all references
    from or to a cold item: a cold item has no behaviour. Places are counted without what is left
    out, so that no gap tells where it stood. Sorted by item, other and source.

    Args:
        path: the file.
        ids: every id that the references' numbers stand for, the items' first.
        references: what the sources say.
        relations: all pairs of items among them.
        split: of the pairs.

    Returns:
        Source → number of rows.
    """
    n_items = relations.n_items
    known = pair_keys(relations.first, relations.second, n_items)
    held_out = np.append(split.phase > TRAIN, False)  # the last for pairs that are not known
    cold = split.cold()
    rows: Counter[str] = Counter(dict.fromkeys(SOURCES, 0))
    with pq.ParquetWriter(
        path,
        BEHAVIOUR_SCHEMA,
        compression=COMPRESSION,
        # Room for a row group's own ids, so that they stay dictionary-encoded.
        dictionary_pagesize_limit=64 << 20,
    ) as writer:
        for part in _row_groups(references.item):
            item, other = references.item[part], references.other[part]
            source = references.source[part]
            inside = other < n_items
            pair = np.full(len(item), len(known))
            pair[inside] = np.searchsorted(known, pair_keys(item[inside], other[inside], n_items))
            secret = held_out[pair] | cold[item]
            secret[inside] |= cold[other[inside]]
            keep = ~secret
            for code, count in enumerate(np.bincount(source[keep], minlength=len(SOURCES))):
                rows[SOURCES[code]] += int(count)
            columns = [
                words(item[keep], ids),
                words(other[keep], ids),
                words(source[keep], pa.array(SOURCES)),
                pa.array(_places(item[keep], source[keep], references.place[part][keep])),
                pa.array(inside[keep]),
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=BEHAVIOUR_SCHEMA))
    return {source: count for source, count in rows.items() if count}


def read_behaviour(path: Path, item_ids: pa.StringArray) -> tuple[pa.StringArray, References]:
    """Read ``behaviour.parquet``: the ids (the items, then the outsiders) and the references.

    Args:
        path: the file.
        item_ids: [n] the catalogue's ids.

    Raises:
        ValueError: it names a source that there is not, or is of an earlier build without places.
    """
    if "place" not in (found := pq.read_schema(path).names):
        raise ValueError(
            f"Expected a column place in {path}, found {', '.join(found)}. Build the dataset again."
        )
    table = pq.read_table(path, columns=["item", "other", "source", "place"])
    ids, sources = Vocabulary(item_ids), Vocabulary(pa.array(SOURCES))
    item, other, source = (
        _codes(table[column], known)
        for column, known in (("item", ids), ("other", ids), ("source", sources))
    )
    if len(sources) > len(SOURCES):
        raise ValueError(
            f"Expected sources out of {', '.join(SOURCES)} in {path}, found "
            f"{sources.tokens[len(SOURCES)].as_py()!r}."
        )
    place = table["place"].to_numpy().astype(np.int16)
    return ids.tokens, References(item, other, source.astype(np.int8), place)


def write_catalogue(path: Path, catalogue: Catalogue) -> None:
    """Write the catalogue's texts, prices and image addresses, in the order of ``.item``."""
    with pq.ParquetWriter(path, SCHEMA, compression=COMPRESSION) as writer:
        for batch in catalogue.batches():
            writer.write_batch(batch)


def _row_groups(item: np.ndarray) -> Iterator[slice]:
    """Some hundred thousand references at a time, all of an item together; ``item`` ascends."""
    start = 0
    while start < len(item):
        last = item[min(start + _ROW_GROUP, len(item)) - 1]
        end = int(np.searchsorted(item, last, "right"))
        yield slice(start, end)
        start = end


def _places(item: np.ndarray, source: np.ndarray, place: np.ndarray) -> np.ndarray:
    """[r] int16: places counted from 0 in the list of each item and source, in the same order."""
    order = np.lexsort((place, source, item))
    item, source = item[order], source[order]
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (item[1:] != item[:-1]) | (source[1:] != source[:-1])
    count = np.arange(len(order))
    found = np.empty(len(order), dtype=np.int16)
    found[order] = np.minimum(count - np.maximum.accumulate(count * begins), PLACES - 1)
    return found


def words(codes: np.ndarray, all_words: pa.StringArray) -> pa.DictionaryArray:
    """The words of the codes as a dictionary array that holds only those used."""
    used = np.zeros(len(all_words), dtype=bool)
    used[codes] = True
    number = np.cumsum(used, dtype=np.int32) - 1
    return pa.DictionaryArray.from_arrays(
        pa.array(number[codes].astype(np.int32)), all_words.filter(pa.array(used))
    )


def _codes(column: pa.ChunkedArray, known: Vocabulary) -> np.ndarray:
    """[r] int32: the words' numbers; unknown words are added."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    coded = column.unify_dictionaries().combine_chunks()
    return known.add(coded.dictionary)[coded.indices.to_numpy()]
