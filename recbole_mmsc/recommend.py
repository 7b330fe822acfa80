"""What a trained model recommends for each item of a catalogue, as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import torch
from recbole.data.interaction import Interaction
from torch import Tensor
from tqdm import tqdm

from recbole_mmsc.checkpoint import Loaded, load_checkpoint
from recbole_mmsc.data.queries import RELATIONS, Queries, read_queries, relation_index
from recbole_mmsc.dataset_builders.keys import contains, sorted_unique
from recbole_mmsc.dataset_builders.whole_file import whole_file
from recbole_mmsc.evaluation.known import rows_of, user_item_keys
from recbole_mmsc.evaluation.masking import never_offered, queries_at_once
from recbole_mmsc.evaluation.ranking import best_items
from recbole_mmsc.evaluation.scoring import CatalogueScores

WRITERS: dict[str, Callable[[Path, pa.Schema], Any]] = {
    ".parquet": lambda path, schema: pq.ParquetWriter(path, schema, compression="zstd"),
    ".csv": pa.csv.CSVWriter,
}
SCHEMA = pa.schema(
    {
        "item": pa.string(),
        "relation": pa.string(),
        "rank": pa.int32(),
        "recommended": pa.string(),
        "score": pa.float32(),
        "known": pa.bool_(),
    }
)


@dataclass(frozen=True)
class Recommendations:
    """What :func:`recommend` wrote.

    Args:
        path: the file.
        n_items: items that were asked about.
        n_rows: recommendations.
        n_known: of them, pairs that stand in the dataset.
    """

    path: Path
    n_items: int
    n_rows: int
    n_known: int

    def render(self) -> str:
        """For people."""
        share = self.n_known / max(self.n_rows, 1)
        return (
            f"{self.path}: {self.n_rows:,} recommendations for {self.n_items:,} items, {share:.0%} "
            "of them known pairs"
        )


def recommend(
    checkpoint: Path,
    out: Path,
    top: int = 20,
    relations: Sequence[str] = RELATIONS,
    data: Path | None = None,
    progress: bool = True,
) -> Recommendations:
    """Write the best items for every item and relation, best first.

    Never recommended are the item itself and, where the label policy makes the relations exclusive,
    an item that is known to be of the other relation. Known pairs, of any part of the dataset, are
    recommended like others and marked as known. The file appears whole or not at all.

    Args:
        checkpoint: of any of RecBole's or our general recommenders.
        out: ``.parquet`` or ``.csv``; an existing file is replaced. Columns: :data:`SCHEMA`.
        top: recommendations for an item and relation; there are fewer where the catalogue has not
            so many.
        relations: which.
        data: the folder that holds the dataset's, where it is not the one of the training.
        progress: show a progress bar.

    Raises:
        OSError: the checkpoint or a file of its dataset is missing.
        ValueError: ``out`` is of another kind, a relation is unknown, ``top`` is no count, the
            file is no checkpoint, its dataset another, or a score is not a number.
    """
    if out.suffix not in WRITERS:
        raise ValueError(f"expected an output file named *{' or *'.join(WRITERS)}, found {out}")
    if top < 1:
        raise ValueError(f"expected 1 recommendation or more, found {top}")
    wanted = [relation_index(relation) for relation in relations]
    with tqdm(unit="query", desc=f"reading {checkpoint.name}", disable=not progress) as bar:
        loaded = load_checkpoint(checkpoint, data)
        queries = read_queries(loaded.parts[0])
        asked = np.flatnonzero(np.isin(queries.relation, wanted))
        asked = asked[np.lexsort((queries.relation[asked], queries.item[asked]))]
        bar.reset(len(asked))
        bar.set_description("ranking")
        n_rows = n_known = 0
        with _writing(out) as write:
            for n_queries, table in _tables(loaded, queries, asked, top):
                write(table)
                bar.update(n_queries)
                n_rows += len(table)
                n_known += table["known"].to_numpy().sum()
    return Recommendations(out, len(np.unique(queries.item[asked])), n_rows, int(n_known))


@contextmanager
def _writing(out: Path) -> Iterator[Callable[[pa.Table], None]]:
    with whole_file(out) as path, WRITERS[out.suffix](path, SCHEMA) as writer:
        yield writer.write_table


@torch.no_grad()
def _tables(
    loaded: Loaded, queries: Queries, asked: np.ndarray, top: int
) -> Iterator[tuple[int, pa.Table]]:
    """How many of the query tokens were asked, some at a time, and what is recommended for them."""
    config, train = loaded.config, loaded.parts[0]
    n_items = train.item_num
    known = sorted_unique(np.concatenate([user_item_keys(part) for part in loaded.parts]))
    never = never_offered(Path(config["data_path"]), queries, asked, known, n_items)
    hidden = rows_of(never, asked, n_items)
    tokens = pa.array(train.field2id_token[train.iid_field].astype(str))
    score = CatalogueScores(loaded.model, train, config["eval_batch_size"])
    for places in torch.arange(len(asked)).split(queries_at_once(n_items)):
        users = asked[places.numpy()]
        batch = Interaction({train.uid_field: torch.from_numpy(users)})
        scores = score(batch.to(config["device"])).cpu()
        entries, row = hidden.of(places)
        scores[:, 0] = -torch.inf
        scores[row, hidden.entries[entries]] = -torch.inf
        items = best_items(scores, top, config["model"])
        yield len(users), _table(queries, users, items, scores.gather(1, items), known, tokens)


def _table(
    queries: Queries,
    users: np.ndarray,
    items: Tensor,
    scores: Tensor,
    known: np.ndarray,
    tokens: pa.Array,
) -> pa.Table:
    """Of ``[b]`` query tokens the ``[b, k]`` best items, best first and 0 where there are no more,
    as a row for each."""
    row, place = items.nonzero(as_tuple=True)
    item, user = items[row, place].numpy(), users[row.numpy()]
    columns = {
        "item": tokens.take(pa.array(queries.item[user])),
        "relation": pa.array(np.array(RELATIONS)[queries.relation[user]]),
        "rank": place.numpy() + 1,
        "recommended": tokens.take(pa.array(item)),
        "score": scores[row, place].numpy(),
        "known": contains(known, user * len(tokens) + item),
    }
    return pa.table(columns).cast(SCHEMA)
