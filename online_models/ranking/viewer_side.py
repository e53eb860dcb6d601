"""The viewers' side: learns a batch of feedback, and ranks titles for the viewers it touched."""

from collections.abc import Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.catalog.catalog import Catalog
from online_models.feedback.interaction_state import MAYBE_ABANDONED
from online_models.feedback.reward_function import Action, FeedbackSignal, action_table
from online_models.jit import jit_no_alloc
from online_models.learners.factorization import scratch
from online_models.learners.viewer_updates import is_repeated, observe
from online_models.ranking.lists import ListRanker
from online_models.ranking.prequential import RANKINGS, observe_tested, prequential_scratch
from online_models.ranking.shared_scores import SharedScores
from online_models.tables.hashing import hash_ids
from online_models.tables.layout import F4, F8, I4, I8, U1, U4, U8, Feedback, Lists, Params, Signals, Viewers
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import Loader, ViewerTable

__all__ = [
    "EventColumns",
    "Lists",
    "ViewerSide",
    "blank_signals",
    "columns",
    "feedback_of",
    "session_keys",
    "signal_ids",
    "without",
]

MAX_WEIGHT = 100.0
"""Bound of an event's weight: whatever the constants of the reward are, float32 stays finite."""


_LEFT = action_table(Action.EXITED_EARLY, Action.STOPPED, Action.RESUMED)
"""Actions by which a viewer leaves a title."""


class EventColumns(NamedTuple):
    """Feedback signals of a batch, column by column, in the order of the stream."""

    viewers: Sequence[str]
    titles: Sequence[str]
    actions: Sequence[int] | U1
    weights: Sequence[float] | F8
    at: Sequence[int] | I8
    """Event times, ms."""
    events: U8
    """Hashes of the event ids; 0 for none, or where :meth:`ViewerSide.admit` has checked the id."""
    watched_s: Sequence[float] | F4 = ()
    """Seconds watched, of playbacks; empty where there are none."""
    durations_s: Sequence[float] | F4 = ()
    """Lengths of the titles in seconds, 0 where unknown; empty as above."""
    sessions: Sequence[int] | U4 = ()
    """Keys of the sessions (:func:`session_keys`), 0 where unknown; empty as above."""

    def cut(self, start: int, stop: int) -> "EventColumns":
        """Return some rows."""
        parts: list[Any] = [column[start:stop] for column in self]
        return EventColumns(*parts)


def columns(rows: Sequence[tuple[str, FeedbackSignal, int]], events: U8) -> EventColumns:
    """Turn rows of (viewer, feedback signal, event time) into columns."""
    if not rows:
        return EventColumns((), (), (), (), (), events)
    viewers, signals, at = zip(*rows, strict=True)
    titles, actions, weights, watched_s, durations_s, sessions = zip(*signals, strict=True)
    keys = session_keys(sessions)
    return EventColumns(viewers, titles, actions, weights, at, events, watched_s, durations_s, keys)


def feedback_of(batch: EventColumns, slots: I4, rows: I4) -> Feedback:
    """Return a batch as the kernels take it; feedback on titles beyond the capacity becomes action 0."""
    actions = np.where(rows >= 0, np.asarray(batch.actions, np.uint8), np.uint8(0)).astype(np.uint8)
    weights = np.fmin(np.fmax(np.asarray(batch.weights, np.float64), 0.0), MAX_WEIGHT)  # NaN becomes 0
    return Feedback(
        slots,
        np.maximum(rows, 0),
        actions,
        weights.astype(np.float32),
        np.asarray(batch.at, np.int64),
        batch.events,
        _filled(batch.watched_s, rows.size, np.float32),
        _filled(batch.durations_s, rows.size, np.float32),
        _filled(batch.sessions, rows.size, np.uint32),
    )


def _filled(values: Sequence[float] | NDArray[Any], n: int, kind: type[np.generic]) -> NDArray[Any]:
    return np.asarray(values, kind) if len(values) else np.zeros(n, kind)


def session_keys(sessions: Sequence[str]) -> U4:
    """Return the keys of sessions, 0 where an id is empty."""
    out = np.zeros(len(sessions), np.uint32)
    if any(sessions):
        named = np.fromiter(map(bool, sessions), np.bool_, len(sessions))
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


def without(signals: Signals, rows: Sequence[int]) -> Signals:
    """Return signals of which some rows teach titles nothing."""
    if not rows:
        return signals
    action = signals.action.copy()
    action[list(rows)] = Action.NO_OP
    return signals.replace(action=action)


def signal_ids(event_id: str, count: int) -> list[str]:
    r"""Return an id for each feedback signal of an event: its own, with a number from the second one on.

    Examples
    --------
    >>> signal_ids("e1", 2)
    ['e1', 'e1\x001']
    """
    return [f"{event_id}\0{n}" if n else event_id for n in range(count)]


@jit_no_alloc
def find_repeated(viewers: Viewers, slots: I4, events: U8, repeated: U1) -> None:
    """Check the ids of events [n] in order, and remember them; ``repeated`` [n] becomes 1 for a duplicate."""
    for i in range(slots.size):
        repeated[i] = is_repeated(viewers, slots[i], events[i])


class ViewerSide:
    """The viewers of one source partition. Not for two threads at once.

    Parameters
    ----------
    titles
        The titles as far as they are known here: a replica in a worker, the one table in process. It is only
        read, except that titles not seen before get rows.
    catalog
        The guards over the same rows.
    seed
        Start of every keyed random number.
    slots
        Viewers to allocate for at first.
    viewers
        A table to continue with; by default a new one.

    Attributes
    ----------
    ranker
        Scores and lists of these viewers.
    shelf_value
        [KINDS] factors on the prior of each kind of shelf; None: nothing is known.
    """

    def __init__(
        self,
        titles: TitleTable,
        catalog: Catalog,
        *,
        seed: int = 0,
        slots: int = 1_024,
        viewers: ViewerTable | None = None,
    ) -> None:
        self.titles = titles
        self.catalog = catalog
        self.viewers = (
            ViewerTable(titles.config, titles, seed=seed, slots=slots) if viewers is None else viewers
        )
        self.ranker = ListRanker(self.viewers, catalog)
        self.shelf_value: F8 | None = None

    @property
    def blending(self) -> SharedScores:
        """The weights of the blend, and the scores that groups of viewers share."""
        return self.ranker.blending

    @property
    def params(self) -> Params:
        """The hyper-parameters as the kernels take them."""
        return self.titles.params

    def admit(
        self, viewers: Sequence[str], events: U8, load: Loader | None = None
    ) -> tuple[I4, NDArray[np.bool_]]:
        """Check the ids of events of any type, in order, by their hashes.

        Returns
        -------
        slots, new
            Slot of each event's viewer, and whether the event is new to them; others are to be left out.
        """
        slots = self.viewers.acquire(viewers, load)
        repeated = np.zeros(slots.size, np.uint8)
        find_repeated(self.viewers.arrays, slots, events, repeated)
        return slots, repeated == 0

    def feedback(
        self, batch: EventColumns, load: Loader | None = None, *, slots: I4 | None = None
    ) -> Feedback:
        """Find or allocate the slots and rows of a batch, and reserve memory for what it appends.

        ``slots`` are those of the viewers, where they are known.
        """
        slots = self.viewers.acquire(batch.viewers, load) if slots is None else slots
        rows = self.titles.intern(batch.titles)
        self.viewers.reserve(rows.size)
        return feedback_of(batch, slots, rows)

    def observe(self, feedback: Feedback) -> tuple[Signals, int]:
        """Learn a batch; return the signals for the titles' side, and the number of duplicate events.

        The signals have a row for each event, then rows for the titles that viewers have abandoned by now.
        """
        signals = self._signals_for(feedback)
        titles, work = self.titles.arrays, scratch(self.titles.arrays, self.params)
        n, again = observe(titles, self.viewers.arrays, self.params, feedback, signals, work)
        return signals.part(slice(n)), int(again)

    def observe_tested(self, feedback: Feedback, tested: I4) -> tuple[Signals, F8]:
        """Learn a batch, and rank the titles of the positives marked in ``tested`` first.

        Returns
        -------
        signals, ranks
            The signals for the titles' side, as :meth:`observe` returns them; ranks [n, 6] as
            :meth:`Recommender.prequential` returns them.
        """
        signals = self._signals_for(feedback)
        ranks = np.full((feedback.viewer.size, RANKINGS), -1.0)
        titles, viewers, weights = self.titles.arrays, self.viewers.arrays, self.blending.weights
        tags, work = self.ranker.tagged.table(), scratch(titles, self.params)
        at = prequential_scratch(titles, self.params, weights, tags)
        n = observe_tested(titles, viewers, self.params, feedback, signals, tested, work, at, ranks)
        return signals.part(slice(n)), ranks

    def rank(self, slots: I4, now_ms: int, n: int, *, drawn: float = 0.0) -> Lists:
        """Return the best ``n`` titles of each viewer (`ListRanker.rank`)."""
        return self.ranker.rank(slots, now_ms, n, drawn=drawn)

    def _signals_for(self, feedback: Feedback) -> Signals:
        """Allocate signals for a batch and for all titles that its viewers may have abandoned."""
        flags = self.viewers.arrays.interaction["flags"][np.unique(feedback.viewer)]
        left = _LEFT[feedback.action]
        pending = np.count_nonzero(flags & MAYBE_ABANDONED) + np.count_nonzero(left)
        return blank_signals(feedback.viewer.size + int(pending), self.titles)
