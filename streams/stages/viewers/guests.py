"""External rankers of a live worker: River's own, with their state in the changelog.

``NEARLINE_MODEL__GUESTS=river.reco.BiasedMF`` adds a ranker to the blend of every partition
(:mod:`online_models.river.external_rankers`). It learns the partition's positives and rejections in their
order, one by one, and what that changes is written with the batch: a row for each viewer and title that it
touched, and one for the rest (:mod:`online_models.river.stored_state`). So a restarted worker goes on with
exactly the rankers that it had. A viewer who is forgotten, or who signs in, leaves no row.

They are Python: 1.4 us for each title of a list and ranker, where all of our own experts take 10 to 60 us for
the whole list. So they have a budget of time, ``NEARLINE_MODEL__GUEST_BUDGET_US`` for a list and what they
learn:

* A worker does not start if a list alone would take more (`require_affordable`), and says how much.
* A block of lists that has used its budget makes the others without them
  (``nearline_guest_lists_skipped_total``). What they learn does not depend on time.

An arm of an experiment changes their weight: ``guests: 0`` is the list without them.

A ranker whose numbers are no longer finite is switched off, for good: River's optimizers do not bound them.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from online_models.config import ModelConfig
from online_models.errors import UnknownRankerError
from online_models.feedback.interaction_state import POSITIVE, REJECT
from online_models.ranking.viewer_side import ViewerSide
from online_models.river.external_rankers import ExternalRankers, ListTest
from online_models.river.stored_state import (
    VERSION,
    load_entry,
    load_whole,
    require_stored,
    stored_entry,
    stored_whole,
)
from online_models.tables.keyed_random import sampled
from online_models.tables.layout import F4, F8, I4, Feedback, Signals
from streams.config.settings import Settings
from streams.engine.stage import Row, StateView
from streams.errors import SettingsError, StateError
from streams.stages.viewers.decode import EventBatch
from streams.stages.wire.partition_rows import GUEST_TITLES, GUEST_VIEWERS, GUESTS, GuestState
from streams.telemetry.metrics import Metrics

__all__ = ["Guests", "guest_names", "require_affordable"]

_LOG = structlog.get_logger(__name__)

US_PER_TITLE = 1.4
"""Time of a prediction (`online_models.river.external_rankers`)."""
OVERDRAFT_S = 1.0
"""Most time beyond the budget that counts against later lists."""
MOST_VIEWERS, MOST_TITLES = 200_000, 100_000
"""Bounds of what a partition's rankers learn: a viewer takes about 1 kB in Python's dictionaries."""


def guest_names(model: ModelConfig) -> tuple[str, ...]:
    """Return the names of the rankers.

    Examples
    --------
    >>> guest_names(ModelConfig(guests="river.reco.Baseline; river.reco.FunkMF(n_factors=4)"))
    ('river.reco.Baseline', 'river.reco.FunkMF(n_factors=4)')
    """
    return tuple(name.strip() for name in model.guests.split(";") if name.strip())


def require_affordable(model: ModelConfig, titles: int) -> None:
    """Make sure that a list of so many titles is within the budget.

    Raises
    ------
    SettingsError
        It is not: with the time that it would take.

    Examples
    --------
    >>> require_affordable(ModelConfig(guests="river.reco.BiasedMF"), 10_000)
    Traceback (most recent call last):
    streams.errors.SettingsError: NEARLINE_MODEL__GUESTS is too slow for this catalog: ...
    """
    cost, budget = US_PER_TITLE * titles * len(guest_names(model)), model.guest_budget_us
    if cost > budget:
        what = "NEARLINE_MODEL__GUESTS is too slow for this catalog"
        times = f"{cost / 1000:,.1f} ms, the budget of a list is {budget / 1000:,.1f} ms"
        advice = f"set NEARLINE_MODEL__GUEST_BUDGET_US={1.5 * cost:.0f}, or name fewer rankers"
        raise SettingsError(what, why=f"a list of {titles:,} titles takes {times}", next_step=advice)


class Guests:
    """The external rankers of one partition; `ListRanker.further` of its viewers.

    Parameters
    ----------
    settings
        Names, shares and budget.
    store
        Rows of the partition.
    side
        Its viewers.
    metrics
        Count time and lists.

    Raises
    ------
    SettingsError
        A ranker cannot be built, its state cannot be stored, or a list takes longer than the budget.
    StateError
        The rows are of other rankers.
    """

    def __init__(self, settings: Settings, store: StateView, side: ViewerSide, metrics: Metrics) -> None:
        self._model, self._side, self._metrics = settings.model, side, metrics
        require_affordable(settings.model, len(side.titles))
        try:
            self._all = ExternalRankers(guest_names(settings.model))
            for ranker in self._all.rankers:
                require_stored(ranker)
        except UnknownRankerError as error:
            what, advice = "NEARLINE_MODEL__GUESTS names no usable ranker", "name a class of river.reco"
            raise SettingsError(what, why=str(error), next_step=advice) from error
        self._failed = [False] * len(self._all.names)
        self._numbers: dict[str, int] = {}
        self._viewers: dict[str, None] = {}
        self._titles: dict[str, None] = {}
        self._left = 0.0
        self._load(store)

    def concerns(self, slots: I4) -> NDArray[np.bool_]:
        """Return for which viewers the rankers have scores."""
        ids, known = self._side.viewers.ids, self._all.viewers
        if not self._factors().any():
            return np.zeros(slots.size, np.bool_)
        return np.fromiter((ids[slot] in known for slot in slots.tolist()), np.bool_, slots.size)

    def add_to(self, rows: F4, slots: I4, now_ms: int) -> None:
        """Add the weighted scores of the rankers to the rows [n, T] of viewers, while there is time."""
        self._left = min(self._left, 0.0) + slots.size * self._model.guest_budget_us / 1e6
        factors = self._factors()
        for place in np.flatnonzero(self.concerns(slots)).tolist():
            if self._left <= 0:
                self._metrics.guest_lists_skipped.inc()
                continue
            start = time.perf_counter()
            viewer = self._side.viewers.ids[slots[place]]
            self._all.add_to(self._side, viewer, rows[place], now_ms, factors)
            self._spend(start)

    def test(self, feedback: Feedback, events: EventBatch) -> dict[int, ListTest]:
        """Score the titles of a share of the events, by their place, before they are learned."""
        start, ids = time.perf_counter(), self._side.viewers.ids
        share = sampled(events.rows.key, self._model.guest_tests)
        found = {
            n: ListTest(self._all, self._side, ids[feedback.viewer[n]], int(feedback.at[n]))
            for n in np.flatnonzero(share).tolist()
            if ids[feedback.viewer[n]] in self._all.viewers
        }
        self._spend(start)
        return found

    def learn(self, feedback: Feedback, signals: Signals, tests: dict[int, ListTest]) -> None:
        """Learn the positives and rejections of a batch, one by one."""
        start, ids, titles = time.perf_counter(), self._side.viewers.ids, self._side.titles.ids
        learned = np.isin(signals.action[: feedback.action.size], (POSITIVE, REJECT))
        for n in np.flatnonzero(learned).tolist():
            viewer, row = ids[feedback.viewer[n]], int(feedback.title[n])
            likes, weight = signals.action[n] == POSITIVE, float(signals.weight[n])
            if likes and n in tests and tests[n].allows(row):
                tests[n].rank_and_learn(row)
            if self._has_room(viewer, titles[row]):
                self._viewers[viewer] = None
                y, at = weight if likes else -weight, int(feedback.at[n])
                with np.errstate(all="ignore"):  # a ranker whose numbers grow too large is switched off
                    self._titles |= dict.fromkeys(self._all.learn(viewer, titles[row], y, at))
        self._spend(start)

    def forget(self, viewer: str) -> list[Row]:
        """Remove a viewer; return the deletion of their row."""
        self._viewers.pop(viewer, None)
        if viewer not in self._all.viewers:
            return []
        self._all.viewers.discard(viewer)
        for ranker in self._all.rankers:
            load_entry(ranker, viewer, np.zeros(0), user=True)
        return [GUEST_VIEWERS.no_row(viewer)]

    def take_rows(self) -> list[Row]:
        """Return the rows that have changed since the last call."""
        if not self._viewers and not self._titles:
            return []
        for title in self._titles:
            self._numbers.setdefault(title, len(self._numbers))
        wholes = self._checked(stored_whole(ranker) for ranker in self._all.rankers)
        viewers = {name: self._entries(name, user=True) for name in self._viewers}
        titles = {name: self._entries(name, user=False) for name in self._titles}
        state = GuestState(
            VERSION, list(self._all.names), self._failed, self._all.positives, self._all.weights, wholes
        )
        self._viewers, self._titles = {}, {}
        return [
            *(GUEST_VIEWERS.row(entries, name) for name, entries in viewers.items()),
            *(GUEST_TITLES.row((self._numbers[name], entries), name) for name, entries in titles.items()),
            GUESTS.row(state),
        ]

    def _factors(self) -> F8:
        """Return the factors on the rankers' weights: those of the arm, 0 if a ranker is switched off."""
        factors: F8 = self._side.blending.factor_of_guests() * (1.0 - np.array(self._failed))
        return factors

    def _has_room(self, viewer: str, title: str) -> bool:
        known = self._all
        return (viewer in known.viewers or len(known.viewers) < MOST_VIEWERS) and (
            title in known.titles or len(known.titles) < MOST_TITLES
        )

    def _entries(self, name: str, *, user: bool) -> list[F8]:
        return self._checked(stored_entry(ranker, name, user=user) for ranker in self._all.rankers)

    def _checked(self, arrays: Iterable[F8]) -> list[F8]:
        """Return arrays, of each ranker one; a ranker with one that is not finite is switched off."""
        out = list(arrays)
        for n, array in enumerate(out):
            if not np.isfinite(array).all():
                if not self._failed[n]:
                    _LOG.error("ranker_switched_off", ranker=self._all.names[n], why="not finite")
                self._failed[n] = True
                out[n] = np.zeros(0)
        return out

    def _spend(self, start: float) -> None:
        spent = time.perf_counter() - start
        self._left = max(self._left - spent, -OVERDRAFT_S)
        self._metrics.guest_seconds.inc(spent)

    def _load(self, store: StateView) -> None:
        """Load the rankers from the partition's rows."""
        found = GUESTS.read(store)
        if not found.version:
            return
        if (found.version, tuple(found.names)) != (VERSION, self._all.names):
            what = "stored rows are of other external rankers"
            why = f"they are of {'; '.join(found.names)}, version {found.version}"
            advice = (
                "restore the former NEARLINE_MODEL__GUESTS, or learn the new ones as a version of their own, "
                "NEARLINE_MODEL_VERSION=NAME (`nearline model --help`)"
            )
            raise StateError(what, why=why, next_step=advice)
        self._failed, self._all.positives = list(found.failed), found.positives
        self._all.weights[:] = found.weights
        for ranker, whole in self._working(found.wholes):
            load_whole(ranker, whole)
        for viewer, entries in GUEST_VIEWERS.members(store):
            self._all.viewers.add(viewer)
            for ranker, entry in self._working(entries):
                load_entry(ranker, viewer, entry, user=True)
        rows = GUEST_TITLES.members(store)
        for title, (number, entries) in sorted(rows, key=lambda row: row[1][0]):
            self._numbers[title] = number
            self._all.add_title(title)
            for ranker, entry in self._working(entries):
                load_entry(ranker, title, entry, user=False)

    def _working(self, arrays: Sequence[F8]) -> list[tuple[Any, F8]]:
        """Return the rankers that are not switched off, with their arrays."""
        pairs = zip(self._all.rankers, arrays, self._failed, strict=True)
        return [(ranker, array) for ranker, array, failed in pairs if not failed]
