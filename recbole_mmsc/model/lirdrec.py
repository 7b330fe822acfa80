"""LIRDRec: item vectors learned from modality features alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from recbole.model.init import xavier_normal_initialization
from scipy.fft import dct
from torch import Tensor, nn
from torch.nn import functional as F

from recbole_mmsc.data.item_graph import item_graph
from recbole_mmsc.data.modalities import read_modalities, side_by_side
from recbole_mmsc.data.queries import read_queries
from recbole_mmsc.model.factors import FactorRecommender, pairwise_loss, read_edges
from recbole_mmsc.model.query_vectors import QueryVectors
from recbole_mmsc.nn.content import Modality
from recbole_mmsc.nn.weight_copying import WeightCopying
from recbole_mmsc.settings.multimodal import LIRDRecSettings

WIDENING = 4  # hidden width of the modality encoders in embedding sizes, as in the authors' code


class LIRDRec(FactorRecommender):
    """Learning Item Representations Directly from Multimodal Features for Effective Recommendation.

    Zhou, Zhang, Niyato and Shen, 2025, arXiv 2505.04960.

    No item has an embedding. Its vector is made of blocks, one for each modality and one, "shared",
    for the discrete cosine transforms of all modalities side by side, each block by a two-layer
    encoder and of unit length. A query token has a free vector for each block. All blocks are
    propagated over the graph of training pairs, summed over the layers; to an item is added what
    its blocks become over the frozen :func:`item_graph`. Progressive weight copying
    (:class:`WeightCopying`) weighs the blocks of each query token. The loss is BPR and
    ``reg_weight`` times the mean squares of all vectors.

    Adapted: a user is a query token, one (relation r, query item q), and to its free vector for a
    block is added W_r f_q, read in what the block knows of the query item (:class:`QueryVectors`);
    the paper's users have no content. A cold query, one without training pairs, has no free
    vectors, and since the free logits of the blocks' weights start at zero for all, nothing random
    decides for it.

    The paper writes a two-dimensional transform over items and dimensions, which would mix items
    in the order of the catalogue; the transform here runs over the dimensions of each item, as in
    the authors' public code, whence the widths and the schedule of the copying are known too.
    Ours: the logits are copied, and not their softmax, so that the copy by itself changes no
    weight; a block of an item without the modality is zero; features stay frozen.

    Args:
        config: RecBole's configuration, with the keys of :class:`LIRDRecSettings`.
        dataset: RecBole's training dataset, of a folder that ``recbole-mmsc build`` made.

    Raises:
        FeatureError: the features of the encoder are missing or belong to another catalogue.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.settings = LIRDRecSettings.from_config(config)
        size, device = self.settings.embedding_size, config["device"]
        modalities = read_modalities(Path(config["data_path"]), dataset, self.settings.encoder)
        frozen = item_graph(modalities, self.settings.neighbours, self.settings.image_weight)
        self.item_graph = frozen.to(device)
        queries, edges = read_queries(dataset), read_edges(dataset)
        self.pairs = edges.graph(self.n_users, self.n_items).to(device)
        transformed = {name: cosine_transform(m) for name, m in modalities.items()}
        blocks = {**modalities, "shared": side_by_side(transformed)}
        self.blocks = {name: block.to(device) for name, block in blocks.items()}
        self.encoders = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(block.vectors.shape[1], WIDENING * size),
                    nn.LeakyReLU(),
                    nn.Linear(WIDENING * size, size, bias=False),
                )
                for name, block in blocks.items()
            }
        )
        self.preferences = nn.ModuleDict(
            {
                name: QueryVectors(queries, edges.users, block, size)
                for name, block in self.blocks.items()
            }
        )
        self.fusion = WeightCopying(
            self.n_users, len(blocks), size, self.settings.attention_share, self.settings.copy_base
        )
        self.epoch_begins = True
        self.apply(xavier_normal_initialization)
        nn.init.zeros_(self.fusion.free.weight)

    def train(self, mode: bool = True) -> LIRDRec:
        """RecBole calls it before every epoch; its first batch copies the weights of the blocks."""
        self.epoch_begins = mode
        return super().train(mode)

    def propagate(self) -> tuple[Tensor, Tensor]:
        """Blocks of query tokens ``[n_users, n_blocks, size]``, of items ``[n_items, …]``."""
        own = torch.cat([self._own_blocks(name) for name in self.blocks], dim=1)
        heard = torch.stack(self.pairs.layers(own, self.settings.query_layers)).sum(dim=0)
        users, items = heard.split([self.n_users, self.n_items])
        items = items + self.item_graph.layers(items, self.settings.item_layers)[-1]
        shape = len(self.blocks), self.settings.embedding_size
        return users.unflatten(1, shape), items.unflatten(1, shape)

    def _own_blocks(self, name: str) -> Tensor:
        block = self.blocks[name]
        items = self.encoders[name](block.vectors) * block.available.unsqueeze(-1)
        return F.normalize(torch.cat([self.preferences[name].all(), items]))

    def represent(self) -> tuple[Tensor, Tensor]:
        """All vectors, ``[n_users, n_blocks · size]`` and ``[n_items, n_blocks · size]``."""
        users, items = self.propagate()
        return self.fusion(users).flatten(1), items.flatten(1)

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """BPR and the weighted squares."""
        if self.epoch_begins:
            with torch.no_grad():
                self.fusion.next_epoch(self.propagate()[0])
            self.epoch_begins = False
        of_users, of_items = self.represent()
        ranking = pairwise_loss(of_users[users], of_items[positives], of_items[negatives])
        squares = of_users.square().mean() + of_items.square().mean()
        return ranking + self.settings.reg_weight * squares


def cosine_transform(modality: Modality) -> Modality:
    """The orthonormal discrete cosine transform (type II) of each item's vector.

    X_k = √(2 / d) · Σ_n x_n · cos(π · (2n + 1) · k / 2d), and 1 / √2 of that for k = 0.
    """
    vectors = dct(modality.vectors.numpy(), type=2, norm="ortho", axis=1)
    return Modality(torch.from_numpy(vectors), modality.available)
