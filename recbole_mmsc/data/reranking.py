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
from tqdm import tqdm

from recbole_mmsc.data.boosted_trees import BoostedTrees
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
UNTRUE = 80_000  # suggestions of a look and relation that do not come true, at most about as many
TREES = {
    "max_leaf_nodes": 8,
    "max_iter": 200,
    "min_samples_leaf": 100,
}
SEED = 2026

Solve = Callable[[Observed], Completion]
Sources = Mapping[str, np.ndarray]
# Of suggestions ``[n, f]`` evidence, ``[n]`` bool whether they come true, ``[n]`` what they count.
Seen = tuple[np.ndarray, np.ndarray, np.ndarray]


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


def _learn(observed: Observed, solve: Solve, sources: Sources) -> dict[int, BoostedTrees]:
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
    taken = [sparse.csr_array(known.multiply(part)) for known in observed.known]
    return {
        relation: _outcomes(completion, graphs, sources, relation, taken[relation], rng)
        for relation in relations
    }


def _outcomes(
    completion: Completion,
    graphs: Sequence[sparse.csr_array],
    sources: Sources,
    relation: int,
    taken: sparse.csr_array,
    rng: np.random.Generator,
) -> Seen:
    """Of the suggestions for items with pairs ``taken`` out: all of these, and others by lot."""
    queries = rng.permutation(np.flatnonzero(np.diff(taken.indptr)))[:QUERIES]
    share = UNTRUE / max(len(queries) * CANDIDATES, UNTRUE)

    def drawn(*pairs: np.ndarray) -> np.ndarray:
        return (values_at(taken, *pairs) > 0) | (rng.random(len(pairs[0])) < share)

    found = []
    for *pairs, evidence in suggestions(
        completion, graphs, sources, relation, np.sort(queries), CANDIDATES, drawn
    ):
        counts = values_at(taken, *pairs)
        found.append((evidence, counts > 0, np.where(counts > 0, counts, 1 / share)))
    evidence, true, counts = map(np.concatenate, zip(*found, strict=True))
    return evidence, true, counts


def _judge(seen: list[Seen]) -> BoostedTrees | None:
    """Trees that tell suggestions that come true from the others; None if there are not both."""
    evidence, true, counts = map(np.concatenate, zip(*seen, strict=True))
    if true.all() or not true.any():
        return None
    return BoostedTrees(**TREES).fit(evidence, true, counts)


def _probabilities(
    judge: BoostedTrees,
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
        found.append((items, targets, judge.probability(seen).astype(np.float32)))
    items, targets, probability = map(np.concatenate, zip(*found, strict=True))
    return sparse.csr_array((probability, (items, targets)), shape=completion.known[0].shape)
