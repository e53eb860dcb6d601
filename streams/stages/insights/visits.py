"""The visits stage: viewing events in; new visits of titles and searches out.

It reads the events in a group of its own. A viewer's row tells what is new (furthest position, last search,
usual genres), and is written in one transaction with the visits and the offset: each visit is sent exactly
once. So the insights stage (:mod:`streams.stages.insights.step`) may add up. `forget` deletes a viewer's row.
"""

from collections.abc import Callable, Sequence

from online_models.insights.catalog_snapshot import CatalogSnapshot
from online_models.insights.visits import Searched, ViewerVisits, Visit, observe
from online_models.tables.hashing import hash_ids
from schemas import Forget, topics
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome, Record, StageSpec, StateView
from streams.stages.analytics.events import HOT_BYTES, usable_events
from streams.stages.insights.rows import VIEWERS, VISITS
from streams.stages.wire.cached_rows import CachedRows, RowMemory
from streams.stages.wire.events import Clock, EventReader

__all__ = ["STAGE", "VisitsStep", "visits_spec"]

STAGE = "visits"
FLOOR_S = 1.0
"""Least seconds between two batches of a partition: the readers are people."""
MAX_VISITS = 2_000
"""Most visits, and most searches, of a record: half a megabyte if every id has its greatest length."""


def visits_spec(
    settings: Settings, catalog: Callable[[], CatalogSnapshot], clock: Clock | None = None
) -> StageSpec:
    """Describe the stage to the engine.

    Parameters
    ----------
    settings
        Topics.
    catalog
        Waits until the catalog is known, then returns it.
    clock
        Bounds the times of events. Default: for replays, no clock.
    """
    memory = RowMemory(HOT_BYTES)
    return StageSpec(
        name=STAGE,
        source=settings.topic(topics.EVENTS),
        changelog=settings.topic(topics.INSIGHTS_VIEWERS),
        make_step=lambda _, store: VisitsStep(settings, store, catalog, clock, memory),
        dead_letters=settings.topic(topics.DEAD_LETTERS),
        max_events=settings.viewers_batch_events,
        max_bytes=settings.viewers_batch_bytes,
        min_interval_s=FLOOR_S,
    )


class VisitsStep:
    """The logic of one partition of the events.

    Parameters
    ----------
    settings
        Topics.
    store
        Viewers' rows.
    catalog
        Returns the catalog; called before each batch.
    clock
        As for `visits_spec`.
    memory
        Shared by all partitions. Default: of this one.
    """

    def __init__(
        self,
        settings: Settings,
        store: StateView,
        catalog: Callable[[], CatalogSnapshot],
        clock: Clock | None = None,
        memory: RowMemory | None = None,
    ) -> None:
        catalog()  # waits until the catalog is known
        self._catalog = catalog
        self._read = EventReader(settings, clock)
        self._viewers = CachedRows(store, VIEWERS.unpack, memory or RowMemory(HOT_BYTES))
        self._topic = settings.topic(topics.INSIGHTS_VISITS)

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Send the new visits and searches of a batch."""
        events = usable_events(self._read, records)
        if not events:
            return Outcome()
        genres = self._catalog().genres
        self._viewers.load(event.viewer_id for event, _ in events)
        hashes = hash_ids([event.event_id for event, _ in events]).tolist()
        viewer_hashes = hash_ids([event.viewer_id for event, _ in events]).tolist()
        touched: dict[str, ViewerVisits | None] = {}
        visits: list[Visit] = []
        searches: list[Searched] = []
        for (event, at_ms), event_hash, viewer in zip(events, hashes, viewer_hashes, strict=True):
            if isinstance(event, Forget):
                self._viewers.remove(event.viewer_id)
                touched[event.viewer_id] = None
                continue
            row = self._viewers.hot.setdefault(event.viewer_id, ViewerVisits())
            touched[event.viewer_id] = row
            visit, searched = observe(row, event, at_ms, viewer=viewer, event_hash=event_hash, genres=genres)
            visits += [visit] if visit else []
            searches += [searched] if searched else []
        out = Outcome(
            rows=[(v.encode(), None if row is None else VIEWERS.pack(row)) for v, row in touched.items()]
        )
        out.erased.extend(key for key, value in out.rows if value is None)
        for key, value in out.rows:
            if value is not None:
                self._viewers.weigh(key.decode(), value)
        if messages := [*_messages(visits, searches)]:
            out.outputs[self._topic, 0] = messages
        return out


def _messages(visits: list[Visit], searches: list[Searched]) -> list[Message]:
    """Return records with a bounded number of visits or searches each."""
    parts = [VISITS.pack((visits[at : at + MAX_VISITS], [])) for at in range(0, len(visits), MAX_VISITS)]
    parts += [VISITS.pack(([], searches[at : at + MAX_VISITS])) for at in range(0, len(searches), MAX_VISITS)]
    return [{"key": None, "value": value} for value in parts]
