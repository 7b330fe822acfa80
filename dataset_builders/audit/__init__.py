"""The audit: does a dataset folder leak what it holds out?

Works on any folder of RecBole's pre-split files, believes nothing that is written beside them,
and never holds more than numbers for tokens. What is checked is said in :mod:`.checks`
and the modules beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..product import BuildError
from . import checks, document, extras
from .candidates import candidate_lists
from .findings import Finding
from .noise import planted_noise
from .reading import UNREADABLE, Folder, has_our_files, open_folder
from .supervision import labelled_pairs

_NAMED = 5


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found.

    Attributes:
        name: the dataset's name.
        findings: in the order of the checks; empty when all is well.
        counts: what was looked at, for the terminal.
    """

    name: str
    findings: tuple[Finding, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """No leak and no error; warnings are allowed."""
        return all(finding.severity == "warning" for finding in self.findings)

    def render(self) -> str:
        """Lines for a terminal."""
        looked_at = ", ".join(f"{count:,} {what}" for what, count in self.counts.items())
        lines = [f"Audit of {self.name}: {looked_at or 'nothing to look at'}."]
        lines += [finding.render() for finding in self.findings]
        if not self.findings:
            lines.append("No findings.")
        elif self.ok:
            lines.append("No leak.")
        return "\n".join(lines)


def audit_folder(path: str | Path, name: str | None = None) -> AuditReport:
    """Audit a dataset folder, ours or anyone's.

    Args:
        path: the folder.
        name: the dataset's name, the beginning of its files' names; by default the folder's.

    Returns:
        The report; unreadable files are findings, too.

    Raises:
        BuildError: there is no such folder, or it is no dataset folder.
    """
    path = Path(path)
    if not path.is_dir():
        there = Path("dataset") / path
        hint = f" Did you mean {there}?" if there.is_dir() else ""
        raise BuildError(f"Expected a dataset folder, found none at {path}.{hint}")
    if not (any(path.glob("*.inter")) or (path / "dataset.json").exists() or has_our_files(path)):
        raise BuildError(_no_dataset(path))
    folder, findings = open_folder(path, name or path.resolve().name)
    beside = (planted_noise, candidate_lists, labelled_pairs, *extras.ALL, *document.ALL)
    for check in (*checks.ALL, *beside):
        findings += _guarded(check, folder)
    return AuditReport(folder.name, tuple(findings), folder.counts)


def _no_dataset(path: Path) -> str:
    message = (
        "Expected a dataset folder, with <name>.train.inter, <name>.valid.inter and "
        f"<name>.test.inter, found no .inter file in {path.absolute()}."
    )
    inside = sorted({file.parent.name for file in path.glob("*/*.inter")})
    if not inside:
        return message
    named = ", ".join(str(path / name) for name in inside[:_NAMED])
    more = f" and {len(inside) - _NAMED} more" if len(inside) > _NAMED else ""
    return f"{message} Dataset folders in it: {named}{more}. Name one."


def _guarded(check: Callable[[Folder], Iterator[Finding]], folder: Folder) -> list[Finding]:
    """Run one check; a file it cannot read is a finding of its own."""
    try:
        return list(check(folder))
    except UNREADABLE as error:
        first_line = str(error).partition("\n")[0]
        message = f"{check.__name__.replace('_', ' ')}: a file cannot be read ({first_line})"
        return [Finding("error", "unreadable", 1, message)]
