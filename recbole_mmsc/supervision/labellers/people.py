"""People as a labeller: a sheet of pairs to fill in, read back like any other labels."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from recbole_mmsc.supervision.judgement import LABELS, Failure, Judgement, Key, Pair, Product
from recbole_mmsc.supervision.labellers import Labeller

COLUMNS = (
    "first",
    "second",
    "first_product",
    "second_product",
    "label",
    "confidence",
    "chosen",
)
DELIMITERS = ",;\t"  # what spreadsheets put between columns, by the country they are set to
BY_PEOPLE = "people"  # how a pair was chosen that someone wrote into a sheet
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute


def write_sheet(path: Path, pairs: Mapping[Pair, str]) -> None:
    """Write pairs as CSV with empty columns for label and confidence.

    Args:
        path: of the sheet.
        pairs: pair → how it was chosen.

    Raises:
        FileExistsError: there is such a file, perhaps filled in by someone.
    """
    with path.open("x", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for pair, chosen in pairs.items():
            rows.writerow([*pair.key, *map(_shown, (pair.first, pair.second)), "", "", chosen])


def _shown(product: Product) -> str:
    text = " | ".join(filter(None, (product.title, product.brand, product.category)))
    return f"'{text}" if text.startswith(_FORMULA) else text


class People(Labeller):
    """Reads a sheet that people have filled in; a row without a label is not judged yet.

    Args:
        path: the sheet, with the columns first, second, label and perhaps confidence (1 where it
            is empty), between which stand commas, semicolons or tabs.

    Raises:
        ValueError: it is no such sheet, or a label or confidence is none.
        FileNotFoundError: there is no such file.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(
                f"expected a sheet in {path}, found none; `recbole-mmsc label NAME --sheet {path}` "
                "writes one to fill in"
            )
        self.name = f"people:{path.stem}"
        # a sheet that was changed is another version: what it says takes the place of the old
        self.prompt_version = f"sheet:{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"
        self._judgements, self.own_pairs = _read(path)

    def judge(self, pairs: Iterable[Pair]) -> Iterator[tuple[Pair, Judgement | Failure]]:
        """Judge the pairs of the sheet."""
        for pair in pairs:
            yield pair, self._judgements.get(pair.key, Failure("not filled in"))


def _read(path: Path) -> tuple[dict[Key, Judgement], dict[Key, str]]:
    """What is filled in, and all pairs → how they were chosen."""
    found: dict[Key, Judgement] = {}
    chosen: dict[Key, str] = {}
    said: dict[frozenset[str], tuple[int, str]] = {}  # pair → line and label
    for line, row in _rows(path):
        key = row["first"].strip(), row["second"].strip()
        label = row["label"].strip().casefold()
        before, other = said.setdefault(frozenset(key), (line, label))
        if key[0] == key[1] or other != label:
            problem = "an item with itself" if key[0] == key[1] else f"line {before} says {other!r}"
            raise ValueError(f"{path}, line {line}: expected each pair of items once, {problem}")
        if before < line:
            continue
        chosen[key] = row.get("chosen") or BY_PEOPLE
        if not label:
            continue
        try:
            found[key] = Judgement(label, float(row.get("confidence") or 1))
        except ValueError as error:
            raise ValueError(
                f"{path}, line {line}: {error}; labels are {', '.join(LABELS)}, confidences "
                f"numbers such as 0.8"
            ) from None
    return found, chosen


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a sheet that are not empty, each with the line that it ends in."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            delimiter = max(DELIMITERS, key=file.readline().count)
            file.seek(0)
            rows = csv.DictReader(file, delimiter=delimiter, restval="", strict=True)
            if missing := {"first", "second", "label"} - {*(rows.fieldnames or ())}:
                raise ValueError(
                    f"expected the columns first, second and label in {path}, found no "
                    f"{', '.join(sorted(missing))}; --sheet writes one to fill in"
                )
            for row in rows:
                beyond = row.pop(None, [])  # what stands to the right of the last column
                if any(map(str.strip, [*row.values(), *beyond])):
                    yield rows.line_num, row
        except csv.Error as error:
            raise ValueError(
                f"expected CSV in {path}, found something else after line {rows.line_num}: "
                f"{error}; a quotation mark too many?"
            ) from None
        except UnicodeDecodeError as error:
            raise ValueError(
                f"expected UTF-8 in {path}: {error}; save the sheet as CSV UTF-8"
            ) from None
