"""What the field's graph neural networks share: the training pairs as graphs, and the scores."""

from __future__ import annotations

from typing import Any

import torch
from recbole.model.abstract_recommender import GeneralRecommender
from recbole.utils import InputType
from torch import Tensor
from torch.nn import functional as F

from recbole_mmsc.data.queries import RELATIONS, Queries, read_queries
from recbole_mmsc.data.training import training_graphs
from recbole_mmsc.nn.item_inputs import Codes
from recbole_mmsc.nn.relation_graph import RelationGraph


class RelationGraphRecommender(GeneralRecommender):
    """Base of models that represent every item by messages along the training pairs.

    A RecBole "user" is a query token, one (relation, query item). A model gives every item a
    source and a target vector for each relation, and a pair scores by their inner product: the
    whole catalogue is ranked by one matrix product, with no network call for each pair.

    Leak-free: the graphs hold the pairs of the training interactions alone, so no held-out pair
    passes a message; and in training, a step takes the pairs of its batch out of both graphs
    before it asks for them, so that no pair passes a message to its own ends.

    A training step represents the whole catalogue, so a large ``train_batch_size`` is the
    cheap one.

    Args:
        config: RecBole's configuration.
        dataset: RecBole's training dataset, of a folder that ``recbole-mmsc build`` made.
    """

    input_type = InputType.PAIRWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        queries = read_queries(dataset)
        relation = torch.from_numpy(queries.relation).clamp(min=0)
        self.register_buffer("relation", relation, persistent=False)
        self.register_buffer("query_item", torch.from_numpy(queries.item), persistent=False)
        self.graphs = [graph.to(config["device"]) for graph in read_graphs(dataset, queries)]
        self._catalogue: tuple[Tensor, Tensor] | None = None

    def represent(self, graphs: list[RelationGraph]) -> tuple[Tensor, Tensor]:
        """Every item's vectors; the one method a model has to give.

        Args:
            graphs: the graph of each relation, in the order of ``RELATIONS``.

        Returns:
            Sources and targets, ``[n_relations, n_items, d]`` each.
        """
        raise NotImplementedError

    def pair_loss(self, positive: Tensor, negative: Tensor) -> Tensor:
        """BPR: a pair scores above its negative (Rendle et al., UAI 2009). A scalar.

        Args:
            positive: ``[b]`` scores of pairs.
            negative: ``[b]`` scores of their sampled negatives.
        """
        return -F.logsigmoid(positive - negative).mean()

    def calculate_loss(self, interaction: Any) -> Tensor:
        """The loss of a batch of RecBole's pairs with sampled negatives, a scalar.

        Args:
            interaction: ``[b]`` query tokens, ``[b]`` positive and ``[b]`` negative items.
        """
        self._catalogue = None
        users, items = interaction[self.USER_ID], interaction[self.ITEM_ID]
        vectors = self.represent(
            [graph.without(self.query_item[users], items) for graph in self.graphs]
        )
        return self.pair_loss(
            self._scores(vectors, users, items),
            self._scores(vectors, users, interaction[self.NEG_ITEM_ID]),
        )

    def predict(self, interaction: Any) -> Tensor:
        """Scores of pairs: ``[b]`` query tokens and ``[b]`` items → ``[b]``."""
        vectors = self._represent_catalogue()
        return self._scores(vectors, interaction[self.USER_ID], interaction[self.ITEM_ID])

    def full_sort_predict(self, interaction: Any) -> Tensor:
        """Scores of the whole catalogue: ``[b]`` query tokens → ``[b, n_items]``."""
        users = interaction[self.USER_ID]
        sources, targets = self._represent_catalogue()
        items, relations = self.query_item[users], self.relation[users]
        scores = torch.empty(len(users), self.n_items, device=users.device)
        for relation in range(len(RELATIONS)):
            asked = (relations == relation).nonzero().squeeze(1)
            scores[asked] = sources[relation][items[asked]] @ targets[relation].T
        return scores

    def train(self, mode: bool = True) -> Any:
        """Training mode or not; what was computed in the other, with dropout, is forgotten."""
        if mode != self.training:
            self._catalogue = None
        return super().train(mode)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load weights; what was computed from the old ones is forgotten."""
        self._catalogue = None
        return super().load_state_dict(*args, **kwargs)

    def _scores(self, vectors: tuple[Tensor, Tensor], users: Tensor, items: Tensor) -> Tensor:
        sources, targets = (side.flatten(0, 1) for side in vectors)
        row = self.relation[users] * self.n_items
        source = sources.index_select(0, row + self.query_item[users])
        return (source * targets.index_select(0, row + items)).sum(dim=-1)

    @torch.no_grad()
    def _represent_catalogue(self) -> tuple[Tensor, Tensor]:
        """Vectors of all items over all training pairs, computed once after a training step."""
        if self._catalogue is None:
            self._catalogue = self.represent(self.graphs)
        return self._catalogue


def read_graphs(dataset: Any, queries: Queries) -> list[RelationGraph]:
    """The graph of each relation: the pairs of the dataset's interactions and no others.

    Args:
        dataset: RecBole's training dataset.
        queries: its query tokens.
    """
    graphs = []
    for pairs in training_graphs(dataset, queries):
        one, other = (torch.from_numpy(ends).long() for ends in pairs.nonzero())
        graphs.append(RelationGraph.of(one, other, dataset.item_num))
    return graphs


def codes_of(attributes: dict[str, Tensor], names: list[str]) -> Codes:
    """Some attributes of :func:`read_attributes`, to be embedded."""
    return Codes(torch.stack([attributes[name] for name in names]))


def identity_of(graphs: list[RelationGraph]) -> Tensor:
    """``[n_items]`` codes: an item's own number if it is warm, else 0.

    A cold item has no pair to learn a vector of its own from, so it has none.
    """
    warm = torch.stack([graph.degrees for graph in graphs]).sum(dim=0) > 0
    return torch.arange(len(warm), device=warm.device) * warm
