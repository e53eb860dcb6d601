"""Viewers who leave: by signing in, with what they did before, or by being forgotten.

What an anonymous viewer did becomes a `history` event of the viewer that they turn out to be.

The two have different keys and perhaps different partitions, and nobody may write the other's row. So the
owner of the anonymous row hands its content over the way everything else about a viewer arrives: as an event
on ``viewing.events.v1``, keyed by the viewer. It goes out in the transaction that deletes the anonymous row
and its page, so it is there once, whatever crashes; a second `identify` finds nothing to hand over. Who is to
be forgotten (`forget`) leaves in the same way and hands nothing over.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter

from online_models.tables.viewers import ViewerTable
from schemas import Forget, History, Identify, topics
from schemas.codec import encode
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome, Record, StateView, Target
from streams.stages.viewers.decode import Departure
from streams.stages.wire import viewer_rows
from streams.stages.wire.partition_rows import is_reserved

__all__ = ["MOST_LIKED", "Departures", "cut"]

MOST_LIKED = 128
"""Liked titles that are handed over, the newest: more than the 80 that represent a viewer."""
_OFFSET = attrgetter("offset")


def cut(
    records: Sequence[Record], leaving: Sequence[Departure]
) -> Iterator[tuple[Sequence[Record], Departure | None]]:
    """Yield a batch in parts, each with who leaves at its end; at the last one's end perhaps nobody does."""
    start = 0
    for one in leaving:
        end = bisect_right(records, one.offset, key=_OFFSET)
        yield records[start:end], one
        start = end
    if start < len(records):
        yield records[start:], None


class Departures:
    """Who leaves one partition of viewers.

    Parameters
    ----------
    store
        The partition's committed state.
    settings
        Topics, and the model whose rows are read.
    partition
        Which.
    """

    def __init__(self, store: StateView, settings: Settings, partition: int) -> None:
        self._load = viewer_rows.loader(store, settings.model)
        self._events = settings.topic(topics.EVENTS)
        self._home: Target = settings.topic(topics.HOME), partition
        self._ahead: dict[str, bytes | None] = {}

    def begin(self) -> None:
        """Begin a batch: the store has all rows of the one before."""
        self._ahead.clear()

    def remember(self, part: Outcome) -> None:
        """Keep the rows of a part of the batch: the store has them once the whole batch is committed."""
        self._ahead.update((key.decode(), value) for key, value in part.rows if not is_reserved(key))

    def loader(self, viewer_ids: Sequence[str]) -> Sequence[bytes | None]:
        """Read viewers that are not hot: those that an earlier part of the batch changed as it left them."""
        if not self._ahead:
            return self._load(viewer_ids)
        stored = self._load([viewer for viewer in viewer_ids if viewer not in self._ahead])
        rows = iter(stored)
        return [self._ahead[v] if v in self._ahead else next(rows) for v in viewer_ids]

    def let_go(self, viewers: ViewerTable, one: Departure, *, silent: bool) -> Outcome:
        """Forget a viewer; what one who signed in did before goes to the viewer that they are.

        Parameters
        ----------
        viewers
            The partition's hot viewers.
        one
            Who leaves.
        silent
            Nothing goes out: a version that does not publish reads the event of the one that does.
        """
        event, out = one.event, Outcome()
        (slot,) = viewers.acquire([event.viewer_id], self.loader).tolist()
        history = history_of(viewers, event, one.at) if isinstance(event, Identify) else None
        if history is not None and not silent:
            message: Message = {"key": history.viewer_id.encode(), "value": encode(history)}
            out.outputs[self._events, None] = [message]
        # a page that another version published is forgotten, too
        if (viewers.arrays.seq[slot] > 0 or isinstance(event, Forget)) and not silent:
            out.outputs[self._home] = [{"key": event.viewer_id.encode(), "value": None}]
        out.rows.append((event.viewer_id.encode(), None))
        viewers.forget(event.viewer_id)
        return out


def history_of(viewers: ViewerTable, event: Identify, at_ms: int) -> History | None:
    """Return the event that says what an anonymous viewer did; None if they did nothing that counts."""
    liked = [title for title, yes in viewers.known(event.viewer_id) if yes and title]
    turned_down = [
        rejection.title_id for rejection in viewers.rejected(event.viewer_id) if rejection.title_id
    ]
    if not liked and not turned_down:
        return None
    return History(
        event_id=derived_id(event),
        viewer_id=event.known_as,
        event_time_ms=at_ms,
        tenant_id=event.tenant_id,
        profile_id=event.profile_id,
        country=event.country,
        device=event.device,
        liked=tuple(liked[-MOST_LIKED:]),
        rejected=tuple(turned_down),
    )


def derived_id(event: Identify) -> str:
    """Return the id of the event that an `identify` becomes: the same in every replay.

    Examples
    --------
    >>> about = {"viewer_id": "anon", "event_time_ms": 10**12, "known_as": "ada"}
    >>> derived_id(Identify(event_id="e1", **about))
    'identified-589fde65e4c069a095f9f1a56bafd492'
    """
    text = f"{event.viewer_id}\0{event.event_id}".encode()
    return f"identified-{hashlib.blake2b(text, digest_size=16).hexdigest()}"
