"""Experts that score a row of titles in numpy, beside a `Recommender` that remembers viewers and titles."""

from abc import abstractmethod
from collections.abc import Collection, Hashable, Iterable

import numpy as np

from online_models.ranking.scorer import hide_known
from online_models.river.ranker import Expert, name_of
from online_models.tables.layout import F8

__all__ = ["RowExpert"]


class RowExpert(Expert):
    """A River ranker whose scores are a row over all titles; subclasses say which."""

    @abstractmethod
    def _scores(self, slot: int | None) -> F8:
        """Return the score of every row of the titles' table for a viewer's slot, None for a stranger."""

    def _row(self, user: Hashable) -> tuple[int | None, F8]:
        """Return a user's slot and row of scores: -inf where a title has no positive."""
        model = self._model
        slot = model.viewers.viewers.slot(name_of(user))
        active = model.titles.arrays.counts[: len(model.titles), 0] > 0
        return slot, np.where(active, self._scores(slot), -np.inf)

    def predict_many(self, user: Hashable, items: Iterable[Hashable]) -> list[float]:
        """Predict every item for a user; -inf for an item without a positive. Creates nothing."""
        row, rows = self._row(user)[1], map(self._model.titles.row, map(name_of, items))
        return [float("-inf") if at is None else float(row[at]) for at in rows]

    def rank(self, user: Hashable, items: Iterable[Hashable], x: object = None) -> list[Hashable]:
        """Sort items for a user, best first; equal ones as they were met, unknown ones last by name."""
        del x
        named = {name_of(item): item for item in items}
        scores = dict(zip(named, self.predict_many(user, named.values()), strict=True))
        places = {name: self._model.titles.row(name) for name in named}
        met = {name: at for name, at in places.items() if at is not None and np.isfinite(scores[name])}
        order = sorted(named, key=lambda name: (-scores[name], met.get(name, len(self._model.titles)), name))
        return [named[name] for name in order]

    def top_n(
        self, user: Hashable, n: int = 20, exclude: Collection[Hashable] = ()
    ) -> list[tuple[Hashable, float]]:
        """Return the best items that the user does not have, with scores, best first. Creates nothing."""
        slot, row = self._row(user)
        if slot is not None:
            known = np.zeros(row.size, np.float32)
            hide_known(self._model.viewers.viewers.arrays, slot, known)
            row += known
        for at in map(self._model.titles.row, map(name_of, exclude)):
            if at is not None:
                row[at] = -np.inf
        best = np.argsort(-row, kind="stable")[:n].tolist()
        return [(self._items[self._model.titles.ids[at]], float(row[at])) for at in best if row[at] > -np.inf]
