"""The rules of the evaluation, and the stream that they make of ratings."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from online_models.evaluation.ratings import FloatColumn, IndexColumn, Ratings, TimeColumn

__all__ = ["Block", "EvaluationProtocol", "Stream", "earlier", "first_of_pair", "mark", "prepare"]

BoolColumn = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationProtocol:
    """What is tested, what is learned, and in which order. The defaults are those of the project's targets.

    Raises
    ------
    ValueError
        For a warm-up outside [0, 1), a limit below 1, or a switch that is not in its list.
    """

    min_rating: float = 4.0
    """Stars from which a rating counts as positive: tested, then learned with reward 1."""
    feedback: Literal["positives", "all"] = "positives"
    """*positives* drops lower ratings from the stream; *all* learns them with reward 0 or -1, untested."""
    rejected_at: float = 2.0
    """Stars at or below which a rating that is not positive is a rejection (reward -1)."""
    order: Literal["raw", "shuffled"] = "raw"
    """*shuffled* permutes each viewer's events inside a session, which removes the order of the site's
    pages."""
    seed: int = 0
    """Seed of the permutation."""
    session_gap_ms: int = 3_600_000
    """Smallest gap between two sessions of a viewer, ms."""
    warm_up: float = 0.2
    """Leading share of the stream that is learned but not averaged."""
    limit: int | None = None
    """Number of events from the start of the stream; None for all."""

    def __post_init__(self) -> None:
        if self.feedback not in {"positives", "all"} or self.order not in {"raw", "shuffled"}:
            msg = f"feedback is positives or all, order is raw or shuffled, not {self.feedback}, {self.order}"
            raise ValueError(msg)
        if not 0 <= self.warm_up < 1 or (self.limit is not None and self.limit < 1):
            msg = f"warm-up lies in [0, 1) and a limit is at least 1, not {self.warm_up} and {self.limit}"
            raise ValueError(msg)

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters for a report."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive events: the part of the stream that a model sees at once.

    Attributes
    ----------
    viewers, titles, ratings, times
        As in `Ratings`, shape ``(events,)``.
    rewards
        1 positive, 0 known, -1 rejected.
    tested
        Whether the event's title is ranked before it is learned.
    """

    viewers: IndexColumn
    titles: IndexColumn
    ratings: FloatColumn
    times: TimeColumn
    rewards: FloatColumn
    tested: BoolColumn

    def __len__(self) -> int:
        return len(self.viewers)

    def cut(self, start: int, stop: int) -> "Block":
        """Return the events from `start` to `stop` of the block."""
        part = slice(start, stop)
        return Block(
            self.viewers[part],
            self.titles[part],
            self.ratings[part],
            self.times[part],
            self.rewards[part],
            self.tested[part],
        )


@dataclass(frozen=True, slots=True)
class Stream:
    """Events under a protocol, with their rewards and tests.

    Attributes
    ----------
    events
        The events, in the order of learning.
    rewards
        See `Block`.
    history
        Number of earlier events of the viewer, shape ``(events,)``.
    tested
        Whether the event is positive, of a viewer with an earlier event, and of a title that the viewer does
        not have.
    new
        Whether it is the first event of the title: a miss, because no model can rank it.
    """

    events: Ratings
    rewards: FloatColumn
    history: IndexColumn
    tested: BoolColumn
    new: BoolColumn

    def block(self, start: int, stop: int, tested: BoolColumn) -> Block:
        """Cut the events from `start` to `stop`, with the given column of events to test."""
        e = self.events
        whole = Block(e.viewers, e.titles, e.ratings, e.times, self.rewards, tested)
        return whole.cut(start, stop)

    def __len__(self) -> int:
        return len(self.events)


def prepare(ratings: Ratings, protocol: EvaluationProtocol) -> Stream:
    """Make the stream of a protocol: filter, order, truncate, and mark the tests.

    Examples
    --------
    >>> ratings = Ratings.from_columns("aabb", "xyxy", [5, 4, 2, 5], [1, 2, 3, 4])
    >>> stream = prepare(ratings, EvaluationProtocol(feedback="all"))
    >>> stream.rewards.tolist(), stream.tested.tolist(), stream.new.tolist()
    ([1.0, 1.0, -1.0, 1.0], [False, True, False, True], [True, True, False, False])
    """
    positive = ratings.ratings >= protocol.min_rating
    kept = np.flatnonzero(positive) if protocol.feedback == "positives" else np.arange(len(ratings))
    events = ratings.take(kept)
    if protocol.order == "shuffled":
        events = _shuffle_sessions(events, protocol)
    return mark(events.take(np.arange(len(events))[: protocol.limit]), protocol)


def mark(events: Ratings, protocol: EvaluationProtocol) -> Stream:
    """Compute the reward of each event, and whether it is tested."""
    rejected = (events.ratings <= protocol.rejected_at) & (events.ratings < protocol.min_rating)
    rewards = (events.ratings >= protocol.min_rating).astype(np.float32) - rejected.astype(np.float32)
    history = earlier(events.viewers)
    tested = (rewards > 0) & (history > 0) & first_of_pair(events)
    return Stream(events, rewards, history, tested, _first_of_key(events.titles))


def first_of_pair(events: Ratings) -> BoolColumn:
    """Mark a viewer's first event of a title."""
    return _first_of_key(events.viewers.astype(np.int64) * len(events.title_ids) + events.titles)


def _shuffle_sessions(events: Ratings, protocol: EvaluationProtocol) -> Ratings:
    """Permute titles and ratings within each session of a viewer; viewers and times keep their places."""
    by_viewer = np.argsort(events.viewers, kind="stable")
    viewers, times = events.viewers[by_viewer], events.times[by_viewer]
    starts = (np.diff(viewers, prepend=-1) != 0) | (np.diff(times, prepend=0) >= protocol.session_gap_ms)
    keys = np.random.default_rng(protocol.seed).random(len(events))
    permuted = by_viewer[np.lexsort((keys, np.cumsum(starts)))]
    source = np.empty(len(events), np.intp)
    source[by_viewer] = permuted
    moved = events.take(source)
    return Ratings(
        events.viewers, moved.titles, moved.ratings, events.times, events.viewer_ids, events.title_ids
    )


def earlier(keys: IndexColumn) -> IndexColumn:
    """Count, for each event, the events of the same viewer (or title) before it.

    Examples
    --------
    >>> earlier(np.array([7, 8, 7, 7], np.int32)).tolist()
    [0, 0, 1, 2]
    """
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    places = np.arange(len(keys))
    starts = np.maximum.accumulate(np.where(np.diff(ordered, prepend=-1) != 0, places, 0))
    counts = np.empty(len(keys), np.int32)
    counts[order] = places - starts
    return counts


def _first_of_key(keys: npt.NDArray[Any]) -> BoolColumn:
    """Mark the first appearance of each key."""
    first = np.zeros(len(keys), np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    return first
