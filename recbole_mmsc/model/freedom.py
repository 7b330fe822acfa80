"""FREEDOM: a frozen graph of items alike in content, a pruned graph of queries and items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from recbole.model.init import xavier_normal_initialization
from torch import Tensor, nn

from recbole_mmsc.data.item_graph import item_graph
from recbole_mmsc.data.modalities import read_modalities, side_by_side
from recbole_mmsc.data.queries import read_queries
from recbole_mmsc.model.factors import FactorRecommender, pairwise_loss, read_edges
from recbole_mmsc.model.query_vectors import OwnVectors, QueryVectors
from recbole_mmsc.nn.light_graph import LightGraph
from recbole_mmsc.settings.multimodal import FREEDOMSettings


class FREEDOM(FactorRecommender):
    """A Tale of Two Graphs: Freezing and Denoising Graph Structures for Multimodal Recommendation.

    Zhou and Shen, ACM MM 2023.

    Query tokens and items have embeddings. LightGCN propagates both over the graph of training
    pairs, mean over the layers; to an item is added what its embedding and those of its nearest
    items in content become over the frozen :func:`item_graph`. In training the graph of pairs is
    pruned anew for every epoch: a share of the edges is drawn with probability in proportion to
    1 / √(degree · degree) (:meth:`Edges.sample`); rankings use all edges. The loss is BPR, plus
    ``content_weight`` times a BPR for each modality, of the query token's vector with the item's
    projected features in place of its vector.

    Adapted: a user is a query token, one (relation r, query item q), and its embedding is a free
    vector plus W_r f_q, read in the query item's features, all modalities side by side
    (:class:`QueryVectors`); the paper's users have no content. What has no training pairs has no
    free vector: a cold query's is W_r f_q, and a cold item has what it hears from the items nearest
    in content. Ours: features stay frozen; pairs of which an item lacks the modality are left out
    of that modality's loss.

    Args:
        config: RecBole's configuration, with the keys of :class:`FREEDOMSettings`.
        dataset: RecBole's training dataset, of a folder that ``recbole-mmsc build`` made.

    Raises:
        FeatureError: the features of the encoder are missing or belong to another catalogue.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.settings = FREEDOMSettings.from_config(config)
        size, device = self.settings.embedding_size, config["device"]
        modalities = read_modalities(Path(config["data_path"]), dataset, self.settings.encoder)
        frozen = item_graph(modalities, self.settings.neighbours, self.settings.image_weight)
        self.item_graph = frozen.to(device)
        self.modalities = {name: modality.to(device) for name, modality in modalities.items()}
        self.edges = read_edges(dataset).to(device)
        self.all_pairs = self.edges.graph(self.n_users, self.n_items)
        self.pruned: LightGraph | None = None
        self.user_embedding = QueryVectors(
            read_queries(dataset), self.edges.users, side_by_side(self.modalities), size
        )
        self.item_embedding = OwnVectors(self.edges.items, self.n_items, size)
        # The paper's projections have a bias too, which cancels out in the loss.
        self.projections = nn.ModuleDict(
            {
                name: nn.Linear(modality.vectors.shape[1], size, bias=False)
                for name, modality in modalities.items()
            }
        )
        self.apply(xavier_normal_initialization)

    def train(self, mode: bool = True) -> FREEDOM:
        """RecBole calls it before every epoch: the next training step prunes the graph anew."""
        self.pruned = None
        return super().train(mode)

    def represent(self) -> tuple[Tensor, Tensor]:
        """Vectors over all edges, ``[n_users, size]`` and ``[n_items, size]``."""
        return self.propagate(self.all_pairs)

    def propagate(self, pairs: LightGraph) -> tuple[Tensor, Tensor]:
        """Vectors over a graph of query tokens and items."""
        items = self.item_embedding.all()
        own = torch.cat([self.user_embedding.all(), items])
        heard = torch.stack(pairs.layers(own, self.settings.query_layers)).mean(dim=0)
        alike = self.item_graph.layers(items, self.settings.item_layers)[-1]
        users, items = heard.split([self.n_users, self.n_items])
        return users, items + alike

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """BPR of the vectors, and of each modality."""
        if self.pruned is None:
            kept = self.edges.sample(1 - self.settings.edge_dropout)
            self.pruned = kept.graph(self.n_users, self.n_items)
        of_users, of_items = self.propagate(self.pruned)
        asked = of_users[users]
        loss = pairwise_loss(asked, of_items[positives], of_items[negatives])
        for name, modality in self.modalities.items():
            both = modality.available[positives] & modality.available[negatives]
            one, other = (
                self.projections[name](modality.vectors[items[both]])
                for items in (positives, negatives)
            )
            # A batch may lack the modality altogether, and the mean of nothing is no number.
            content = pairwise_loss(asked[both], one, other) if both.any() else 0.0
            loss = loss + self.settings.content_weight * content
        return loss
