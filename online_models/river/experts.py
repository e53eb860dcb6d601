"""The learners as River rankers: one class for each learner, and `Blend` for all of them together.

Each class configures a `Recommender` in which only its learner has a weight. Hyper-parameters are those of
the learner's config class; ``config=None`` stands for its defaults.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from online_models.config import (
    CoWatchConfig,
    FactorizationConfig,
    ModelConfig,
    TrendingConfig,
)
from online_models.feedback.interaction_state import POSITIVE
from online_models.learners.cohorts import CohortConfig, CohortTable
from online_models.learners.tag_affinity import PRIOR, STEP, Tagged, scores, taste_of
from online_models.ranking.viewer_side import EventColumns
from online_models.river.ranker import Expert, RowExpert, only
from online_models.tables.history import recent_likes
from online_models.tables.layout import F8
from schemas import Tags, Title

__all__ = ["Blend", "CoWatch", "Cohorts", "Factorization", "TagAffinity", "Trending"]

_FACTORS = FactorizationConfig().factors
_NO_COWATCH = CoWatchConfig(enabled=False, window=0, seeds=0, long_seeds=0, neighbours=16)


def _no_factorization(history: int) -> FactorizationConfig:
    """Return the smallest factorization: it learns nothing, and the viewers' histories have this length."""
    return FactorizationConfig(factors=1, horizons=(), history=history, negatives=0)


class Blend(Expert):
    r"""The log-linear blend of all learners, as the worker ranks.

    .. math::

        \hat y_{uj} = \sum_e w_e(u)\, f_e(u, j) \qquad
        w_e \leftarrow w_e + \eta\, \Big(f_e(u, i) - \sum_j p_j f_e(u, j)\Big)

    with the score of `Factorization` and the log-shares of `CoWatch` (short and long), `Trending` and all
    watches as :math:`f_e`, and :math:`p` the softmax of :math:`\hat y_u` over the best-scored titles. The
    weights only learn from tested events (`Recommender.prequential`); here they keep their initial values.

    Parameters
    ----------
    config
        All hyper-parameters, the initial weights of the blend among them.
    viewer_slots, title_capacity
        Largest number of users and items.
    seed
        Seed of every draw.

    Examples
    --------
    >>> from online_models.river import Blend
    >>> model = Blend(seed=1)
    >>> model.learn_many([("ada", "Alien", 1), ("ada", "Aliens", 1), ("bob", "Amelie", 1)])
    >>> model.learn_one("eve", "Alien", 1)
    >>> [item for item, _ in model.top_n("eve")]
    ['Aliens', 'Amelie']
    >>> model.clone({"title_capacity": 50}).title_capacity
    50
    """

    config_type = ModelConfig

    def __init__(
        self,
        config: ModelConfig | None = None,
        *,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.config = config
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)

    def _config(self) -> ModelConfig:
        return replace(
            self.config or ModelConfig(),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )


class Factorization(Expert):
    r"""History-aware matrix factorization with a sampled softmax.

    .. math::

        \hat y_{uj} = \Big[\ \frac{\sum_l d_1^l\, y^1_{h_l}}{|d_1|},\ \ldots,\ p_u \Big] \cdot q_j + b_j

    over the user's positives :math:`h_0` (newest), :math:`h_1`, ... Each event is one AdaGrad step on the
    cross-entropy of the item against items drawn uniformly from those that the user does not have.

    Parameters
    ----------
    config
        Factors, horizons, history, negatives and learning rates.
    viewer_slots, title_capacity
        Largest number of users and items.
    seed
        Seed of every draw.

    Examples
    --------
    >>> from online_models.config import FactorizationConfig
    >>> from online_models.river import Factorization
    >>> model = Factorization(FactorizationConfig(factors=8), seed=3)
    >>> for n in range(30):
    ...     model.learn_one(f"cook {n}", "knives", True)
    ...     model.learn_one(f"cook {n}", "soups", True)
    ...     model.learn_one(f"sailor {n}", "knots", True)
    ...     model.learn_one(f"sailor {n}", "tides", True)
    >>> model.learn_one("eve", "knots", True)
    >>> model.rank("eve", {"soups", "tides"})
    ['tides', 'soups']

    References
    ----------
    [^1]: Koren, Y., 2008. Factorization meets the neighborhood. KDD.
    [^2]: Kabbur, S., Ning, X. and Karypis, G., 2013. FISM: factored item similarity models. KDD.
    """

    config_type = FactorizationConfig

    def __init__(
        self,
        config: FactorizationConfig | None = None,
        *,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.config = config
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)

    def _config(self) -> ModelConfig:
        return ModelConfig(
            factorization=self.config or FactorizationConfig(),
            cowatch=_NO_COWATCH,
            blend=only(factorization=1.0),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )


class CoWatch(Expert):
    r"""Recency-weighted item-item co-watch: "because you watched", from the first event on.

    A positive of item :math:`i` adds :math:`w\,\delta^l` to :math:`C_{i h_l}` and :math:`C_{h_l i}` for the
    newest positives :math:`h_l` of the user. With :math:`n_i` the weight of all positives of an item,

    .. math::

        c_{uj} = \sum_{l < M} d^l\, C_{h_l j}\, (n_{h_l} n_j)^{-\alpha}
        \qquad \hat y_{uj} = \log\Big(1 + \frac{n\, c_{uj}}{b_j \sum_k c_{uk}}\Big)

    where :math:`b_j`, the item's popularity to the power of .55, is the assumed co-watch of an item that is
    in no neighbour list. With ``seeds=20, seed_decay=.93`` it is the blend's long horizon.

    Parameters
    ----------
    config
        Window, decays, seeds, exponent and neighbours. The long horizon is off.
    viewer_slots, title_capacity
        Largest number of users and items.
    seed
        Part of River's interface; nothing is drawn.

    Examples
    --------
    >>> from online_models.river import CoWatch
    >>> model = CoWatch()
    >>> model.learn_many([("ada", "Alien", 1), ("ada", "Aliens", 1), ("bob", "Amelie", 1)])
    >>> model.learn_one("eve", "Alien", 1)
    >>> model.top_n("eve")
    [('Aliens', 0.9042752981185913), ('Amelie', 0.0)]

    References
    ----------
    [^1]: Huang, Y. et al., 2015. TencentRec: real-time stream recommendation in practice. SIGMOD.
    """

    config_type = CoWatchConfig

    def __init__(
        self,
        config: CoWatchConfig | None = None,
        *,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.config = config
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)

    def _config(self) -> ModelConfig:
        cowatch = replace(self.config or CoWatchConfig(), long_seeds=0)
        return ModelConfig(
            factorization=_no_factorization(max(1, cowatch.window, cowatch.seeds)),
            cowatch=cowatch,
            blend=only(cowatch=1.0),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )


class Trending(Expert):
    r"""Popularity that decays in event time, the same for all users.

    .. math::

        t_j \leftarrow t_j\, 2^{-\Delta / H} + w
        \qquad \hat y_{uj} = \log\Big(\frac{t_j}{\sum_k t_k} + \frac{.05}{n}\Big)

    :math:`\Delta` is the time since the item's last positive. A late positive adds the weight that it would
    have decayed to. Without ``event_time_ms`` in the context time stands still, and the score is popularity.

    Parameters
    ----------
    half_life_s
        Half-life of a positive, seconds.
    viewer_slots, title_capacity
        Largest number of users and items.
    seed
        Part of River's interface; nothing is drawn.

    Examples
    --------
    >>> from online_models.river import Trending
    >>> model = Trending(half_life_s=3600)
    >>> for user in ("ada", "bob", "eve"):
    ...     model.learn_one(user, "last night's", 1, {"event_time_ms": 0})
    >>> model.learn_one("ada", "this morning's", 1, {"event_time_ms": 8 * 3_600_000})
    >>> model.rank("dan", {"last night's", "this morning's"})
    ["this morning's", "last night's"]
    """

    def __init__(
        self,
        *,
        half_life_s: float = 604_800.0,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.half_life_s = half_life_s
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)

    def _config(self) -> ModelConfig:
        h = self.half_life_s
        return ModelConfig(
            factorization=_no_factorization(1),
            cowatch=_NO_COWATCH,
            trending=TrendingConfig(half_lives_s=(h, h, h)),
            blend=only(trending=1.0),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )


class TagAffinity(RowExpert):
    r"""Mean smoothed log-lift of an item's tags in a user's history.

    .. math::

        \hat y_{uj} = \frac{1}{|G_j|} \sum_{g \in G_j}
        \log \frac{W_u\, p_u(g) + m\, p(g)}{(W_u + m)\, p(g)}

    (:mod:`online_models.learners.tag_affinity`). Items without tags score 0. All items score 0 for an unknown
    user. An item is ranked from its first positive on.

    Parameters
    ----------
    tags
        Tags of items by kind, such as ``{"Alien": {"genre": ["Horror"]}}``. `describe` adds more.
    step
        Weight of a watch per step back in the history.
    prior
        Prior evidence, in watches.
    history
        Newest positives that count.
    viewer_slots, title_capacity
        Largest number of users and items.
    seed
        Part of River's interface; nothing is drawn.

    Examples
    --------
    >>> from online_models.river import TagAffinity
    >>> genres = {"Alien": "Horror", "The Thing": "Horror", "Amelie": "Romance"}
    >>> model = TagAffinity(tags={item: {"genre": [genre]} for item, genre in genres.items()})
    >>> model.learn_many([("ada", item, 1) for item in genres])
    >>> model.learn_one("eve", "Alien", 1)
    >>> [item for item, _ in model.top_n("eve")]
    ['The Thing', 'Amelie']

    References
    ----------
    [^1]: Church, K. and Hanks, P., 1990. Word association norms, mutual information, and lexicography.
    """

    def __init__(
        self,
        *,
        tags: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
        step: float = STEP,
        prior: float = PRIOR,
        history: int = 50,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.tags = tags
        self.step = step
        self.prior = prior
        self.history = history
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)
        for item, kinds in (tags or {}).items():
            self.describe(Title(title_id=item, tags=Tags(**{k: tuple(v) for k, v in kinds.items()})))

    def describe(self, title: Title) -> None:
        """Store the tags of an item from its catalog record."""
        self._model.catalog.put(title)

    def _config(self) -> ModelConfig:
        return ModelConfig(
            factorization=_no_factorization(self.history),
            cowatch=_NO_COWATCH,
            blend=only(popularity=1.0),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )

    def _scores(self, slot: int | None) -> F8:
        size, catalog = len(self._model.titles), self._model.catalog
        if slot is None:
            return np.zeros(size)
        history = np.empty(self.history, np.int32)
        depth = recent_likes(self._model.viewers.viewers.arrays, slot, history)
        indptr, ids = catalog.tags_of(np.arange(size))
        watches = self._model.titles.arrays.watches[:size]
        tagged = Tagged.of(indptr, ids, watches, len(catalog.tag_names))
        return scores(taste_of(history[:depth], tagged, step=self.step, prior=self.prior), tagged)


class Cohorts(RowExpert):
    r"""Popularity within cohorts: online k-means on the taste vectors of a plain factorization.

    .. math::

        c(u) = \arg\min_c \lVert p_u - m_c \rVert \qquad
        \hat y_{uj} = \log\Big(1 + n \frac{t_{c(u) j} + \pi g_j}{\sum_k t_{c(u) k} + \pi}\Big)

    with :math:`t` the cohort's watches, decayed in event time, :math:`g` the item's share of all watches and
    :math:`\pi` the prior. An unknown user belongs to no cohort and gets overall popularity. The gain for
    ranking is small, alone and in the blend (figures: :mod:`online_models.learners.cohorts`); pages and
    insights use the cohorts.

    Parameters
    ----------
    config
        Number and size of cohorts, memory, half-life and prior.
    factors
        Length of a taste vector.
    viewer_slots, title_capacity
        Largest number of users and items.
    seed
        Seed of every draw.

    Examples
    --------
    >>> from online_models.learners.cohorts import CohortConfig
    >>> from online_models.river import Cohorts
    >>> model = Cohorts(CohortConfig(cohorts=2, prior=1), factors=4, seed=1)
    >>> for n in range(200):
    ...     group = ("soups", "knives", "pots") if n % 2 else ("knots", "tides", "stars")
    ...     model.learn_many([(f"u{n}", group[(n // 2 + k) % 3], 1) for k in range(3)])
    >>> model.learn_many([("eve", "knots", 1), ("eve", "tides", 1)])
    >>> model.top_n("eve", 1)[0][0]
    'stars'

    References
    ----------
    [^1]: MacQueen, J., 1967. Some methods for classification and analysis of multivariate observations.
    [^2]: Metwally, A., Agrawal, D. and El Abbadi, A., 2005. Efficient computation of frequent and top-k
          elements in data streams. ICDT.
    """

    config_type = CohortConfig

    def __init__(
        self,
        config: CohortConfig | None = None,
        *,
        factors: int = _FACTORS,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.config = config
        self.factors = factors
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)
        self.table = CohortTable(factors, config or CohortConfig())

    def _config(self) -> ModelConfig:
        return ModelConfig(
            factorization=FactorizationConfig(factors=self.factors, horizons=()),
            cowatch=_NO_COWATCH,
            blend=only(factorization=1.0),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )

    def _learn(self, batch: EventColumns) -> None:
        not_tested = np.zeros(1, np.int32)
        for n in range(len(batch.viewers)):
            self.table.absorb(self._model.learn_columns(batch.cut(n, n + 1), not_tested)[1], POSITIVE)

    def _scores(self, slot: int | None) -> F8:
        size = len(self._model.titles)
        cohort = -1 if slot is None else self.table.cohort_of(self._model.viewers.viewers.arrays.taste[slot])
        active = int(self._model.titles.arrays.size[1])
        return np.log1p(active * self.table.shares(cohort, size))

    def _extra_arrays(self) -> dict[str, NDArray[Any]]:
        return self.table.state()

    def _load_extra(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.table.load(arrays)
