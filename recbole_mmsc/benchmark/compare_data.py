"""What a dataset folder says about the queries of a comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from recbole_mmsc.benchmark.record import RunRecord
from recbole_mmsc.data.built import split_of
from recbole_mmsc.data.queries import RELATIONS, SEPARATOR

PHASES = ("train", "valid", "test")


@dataclass
class About:
    """Titles and pairs; of a dataset that is not there, nothing.

    Args:
        titles: item → title.
        held_out: query token → its positives in the test part, in the order of the file.
        known: relation and query item → items that stand in it, in any part.
        notices: what is missing.
    """

    titles: dict[str, str] = field(default_factory=dict)
    held_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    known: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    notices: list[str] = field(default_factory=list)

    def title(self, item: str) -> str:
        """The title of an item, or its id."""
        return self.titles.get(item) or item


def read_about(
    record: RunRecord, data: Path | None, asked: Collection[str], recommended: Collection[str]
) -> About:
    """Read what is known of some queries.

    Args:
        record: of a run on the dataset.
        data: the folder of datasets, None if it is not known.
        asked: the query items.
        recommended: items whose titles are wanted, too.

    Raises:
        ValueError: the folder holds another split than the run was made of.
    """
    about = About()
    if data is None or not (data / record.dataset / "dataset.json").is_file():
        place = f"in {data}" if data else "(no folder of datasets was given)"
        about.notices.append(
            f"Ids instead of titles, and no held-out positives: no dataset {record.dataset} "
            f"{place}. Name its parent folder with --data."
        )
        return about
    folder = data / record.dataset
    _check_split(folder, record)
    _read_pairs(about, folder, asked)
    wanted = {*asked, *recommended}.union(*about.held_out.values())
    _read_titles(about, folder / "catalogue.parquet", wanted)
    return about


def _read_pairs(about: About, folder: Path, asked: Collection[str]) -> None:
    items = sorted(set(asked))
    tokens = pa.array([f"{r}{SEPARATOR}{item}" for r in RELATIONS for item in items], pa.string())
    for phase in PHASES:
        for query, item in _pairs_of(folder / f"{folder.name}.{phase}.inter", tokens):
            relation, _, query_item = query.partition(SEPARATOR)
            about.known[relation, query_item].add(item)
            if phase == "test" and item not in about.held_out[query]:
                about.held_out[query].append(item)


def _read_titles(about: About, file: Path, wanted: Collection[str]) -> None:
    if not file.is_file():
        about.notices.append(f"Ids instead of titles: no {file}.")
        return
    catalogue = pq.read_table(file, columns=["item_id", "title"])
    inside = pc.is_in(catalogue["item_id"], value_set=pa.array(sorted(wanted), pa.string()))
    for row in catalogue.filter(inside).to_pylist():
        about.titles[row["item_id"]] = row["title"] or ""


def _check_split(folder: Path, record: RunRecord) -> None:
    found = split_of(folder)
    if record.split_sha256 and found != record.split_sha256:
        raise ValueError(
            f"expected the split {record.split_sha256!r} that the runs were made of in {folder}, "
            f"found {found!r}; name the folder of the old dataset, or run the benchmark again"
        )


def _pairs_of(file: Path, queries: pa.Array) -> Iterator[tuple[str, str]]:
    """Pairs of some queries out of a file that may be larger than memory."""
    columns = ["query_id:token", "item_id:token"]
    reader = pyarrow.csv.open_csv(
        file,
        parse_options=pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=columns, column_types=dict.fromkeys(columns, pa.string())
        ),
    )
    for batch in reader:
        found = batch.filter(pc.is_in(batch.column(0), value_set=queries))
        yield from zip(*(column.to_pylist() for column in found.columns), strict=True)
