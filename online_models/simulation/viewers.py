"""Invented viewers: tastes that lie behind their choices, and that change."""

from typing import Final

import numpy as np

from online_models.simulation.catalogue import DIMENSIONS, Floats

__all__ = ["Viewers"]

TASTE_WEIGHTS: Final = {"genre": 1.2, "theme": 0.9, "mood": 0.6}
"""A taste is made of one word of each of these kinds, and some noise."""
NOISE: Final = 0.25
"""Standard deviation of what no word says."""
SWITCH: Final = 0.02
"""Chance, per session, that a viewer moves half-way to another taste (a new season, a new job)."""
WANDER: Final = 0.02
"""Standard deviation of the small step of a taste per session."""
ACTIVITY_SIGMA: Final = 1.0
"""Spread of activity: a log-normal, so that a tenth of the viewers make about half of the sessions."""


class Viewers:
    """Tastes and activity of all viewers.

    Parameters
    ----------
    seed
        Everything follows from it.
    count
        How many.
    tag_vectors
        What words stand for, as in `Catalogue.tag_vectors`.

    Attributes
    ----------
    tastes
        Unit length, shape ``(viewers, DIMENSIONS)``; they move as sessions pass.
    favourites
        The word of genre behind each taste, index into the vocabulary, shape ``(viewers,)``.
    """

    def __init__(self, seed: int, count: int, tag_vectors: dict[str, Floats]) -> None:
        self._rng = np.random.default_rng([seed, 2])
        self._words = tag_vectors
        self.favourites, self.tastes = self._draw(count)
        activity = self._rng.lognormal(0.0, ACTIVITY_SIGMA, count)
        self._cumulative = np.cumsum(activity / activity.sum())

    def next_sittings(self, count: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """Draw whose sessions come next, and let their tastes move on. Shape ``(count,)``."""
        last = len(self._cumulative) - 1
        whose = np.minimum(np.searchsorted(self._cumulative, self._rng.random(count)), last)
        switching = self._rng.random(count) < SWITCH
        favourites, elsewhere = self._draw(count)
        moved = self.tastes[whose] + WANDER * self._rng.normal(size=(count, DIMENSIONS))
        moved = np.where(switching[:, None], moved + elsewhere, moved)
        self.tastes[whose] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        self.favourites[whose] = np.where(switching, favourites, self.favourites[whose])
        return whose

    def _draw(self, count: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Floats]:
        """Draw tastes, and the genre behind each."""
        tastes = NOISE * self._rng.normal(size=(count, DIMENSIONS))
        picked = {kind: self._rng.integers(len(self._words[kind]), size=count) for kind in TASTE_WEIGHTS}
        for kind, weight in TASTE_WEIGHTS.items():
            tastes += weight * self._words[kind][picked[kind]]
        return picked["genre"], tastes / np.linalg.norm(tastes, axis=1, keepdims=True)
