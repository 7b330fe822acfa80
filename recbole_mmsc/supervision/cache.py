"""What labellers have said: paid for once, kept until the dataset is built anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from recbole_mmsc.supervision.judgement import Judgement, Key

_TABLE = """CREATE TABLE IF NOT EXISTS judgements (
    labeller TEXT, prompt_version TEXT, first TEXT, second TEXT,
    label TEXT, confidence REAL, reason TEXT, tokens INTEGER, chosen TEXT,
    PRIMARY KEY (labeller, prompt_version, first, second)
)"""
_WAIT = 60.0  # seconds for another run that is writing


class Cache:
    """Judgements by pair, labeller and version of the prompt; to be used in ``with``.

    Each is on disk before :meth:`add` returns, and several runs may add at once.

    Args:
        path: of the SQLite file; it is made where there is none.

    Raises:
        ValueError: the file is no such cache.
    """

    def __init__(self, path: Path, labeller: str, prompt_version: str) -> None:
        self._whose = labeller, prompt_version
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
        try:
            # safe against a kill; a write that waits for the disk each time is ten times slower
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute(_TABLE)
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise ValueError(
                f"expected the judgements so far in {path}, found no such file: {error}; move it "
                "away to begin anew, what it holds is then paid for again"
            ) from None

    def __enter__(self) -> Cache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def add(self, key: Key, judgement: Judgement, chosen: str) -> None:
        """Keep a judgement of a pair, and how the pair was chosen."""
        said = judgement.label, judgement.confidence, judgement.reason, judgement.tokens
        self._database.execute(
            "INSERT OR IGNORE INTO judgements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*self._whose, *key, *said, chosen),
        )

    def forget(self) -> None:
        """Drop everything this labeller has said at this version."""
        self._database.execute(
            "DELETE FROM judgements WHERE labeller = ? AND prompt_version = ?", self._whose
        )

    def all(self) -> dict[Key, tuple[Judgement, str]]:
        """Everything this labeller has said at this version, in the order of the pairs."""
        rows: Iterable[tuple] = self._database.execute(
            "SELECT first, second, label, confidence, reason, tokens, chosen FROM judgements "
            "WHERE labeller = ? AND prompt_version = ? ORDER BY first, second",
            self._whose,
        )
        return {(a, b): (Judgement(*said), chosen) for a, b, *said, chosen in rows}
