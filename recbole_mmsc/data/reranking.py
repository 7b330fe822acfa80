"""Which suggestions of the completed graph come true.

A linear model weighs each thing that stands beside an item by itself. What to make of all that is
said of a pair together, by either direction, either relation, behaviour and content, is learned in
a second stage: some training pairs are taken out, the graph is completed without them, and trees
learn which of its largest suggestions these were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from tqdm import tqdm

from recbole_mmsc.data.completion import Completion, blocks_of
from recbole_mmsc.data.observed import Observed
from recbole_mmsc.data.relations import edges_of
from recbole_mmsc.data.sparse_rows import values_at
from recbole_mmsc.data.suggestions import suggestions

PARTS = 10  # of the training pairs, of which one at a time is taken out
PLENTY = 14_000  # pairs of a relation that were taken out; where one part has fewer, more parts are
LOOKS = 5  # parts that are taken out at most
ENOUGH = 50  # pairs of a relation in a part; of fewer nothing is learned
CANDIDATES = 30  # suggestions of an item and relation
QUERIES = 20_000  # items with pairs in a part, whose suggestions are learned from at most
TREES = {
    "max_leaf_nodes": 8,
    "max_iter": 200,
    "min_samples_leaf": 100,
    "early_stopping": False,
}
SEED = 2026

Solve = Callable[[Observed], Completion]
Sources = Mapping[str, np.ndarray]
Judge = HistGradientBoostingClassifier
Seen = tuple[np.ndarray, np.ndarray]  # ``[n, f]`` evidence, and ``[n]`` what the pairs count


def rerank(
    observed: Observed, solve: Solve, sources: Sources, weight: float, progress: bool = False
) -> Completion:
    """Complete the graph, and add to its largest suggestions how likely they are to come true.

    Args:
        observed: behaviours and training pairs.
        solve: completes the graph from these.
        sources: source of content → ``[n_items, d]`` unit vectors.
        weight: of the probability beside what the linear models say.
        progress: show progress bars.

    Returns:
        The completed graph. A relation that has too few pairs to learn from is as it is solved.
    """
    judges = _learn(observed, solve, sources)
    completion = solve(observed)
    reranked = list(completion.reranked)
    for relation, judge in judges.items():
        name = f"re-ranking {relation + 1} of {len(reranked)}" if progress else None
        found = _probabilities(judge, completion, observed, sources, relation, name)
        reranked[relation] = weight * found
    return replace(completion, reranked=reranked)


def _learn(observed: Observed, solve: Solve, sources: Sources) -> dict[int, Judge]:
    """Relation → the trees that tell how likely one of its suggestions is to come true."""
    in_part = {r: pairs for r, pairs in enumerate(_pairs_in_part(observed)) if pairs >= ENOUGH}
    if not in_part:
        return {}
    looks = math.ceil(min(PLENTY / min(in_part.values()), LOOKS))
    rng = np.random.default_rng(SEED)
    parts = observed.parts(PARTS, rng)[:looks]
    seen = [_look(observed, part, solve, sources, [*in_part], rng) for part in parts]
    judges = {relation: _judge([look.pop(relation) for look in seen]) for relation in in_part}
    return {relation: judge for relation, judge in judges.items() if judge is not None}


def _pairs_in_part(observed: Observed) -> list[float]:
    """For each relation how many pairs a part has; one of both relations is shared by them."""
    both = sparse.csr_array(sum(observed.known))
    both.data = 1 / both.data
    return [known.multiply(both).sum() / 2 / PARTS for known in observed.known]


def _look(
    observed: Observed,
    part: sparse.csr_array,
    solve: Solve,
    sources: Sources,
    relations: Sequence[int],
    rng: np.random.Generator,
) -> dict[int, Seen]:
    """Relation → suggestions of the graph that is completed without a part of the pairs."""
    others = observed.without(part)
    completion = solve(others)
    graphs = [edges_of(matrix) for matrix in others.behaviours]
    seen = {}
    for relation in relations:
        true = sparse.csr_array(observed.known[relation].multiply(part))
        queries = rng.permutation(np.flatnonzero(np.diff(true.indptr)))[:QUERIES]
        found = [
            (evidence, values_at(true, items, targets))
            for items, targets, evidence in suggestions(
                completion, graphs, sources, relation, np.sort(queries), CANDIDATES
            )
        ]
        evidence, counts = map(np.concatenate, zip(*found, strict=True))
        seen[relation] = evidence, counts
    return seen


def _judge(seen: list[Seen]) -> Judge | None:
    """Trees that tell true suggestions, which count more than zero, from the others.

    None where there are not both. What was seen is taken out of the list: it is large, and trees
    read a copy of it in 64 bits.
    """
    evidence = np.concatenate([evidence for evidence, _ in seen], dtype=float)
    counts = np.concatenate([counts for _, counts in seen])
    seen.clear()
    true = counts > 0
    if true.all() or not true.any():
        return None
    return Judge(**TREES, random_state=SEED).fit(evidence, true, np.where(true, counts, 1))


def _probabilities(
    judge: Judge,
    completion: Completion,
    observed: Observed,
    sources: Sources,
    relation: int,
    progress: str | None,
) -> sparse.csr_array:
    """``[n_items, n_items]`` float32, of the candidates of all items with behaviour."""
    graphs = [edges_of(matrix) for matrix in observed.behaviours]
    asking = np.flatnonzero(sum(np.diff(graph.indptr) for graph in graphs))
    blocks = tqdm(
        suggestions(completion, graphs, sources, relation, asking, CANDIDATES),
        total=len(blocks_of(len(asking))),
        desc=progress,
        unit="block",
        disable=None if progress else True,  # None: shown on a terminal
        leave=False,
    )
    found = []
    for items, targets, seen in blocks:
        probability = judge.predict_proba(seen)[:, 1] if len(items) else np.zeros(0)
        found.append((items, targets, probability.astype(np.float32)))
    items, targets, probability = map(np.concatenate, zip(*found, strict=True))
    return sparse.csr_array((probability, (items, targets)), shape=completion.known[0].shape)
