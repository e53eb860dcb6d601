"""All experts together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from online_models.config import (
    EXPERTS,
    BlendConfig,
    CoWatchConfig,
    FactorizationConfig,
    ModelConfig,
    TrendingConfig,
)
from online_models.feedback.interaction_state import POSITIVE
from online_models.learners.cohorts import CohortConfig, CohortTable
from online_models.learners.tag_affinity import PRIOR, STEP, Tagged, scores, taste_of
from online_models.ranking.viewer_side import EventColumns
from online_models.river.ranker import Expert, RowExpert, alone
from online_models.tables.history import recent
from online_models.tables.layout import F8
from schemas import Tags, Title

__all__ = ["Blend", "CoWatch", "Cohorts", "Factorization", "TagAffinity", "Trending"]


class Blend(Expert):
    r"""The log-linear blend of all experts: what the worker ranks by.

    .. math::

        \hat y_{uj} = \sum_e w_e(u)\, f_e(u, j) \qquad
        w_e \leftarrow w_e + \eta\, \Big(f_e(u, i) - \sum_j p_j f_e(u, j)\Big)

    with the score of `Factorization` and the log-shares of `CoWatch` (short and long), `Trending` and all
    watches as :math:`f_e`, and :math:`p` the softmax of :math:`\hat y_u` over the best-scored titles;
    `online_models.learners.blender` has the rest. The weights learn from what is tested
    (`Recommender.prequential`); here they stay where they start.

    Parameters
    ----------
    factorization, cowatch, cowatch_long, trending, popularity
        The weights of the experts.
    rejection
        Weight against what resembles the user's rejections.
    satisfaction
        Weight of how few turn an item down.
    floor
        Share spread evenly over the candidates, so that no expert can veto.
    config
        Everything else; None for the defaults.
    viewer_slots, title_capacity
        Users and items remembered at most.
    seed
        Start of every draw.

    Examples
    --------
    >>> from online_models.river import Blend
    >>> model = Blend(seed=1)
    >>> model.learn_many([("ada", "Alien", 1), ("ada", "Aliens", 1), ("bob", "Amelie", 1)])
    >>> model.learn_one("eve", "Alien", 1)
    >>> [item for item, _ in model.top_n("eve")]
    ['Aliens', 'Amelie']
    >>> model.clone({"popularity": 0.2}).popularity
    0.2
    """

    def __init__(
        self,
        *,
        factorization: float = 0.6,
        cowatch: float = 0.5,
        cowatch_long: float = 0.1,
        trending: float = 0.2,
        popularity: float = 0.4,
        rejection: float = 0.1,
        satisfaction: float = 1.5,
        floor: float = 1.0,
        config: ModelConfig | None = None,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.factorization = factorization
        self.cowatch = cowatch
        self.cowatch_long = cowatch_long
        self.trending = trending
        self.popularity = popularity
        self.rejection = rejection
        self.satisfaction = satisfaction
        self.floor = floor
        self.config = config
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)

    def _config(self) -> ModelConfig:
        weights = {name: getattr(self, name) for name in (*EXPERTS, "rejection", "satisfaction", "floor")}
        return replace(
            self.config or ModelConfig(),
            blend=BlendConfig(**weights),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )


# History-aware matrix factorization, alone.


class Factorization(Expert):
    r"""History-aware matrix factorization with a sampled softmax.

    .. math::

        \hat y_{uj} = \Big[\ \frac{\sum_l d_1^l\, y^1_{h_l}}{|d_1|},\ \ldots,\ p_u \Big] \cdot q_j + b_j

    over the user's positives :math:`h_0` (newest), :math:`h_1`, ...; learned event by event by the
    cross-entropy of the item against items drawn uniformly from those that the user does not have, with
    AdaGrad.

    Parameters
    ----------
    factors
        Numbers in a user's vector, and in each horizon's part of an item's.
    horizons
        Decay per step back in the history, one a horizon.
    history
        Positives that enter the representation.
    negatives
        Items drawn per positive.
    learning_rate, user_learning_rate
        AdaGrad steps of items and users.
    viewer_slots, title_capacity
        Users and items remembered at most.
    seed
        Start of every draw.

    Examples
    --------
    >>> from online_models.river import Factorization
    >>> model = Factorization(factors=8, seed=3)
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

    def __init__(
        self,
        *,
        factors: int = 12,
        horizons: tuple[float, ...] = (0.5, 0.8, 0.95, 0.99),
        history: int = 80,
        negatives: int = 100,
        learning_rate: float = 0.1,
        user_learning_rate: float = 0.3,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.factors = factors
        self.horizons = horizons
        self.history = history
        self.negatives = negatives
        self.learning_rate = learning_rate
        self.user_learning_rate = user_learning_rate
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)

    def _config(self) -> ModelConfig:
        return ModelConfig(
            factorization=FactorizationConfig(
                factors=self.factors,
                horizons=tuple(self.horizons),
                history=self.history,
                negatives=self.negatives,
                learning_rate=self.learning_rate,
                viewer_learning_rate=self.user_learning_rate,
            ),
            cowatch=CoWatchConfig(enabled=False, window=0, seeds=0, long_seeds=0, neighbours=16),
            blend=alone(factorization=1.0),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )


# Co-watch neighbours, alone.


class CoWatch(Expert):
    r"""Recency-weighted item-item co-watch: "because you watched", from the first event on.

    A positive of item :math:`i` adds :math:`w\,\delta^l` to :math:`C_{i h_l}` and :math:`C_{h_l i}` for the
    newest positives :math:`h_l` of the user; with :math:`n_i` the weight of all positives of an item,

    .. math::

        c_{uj} = \sum_{l < M} d^l\, C_{h_l j}\, (n_{h_l} n_j)^{-\alpha}
        \qquad \hat y_{uj} = \log\Big(1 + \frac{n\, c_{uj}}{b_j \sum_k c_{uk}}\Big)

    where :math:`b_j` is the item's popularity to the power of .55: what an item that no list names is taken
    to have. With ``seeds=20, seed_decay=.93`` it is the blend's long horizon.

    Parameters
    ----------
    window
        Positives back that an item is paired with.
    pair_decay
        Weight of a pair per step between its two items (:math:`\delta`).
    seeds
        Newest positives whose neighbours are added up (:math:`M`).
    seed_decay
        Weight of a seed per step back (:math:`d`).
    alpha
        How far popularity is taken out of the similarity.
    neighbours
        Neighbours kept per item, a multiple of 16.
    viewer_slots, title_capacity
        Users and items remembered at most.
    seed
        Nothing is drawn; it is here for River's sake.

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

    def __init__(
        self,
        *,
        window: int = 30,
        pair_decay: float = 0.9,
        seeds: int = 10,
        seed_decay: float = 0.8,
        alpha: float = 0.45,
        neighbours: int = 176,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.window = window
        self.pair_decay = pair_decay
        self.seeds = seeds
        self.seed_decay = seed_decay
        self.alpha = alpha
        self.neighbours = neighbours
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)

    def _config(self) -> ModelConfig:
        history = max(1, self.window, self.seeds)
        return ModelConfig(
            factorization=FactorizationConfig(factors=1, horizons=(), history=history, negatives=0),
            cowatch=CoWatchConfig(
                window=self.window,
                pair_decay=self.pair_decay,
                seeds=self.seeds,
                seed_decay=self.seed_decay,
                long_seeds=0,
                alpha=self.alpha,
                neighbours=self.neighbours,
            ),
            blend=alone(cowatch=1.0),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )


# Watches that decay in event time, alone.


class Trending(Expert):
    r"""Decayed popularity, the same for everyone, in event time.

    .. math::

        t_j \leftarrow t_j\, 2^{-\Delta / H} + w
        \qquad \hat y_{uj} = \log\Big(\frac{t_j}{\sum_k t_k} + \frac{.05}{n}\Big)

    :math:`\Delta` is the time since the item's last positive; one that arrives late counts what it would have
    decayed to. Without ``event_time_ms`` in the context time stands still, and this is popularity.

    Parameters
    ----------
    half_life_s
        Seconds after which a positive counts half.
    viewer_slots, title_capacity
        Users and items remembered at most.
    seed
        Nothing is drawn; it is here for River's sake.

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
            factorization=FactorizationConfig(factors=1, horizons=(), history=1, negatives=0),
            cowatch=CoWatchConfig(enabled=False, window=0, seeds=0, long_seeds=0, neighbours=16),
            trending=TrendingConfig(half_lives_s=(h, h, h)),
            blend=alone(trending=1.0),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )


# Likeness of a title's tags to those of a user's history, alone.


class TagAffinity(RowExpert):
    r"""Mean smoothed log-lift of an item's tags in a user's history.

    .. math::

        \hat y_{uj} = \frac{1}{|G_j|} \sum_{g \in G_j}
        \log \frac{W_u\, p_u(g) + m\, p(g)}{(W_u + m)\, p(g)}

    (:mod:`online_models.learners.tag_affinity`). Items without tags score 0, and so does everything for a stranger. An
    item is ranked from its first positive on.

    Parameters
    ----------
    tags
        Tags of items by kind, such as ``{"Alien": {"genre": ["Horror"]}}``; more by `describe`.
    step
        Weight of a watch per step back in the history.
    prior
        Watches of prior evidence.
    history
        Positives that are looked at.
    viewer_slots, title_capacity
        Users and items remembered at most.
    seed
        Nothing is drawn; it is here for River's sake.

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
        """Take an item's tags over from its newest record in the catalog."""
        self._model.catalog.put(title)

    def _config(self) -> ModelConfig:
        return ModelConfig(
            factorization=FactorizationConfig(factors=1, horizons=(), history=self.history, negatives=0),
            cowatch=CoWatchConfig(enabled=False, window=0, seeds=0, long_seeds=0, neighbours=16),
            blend=alone(popularity=1.0),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )

    def _scores(self, slot: int | None) -> F8:
        size, catalog = len(self._model.titles), self._model.catalog
        if slot is None:
            return np.zeros(size)
        history = np.empty(self.history, np.int32)
        depth = recent(self._model.viewers.viewers.arrays, slot, history)
        indptr, ids = catalog.tags_of(np.arange(size))
        watches = self._model.titles.arrays.watches[:size]
        tagged = Tagged.of(indptr, ids, watches, len(catalog.tag_names))
        return scores(taste_of(history[:depth], tagged, step=self.step, prior=self.prior), tagged)


# What viewers of like taste watch, alone.


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
