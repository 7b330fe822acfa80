"""What a run of ``fetch-images`` left behind, for people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FetchSummary:
    """What ``fetch_images`` left behind.

    Attributes:
        folder: the dataset's.
        n_items: in the catalogue.
        n_with_picture: items that have at least one.
        n_fetched: pictures fetched by this run.
        final: reason → addresses that are not asked again.
        passing: reason → addresses that the next run asks again.
        items: reason → items that could not be asked for.
        ignored_proxy: whether the environment names a proxy, which is not used.
    """

    folder: Path
    n_items: int
    n_with_picture: int
    n_fetched: int
    final: dict[str, int]
    passing: dict[str, int]
    items: dict[str, int]
    ignored_proxy: bool = False

    def render(self) -> str:
        """Some lines for people."""
        lines = [
            f"{self.folder / 'images'}: {self.n_with_picture:,} of {self.n_items:,} items have a "
            f"picture, {self.n_fetched:,} pictures fetched now"
        ]
        for title, reasons in (
            ("items that cannot be asked for:", self.items),
            ("addresses that failed for good, asked again only with --retry:", self.final),
            ("addresses that failed for now, asked again by the next run:", self.passing),
        ):
            if reasons:
                lines.append(title)
                ranked = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
                lines += [f"{count:>9,}  {reason}" for reason, count in ranked]
        if self.final or self.passing:
            lines.append(f"each with its reason: {self.folder / 'images.jsonl'}")
        if self.ignored_proxy and self.passing:
            lines.append(
                "the proxy that the environment names was not used: behind one, addresses cannot "
                "be checked; fetch on a machine that needs none"
            )
        return "\n".join(lines)
