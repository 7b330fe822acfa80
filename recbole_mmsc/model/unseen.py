"""Ranking the catalogue for an item that is not in it, from its text and image alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from recbole_mmsc.data.completion import strongest
from recbole_mmsc.data.inputs import content_sources
from recbole_mmsc.data.lending import lending
from recbole_mmsc.data.neighbours import borrow_rows, content_neighbours
from recbole_mmsc.data.queries import relation_index
from recbole_mmsc.nn.content import Modality
from recbole_mmsc.nn.shared import Rows, WeightedRows

if TYPE_CHECKING:
    from recbole_mmsc.model.mmsc import MMSC


def rank_unseen(
    model: MMSC, content: Mapping[str, np.ndarray], relation: str, texts: Sequence[str] | None
) -> Tensor:
    """What :meth:`MMSC.rank_unseen` answers."""
    index, device = relation_index(relation), model.query_item.device
    known = model.network.content.modalities
    modalities = _modalities(known, content)
    lent = _lent(model, known, modalities, texts)
    borrowed = [
        WeightedRows(*map(torch.from_numpy, borrow_rows(matrix, lent, own=False))).to(device)
        for matrix in (
            _matrix(b.graph, len(b.graph.popularity), b.graph.strength)
            for b in model.network.behaviours
        )
    ]
    on_device = {name: modality.to(device) for name, modality in modalities.items()}
    queries, _ = model.network.unseen(on_device, borrowed)
    _, answers, bias = model.represent_catalogue()
    scores = queries[index] @ answers[index].T + bias[index]
    if model.completed:
        lenders = np.unique(lent.indices)
        total = np.maximum(np.asarray(lent.sum(axis=1)), 1e-30)
        own = model.completion.own(index, lenders)
        given = strongest(sparse.csr_array(lent[:, lenders] @ own))
        mean = torch.from_numpy(given.toarray() / total[:, None])
        weight = model.settings.completion_weight * model.settings.borrowed_weight
        scores += weight * mean.to(device)
    scores[:, 0] = -torch.inf  # the padding
    return scores


def _modalities(
    known: Mapping[str, Modality], content: Mapping[str, np.ndarray]
) -> dict[str, Modality]:
    """Unit vectors of what is given; what is not given is absent.

    Raises:
        ValueError: no mapping, a modality that the catalogue lacks, no numbers, a wrong width,
            different numbers of items, none at all, or NaN.
    """
    if not isinstance(content, Mapping):
        raise ValueError(
            "expected a mapping from modality to vectors, such as {'text': vectors}, found "
            f"{type(content).__name__}"
        )
    if not content or not set(content) <= set(known):
        raise ValueError(
            f"expected vectors of {' and '.join(known) or 'nothing: the model has no content'}, "
            f"found {', '.join(map(repr, content)) or 'none'}"
        )
    given = {name: _numbers(name, vectors) for name, vectors in content.items()}
    m = len(next(iter(given.values())))
    if not m:
        raise ValueError("expected vectors of one item or more, found none")
    found = {}
    for name, modality in known.items():
        width = modality.vectors.shape[1]
        vectors = given.get(name, np.zeros((m, width)))
        if vectors.shape != (m, width):
            raise ValueError(f"expected {name} vectors [{m}, {width}], found {vectors.shape}")
        if not np.isfinite(vectors).all():
            raise ValueError(f"expected finite {name} vectors, found NaN or infinity")
        largest = np.abs(vectors).max(axis=1, keepdims=True)
        there = largest > 0
        # first by the largest number: squares of huge and of tiny ones are no numbers any more
        vectors = vectors / np.where(there, largest, 1)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = (vectors / np.where(there, length, 1)).astype(np.float32)
        found[name] = Modality(torch.from_numpy(unit), torch.from_numpy(there.ravel()))
    return found


def _numbers(name: str, vectors: object) -> np.ndarray:
    """``[m, d]`` float64.

    Raises:
        ValueError: these are no numbers, or none of two dimensions.
    """
    try:
        found = np.asarray(vectors, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected {name} vectors of numbers ({error})") from error
    if found.ndim != 2:
        what = "None" if vectors is None else f"an array of shape {found.shape}"
        raise ValueError(f"expected {name} vectors [m, d], a row for each item, found {what}")
    return found


def _lent(
    model: MMSC,
    known: dict[str, Modality],
    modalities: dict[str, Modality],
    texts: Sequence[str] | None,
) -> sparse.csr_array:
    """``[m, n_items]``, how much each item of the catalogue lends.

    Raises:
        ValueError: there are not as many texts as vectors, or they are none.
    """
    settings, words = model.settings, model.words.value
    m = len(next(iter(modalities.values())).vectors)
    if isinstance(texts, str):
        raise ValueError(f"expected a list of texts, found one, {texts!r}; put it into a list")
    if texts is not None and len(texts) != m:
        raise ValueError(f"expected {m} texts, one for each item, found {len(texts)}")
    texts = [""] * m if texts is None else list(texts)
    if strangers := [text for text in texts if not isinstance(text, str)]:
        raise ValueError(f"expected texts, found {strangers[0]!r}; an empty one says nothing")
    likeness = model.likeness
    if likeness is None:
        return sparse.csr_array((m, model.n_items), dtype=np.float32)
    there = {name: modality.to("cpu") for name, modality in known.items()}
    content = likeness.vectors(content_sources(there, words and words.catalogue))
    own = words and words.vectors(texts)
    asking = likeness.vectors(content_sources(modalities, own))
    everyone = torch.arange(model.n_items, device=model.query_item.device)
    warm = model.network.warm(everyone).cpu().numpy()
    alike = content_neighbours(content, warm, settings.content_neighbours, asking)
    return lending(alike, content, settings.content_sharpness, settings.content_reg)


def _matrix(rows: Rows, n_columns: int, weights: Tensor) -> sparse.csr_array:
    """``[n_rows, n_columns]``."""
    parts = (part.cpu().numpy() for part in (weights, rows.entries, rows.offsets))
    data, indices, indptr = parts
    return sparse.csr_array((data, indices, indptr), shape=(len(indptr) - 1, n_columns))
