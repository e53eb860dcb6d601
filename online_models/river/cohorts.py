"""What viewers of like taste watch, alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig
from online_models.feedback.interaction_state import POSITIVE
from online_models.learners.cohorts import CohortConfig, CohortTable
from online_models.ranking.viewer_side import EventColumns
from online_models.river.ranker import alone
from online_models.river.row_ranker import RowExpert
from online_models.tables.layout import F8

__all__ = ["Cohorts"]


class Cohorts(RowExpert):
    r"""Popularity within cohorts: online k-means on the taste vectors of a plain factorization.

    .. math::

        c(u) = \arg\min_c \lVert p_u - m_c \rVert \qquad
        \hat y_{uj} = \log\Big(1 + n \frac{t_{c(u) j} + \pi g_j}{\sum_k t_{c(u) k} + \pi}\Big)

    with :math:`t` the cohort's watches, decayed in event time, :math:`g` everybody's share of a title's and
    :math:`\pi` the prior. A stranger belongs to no cohort and gets what everybody watches. Alone and in the
    blend it is worth little (:mod:`online_models.learners.cohorts` has the figures); rows and insights need it.

    Parameters
    ----------
    cohorts
        How many.
    titles
        Titles counted in each.
    memory
        Observations after which a centre's past counts 1/e.
    half_life_s
        Seconds after which a watch counts half.
    prior
        Watches by everybody that a cohort's own are mixed with.
    factors
        Numbers in a taste vector.
    viewer_slots, title_capacity
        Users and items remembered at most.
    seed
        Start of every draw.

    Examples
    --------
    >>> from online_models.river import Cohorts
    >>> model = Cohorts(cohorts=2, prior=1, factors=4, seed=1)
    >>> for n in range(200):
    ...     crowd = ("soups", "knives", "pots") if n % 2 else ("knots", "tides", "stars")
    ...     model.learn_many([(f"u{n}", crowd[(n // 2 + k) % 3], 1) for k in range(3)])
    >>> model.learn_many([("eve", "knots", 1), ("eve", "tides", 1)])
    >>> model.top_n("eve", 1)[0][0]
    'stars'

    References
    ----------
    [^1]: MacQueen, J., 1967. Some methods for classification and analysis of multivariate observations.
    [^2]: Metwally, A., Agrawal, D. and El Abbadi, A., 2005. Efficient computation of frequent and top-k
          elements in data streams. ICDT.
    """

    def __init__(
        self,
        *,
        cohorts: int = 16,
        titles: int = 200,
        memory: float = 5_000.0,
        half_life_s: float = 604_800.0,
        prior: float = 20.0,
        factors: int = 12,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.cohorts = cohorts
        self.titles = titles
        self.memory = memory
        self.half_life_s = half_life_s
        self.prior = prior
        self.factors = factors
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)
        config = CohortConfig(
            cohorts=cohorts, titles=titles, memory=memory, half_life_s=half_life_s, prior=prior
        )
        self.table = CohortTable(factors, config)

    def _config(self) -> ModelConfig:
        return ModelConfig(
            factorization=FactorizationConfig(factors=self.factors, horizons=()),
            cowatch=CoWatchConfig(enabled=False, window=0, seeds=0, long_seeds=0, neighbours=16),
            blend=alone(factorization=1.0),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )

    def _learn(self, batch: EventColumns) -> None:
        nobody = np.zeros(1, np.int32)
        for n in range(len(batch.viewers)):
            self.table.absorb(self._model.learn_columns(batch.cut(n, n + 1), nobody)[1], POSITIVE)

    def _scores(self, slot: int | None) -> F8:
        size = len(self._model.titles)
        cohort = -1 if slot is None else self.table.cohort_of(self._model.viewers.viewers.arrays.taste[slot])
        active = int(self._model.titles.arrays.size[1])
        return np.log1p(active * self.table.shares(cohort, size))

    def _parts(self) -> dict[str, NDArray[Any]]:
        return self.table.state()

    def _take(self, parts: Mapping[str, NDArray[Any]]) -> None:
        self.table.load(parts)
