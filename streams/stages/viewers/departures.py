"""Removes viewers who sign in to an account (`identify`) or are to be forgotten (`forget`).

The history of an anonymous viewer who signs in goes to the account's viewer. The two have different keys and
perhaps different partitions, and a partition writes its own rows only. So the history travels as all input
about a viewer does: as a `history` event on ``viewing.events.v1``, keyed by the account's viewer. It is sent
in the transaction that deletes the anonymous row and its page, hence exactly once; a second `identify` finds
nothing to send. `forget` removes a viewer in the same way and sends nothing.

A sign-in from before a `forget` may be on its way in another partition, and its `history` event then comes
behind the request. So the partition keeps the time of each request for as long as such an event may come,
under a hash of the id, and a `history` event from before it is not used. The hash has no secret key: whoever
may read the row may also read the request itself, with the id, and it is in the log for as long. After that
time both are gone, the row with the first event whose time is past it.

The ids that a viewer's row remembers go with it. So departures are remembered by the partition, and one that
is delivered again does not remove what the viewer did in between. Any other event that is delivered again
after its viewer was removed counts as a new one: nothing is left by which it could be recognized.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from online_models.tables.hashing import hash_ids
from online_models.tables.viewers import ViewerTable
from schemas import Forget, History, Identify, topics
from schemas.codec import encode
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome, StateView, Target
from streams.stages.viewers.decode import EventBatch
from streams.stages.wire import viewer_rows
from streams.stages.wire.partition_rows import DEPARTURES, DepartureRow, is_reserved

__all__ = ["MAX_LIKED", "MAX_REMEMBERED", "Departures"]

MAX_LIKED = 128
"""Liked titles in a `history` event, the newest: more than the 80 that represent a viewer."""
FORGOTTEN_MS = 7 * 86_400_000
"""Time for which a request is remembered: no event of before is in the log for longer (its retention)."""
MAX_REMEMBERED = 256
"""Departures of a partition that are remembered, the newest: 2 kB, written with each departure."""


class Departures:
    """Removes viewers of one partition.

    Parameters
    ----------
    store
        The partition's committed state.
    settings
        Topics and model.
    partition
        Number of the partition.
    """

    def __init__(self, store: StateView, settings: Settings, partition: int) -> None:
        self._load = viewer_rows.loader(store, settings.model)
        self._events = settings.topic(topics.EVENTS)
        self._home: Target = settings.topic(topics.HOME), partition
        self._uncommitted: dict[str, bytes | None] = {}
        row = DEPARTURES.read(store)
        self._done, self._forgotten = row.done.tolist(), dict(row.forgotten)
        self._oldest_ms = min(self._forgotten.values(), default=0)
        self._changed = self._expired = False

    def begin_batch(self) -> None:
        """Begin a batch: the store has all rows of the batch before."""
        self._uncommitted.clear()

    def keep_rows(self, part: Outcome) -> None:
        """Keep the rows of a part of the batch: the store gets them when the whole batch is committed."""
        self._uncommitted.update((key.decode(), value) for key, value in part.rows if not is_reserved(key))

    def without_forgotten(self, events: EventBatch) -> EventBatch:
        """Return events without histories from before their viewers were forgotten."""
        if not self._forgotten:
            return events
        kept = np.ones(len(events), np.bool_)
        for n, event in events.decoded.items():
            if isinstance(event, History):
                self._expire(int(events.at[: n + 1].max()))
                kept[n] = events.at[n] > self._forgotten.get(_hash(event.viewer_id), -1)
        self._expire(int(events.at.max(initial=0)))
        return events.select(kept)

    def take_changes(self) -> Outcome:
        """Return the row, if it changed since the last call; what expired is erased from the disk, too."""
        out = Outcome()
        if self._changed:
            done = np.array(self._done, np.uint64)
            out.rows.append(DEPARTURES.row(DepartureRow(done, sorted(self._forgotten.items()))))
        if self._expired:
            out.erased.append(DEPARTURES.key)
        self._changed = self._expired = False
        return out

    def _expire(self, now_ms: int) -> None:
        """Drop the requests from before which no event can be in the log any more."""
        if now_ms < self._oldest_ms + FORGOTTEN_MS or not self._forgotten:
            return
        self._forgotten = {name: at for name, at in self._forgotten.items() if at > now_ms - FORGOTTEN_MS}
        self._oldest_ms = min(self._forgotten.values(), default=0)
        self._changed = self._expired = True

    def loader(self, viewer_ids: Sequence[str]) -> Sequence[bytes | None]:
        """Load rows of viewers that are not in memory, with the changes of the batch's earlier parts."""
        if not self._uncommitted:
            return self._load(viewer_ids)
        stored = self._load([viewer for viewer in viewer_ids if viewer not in self._uncommitted])
        rows = iter(stored)
        return [self._uncommitted[v] if v in self._uncommitted else next(rows) for v in viewer_ids]

    def remove_viewer(
        self, viewers: ViewerTable, event: Identify | Forget, at_ms: int, *, silent: bool
    ) -> Outcome | None:
        """Remove a viewer, and send the history of one who signed in; None: the event is a duplicate.

        Parameters
        ----------
        viewers
            The partition's viewers in memory.
        event, at_ms
            The event and its time.
        silent
            Send nothing: a version that does not publish reads the `history` event of the one that does.
        """
        out, key = Outcome(), key_of(event)
        if key in self._done:
            return None
        self._expire(at_ms)
        self._done, self._changed = [*self._done, key][-MAX_REMEMBERED:], True
        (slot,) = viewers.acquire([event.viewer_id], self.loader).tolist()
        history = history_of(viewers, event, at_ms) if isinstance(event, Identify) else None
        if history is not None and not silent:
            message: Message = {"key": history.viewer_id.encode(), "value": encode(history)}
            out.outputs[self._events, None] = [message]
        # `forget` also deletes a page that another version published
        if (viewers.arrays.seq[slot] > 0 or isinstance(event, Forget)) and not silent:
            out.outputs[self._home] = [{"key": event.viewer_id.encode(), "value": None}]
        out.rows.append((event.viewer_id.encode(), None))
        if isinstance(event, Forget):
            name = _hash(event.viewer_id)
            self._forgotten[name] = max(at_ms, self._forgotten.get(name, at_ms))
            self._oldest_ms = min(self._forgotten.values())
        viewers.forget(event.viewer_id)
        return out


def history_of(viewers: ViewerTable, event: Identify, at_ms: int) -> History | None:
    """Return the `history` event of an anonymous viewer; None if nothing was liked or rejected."""
    liked = [title for title, yes in viewers.known(event.viewer_id) if yes and title]
    rejected = [rejection.title_id for rejection in viewers.rejected(event.viewer_id) if rejection.title_id]
    if not liked and not rejected:
        return None
    return History(
        event_id=derived_id(event),
        viewer_id=event.known_as,
        event_time_ms=at_ms,
        tenant_id=event.tenant_id,
        profile_id=event.profile_id,
        country=event.country,
        device=event.device,
        liked=tuple(liked[-MAX_LIKED:]),
        rejected=tuple(rejected),
    )


def _hash(viewer_id: str) -> int:
    return int(hash_ids([viewer_id])[0])


def key_of(event: Identify | Forget) -> int:
    """Return the key by which a departure is recognized.

    Two requests to forget a viewer at different times are two, even if a producer gives them one id.
    """
    if isinstance(event, Identify):
        name = derived_id(event)
    else:
        name = f"{event.viewer_id}\0{event.event_id}\0{event.event_time_ms}"
    (key,) = hash_ids([name]).tolist()
    return int(key)


def derived_id(event: Identify) -> str:
    """Return the id of the `history` event of an `identify`: the same in every replay.

    Examples
    --------
    >>> about = {"viewer_id": "anon", "event_time_ms": 10**12, "known_as": "ada"}
    >>> derived_id(Identify(event_id="e1", **about))
    'identified-589fde65e4c069a095f9f1a56bafd492'
    """
    text = f"{event.viewer_id}\0{event.event_id}".encode()
    return f"identified-{hashlib.blake2b(text, digest_size=16).hexdigest()}"
