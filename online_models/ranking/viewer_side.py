"""What the viewers' side does with a batch: judge it, learn from it, and rank those it touched."""

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.catalog.catalog import Catalog
from online_models.feedback.interaction_state import PENDING
from online_models.feedback.reward_function import Action, FeedbackSignal
from online_models.learners.stated_preferences import StatedPreferences
from online_models.learners.viewer_updates import observe
from online_models.ranking.argument_cache import Held
from online_models.ranking.lists import Before, make_lists
from online_models.ranking.prequential import RANKINGS, observe_tested
from online_models.ranking.scorer import TASTE, TELLS, TRAITS, blend_row, look_up
from online_models.ranking.shared_scores import SharedScores
from online_models.tables.layout import F4, F8, I4, U1, U8, Feedback, Lists, Params, Shared, Signals
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import Loader, ViewerTable, hash_ids

__all__ = [
    "EventColumns",
    "Lists",
    "ViewerSide",
    "blank_signals",
    "columns",
    "feedback_of",
    "without",
]

BLOCK = 128
"""Viewers per GEMM: their score rows (5 MB at 10k titles) are read again while still near; 64 to 256 measured
alike."""
FEW = 16
"""Viewers up to which it is the titles that are multiplied: BLAS then brings the few into its order, not the
many. Of 10,000 titles a viewer's products take 27 us among 8 (46 otherwise), 57 of two (154)."""
MAX_WEIGHT = 100.0
"""Nothing says more than a hundred watches: whatever the reward's constants, float32 stays finite."""


class EventColumns(NamedTuple):
    """Verdicts of a batch, column by column, in the order of the stream."""

    viewers: Sequence[str]
    titles: Sequence[str]
    actions: Sequence[int]
    weights: Sequence[float]
    at: Sequence[int]
    """Event times, ms."""
    events: U8
    """Hashes of the event ids, 0 for none; events with several verdicts give each its own."""
    watched_s: Sequence[float] = ()
    """Seconds watched, of playbacks; empty where there are none."""
    durations_s: Sequence[float] = ()
    """Lengths of the titles in seconds, 0 where unknown; empty as above."""
    sessions: Sequence[str] = ()
    """Ids of the sessions, "" where unknown; empty as above."""

    def cut(self, start: int, stop: int) -> "EventColumns":
        """Return some rows."""
        parts: list[Any] = [column[start:stop] for column in self]
        return EventColumns(*parts)


def columns(verdicts: Sequence[tuple[str, FeedbackSignal, int]], events: U8) -> EventColumns:
    """Turn (viewer, verdict, event time) rows into columns."""
    if not verdicts:
        return EventColumns((), (), (), (), (), events)
    viewers, judged, at = zip(*verdicts, strict=True)
    titles, actions, weights, *playbacks = zip(*judged, strict=True)
    return EventColumns(viewers, titles, actions, weights, at, events, *playbacks)


def feedback_of(batch: EventColumns, slots: I4, rows: I4) -> Feedback:
    """Hand a batch to the kernels; verdicts on titles beyond the capacity become nothing."""
    actions = np.where(rows >= 0, np.asarray(batch.actions, np.uint8), np.uint8(0)).astype(np.uint8)
    weights = np.nan_to_num(np.asarray(batch.weights, np.float64), nan=0.0)
    return Feedback(
        slots,
        np.maximum(rows, 0),
        actions,
        np.clip(weights, 0.0, MAX_WEIGHT).astype(np.float32),
        np.asarray(batch.at, np.int64),
        batch.events,
        _seconds(batch.watched_s, rows.size),
        _seconds(batch.durations_s, rows.size),
        _hashed(batch.sessions, rows.size),
    )


def _seconds(values: Sequence[float], n: int) -> F4:
    return np.asarray(values, np.float32) if values else np.zeros(n, np.float32)


def _hashed(sessions: Sequence[str], n: int) -> NDArray[np.uint32]:
    out = np.zeros(n, np.uint32)
    if any(sessions):
        named = np.fromiter(map(bool, sessions), np.bool_, n)
        out[named] = hash_ids(list(compress(sessions, named.tolist()))).astype(np.uint32) | 1
    return out


def blank_signals(n: int, titles: TitleTable) -> Signals:
    """Allocate signals for ``n`` events."""
    c = titles.config
    return Signals(
        np.zeros(n, np.uint8),
        np.zeros(n, np.int32),
        np.zeros(n, np.float32),
        np.zeros(n, np.float32),
        np.zeros(n, np.int64),
        np.zeros((n, c.width), np.float32),
        np.zeros((n, c.input_width), np.float32),
        np.zeros((n, c.factorization.history), np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
    )


def first_rows(signals: Signals, n: int) -> Signals:
    """Return the first ``n`` rows."""
    columns: list[Any] = [column[:n] for column in signals]
    return Signals(*columns)


def multiply(x: F4, out: F4, rows: F4) -> F4:
    """Write the products of viewers [n, D] and titles [T, D] into ``rows`` [n, T], and return these."""
    if len(x) > FEW:
        return np.matmul(x, out.T, out=rows)
    rows[:] = np.matmul(out, x.T).T
    return rows


def without(signals: Signals, rows: Sequence[int]) -> Signals:
    """Return signals of which some rows say nothing to titles."""
    if not rows:
        return signals
    action = signals.action.copy()
    action[list(rows)] = Action.NOTED
    return signals._replace(action=action)


class ViewerSide:
    """Viewers of one source partition before the titles' table. Not for two threads at once.

    Parameters
    ----------
    titles
        The titles as far as they are known here: a replica in a worker, the one table in process. Only read,
        but for making rows of titles not met before.
    catalog
        The guards over the same rows.
    seed
        Start of every draw.
    slots
        Viewers to allocate for at first.

    Attributes
    ----------
    held
        The tables, for single lists.
    row_worth
        [KINDS] what the prior of each kind of row is multiplied by; None: nothing is known.
    """

    def __init__(self, titles: TitleTable, catalog: Catalog, *, seed: int = 0, slots: int = 1_024) -> None:
        self.titles = titles
        self.catalog = catalog
        self.viewers = ViewerTable(titles.config, titles, seed=seed, slots=slots)
        self.blending = SharedScores(titles, catalog)
        self.stated = StatedPreferences(catalog)
        self.row_worth: F8 | None = None
        self.held = Held()
        self._scores: F4 = np.empty(0, np.float32)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_scores": np.empty(0, np.float32)}  # room to work in, no state

    @classmethod
    def over(cls, viewers: ViewerTable, catalog: Catalog) -> "ViewerSide":
        """Return a side that goes on with a table of viewers."""
        out = cls(viewers.titles, catalog, seed=viewers.seed, slots=1)
        out.viewers = viewers
        return out

    @property
    def params(self) -> Params:
        """The hyper-parameters as the kernels take them."""
        return self.titles.params

    def feedback(self, batch: EventColumns, load: Loader | None = None) -> Feedback:
        """Find or make the slots and rows of a batch, with room for what it will append."""
        slots = self.viewers.acquire(batch.viewers, load)
        rows = self.titles.intern(batch.titles)
        self.viewers.reserve(len(batch.viewers))
        return feedback_of(batch, slots, rows)

    def observe(self, feedback: Feedback) -> tuple[Signals, int]:
        """Learn a batch; return what it says about titles, and how many of its events were duplicates.

        The signals have a row for each event; rows behind them tell what viewers turn out to have abandoned.
        """
        signals = self._room_for(feedback)
        n, again = observe(self.titles.arrays, self.viewers.arrays, self.params, feedback, signals)
        return first_rows(signals, n), int(again)

    def observe_tested(self, feedback: Feedback, tested: I4) -> tuple[Signals, F8]:
        """Learn a batch, and rank the titles of the positives marked in ``tested`` first.

        Returns
        -------
        signals, ranks
            What the batch says about titles, as :meth:`observe` returns it; [n, 6] as
            :meth:`Recommender.prequential` has them.
        """
        signals = self._room_for(feedback)
        ranks = np.full((feedback.viewer.size, RANKINGS), -1.0)
        titles, viewers, weights = self.titles.arrays, self.viewers.arrays, self.blending.weights
        n = observe_tested(titles, viewers, self.params, feedback, signals, tested, weights, ranks)
        return first_rows(signals, n), ranks

    def rank(self, slots: I4, now_ms: int, n: int, *, drawn: float = 0.0) -> Lists:
        """Return the best ``n`` titles of each viewer that the guards allow and the viewer does not have.

        Of a share ``drawn`` of the lists the last title is drawn instead (`online_models.ranking.exploration.draw_last`).
        """
        return make_lists(self, slots, now_ms, n, drawn=drawn)

    def blocks(
        self, slots: I4, now_ms: int, before: Before | None = None
    ) -> Iterator[tuple[int, int, F4, Shared]]:
        """Yield viewers block by block: from, to, the factorization's score rows, and what they share.

        The rows are room that the next block takes again. Nothing comes while there are no titles. ``before``
        is what `before_titles` says of the viewers, if that is known.
        """
        x, told, shared = self.before_titles(slots, now_ms) if before is None else before
        size = shared.dense.shape[1]
        rows = self._room(min(BLOCK, slots.size), size)
        for a in range(0, slots.size if size > 0 else 0, BLOCK):
            b = min(a + BLOCK, slots.size)
            block = multiply(x[a:b], self.titles.arrays.out[:size], rows[: b - a])
            if told:
                self.stated.add_to(block, self.viewers.arrays, slots[a:b])
            yield a, b, block, shared._replace(group=shared.group[a:b])

    def before_titles(self, slots: I4, now_ms: int) -> Before:
        """Return what viewers are compared with titles by, whether any stated tags, and what they share."""
        self.held.let_go(self.titles.arrays, self.viewers.arrays)
        x = np.empty((slots.size, self.titles.config.width), np.float32)
        traits = np.empty((slots.size, TRAITS), np.int32)
        weights = self.blending.in_contexts()
        look_up(self.titles.arrays, self.viewers.arrays, self.params, weights, slots, now_ms, x, traits)
        return Before(x, bool(traits[:, TELLS].any()), self.blending.shared(traits, weights, now_ms))

    def score(self, slot: int, now_ms: int) -> F4:
        """Return the blended score of every row for one viewer; -inf where the guards forbid."""
        slots = np.array([slot], np.int32)
        x, _, shared = self.before_titles(slots, now_ms)
        row: F4 = x[0] @ self.titles.arrays.out[: shared.dense.shape[1]].T
        self.stated.add_to(row[None], self.viewers.arrays, slots)
        blend_row(self.titles.arrays, self.viewers.arrays, self.params, slot, shared, now_ms, row)
        row += shared.dense[0]
        return row

    def explain_stated(self, slots: I4, titles: I4, reasons: U1) -> None:
        """Say that titles [n, L] fit the taste of viewers without a history who stated one of their tags."""
        viewers = self.viewers.arrays
        for q in np.flatnonzero(viewers.stated[slots, 0]).tolist():
            if viewers.positives[slots[q]] == 0:
                reasons[q][self.stated.lifted(viewers, slots[q], titles[q])] = TASTE

    def _room_for(self, feedback: Feedback) -> Signals:
        """Allocate signals for a batch and for all that its viewers may turn out to have abandoned."""
        flags = self.viewers.arrays.judgement["flags"][np.unique(feedback.viewer)]
        left = np.isin(feedback.action, (Action.LEFT, Action.STOPPED, Action.RESUMED))
        pending = np.count_nonzero(flags & PENDING) + np.count_nonzero(left)
        return blank_signals(feedback.viewer.size + int(pending), self.titles)

    def _room(self, n: int, size: int) -> F4:
        """Return room for a block's score rows, always the same: fresh pages cost more than the scores."""
        if self._scores.size < n * size:
            self._scores = np.empty(n * size, np.float32)
        return self._scores[: n * size].reshape(n, size)
