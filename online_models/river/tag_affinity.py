"""Likeness of a title's tags to those of a user's history, alone."""

from collections.abc import Mapping, Sequence

import numpy as np

from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig
from online_models.learners.tag_affinity import PRIOR, STEP, Tagged, scores, taste_of
from online_models.river.ranker import alone
from online_models.river.row_ranker import RowExpert
from online_models.tables.history import recent
from online_models.tables.layout import F8
from schemas import Tags, Title

__all__ = ["TagAffinity"]


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
