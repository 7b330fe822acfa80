"""Reading a dataset folder for the audit: tokens become numbers as they stream by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ..checksums import split_checksum
from ..splits import PHASES
from ..vocabulary import Vocabulary
from .findings import Finding, Severity

#: What reading a damaged or hostile file may raise.
UNREADABLE = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError),
    pa.ArrowException,
)

#: Files that nobody but our builders writes.
OUR_FILES = ("catalogue.parquet", "behaviour.parquet")

_BLOCK = 32 << 20
_MAX_RELATIONS = 100


@dataclass(slots=True)
class Rows:
    """The rows r of one ``.inter`` file.

    Attributes:
        relation: [r] int8, index into :attr:`Folder.relations`.
        query: [r] int32, number of the query item, or of the user in a folder of users.
        target: [r] int32, number of the target item.
    """

    relation: np.ndarray
    query: np.ndarray
    target: np.ndarray

    def __len__(self) -> int:
        return len(self.query)

    def where(self, mask: np.ndarray) -> Rows:
        """The rows where ``mask`` [r] bool holds."""
        return Rows(self.relation[mask], self.query[mask], self.target[mask])


@dataclass(slots=True)
class Folder:
    """A dataset folder as the audit sees it.

    Attributes:
        path: where it is.
        name: the dataset's name.
        document: ``dataset.json``, empty when there is none that says anything.
        items: tokens of ``.item``, then those only met elsewhere.
        n_listed: how many of ``items`` are from ``.item``; None when there is no such file.
        listed_queries: [q, 2] int32 of relation and number from ``.user``; None without one.
        between_items: queries are items (with a relation), not users.
        users: tokens of the users, in a folder of users.
        relations: names met before the ``|`` of query tokens.
        rows: phase → its rows, of the phases whose file is there.
        counts: what was looked at.
        as_recorded: the ``.inter`` files are those that ``document`` was written for.
    """

    path: Path
    name: str
    document: dict = field(default_factory=dict)
    items: Vocabulary = field(default_factory=Vocabulary)
    n_listed: int | None = None
    listed_queries: np.ndarray | None = None
    between_items: bool = False
    users: Vocabulary = field(default_factory=Vocabulary)
    relations: list[str] = field(default_factory=list)
    rows: dict[str, Rows] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    as_recorded: bool = False

    @property
    def ours(self) -> bool:
        """The folder claims to follow this project's contract, by its card or by its files."""
        return bool(self.document) or has_our_files(self.path)

    @property
    def split(self) -> str | None:
        """``warm``, ``cold``, or None when nothing says so."""
        options = self.document.get("options")
        return options.get("split") if isinstance(options, dict) else None

    def file(self, suffix: str) -> Path:
        """``<name>.<suffix>``."""
        return self.path / f"{self.name}.{suffix}"

    def query_token(self, relation: int, query: int) -> str:
        """A query as the files write it."""
        if not self.between_items:
            return self.users.tokens[query].as_py()
        prefix = self.relations[relation]
        token = self.items.tokens[query].as_py()
        return f"{prefix}|{token}" if prefix else token

    def add_queries(self, tokens: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
        """Relation [t] int8 and number [t] int32 of query tokens; new ones are added."""
        if not self.between_items:
            return np.zeros(len(tokens), dtype=np.int8), self.users.add(tokens)
        names, index, items = _parted(tokens)
        for name in names:
            if name not in self.relations:
                self.relations.append(name)
        if len(self.relations) > _MAX_RELATIONS:
            raise ValueError(f"more than {_MAX_RELATIONS} relations before the '|' of query tokens")
        codes = np.array([self.relations.index(name) for name in names], np.int8)
        return codes[index], self.items.add(items)

    def find_queries(self, tokens: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
        """Relation [t] int8 and item number [t] int32 of query tokens; -1 for unknown ones."""
        names, index, items = _parted(tokens)
        code = {name: number for number, name in enumerate(self.relations)}
        codes = np.array([code.get(name, -1) for name in names], np.int8)
        return codes[index], self.items.find(items)


def _parted(tokens: pa.StringArray) -> tuple[list[str], np.ndarray, pa.StringArray]:
    """``relation|item`` in two: relations, which of them [t], items [t]; "" without a relation."""
    parts = pc.split_pattern(tokens, "|", max_splits=1)
    lengths = pc.list_value_length(parts).to_numpy()
    words, last = parts.flatten(), np.cumsum(lengths) - 1
    relation = pc.if_else(pa.array(lengths == 1), "", words.take(pa.array(last - lengths + 1)))
    relation = pc.dictionary_encode(relation)
    names, index = relation.dictionary.to_pylist(), relation.indices.to_numpy()
    return names, index, words.take(pa.array(last))


def open_folder(path: Path, name: str) -> tuple[Folder, list[Finding]]:
    """Read the text files of a dataset folder; what cannot be read is a finding."""
    findings: list[Finding] = []
    if not (path / f"{name}.train.inter").exists():
        others = sorted(file.name for file in path.glob("*.train.inter"))
        if len(others) == 1:
            prefix = others[0].removesuffix(".train.inter")
            message = f"the folder is called {name}, its files {prefix}: RecBole needs one name"
            findings.append(Finding("error", "name", 1, message))
            name = prefix
    folder = Folder(path, name)
    for read in (_read_document, _read_items, _read_rows, _read_users):
        try:
            findings += read(folder)
        except UNREADABLE as error:
            first_line = str(error).partition("\n")[0]
            message = f"{read.__name__[6:]} cannot be read: {first_line}"
            findings.append(Finding("error", "unreadable", 1, message))
    if folder.document and all(phase in folder.rows for phase in PHASES):
        checksum = split_checksum(path, folder.name)
        folder.as_recorded = folder.document.get("split_sha256") == checksum
    pa.default_memory_pool().release_unused()  # numpy cannot use what Arrow keeps in reserve
    return folder, findings


def has_our_files(path: Path) -> bool:
    """Whether a folder was built by this project, whatever became of its ``dataset.json``."""
    return any((path / name).exists() for name in OUR_FILES)


def columns_of(path: Path) -> list[str]:
    """The typed column names in a file's first line.

    Raises:
        ValueError: it is not the header of an atomic file.
    """
    with path.open("rb") as file:
        header = file.readline(1 << 16).decode().rstrip("\r\n").split("\t")
    if not all(column.count(":") == 1 for column in header):
        raise ValueError(f"{path.name} does not begin with a header of field:type columns")
    return header


def stream(path: Path, columns: list[str]) -> Iterator[list[pa.StringArray]]:
    """The named columns of an atomic file as text, block by block."""
    reader = pacsv.open_csv(
        path,
        read_options=pacsv.ReadOptions(block_size=_BLOCK, use_threads=False),
        parse_options=pacsv.ParseOptions(delimiter="\t", newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            strings_can_be_null=False,
        ),
    )
    for batch in reader:
        yield batch.columns


def _read_document(folder: Folder) -> Iterator[Finding]:
    path = folder.path / "dataset.json"
    if path.exists():
        document = orjson.loads(path.read_bytes())
        if not isinstance(document, dict):
            raise ValueError("dataset.json is not an object")
        folder.document = document
    if folder.ours and not folder.document:
        state = "says nothing" if path.exists() else "is missing"
        message = f"dataset.json {state}, without which RecBole is not told how to read the folder"
        yield Finding("error", "missing-file", 1, message)


def _read_items(folder: Folder) -> Iterator[Finding]:
    path = folder.file("item")
    if not path.exists():
        if folder.ours:
            yield Finding("error", "missing-file", 1, f"{path.name} is missing")
        return
    columns = columns_of(path)
    rows = 0
    parts = []
    for (tokens,) in stream(path, [_named(columns, "item_id", 0)]):
        rows += len(tokens)
        parts.append(tokens)
    folder.items.tokens = pc.unique(pa.chunked_array(parts, pa.string()))
    folder.n_listed = len(folder.items)
    folder.counts["items"] = rows
    if rows > len(folder.items):
        count = rows - len(folder.items)
        yield Finding("error", "duplicate-items", count, f"item listed again in {path.name}")


def _read_rows(folder: Folder) -> Iterator[Finding]:
    present = [phase for phase in PHASES if folder.file(f"{phase}.inter").exists()]
    if not present and not folder.ours:
        message = "nothing is held out here: there is no pre-made split, RecBole makes its own"
        yield Finding("warning", "no-split", 1, message)
        return
    for phase in PHASES:
        path = folder.file(f"{phase}.inter")
        if phase not in present:
            severity: Severity = "error" if folder.ours else "warning"
            yield Finding(severity, "missing-file", 1, f"{path.name} is missing")
            continue
        columns = columns_of(path)
        query, target = _named(columns, "query_id", 0), _named(columns, "item_id", 1)
        if phase == present[0]:
            folder.between_items = query.startswith("query")
        parts: list[tuple[np.ndarray, ...]] = []
        for queries, targets in stream(path, [query, target]):
            asked, answers = pc.dictionary_encode(queries), pc.dictionary_encode(targets)
            relation, number = folder.add_queries(asked.dictionary)
            index = asked.indices.to_numpy()
            answer = folder.items.add(answers.dictionary)[answers.indices.to_numpy()]
            parts.append((relation[index], number[index], answer))
        kinds = (np.int8, np.int32, np.int32)
        folder.rows[phase] = Rows(
            *(
                np.concatenate([np.empty(0, kind), *(part[column] for part in parts)])
                for column, kind in enumerate(kinds)
            )
        )
        folder.counts[f"{phase} rows"] = len(folder.rows[phase])


def _read_users(folder: Folder) -> Iterator[Finding]:
    path = folder.file("user")
    if not path.exists():
        if folder.ours:
            yield Finding("error", "missing-file", 1, f"{path.name} is missing")
        return
    parts = [np.empty((0, 2), np.int32)]
    for (tokens,) in stream(path, [_named(columns_of(path), "query_id", 0)]):
        parts.append(np.stack(folder.add_queries(tokens), axis=1).astype(np.int32))
    folder.listed_queries = np.concatenate(parts)
    folder.counts["queries"] = len(folder.listed_queries)


def _named(columns: list[str], field_name: str, position: int) -> str:
    """The column of that field, or else the one at that position among the token columns."""
    if f"{field_name}:token" in columns:
        return f"{field_name}:token"
    tokens = [column for column in columns if column.endswith(":token")]
    if len(tokens) <= position:
        raise ValueError(f"expected a token column {field_name} or its like, found {columns}")
    return tokens[position]
