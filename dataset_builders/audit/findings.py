"""One finding of an audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..printable import printable

Severity = Literal["leak", "error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        severity: "leak": what is held out can be known; "error": the folder breaks its contract;
            "warning": worth knowing.
        check: a short name, for programs.
        count: how many cases.
        message: a sentence, for people.
        examples: the first few cases.
    """

    severity: Severity
    check: str
    count: int
    message: str
    examples: tuple[str, ...] = ()

    def render(self) -> str:
        """One line for a terminal; what it cites from the folder's files is made printable."""
        examples = ", ".join(printable(example) for example in self.examples)
        suffix = f" (such as {examples})" if examples else ""
        return f"{self.severity.upper():7} {self.count:,} x {printable(self.message)}{suffix}"
