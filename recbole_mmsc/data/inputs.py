"""Everything MMSC reads besides the pairs: features, behaviour, what cold items borrow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse

from recbole_mmsc.data.completion import Completion, borrowing_of, solve_completion
from recbole_mmsc.data.evidence import evidence_of_pairs
from recbole_mmsc.data.features import FeatureError
from recbole_mmsc.data.lending import lending
from recbole_mmsc.data.likeness import Likeness, find_likeness
from recbole_mmsc.data.misfiled import find_misfiled
from recbole_mmsc.data.modalities import item_ids, read_modalities, unit_content
from recbole_mmsc.data.neighbours import borrow_rows, content_neighbours
from recbole_mmsc.data.observed import Observed
from recbole_mmsc.data.positives import Positives, positives_of
from recbole_mmsc.data.queries import read_queries
from recbole_mmsc.data.relations import Behaviour, edges_of, read_standings, weigh_behaviours
from recbole_mmsc.data.reranking import rerank
from recbole_mmsc.data.standing import ROOT, weighed
from recbole_mmsc.data.supervision import read_supervision
from recbole_mmsc.data.training import training_graphs
from recbole_mmsc.data.words import Words, read_texts
from recbole_mmsc.nn.behaviour import BehaviourGraph
from recbole_mmsc.nn.content import Modality
from recbole_mmsc.nn.shared import WeightedRows
from recbole_mmsc.settings import MMSCSettings


@dataclass(frozen=True)
class Inputs:
    """The frozen inputs of the network, by RecBole's item ids (0 is padding and has nothing).

    ``complete`` solves the completed graphs, which takes by far the longest of all; None where
    there are none.
    """

    modalities: dict[str, Modality]
    graphs: list[BehaviourGraph]
    borrowed: list[WeightedRows | None]
    complete: Callable[[], Completion] | None
    outsiders: list[str]
    words: Words | None
    likeness: Likeness | None
    alike: sparse.csr_array | None
    positives: Positives


def read_inputs(folder: Path, dataset: Any, settings: MMSCSettings, seed: int) -> Inputs:
    """Read what MMSC needs from a dataset folder.

    Args:
        folder: ``dataset/<name>``.
        dataset: RecBole's training dataset.
        settings: MMSC's settings.
        seed: draws the pairs that the reliability is contrasted with.

    Raises:
        FeatureError: the features are missing, broken, of another catalogue, or of none of the
            modalities that are asked for.
        FileNotFoundError: the folder has no ``behaviour.parquet``, or no ``catalogue.parquet``.
        ValueError: one of the two is damaged, of other items, or of an earlier build.
        SupervisionError: labels are missing, damaged, or speak of other items.
    """
    ids = item_ids(dataset)
    known = training_graphs(dataset, read_queries(dataset))
    modalities = _read_modalities(folder, dataset, settings)
    words = _read_words(folder, dataset, modalities, settings)
    sources = content_sources(modalities, words and words.catalogue)
    content = unit_content(modalities) if modalities else None
    standings: list[sparse.csr_array] = []
    outsiders: list[str] = []
    if settings.behaviour:
        standings, outsiders = read_standings(folder / "behaviour.parquet", ids, dataset.item_num)
    graphs = [edges_of(matrix) for matrix in standings]
    if not settings.list_order:
        standings = graphs
    beliefs = None
    if graphs and settings.refile:
        beliefs = find_misfiled(
            known,
            graphs,
            lambda pairs, of: evidence_of_pairs(pairs, of, content, sources),
            content,
            [modality.vectors.numpy() for modality in modalities.values()],
        )
    if settings.supervision:
        evidence = None
        if graphs:
            given = {"graphs": graphs, "content": content, "sources": sources}
            evidence = partial(evidence_of_pairs, **given)
        labels = read_supervision(folder, settings.supervision, ids, known, evidence)
        beliefs = labels if beliefs is None else labels.surer(beliefs)
    behaviours: list[Behaviour] = []
    if graphs:
        behaviours = weigh_behaviours(standings, known, content, seed, beliefs)
    likeness, alike, lent = None, None, None
    borrowed: list[WeightedRows | None] = [None] * len(behaviours)
    if modalities and behaviours and settings.content_neighbours:
        k, *how = settings.content_neighbours, settings.content_sharpness, settings.content_reg
        likeness = find_likeness(sources, known, _warm(behaviours), k, *how)
        vectors = likeness.vectors(sources)
        alike = content_neighbours(vectors, _warm(behaviours), k)
        lent = lending(alike, vectors, *how)
        borrowed = [
            WeightedRows(*map(torch.from_numpy, borrow_rows(behaviour.matrix(), lent)))
            for behaviour in behaviours
        ]
    complete = None
    if settings.completion_weight and behaviours:
        pairs = known
        if beliefs is not None:
            pairs = tuple(beliefs.weigh(r, known) for r in range(len(known)))
        observed = Observed(
            [behaviour.matrix() for behaviour in behaviours],
            [weighed(standings, r, graph, ROOT) for r, graph in enumerate(pairs)],
            [weighed(standings, r, graph) for r, graph in enumerate(pairs)],
        )
        borrowing = borrowing_of(lent, _warm(behaviours), settings.borrowed_weight)
        progress = bool(dataset.config["show_progress"])
        complete = partial(_complete, observed, alike, borrowing, sources, settings, progress)
    behaviour_graphs = [
        BehaviourGraph(**{name: torch.from_numpy(value) for name, value in vars(behaviour).items()})
        for behaviour in behaviours
    ]
    return Inputs(
        modalities,
        behaviour_graphs,
        borrowed,
        complete,
        outsiders,
        words,
        likeness,
        alike,
        positives_of(known, beliefs),
    )


def _read_modalities(folder: Path, dataset: Any, settings: MMSCSettings) -> dict[str, Modality]:
    """Those of the encoder's modalities that are asked for."""
    if not settings.modalities:
        return {}
    found = read_modalities(folder, dataset, settings.encoder)
    chosen = {name: found[name] for name in settings.modalities if name in found}
    if not chosen:
        raise FeatureError(
            f"expected features of {' or '.join(settings.modalities)}, found those of "
            f"{' and '.join(found)} in {settings.encoder}; set modalities to what there is, "
            f"or take another encoder"
        )
    return chosen


def _read_words(
    folder: Path, dataset: Any, modalities: dict[str, Modality], settings: MMSCSettings
) -> Words | None:
    """The words of the texts, where texts are used at all."""
    if "text" not in modalities or not settings.words:
        return None
    return Words(read_texts(folder, dataset))


def content_sources(
    modalities: dict[str, Modality], words: np.ndarray | None
) -> dict[str, np.ndarray]:
    """What items can be alike in: the vectors of each modality, and of the words if there are."""
    sources = {name: modality.vectors.numpy() for name, modality in modalities.items()}
    return sources if words is None else {**sources, "words": words}


def _complete(
    observed: Observed,
    alike: sparse.csr_array | None,
    borrowing: sparse.csr_array,
    sources: dict[str, np.ndarray],
    settings: MMSCSettings,
    progress: bool,
) -> Completion:
    """Solve the completed graphs, and re-rank what they suggest where that counts."""
    solve = partial(
        solve_completion,
        alike=alike,
        borrowing=borrowing,
        at_most=settings.completion_features,
        reg_weight=settings.completion_reg,
        progress=progress,
    )
    if weight := settings.reranking_weight:
        return rerank(observed, solve, sources, weight, progress)
    return solve(observed)


def _warm(behaviours: list[Behaviour]) -> np.ndarray:
    """``[n_items]`` bool, the items with behaviour."""
    return sum(np.diff(behaviour.offsets) for behaviour in behaviours) > 0
