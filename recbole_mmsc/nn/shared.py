"""Frozen tensors that copies of a model share."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import torch

Self = TypeVar("Self", bound="Shared")


@dataclass(frozen=True, eq=False)
class Shared:
    """Base of what a model reads and never changes: graphs, features, known pairs.

    A deep copy of a model shares them, so that it costs no more than the model's parameters; and
    they are no part of a checkpoint, since the dataset folder holds them.
    """

    def __deepcopy__(self: Self, memo: dict[int, Any]) -> Self:
        return self

    def to(self: Self, device: torch.device | str) -> Self:
        """The same on another device."""
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})


@dataclass(frozen=True, eq=False)
class Rows(Shared):
    """Lists of different lengths, one after the other.

    Args:
        offsets: ``[n_rows + 1]``, where each row begins; the last is the number of entries.
        entries: ``[n_entries]``, ascending within a row.
    """

    offsets: torch.Tensor
    entries: torch.Tensor

    def of(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Where the entries of some rows lie.

        Args:
            rows: ``[m]`` row ids.

        Returns:
            ``[e]`` positions in ``entries``, and ``[e]`` the position in ``rows`` of the row of
            each, ascending.
        """
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        owner = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), lengths)
        before = lengths.cumsum(0) - lengths
        return torch.arange(len(owner), device=rows.device) + (starts - before)[owner], owner

    def lengths(self, rows: torch.Tensor) -> torch.Tensor:
        """Number of entries of some rows, ``[m]`` → ``[m]``."""
        return self.offsets[rows + 1] - self.offsets[rows]

    def find(self, rows: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Where some entries lie.

        Args:
            rows: ``[p]`` row ids.
            wanted: ``[p]``, an entry to look for in each of the rows.

        Returns:
            ``[p]`` bool, which of them are there, and ``[those]`` their positions in ``entries``.
        """
        low, end = self.offsets[rows], self.offsets[rows + 1]
        high, longest = end, int((end - low).max()) if len(rows) else 0
        for _ in range(longest.bit_length()):  # a binary search in each row
            middle = (low + high) // 2
            below = low < high
            below[below.clone()] = self.entries[middle[below]] < wanted[below]
            low, high = torch.where(below, middle + 1, low), torch.where(below, high, middle)
        found = low < end
        found[found.clone()] = self.entries[low[found]] == wanted[found]
        return found, low[found]


@dataclass(frozen=True, eq=False)
class WeightedRows(Rows):
    """Lists of weighted entries.

    Args:
        offsets: ``[n_rows + 1]``, where each row begins.
        entries: ``[n_entries]``, ascending within a row.
        weights: ``[n_entries]``.
    """

    weights: torch.Tensor
