"""The weights of the blend of one partition, and the scores that groups of viewers share."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from online_models.catalog.catalog import Catalog
from online_models.config import EXPERTS, BlendConfig
from online_models.learners.blender import CONTEXTS
from online_models.ranking.kept_scores import Code, KeptScores, SharedTerms, blank_shared, score_shared
from online_models.ranking.objectives import objective
from online_models.ranking.scorer import (
    COLD_START,
    CONTEXT,
    COUNTRY,
    DEVICE,
    HAS_STATED,
    LIMIT,
)
from online_models.ranking.segment_boost import SegmentBoost
from online_models.tables.block_maxima import write_maxima
from online_models.tables.layout import F8, I4, Shared
from online_models.tables.titles import TitleTable
from schemas.experiments import Ranking, Treatment

__all__ = ["SharedScores", "first_weights", "treated_weights"]


def first_weights(config: BlendConfig) -> F8:
    """Return the first weights of the blend.

    Examples
    --------
    >>> first_weights(BlendConfig()).shape, float(first_weights(BlendConfig())[0, 0])
    ((13, 5), 0.6)
    """
    out = np.zeros((1 + CONTEXTS, len(EXPERTS)))
    out[0] = [getattr(config, name) for name in EXPERTS]
    return out


def treated_weights(weights: F8, treatment: Treatment) -> F8:
    """Return the weights of an arm of an experiment.

    Parameters
    ----------
    weights
        [..., experts] as learned.
    treatment
        One expert alone, with weight 1, or factors on the learned weights.

    Examples
    --------
    >>> learned = np.array([0.6, 0.5, 0.1, 0.2, 0.4])
    >>> treated_weights(learned, Treatment(ranking=Ranking.POPULARITY)).tolist()
    [0.0, 0.0, 0.0, 0.0, 1.0]
    >>> treated_weights(learned, Treatment(trending=2.0, cowatch=0.0)).tolist()
    [0.6, 0.0, 0.1, 0.4, 0.4]
    """
    ranking = treatment.ranking or Ranking.BLEND
    if ranking is not Ranking.BLEND:
        out = np.zeros_like(weights)
        out[..., EXPERTS.index(ranking)] = 1.0
        return out
    factors = [getattr(treatment, name) for name in EXPERTS]
    scaled: F8 = weights * np.array([1.0 if factor is None else factor for factor in factors])
    return scaled


class SharedScores:
    """Weights of the blend, and scores of groups of viewers with the same traits.

    Parameters
    ----------
    titles
        The titles as far as they are known here.
    catalog
        The guards over the same rows.

    Attributes
    ----------
    weights
        [1 + CONTEXTS, experts] the global weights, then each context's difference
        (:mod:`online_models.learners.blender`).
    segment_boost
        Boosts for cold-start viewers, by country and kind of device; None: no boost.
    """

    def __init__(self, titles: TitleTable, catalog: Catalog) -> None:
        self.weights = first_weights(titles.config.blend)
        self._taken = self.weights.copy()
        self._titles, self._catalog = titles, catalog
        self.segment_boost: SegmentBoost | None = None
        self._treatment: Treatment | None = None
        self._kept = KeptScores(titles)

    def load(self, weights: F8) -> None:
        """Load packed weights, unless they are of another number of experts or contexts."""
        if weights.size == self.weights.size:
            self.weights[:] = weights.reshape(self.weights.shape)
            self._taken[:] = self.weights

    def take_moved(self) -> F8 | None:
        """Return the weights, packed, if they have changed since the last call; else None."""
        if np.array_equal(self._taken, self.weights):
            return None
        self._taken[:] = self.weights
        return self._taken.ravel().copy()

    @contextmanager
    def under(self, treatment: Treatment) -> Iterator[None]:
        """Rank as an arm of an experiment does, until the context ends; learning stays the same."""
        self._treatment = treatment
        try:
            yield
        finally:
            self._treatment = None

    def in_contexts(self) -> F8:
        """Return the weights of every context: [CONTEXTS, experts]."""
        out: F8 = self.weights[0] + self.weights[1:]
        return out if self._treatment is None else treated_weights(out, self._treatment)

    def satisfaction(self) -> float:
        """Return the weight of the satisfaction of titles; 0 if one expert ranks alone."""
        alone = self._treatment is not None and self._treatment.ranking not in (None, Ranking.BLEND)
        return 0.0 if alone else self._titles.params.satisfaction

    def factor_of_guests(self) -> float:
        """Return the factor on the weights of external rankers; 0 if one expert ranks alone."""
        treatment = self._treatment
        if treatment is None:
            return 1.0
        alone = treatment.ranking not in (None, Ranking.BLEND)
        return 0.0 if alone else 1.0 if treatment.guests is None else treatment.guests

    def shared(self, traits: I4, weights: F8, now_ms: int) -> Shared:
        """Return the scores that viewers with the same traits share.

        Parameters
        ----------
        traits
            [n, TRAITS] of each viewer (:func:`online_models.ranking.scorer.look_up`).
        weights
            [CONTEXTS, experts] as :meth:`in_contexts` returns them.
        now_ms
            The moment that decides which windows are open and which rules are in force.
        """
        codes = list(map(tuple, traits[:, :HAS_STATED].tolist()))
        size = min(len(self._titles), self._titles.arrays.bias.size)
        satisfaction, groups = self.satisfaction(), {}
        for code in dict.fromkeys(codes):
            guard, count = self._catalog.guard(limit=code[LIMIT], country=code[COUNTRY], now_ms=now_ms)
            groups[code] = SharedTerms(weights[code[CONTEXT]], satisfaction, guard, count)
        kept = None if self._is_lifted(groups) else self._kept.of(groups, size)
        found, rows = kept or self._scored(groups, size, now_ms)
        row_of = dict(zip(groups, rows, strict=True))
        group = np.array([row_of[code] for code in codes], np.int32)
        previous, episodes = self._catalog.episode_order()
        found = found.replace(group=group, previous=previous, episodes=episodes)
        pins = self._pins(row_of, now_ms)
        return found.replace(pins=_padded(pins, len(found.dense))) if pins else found

    def _is_lifted(self, groups: Iterable[Code]) -> bool:
        """Whether anything is added to the scores that `KeptScores` does not know of."""
        boosted = self.segment_boost is not None and any(code[COLD_START] for code in groups)
        return boosted or self._treatment is not None

    def _scored(self, groups: Mapping[Code, SharedTerms], size: int, now_ms: int) -> tuple[Shared, list[int]]:
        """Return the scores of groups, computed from all titles."""
        titles, out = self._titles.arrays, blank_shared(len(groups), size)
        dense = out.dense
        for n, (code, terms) in enumerate(groups.items()):
            row, weights = dense[n], terms.weights
            score_shared(
                titles.bias, titles.prior, terms.guard, weights, terms.satisfaction, row, out.backoff
            )
            if code[COLD_START] and self.segment_boost is not None:
                lift = self.segment_boost.lift(now_ms, size, country=code[COUNTRY], device=code[DEVICE])
                row[lift.titles] += lift.more
            out.weights[n], out.candidates[n] = weights, terms.candidates
        if self._treatment is not None:
            aim = objective(titles, self._catalog, self._treatment, size)
            dense += 0 if aim is None else aim
        for row, most in zip(dense, out.most, strict=True):
            write_maxima(row, most)
        return out, list(range(len(groups)))

    def _pins(self, row_of: Mapping[Code, int], now_ms: int) -> dict[int, I4]:
        """Return the pinned titles of groups that have any, by row."""
        found = {
            row: self._catalog.pins(limit=code[LIMIT], country=code[COUNTRY], now_ms=now_ms)
            for code, row in row_of.items()
        }
        return {row: pins for row, pins in found.items() if pins.size}


def _padded(pins: Mapping[int, I4], rows: int) -> I4:
    """Return the pinned titles for each group: [C, P, 3]."""
    out = np.full((rows, max(map(len, pins.values())), 3), -1, np.int32)
    for row, some in pins.items():
        out[row, : len(some)] = some
    return out
