"""Attributes watches to what viewers saw and searched for before.

Impressions and opened search results of a viewer are remembered in a row of their own
(:mod:`streams.stages.wire.impression_rows`). A watch that follows them is a win of the artwork that was
shown, of the query that was asked, and of the kind of shelf that the title stood on. Updates for artwork and
queries travel to the titles stage (:mod:`streams.stages.wire.attribution`); the value of the kinds of shelves
(:mod:`online_models.page.shelf_kinds`) is counted per partition.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from online_models.artwork.features import TasteFeatures
from online_models.artwork.gallery import Gallery
from online_models.catalog.catalog import Catalog
from online_models.feedback.reward_function import Action
from online_models.learners.attribution import ArtworkOutcome, ImpressionLog
from online_models.learners.search import hashed, normal
from online_models.page.shelf_kinds import ShelfValue
from online_models.tables.layout import I4, Feedback, Signals
from online_models.tables.viewers import ViewerTable
from schemas import Impression, RowKind, Search
from streams.engine.stage import Row, StateView
from streams.stages.viewers.decode import EventBatch, Places
from streams.stages.wire import impression_rows
from streams.stages.wire.attribution import AttributionUpdates, pack_updates
from streams.stages.wire.cached_rows import CachedRows, RowMemory
from streams.stages.wire.partition_rows import SHELF_VALUE

__all__ = ["HOT_BYTES", "ImpressionTracker", "Tastes"]

Tastes = Mapping[int, Mapping[str, int]]
"""The words that viewers like, by slot (:mod:`online_models.artwork.features`)."""

_NO_LOG: Final = ImpressionLog()
"""The log of all viewers who saw and searched for nothing; nothing is recorded in it."""
_POSITIVE, _IGNORED = int(Action.POSITIVE), int(Action.IGNORED)  # an enum's member takes 2 us to look up

HOT_BYTES: Final = 200_000_000
"""Bytes of the impression logs in memory, empty ones included, in all partitions of a worker: a log of a
thousand titles takes 5 kB."""


class ImpressionTracker:
    """The impression logs of one partition's viewers.

    Parameters
    ----------
    store
        The partition's rows.
    viewers, catalog, gallery
        The viewers' taste, the titles' tags, and the tags of each artwork.
    memory
        Shared by all partitions. Default: of this one.

    Attributes
    ----------
    shelf_value
        Impressions and watches by kind of shelf.
    """

    def __init__(
        self,
        store: StateView,
        viewers: ViewerTable,
        catalog: Catalog,
        gallery: Gallery,
        memory: RowMemory | None = None,
    ) -> None:
        memory = memory or RowMemory(HOT_BYTES)
        self._viewers, self._gallery = viewers, gallery
        self._taste = TasteFeatures(viewers, catalog)
        self._logs = CachedRows(store, impression_rows.read, memory, prefix=impression_rows.PREFIX)
        self._hot = self._logs.hot
        self._changed: dict[str, None] = {}
        self.shelf_value = ShelfValue(SHELF_VALUE.read(store))

    def spans(self, events: EventBatch, slots: I4) -> Iterator[tuple[int, int]]:
        """Yield spans of events that can be learned together: first place, and the place behind the last.

        The fit of an artwork that was seen depends on what the viewer liked by then. So no span has an event
        of a viewer in front of an impression of artwork of theirs.

        Parameters
        ----------
        events
            The events, in order.
        slots
            [n] slots of their viewers.
        """
        start, moved = 0, set[int]()
        artwork = {
            n for n, event in events.decoded.items() if isinstance(event, Impression) and event.artwork
        }
        if self._gallery and artwork:
            for n, (seen, slot) in enumerate(zip(events.shown().tolist(), slots.tolist(), strict=True)):
                if not seen:
                    moved.add(slot)
                elif n in artwork and slot in moved:
                    yield start, n
                    start, moved = n, set()
        yield start, len(events)

    def tastes(self, events: EventBatch, feedback: Feedback) -> Tastes:
        """Return what the viewers of artwork like before a span is learned, by slot."""
        seen = events.attributable().items() if self._gallery else ()
        saw = [row for row, event in seen if isinstance(event, Impression) and event.artwork]
        if not saw:
            return {}
        slots = np.unique(feedback.viewer[saw])
        liked = self._taste.of(slots)
        return {slot: liked.words(n) for n, slot in enumerate(slots.tolist())}

    def learn(self, events: EventBatch, feedback: Feedback, signals: Signals, tastes: Tastes) -> bytes:
        """Follow a span in the order of its events; return the packed updates, empty for none."""
        n = feedback.viewer.size
        liked = (signals.action[:n] == _POSITIVE) & (feedback.watched > 0)
        known = signals.action[:n] != _IGNORED  # there may be no room for a title
        acts = {row: event for row, event in events.attributable().items() if known[row]}
        at = sorted({*acts, *self._attributed(np.flatnonzero(liked), feedback.viewer, [*acts])})
        viewers = [self._viewers.ids[slot] for slot in feedback.viewer[at].tolist()]
        updates, titles = AttributionUpdates([], []), self._viewers.titles.ids
        times, rows_of_titles = feedback.at[at].tolist(), feedback.title[at].tolist()
        for row, viewer, when, title in zip(at, viewers, times, rows_of_titles, strict=True):
            event = acts.get(row)
            if isinstance(event, Impression):
                self._see_artwork(viewer, event, when, tastes.get(int(feedback.viewer[row]), {}), updates)
                self._see_on_shelf(viewer, event, when)
            elif isinstance(event, Search):
                self._open_result(viewer, event, when)
            elif log := self._hot[viewer]:
                self._watch(log, viewer, titles[title], when, updates)
        return pack_updates(updates)

    def take_rows(self) -> list[Row]:
        """Return the rows that changed since the last call; an empty log's row is deleted."""
        changed, self._changed = self._changed, {}
        rows, counts = [self._row(viewer) for viewer in changed], self.shelf_value.take_moved()
        return rows if counts is None else [*rows, SHELF_VALUE.row(counts)]

    def forget(self, viewer: str) -> Row:
        """Forget a viewer; return the deletion of the row."""
        self._logs.remove(viewer)
        self._hot[viewer] = _NO_LOG  # until the deletion is committed, the store has the former one
        self._logs.weigh(viewer, b"")
        self._changed.pop(viewer, None)
        return impression_rows.key_of(viewer), None

    def _see_artwork(
        self,
        viewer: str,
        event: Impression,
        at_ms: int,
        taste: Mapping[str, int],
        updates: AttributionUpdates,
    ) -> None:
        artwork = event.artwork or ""
        fit = self._gallery.fit(event.title_id, artwork, taste)
        update = (
            None
            if fit is None
            else self._log_of(viewer).record_artwork(event.title_id, artwork, fit, at_ms=at_ms)
        )
        if update is not None:
            updates.artwork.append(update)
            self._changed[viewer] = None

    def _see_on_shelf(self, viewer: str, event: Impression, at_ms: int) -> None:
        if event.row_kind is None:
            return
        if self._log_of(viewer).record_shelf(event.title_id, event.row_kind, at_ms=at_ms):
            self.shelf_value.see(event.row_kind)
            self._changed[viewer] = None

    def _open_result(self, viewer: str, event: Search, at_ms: int) -> None:
        query = normal(event.query)
        if query and event.clicked_title_id is not None:
            self._log_of(viewer).record_search(query, event.clicked_title_id, at_ms=at_ms)
            self._changed[viewer] = None

    def _watch(
        self, log: ImpressionLog, viewer: str, title_id: str, at_ms: int, updates: AttributionUpdates
    ) -> None:
        """Attribute a watch to what a viewer's log, which is not empty, has of the title."""
        kind = log.take_shelf(title_id, at_ms=at_ms)
        if kind is not None:
            self.shelf_value.watch(RowKind(kind))
            self._changed[viewer] = None
        if title_id not in log.artwork and title_id not in log.searches:
            return
        for update in log.attribute(title_id, at_ms=at_ms):
            if isinstance(update, ArtworkOutcome):
                updates.artwork.append(update)
            else:
                updates.queries.append(update._replace(query=hashed(update.query)))
        self._changed[viewer] = None

    def _attributed(self, watches: Places, slots: I4, acts: Sequence[int]) -> list[int]:
        """Load the logs of all viewers; return the watches of those who saw or searched for any title."""
        found, ids = np.unique(np.concatenate((slots[watches], slots[acts]))), self._viewers.ids
        names = [ids[slot] for slot in found.tolist()]
        self._load(names)
        logs = map(self._hot.__getitem__, names)
        logged = np.array([log is not _NO_LOG and bool(log) for log in logs], np.bool_)
        logged[np.searchsorted(found, slots[acts])] = True
        out: list[int] = watches[logged[np.searchsorted(found, slots[watches])]].tolist()
        return out

    def _load(self, wanted: Sequence[str]) -> None:
        """Bring viewers' logs into memory; all changes of before were taken as rows."""
        for viewer in self._logs.load(wanted):
            self._hot[viewer] = _NO_LOG
            self._logs.weigh(viewer, b"")

    def _log_of(self, viewer: str) -> ImpressionLog:
        """Return the log of a viewer, to record in it."""
        if self._hot[viewer] is _NO_LOG:
            self._hot[viewer] = ImpressionLog()
        return self._hot[viewer]

    def _row(self, viewer: str) -> Row:
        log = self._hot[viewer]
        row = impression_rows.pack(log) if log else None
        self._logs.weigh(viewer, row or b"")
        return impression_rows.key_of(viewer), row
