"""What a finished build tells the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .audit import AuditReport
from .splits import PHASES

_DROPPED = {
    "unusable_ids_dropped": "to what cannot be an id",
    "duplicates_dropped": "repeated",
    "self_relations_dropped": "to the item itself",
}


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """A finished build.

    Attributes:
        folder: the dataset folder.
        document: the content of its ``dataset.json``.
        audit: the audit of it, without a leak or an error.
    """

    folder: Path
    document: dict
    audit: AuditReport

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.document["name"]

    def render(self) -> str:
        """Lines for a terminal."""
        catalogue, pairs = self.document["catalogue"], self.document["pairs"]
        references, quarantine = self.document["references"], self.document["quarantine"]
        lines = [
            f"{self.name}: {catalogue['items']:,} items from {catalogue['lines']:,} products read "
            f"({catalogue['duplicate_lines']:,} merged into others), "
            f"{catalogue['with_relations']:,} with relations",
            f"references: {references['inside']['all']:,} to items of the catalogue, "
            f"{references['outside']['all']:,} to products outside it",
            *_dropped(references),
            f"pairs: {pairs['co_view']:,} co-view, {pairs['co_purchase']:,} co-purchase, "
            f"{pairs['co_view_and_co_purchase']:,} both",
        ]
        lines += [
            f"{relation}: {counts['all']:,} pairs ("
            + ", ".join(f"{phase} {counts[phase]:,}" for phase in PHASES)
            + ")"
            for relation, counts in pairs["by_relation"].items()
        ]
        lines.append(f"lines not usable: {quarantine['total']:,}")
        lines += [f"  {count:,} x {why}" for why, count in quarantine["by_reason"].items()]
        if quarantine["total"]:
            lines.append(f"  see {self.folder / 'quarantine.jsonl'}")
        lines += [f"NOTE: {notice}" for notice in self.document["notices"]]
        lines.append(self.audit.render())
        lines.append(f"written to {self.folder}")
        return "\n".join(lines)


def _dropped(references: dict) -> list[str]:
    """One line where references were dropped, none where all were of use."""
    counts = [f"{references[key]:,} {why}" for key, why in _DROPPED.items() if references[key]]
    return [f"references dropped: {', '.join(counts)}"] if counts else []
