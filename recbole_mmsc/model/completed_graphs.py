"""The completed graphs of a model: solved when they are first wanted, or out of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy import sparse

from recbole_mmsc.data.completion import Completion
from recbole_mmsc.nn.shared import WeightedRows

MATRIX, MATRICES = ("rows", "borrowing"), ("weights", "known", "reranked")  # of a completion
FORMATS = {"csr": sparse.csr_array, "csc": sparse.csc_array}
PARTS = ("data", "indices", "indptr")


class CompletedGraphs:
    """The completed graph of each relation, which is solved once and then never changes.

    Solving takes longer than all else that a model is made of, so a checkpoint holds what was
    solved. Deep copies of a model share it.

    Args:
        complete: solves; None where there is no completed graph.
        device: of the rows.
    """

    def __init__(self, complete: Callable[[], Completion] | None, device: torch.device) -> None:
        self._complete, self._device = complete, device
        self._completion: Completion | None = None
        self._rows: list[WeightedRows] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> CompletedGraphs:
        return self

    @property
    def completion(self) -> Completion | None:
        """The linear models behind the graphs; None where there are none."""
        self.solve()
        return self._completion

    @property
    def rows(self) -> list[WeightedRows]:
        """The completed graph of each relation; none where there are none."""
        self.solve()
        return self._rows

    def solve(self) -> None:
        """Solve what is not solved yet."""
        if self._complete is not None:
            completion = self._complete()
            self._complete = None  # what it was solved from goes, before the graphs are made
            self._hold(completion)

    def state(self) -> dict[str, Any] | None:
        """What was solved, as tensors that share its memory; None where nothing was."""
        found = self._completion
        if found is None:
            return None
        return {
            "n_nodes": found.n_nodes,
            **{name: _tensors(getattr(found, name)) for name in MATRIX},
            **{name: [*map(_tensors, getattr(found, name))] for name in MATRICES},
        }

    def take(self, state: dict[str, Any] | None) -> None:
        """Take what :meth:`state` gave in place of solving; what is solved already stays."""
        if state is None or self._complete is None:
            return
        matrices = {name: _matrix(state[name]) for name in MATRIX}
        lists = {name: [*map(_matrix, state[name])] for name in MATRICES}
        self._complete = None
        self._hold(Completion(**matrices, **lists, n_nodes=state["n_nodes"]))

    def _hold(self, completion: Completion) -> None:
        passing = replace(completion)  # what it keeps so as to be quick goes with it
        relations = range(len(completion.weights))
        self._rows = [_weighted_rows(passing.graph(r)).to(self._device) for r in relations]
        self._completion = completion


def _weighted_rows(graph: sparse.csr_array) -> WeightedRows:
    return WeightedRows(
        torch.from_numpy(graph.indptr.astype(np.int64)),
        torch.from_numpy(graph.indices),
        torch.from_numpy(graph.data),
    )


def _tensors(matrix: sparse.sparray) -> dict[str, Any]:
    """What a sparse matrix is made of."""
    parts = {name: torch.from_numpy(getattr(matrix, name)) for name in PARTS}
    return {"format": matrix.format, "shape": matrix.shape, **parts}


def _matrix(parts: dict[str, Any]) -> sparse.sparray:
    """The sparse matrix that is made of these."""
    arrays = tuple(parts[name].cpu().numpy() for name in PARTS)
    return FORMATS[parts["format"]](arrays, shape=parts["shape"])
