"""Frozen tensors that copies of a model share."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
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
        keys, stride = self._keys
        key = rows * stride + wanted
        position = torch.searchsorted(keys, key)
        found = (position < len(keys)) & (wanted < stride)
        found[found.clone()] = keys[position[found]] == key[found]
        return found, position[found]

    @cached_property
    def _keys(self) -> tuple[torch.Tensor, int]:
        """``[n_entries]`` one ascending number for each row and entry, and the step of a row."""
        stride = int(self.entries.max()) + 1 if len(self.entries) else 1
        rows = torch.arange(len(self.offsets) - 1, device=self.offsets.device)
        return torch.repeat_interleave(rows, self.offsets.diff()) * stride + self.entries, stride


@dataclass(frozen=True, eq=False)
class WeightedRows(Rows):
    """Lists of weighted entries.

    Args:
        offsets: ``[n_rows + 1]``, where each row begins.
        entries: ``[n_entries]``, ascending within a row.
        weights: ``[n_entries]``.
    """

    weights: torch.Tensor
