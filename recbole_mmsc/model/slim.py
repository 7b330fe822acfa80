"""SLIM: RecBole's SLIMElastic, whose matrix stays compressed by columns."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from recbole.model.abstract_recommender import GeneralRecommender
from recbole.model.general_recommender.slimelastic import SLIMElastic
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet
from torch import nn, zeros
from tqdm import tqdm

from recbole_mmsc.settings.structural import SLIMSettings


class SLIM(SLIMElastic):
    """An elastic net for each item on all others, over both relations' queries.

    Ning, Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011, as
    RecBole's SLIMElastic solves it: the same problem, the same random order of descent, the same
    weights. RecBole converts the whole matrix for every item, which takes ten times as long as the
    descent.

    Args:
        config: RecBole's configuration.
        dataset: RecBole's training dataset.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        GeneralRecommender.__init__(self, config, dataset)  # SLIMElastic's own would solve it
        self.settings = SLIMSettings.from_config(config)
        self.nothing = nn.Parameter(zeros(1))  # RecBole's optimiser asks for a parameter
        queries = dataset.inter_matrix(form="csr").astype(np.float32)
        self.interaction_matrix = queries
        self.item_similarity = self._solve(queries.tocsc(), bool(config["show_progress"]))
        self.other_parameter_name = ["interaction_matrix", "item_similarity"]

    def _solve(self, columns: sparse.csc_matrix, progress: bool) -> sparse.csr_matrix:
        """``[n_queries, n_items]`` → the weights, ``[n_items, n_items]``."""
        net = ElasticNet(
            alpha=self.settings.alpha,
            l1_ratio=self.settings.l1_ratio,
            positive=self.settings.positive_only,
            fit_intercept=False,
            copy_X=False,
            selection="random",
            max_iter=100,
        )
        found = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=ConvergenceWarning)
            hidden = None if progress else True  # None: shown on a terminal
            for item in tqdm(range(self.n_items), "SLIM", unit="item", disable=hidden, leave=False):
                own = slice(columns.indptr[item], columns.indptr[item + 1])
                values = columns.data[own].copy()
                target = columns[:, [item]].toarray().ravel()
                if self.settings.hide_item:
                    columns.data[own] = 0
                found.append(net.fit(columns, target).sparse_coef_)
                columns.data[own] = values
        return sparse.csr_matrix(sparse.vstack(found).T)
