"""``images.jsonl``: what became of each address that was asked, one line each.

While pictures are fetched lines are added as they come, so that a kill forgets nothing; the next
run, and the end of this one, put them into the catalogue's order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from recbole_mmsc.dataset_builders.whole_file import whole_file


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one address of one item.

    Attributes:
        item_id: the item.
        url: the address; empty where the item could not be asked for at all.
        file: name of the picture; empty where there is none.
        reason: why there is none; short, the same for all failures of its kind.
        detail: what exactly happened.
        final: whether asking again is pointless.
    """

    item_id: str
    url: str
    file: str = ""
    reason: str = ""
    detail: str = ""
    final: bool = True

    def line(self) -> str:
        """As a line of JSON, without the fields that say nothing."""
        return json.dumps({name: value for name, value in asdict(self).items() if value != ""})


class Ledger:
    """The entries of a dataset by item and address; to be used in ``with``.

    Args:
        path: read where it exists; a last line that a kill cut off is dropped.

    Raises:
        ValueError: it is damaged in any other way.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self.entries: dict[tuple[str, str], Entry] = {}
        if path.exists():
            *lines, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")
            for number, line in enumerate(lines, 1):
                self._keep(_parsed(path, number, line))

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def add(self, entry: Entry) -> None:
        """Note an entry, on disk before this returns; it replaces what was known before."""
        self._keep(entry)
        if self._file is None:
            self._file = self._path.open("a", encoding="utf-8")
        self._file.write(entry.line() + "\n")
        self._file.flush()

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Replace all entries by these, in this order, atomically."""
        kept = list(entries)
        self.entries = {(entry.item_id, entry.url): entry for entry in kept}
        if self._file:
            self._file.close()
            self._file = None
        with whole_file(self._path) as scratch, scratch.open("w", encoding="utf-8") as file:
            file.writelines(entry.line() + "\n" for entry in kept)

    def _keep(self, entry: Entry) -> None:
        self.entries[entry.item_id, entry.url] = entry


def _parsed(path: Path, number: int, line: str) -> Entry:
    try:
        fields = json.loads(line)
        return Entry(**{"url": "", **fields})
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path}, line {number}: expected what became of an address, found {line[:60]!r}; "
            "mend the line or delete it, then its address is asked again"
        ) from error
