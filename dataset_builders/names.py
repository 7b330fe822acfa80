"""What a dataset is called: its name says how it differs from the plain build."""

from __future__ import annotations

from .labels import DEFAULT_POLICY

COLD = "-cold"  # what the name of a cold split ends in, before any noise


def dataset_name(name: str, policy: str, split: str, noise: tuple[str, float] | None = None) -> str:
    """``name[-policy][-cold][-noise]``: ``amazon-home-raw-cold-random30``.

    Args:
        name: of the catalogue, a preset's for one.
        policy: the label policy; it shows unless it is the default.
        split: ``warm`` or ``cold``; cold shows, once.
        noise: kind and share in (0, 1] of the noise planted in training; the share shows in
            percent.
    """
    if policy != DEFAULT_POLICY:
        name += f"-{policy}"
    if split == "cold" and not name.endswith(COLD):
        name += COLD
    if noise is not None:
        kind, share = noise
        name += f"-{kind}{100 * share:g}"
    return name
