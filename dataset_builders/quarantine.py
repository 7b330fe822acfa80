"""The quarantine file: what could not be used, where it stood, and why."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import TracebackType

EXCERPT_LENGTH = 200


class Quarantine:
    """Unusable lines, written straight to a JSON Lines file; only the counts stay in memory.

    Each line of the file is ``{"file", "line", "reason", "excerpt"}``, in the order of discovery
    and pure ASCII, so that no byte of a hostile input reaches a terminal. The file is there from
    the start and stays, empty, when nothing had to be kept out.

    Args:
        path: The file to write; an existing one is replaced.

    Attributes:
        counts: Reason to the number of lines kept out for it.
        broken: A sentence for each file that could not be read to its end.
    """

    def __init__(self, path: str | Path) -> None:
        self.counts: Counter[str] = Counter()
        self.broken: list[str] = []
        self._file = Path(path).open("w", encoding="ascii", newline="\n")  # noqa: SIM115

    @property
    def total(self) -> int:
        """How many entries there are."""
        return self.counts.total()

    def add(self, file: str, line: int, reason: str, excerpt: bytes | str = "") -> None:
        """Keep one line out.

        Args:
            file: The name of the input file, without its folder: a build is the same anywhere.
            line: Line (or row) number, from 1.
            reason: One of few fixed texts, since they are counted.
            excerpt: The line or its beginning; at most ``EXCERPT_LENGTH`` characters are kept.
        """
        self.counts[reason] += 1
        if isinstance(excerpt, bytes):
            excerpt = excerpt[: 4 * EXCERPT_LENGTH].decode("utf-8", "replace")
        entry = {"file": file, "line": line, "reason": reason, "excerpt": excerpt[:EXCERPT_LENGTH]}
        self._file.write(json.dumps(entry) + "\n")

    def break_off(self, file: str, line: int, reason: str, excerpt: bytes | str = "") -> None:
        """Keep out a file from some line on; the arguments are those of :meth:`add`."""
        self.add(file, line, reason, excerpt)
        self.broken.append(
            f"{file} breaks off in line {line:,} ({reason}); all after it is missing here. Fetch "
            "the file again, and build again with --replace."
        )

    def close(self) -> None:
        """Flush and close the file; the counts remain."""
        self._file.close()

    def __enter__(self) -> Quarantine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
