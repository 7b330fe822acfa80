"""MMSC as a RecBole general recommender."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recbole.model.abstract_recommender import GeneralRecommender
from recbole.utils import InputType
from torch import Tensor

from recbole_mmsc.data.completion import Completion
from recbole_mmsc.data.inputs import read_inputs
from recbole_mmsc.data.queries import RELATIONS, read_queries
from recbole_mmsc.memory import return_freed_memory
from recbole_mmsc.model.completed_graphs import CompletedGraphs
from recbole_mmsc.model.explanation import Explanation, explain
from recbole_mmsc.model.structural import Held
from recbole_mmsc.model.unseen import rank_unseen
from recbole_mmsc.nn.content import fused
from recbole_mmsc.nn.losses import info_nce, log_mass, sampled_softmax
from recbole_mmsc.nn.mmsc import Meaning, MMSCNetwork
from recbole_mmsc.nn.shared import WeightedRows
from recbole_mmsc.settings import MMSCSettings

ITEMS_AT_ONCE = 2048


class MMSC(GeneralRecommender):
    """Multi-modal relational item representations for substitutes and complements.

    A RecBole "user" is a query token, one (relation, query item). The network is
    :class:`recbole_mmsc.nn.mmsc.MMSCNetwork`; this class reads a batch, adds up the losses and
    ranks the catalogue.

    Args:
        config: RecBole's configuration, with the keys of :class:`MMSCSettings`.
        dataset: RecBole's training dataset, of a folder that ``recbole-mmsc build`` made.

    Raises:
        FeatureError: the features of the encoder are missing or belong to another catalogue.
        FileNotFoundError: the folder has no ``behaviour.parquet``, or no ``catalogue.parquet``.
        ValueError: one of the two is damaged, of other items, or of an earlier build; or a user id
            is no query token.
        SettingsError: a setting is missing, of the wrong type, or out of range.
        SupervisionError: labels that the settings name are missing or damaged.
    """

    input_type = InputType.PAIRWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.settings = MMSCSettings.from_config(config)
        queries = read_queries(dataset)
        inputs = read_inputs(Path(config["data_path"]), dataset, self.settings, config["seed"])
        self.register_buffer("relation", torch.from_numpy(queries.relation), persistent=False)
        self.register_buffer("query_item", torch.from_numpy(queries.item), persistent=False)
        self.positives = inputs.positives.to(config["device"])
        self._graphs = CompletedGraphs(inputs.complete, config["device"])
        self.words, self.likeness = Held(inputs.words), inputs.likeness
        self.names = [*map(str, dataset.field2id_token[dataset.iid_field]), *inputs.outsiders]
        self.network = MMSCNetwork(
            self.n_items,
            {name: m.to(config["device"]) for name, m in inputs.modalities.items()},
            [graph.to(config["device"]) for graph in inputs.graphs],
            [rows and rows.to(config["device"]) for rows in inputs.borrowed],
            n_relations=len(RELATIONS),
            size=self.settings.embedding_size,
            reliable=self.settings.reliability_weight > 0,
            semantic_level=self.settings.semantic_level,
            task_level=self.settings.task_level,
            dropout=self.settings.dropout,
        )
        self._kept = (1 - self.settings.edge_dropout, self.settings.neighbours)
        self._catalogue: tuple[Tensor, Tensor, Tensor] | None = None

    # --- what is solved ------------------------------------------------------------------------

    @property
    def completion(self) -> Completion | None:
        """The linear models that complete the graphs, solved if they are not; None if off."""
        return self._graphs.completion

    @property
    def completed(self) -> list[WeightedRows]:
        """The completed graph of each relation; none if they are off."""
        return self._graphs.rows

    def solve(self) -> None:
        """Complete the graphs now; else the first score does, and takes minutes to."""
        self._graphs.solve()
        return_freed_memory()  # what solving took, before training takes its own

    def other_parameter(self) -> dict[str, Any]:
        """For RecBole's checkpoints: what was solved, and by which settings."""
        return {"settings": self.settings.model_dump(), "solved": self._graphs.state()}

    def load_other_parameter(self, para: dict[str, Any] | None) -> None:
        """Take what a checkpoint has solved by the same settings; else it is solved anew."""
        if para and para["settings"] == self.settings.model_dump():
            self._graphs.take(para["solved"])

    # --- training ------------------------------------------------------------------------------

    def calculate_loss(self, interaction: Any) -> tuple[Tensor, ...]:
        """The losses of one batch of RecBole's pairs with sampled negatives.

        Args:
            interaction: ``[b]`` query tokens, ``[b]`` positive and ``[b]`` negative items.

        Returns:
            Scalars, each already weighted: relations, reliability, content.
        """
        self._catalogue = None
        settings, network = self.settings, self.network
        queries, positives = self._pairs(interaction)
        relations, items = queries // self.n_items, queries % self.n_items
        candidates = torch.cat([interaction[self.NEG_ITEM_ID], positives])
        drawn = torch.randperm(len(candidates), device=candidates.device)[: settings.candidates]
        candidates = candidates[drawn].unique()

        batch = torch.cat([items, positives, candidates]).unique()
        hidden = self._edges_between(items, positives)
        forgotten = torch.rand(len(batch), device=batch.device) < settings.forgotten
        meaning = network.mean(batch, hidden, forgotten, self._kept)
        sources, targets = network.heads(batch, meaning, forgotten)
        bias = network.bias[:, batch] * (network.warm(batch) & ~forgotten)

        losses = []
        at_candidates = torch.searchsorted(batch, candidates)
        for relation in relations.unique().tolist():  # a batch, or a catalogue, may have but one
            chosen = relations == relation
            asked, row = queries[chosen].unique(return_inverse=True)
            source = sources[relation][torch.searchsorted(batch, asked % self.n_items)]
            at_positives = torch.searchsorted(batch, positives[chosen])
            positive = (source[row] * targets[relation][at_positives]).sum(dim=-1)
            positive = positive + bias[relation][at_positives]
            known = self._known(asked, candidates)
            answers, popular = targets[relation][at_candidates], bias[relation][at_candidates]
            negatives = log_mass(source, answers, popular, known)
            counts = self.positives.counts(queries[chosen], positives[chosen])
            share = chosen.float().mean()
            losses.append(share * sampled_softmax(positive, row, negatives, counts))
        return (
            torch.stack(losses).sum(),
            settings.reliability_weight * self._reliability_loss(len(queries)),
            settings.content_weight * self._content_loss(batch, meaning, queries, positives),
        )

    def _pairs(self, interaction: Any) -> tuple[Tensor, Tensor]:
        """Queries, numbered as in ``Positives``, and targets of a batch, and some that supervision
        adds."""
        users, targets = interaction[self.USER_ID], interaction[self.ITEM_ID]
        queries = self.relation[users] * self.n_items + self.query_item[users]
        added, added_targets = self.positives.draw_added(len(users))
        return torch.cat([queries, added]), torch.cat([targets, added_targets])

    def _edges_between(self, items: Tensor, positives: Tensor) -> list[Tensor]:
        """For each behaviour ``[n_edges]`` bool: the edges of the batch's pairs, both ways."""
        ends = torch.cat([items, positives]), torch.cat([positives, items])
        hidden = []
        for behaviour in self.network.behaviours:
            graph = behaviour.graph
            mask = torch.zeros(len(graph.entries), dtype=torch.bool, device=items.device)
            mask[graph.find(*ends)[1]] = True
            hidden.append(mask)
        return hidden

    def _known(self, queries: Tensor, candidates: Tensor) -> Tensor:
        """``[q, c]`` bool: which (ascending) candidates are known positives of the queries, or
        the query item itself."""
        rows = self.positives.rows
        entries, row = rows.of(queries)
        items = torch.cat([rows.entries[entries], queries % self.n_items])
        row = torch.cat([row, torch.arange(len(queries), device=queries.device)])
        column = torch.searchsorted(candidates, items).clamp(max=len(candidates) - 1)
        hit = candidates[column] == items
        known = torch.zeros(len(queries), len(candidates), dtype=torch.bool, device=queries.device)
        known[row[hit], column[hit]] = True
        return known

    def _reliability_loss(self, n_samples: int) -> Tensor:
        loss = torch.zeros((), device=self.query_item.device)
        for behaviour in self.network.behaviours:
            loss = loss + behaviour.reliability_loss(n_samples)
            loss = loss + self.settings.belief_weight * behaviour.belief_loss(n_samples)
        return loss / max(len(self.network.behaviours), 1)

    def _content_loss(
        self, batch: Tensor, meaning: Meaning, queries: Tensor, positives: Tensor
    ) -> Tensor:
        """Contrast across substitutes (CIC), and of an item's own modalities (ITC).

        Complements are not alike in content, and are no part of it.
        """
        n_modalities = len(self.network.content.modalities)
        if not n_modalities:
            return torch.zeros((), device=batch.device)
        vectors, available = meaning.sources[:n_modalities], meaning.available[:n_modalities]
        content, present = fused(vectors, available)
        pairs = torch.stack([queries, positives])[:, queries < self.n_items]  # of substitutes
        one, two = torch.searchsorted(batch, pairs % self.n_items)
        chosen = self._some(present[one] & present[two])
        asked, answers = pairs[:, chosen]
        columns, at = answers.unique(return_inverse=True)
        known = self._known(asked, columns)[:, at]
        one, two = content[one[chosen]], content[two[chosen]]
        loss = info_nce(one, two, self.settings.temperature, known)
        if n_modalities == 2:
            both = self._some(available[0] & available[1])
            loss = loss + info_nce(vectors[0][both], vectors[1][both], self.settings.temperature)
        return loss

    def _some(self, of: Tensor) -> Tensor:
        """At most ``contrasted`` places where a mask ``[m]`` is true, drawn at random."""
        places = of.nonzero().squeeze(1)
        drawn = torch.randperm(len(places), device=places.device)[: self.settings.contrasted]
        return places[drawn]

    # --- ranking -------------------------------------------------------------------------------

    def predict(self, interaction: Any) -> Tensor:
        """Scores of pairs: ``[b]`` query tokens and ``[b]`` items → ``[b]``."""
        users = interaction[self.USER_ID]
        relations = self.relation[users].clamp(min=0)  # the padding token asks nothing
        vectors, completed = self.score_parts(
            relations, self.query_item[users], interaction[self.ITEM_ID]
        )
        return vectors + completed

    def score_parts(
        self, relations: Tensor, items: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The two summands of a score.

        Args:
            relations: ``[b]``, indices into ``RELATIONS``.
            items: ``[b]`` query items.
            targets: ``[b]`` items.

        Returns:
            ``[b]`` what the vectors say, with the target's bias, and ``[b]`` what the completed
            graph says.
        """
        batch = torch.cat([items, targets]).unique()
        queries, answers, bias = self.network(batch)
        at_items, at_targets = torch.searchsorted(batch, items), torch.searchsorted(batch, targets)
        vectors = (queries[relations, at_items] * answers[relations, at_targets]).sum(dim=-1)
        vectors = vectors + bias[relations, at_targets]
        completed = torch.zeros_like(vectors)
        for relation, rows in enumerate(self.completed):
            asked = (relations == relation).nonzero().squeeze(1)
            found, entries = rows.find(items[asked], targets[asked])
            completed[asked[found]] = self.settings.completion_weight * rows.weights[entries]
        return vectors, completed

    def explain(self, query: str, target: str, relation: str) -> Explanation:
        """Attention, gate and edges behind the score of a pair.

        Args:
            query: item id.
            target: item id.
            relation: ``substitute`` or ``complement``.

        Raises:
            ValueError: an item or the relation is unknown.
        """
        with self._resting():
            return explain(self, query, target, relation)

    def full_sort_predict(self, interaction: Any) -> Tensor:
        """Scores of the whole catalogue: ``[b]`` query tokens → ``[b, n_items]``.

        The query item itself scores minus infinity: it is never recommended.
        """
        users = interaction[self.USER_ID]
        queries, answers, bias = self.represent_catalogue()
        items, relations = self.query_item[users], self.relation[users]
        scores = torch.zeros(len(users), self.n_items, device=users.device)
        for relation in range(len(RELATIONS)):
            asked = (relations == relation).nonzero().squeeze(1)
            sources = queries[relation][items[asked]]
            scores[asked] = torch.addmm(bias[relation], sources, answers[relation].T)
            if self.completed:
                completed = self.completed[relation]
                entries, row = completed.of(items[asked])
                scores[asked[row], completed.entries[entries]] += (
                    self.settings.completion_weight * completed.weights[entries]
                )
        scores[torch.arange(len(users), device=users.device), items] = float("-inf")
        return scores

    def rank_unseen(
        self,
        content: Mapping[str, np.ndarray],
        relation: str,
        texts: Sequence[str] | None = None,
    ) -> Tensor:
        """Rank the catalogue for items that are not in it.

        They borrow what stands beside the items most like them, as the catalogue's own items
        without behaviour do.

        Args:
            content: for one or more of the encoder's modalities vectors ``[m, d_m]`` by the same
                encoder; a row of zeros says that an item lacks the modality.
            relation: ``substitute`` or ``complement``.
            texts: ``[m]`` title and brand of each item, whose words help to find items like it.

        Returns:
            ``[m, n_items]`` scores; column n is the item ``names[n]``, column 0 is padding.

        Raises:
            ValueError: the relation is unknown, the vectors are not those of the encoder, or there
                are not as many texts as vectors.
        """
        with self._resting():
            return rank_unseen(self, content, relation, texts)

    @contextmanager
    def _resting(self) -> Iterator[None]:
        """Evaluation mode, and no gradients, for a while."""
        training = self.training
        self.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.train(training)

    def represent_catalogue(self) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, targets and biases of all items, computed once after each training step."""
        if self._catalogue is None:
            return_freed_memory()  # of the epoch before, whose batches leave holes
            parts = [
                self.network(items)
                for items in torch.arange(self.n_items, device=self.query_item.device).split(
                    ITEMS_AT_ONCE
                )
            ]
            self._catalogue = tuple(torch.cat(part, dim=1) for part in zip(*parts, strict=True))
        return self._catalogue

    def train(self, mode: bool = True) -> Any:
        """Training mode or not; what was computed in the other, with dropout, is forgotten."""
        if mode != self.training:
            self._catalogue = None
        return super().train(mode)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load weights; what was computed from the old ones is forgotten."""
        self._catalogue = None
        return super().load_state_dict(*args, **kwargs)
