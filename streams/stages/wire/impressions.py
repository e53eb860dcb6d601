r"""Lessons from what viewers saw and searched for, on the viewers' side.

What kinds of rows are watched from (:mod:`online_models.page.shelf_value`) is kept for the partition as a whole.
What a viewer saw of late is a row of its own beside the viewer's, under ``\x03`` and the viewer's id, so that
who sees no pictures and searches for nothing pays nothing. What is learned travels to the titles stage behind
the signals of the batch (:mod:`streams.stages.wire.attribution`).
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from online_models.artwork.features import TasteFeatures
from online_models.artwork.gallery import Gallery
from online_models.catalog.catalog import Catalog
from online_models.feedback.reward_function import Action
from online_models.learners.attribution import ArtworkOutcome, ImpressionLog, QueryOutcome
from online_models.learners.search import normal
from online_models.page.shelf_value import ShelfValue
from online_models.tables.layout import Feedback, Signals
from online_models.tables.viewers import ViewerTable
from schemas import Impression, RowKind, Search
from streams.engine.stage import Row, StateView
from streams.errors import StateVersionError
from streams.stages.viewers.decode import AttributableEvents
from streams.stages.wire.partition_rows import ROW_WORTH

__all__ = ["PREFIX", "VERSION", "AttributionUpdates", "ImpressionTracker", "read"]

PREFIX: Final = b"\x03"
VERSION: Final = 2
"""Version 1 did not say in what rows titles were seen."""
_ABSENT: Final = 100_000
"""Viewers without sightings that are remembered to have none: 10 MB."""


class _Stored(msgspec.Struct, array_like=True, gc=False):
    seen: dict[str, tuple[str, int, int]]
    asked: dict[str, tuple[str, int]]
    stood: dict[str, tuple[str, int]] = {}


class AttributionUpdates(msgspec.Struct, array_like=True, gc=False):
    """What a batch teaches about pictures and queries, as it travels."""

    art: list[ArtworkOutcome]
    queries: list[QueryOutcome]


_ENCODER: Final = msgspec.msgpack.Encoder()
_STORED: Final = msgspec.msgpack.Decoder(_Stored)


def read(value: bytes) -> ImpressionLog:
    """Read a row.

    Raises
    ------
    StateVersionError
        A newer version wrote it.
    """
    if value[0] > VERSION:
        what = "what viewers saw was written by a newer version"
        advice = "start the version of nearline that wrote it; nothing was changed"
        raise StateVersionError(
            what, why=f"version {value[0]}, this program knows 1 to {VERSION}", next_step=advice
        )
    stored = _STORED.decode(value[1:])
    return ImpressionLog(stored.seen, stored.asked, stored.stood)


class ImpressionTracker:
    """What the viewers of a partition saw.

    Parameters
    ----------
    store
        The partition's rows.
    viewers, catalog, gallery
        Who likes what, and which picture shows what.
    """

    def __init__(self, store: StateView, viewers: ViewerTable, catalog: Catalog, gallery: Gallery) -> None:
        self._store, self._viewers, self._gallery = store, viewers, gallery
        self._words = TasteFeatures(viewers, catalog)
        self._hot: dict[str, ImpressionLog] = {}
        self._moved: dict[str, None] = {}
        self.worth = ShelfValue(ROW_WORTH.read(store))

    def learn(self, noted: Sequence[AttributableEvents], feedback: Feedback, signals: Signals) -> bytes:
        """Follow a batch in the order of its events; return the lessons as they travel, empty for none."""
        n = feedback.viewer.size
        new = signals.action[:n] != Action.NOTHING
        liked = (signals.action[:n] == Action.POSITIVE) & (feedback.watched > 0)
        events = {one.verdict: one.event for one in noted if new[one.verdict]}
        at = sorted({*events, *np.flatnonzero(liked).tolist()})
        self._load({self._viewers.ids[slot] for slot in feedback.viewer[at].tolist()})
        lessons, words = AttributionUpdates([], []), self._liked(events, feedback)
        for row in at:
            slot, when = int(feedback.viewer[row]), int(feedback.at[row])
            viewer = self._viewers.ids[slot]
            event = events.get(row)
            if isinstance(event, Impression):
                self._see(viewer, event, when, words.get(slot, frozenset()), lessons)
                self._stand(viewer, event, when)
            elif isinstance(event, Search):
                self._ask(viewer, event, when)
            else:
                self._like(viewer, self._viewers.titles.ids[int(feedback.title[row])], when, lessons)
        return _ENCODER.encode(lessons) if lessons.art or lessons.queries else b""

    def _liked(
        self, events: Mapping[int, Impression | Search], feedback: Feedback
    ) -> dict[int, frozenset[str]]:
        """Return what viewers of pictures like, by their slots."""
        saw = [row for row, event in events.items() if isinstance(event, Impression) and event.artwork]
        if not saw or not len(self._gallery):
            return {}
        slots = np.unique(feedback.viewer[saw])
        liked = self._words.of(slots)
        return {slot: liked.words(n) for n, slot in enumerate(slots.tolist())}

    def take_rows(self) -> list[Row]:
        """Return the rows that changed; of who has nothing left to remember, the deletion."""
        moved, self._moved = self._moved, {}
        rows, counts = [self._row(viewer) for viewer in moved], self.worth.take_moved()
        return rows if counts is None else [*rows, ROW_WORTH.row(counts)]

    def forget(self, viewer: str) -> Row:
        """Forget a viewer; return the row's deletion."""
        self._hot[viewer] = ImpressionLog()
        self._moved.pop(viewer, None)
        return PREFIX + viewer.encode(), None

    def _see(
        self, viewer: str, event: Impression, at_ms: int, words: frozenset[str], lessons: AttributionUpdates
    ) -> None:
        picture = event.artwork or ""
        fit = self._gallery.fit(event.title_id, picture, words)
        lesson = None if fit is None else self._hot[viewer].see(event.title_id, picture, fit, at_ms=at_ms)
        if lesson is not None:
            lessons.art.append(lesson)
            self._moved[viewer] = None

    def _stand(self, viewer: str, event: Impression, at_ms: int) -> None:
        if event.row_kind is None:
            return
        if self._hot[viewer].stand(event.title_id, event.row_kind, at_ms=at_ms):
            self.worth.see(event.row_kind)
            self._moved[viewer] = None

    def _ask(self, viewer: str, event: Search, at_ms: int) -> None:
        query = normal(event.query)
        if query and event.clicked_title_id is not None:
            self._hot[viewer].ask(query, event.clicked_title_id, at_ms=at_ms)
            self._moved[viewer] = None

    def _like(self, viewer: str, title_id: str, at_ms: int, lessons: AttributionUpdates) -> None:
        sightings = self._hot[viewer]
        kind = sightings.row_of(title_id, at_ms=at_ms)
        if kind is not None:
            self.worth.watch(RowKind(kind))
            self._moved[viewer] = None
        if title_id not in sightings.seen and title_id not in sightings.asked:
            return
        for lesson in sightings.like(title_id, at_ms=at_ms):
            if isinstance(lesson, ArtworkOutcome):
                lessons.art.append(lesson)
            else:
                lessons.queries.append(lesson)
        self._moved[viewer] = None

    def _load(self, wanted: set[str]) -> None:
        """Bring viewers' sightings into memory; when that is full, let go of what the store has."""
        if len(self._hot) > _ABSENT:
            self._hot = {viewer: one for viewer, one in self._hot.items() if viewer in self._moved}
        cold = sorted(wanted - self._hot.keys())
        if cold:
            values = self._store.get_many([PREFIX + viewer.encode() for viewer in cold])
            for viewer, value in zip(cold, values, strict=True):
                self._hot[viewer] = ImpressionLog() if value is None else read(value)

    def _row(self, viewer: str) -> Row:
        key, one = PREFIX + viewer.encode(), self._hot[viewer]
        if not one:
            return key, None
        return key, bytes([VERSION]) + _ENCODER.encode(_Stored(one.seen, one.asked, one.stood))
