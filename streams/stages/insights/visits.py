"""The visits stage: viewing events in; what is new about titles and searches out.

It reads the events beside the viewers stage, in a group of its own. A viewer's row says what is new (how far
they had got, what they searched for, what they usually watch), and goes with the visits and the offset in one
transaction: whatever is killed, each visit is told once. So the insights stage (:mod:`streams.stages.insights.step`)
may add up. Of who is forgotten the row goes.
"""

from collections.abc import Callable, Sequence

from online_models.insights.catalog_snapshot import CatalogSnapshot
from online_models.insights.visits import Searched, ViewerVisits, Visit, observe
from online_models.tables.viewers import hash_ids
from schemas import Forget, topics
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome, Record, StageSpec, StateView
from streams.stages.analytics.events import EventReader, ViewerRows
from streams.stages.insights.visit_rows import pack_guest, pack_visits, unpack_guest

__all__ = ["STAGE", "VisitsStep", "visits_spec"]

STAGE = "visits"
FLOOR_S = 1.0
"""Least seconds between two batches of a partition: people read what comes of it."""
MOST = 2_000
"""Visits and searches of a record at most, each: half a megabyte if every id is as long as it may be."""


def visits_spec(settings: Settings, stock: Callable[[], CatalogSnapshot]) -> StageSpec:
    """Describe the stage; ``stock`` waits until the catalog is known, then returns it."""
    return StageSpec(
        name=STAGE,
        source=settings.topic(topics.EVENTS),
        changelog=settings.topic(topics.INSIGHTS_VIEWERS),
        make_step=lambda _, store: VisitsStep(settings, store, stock),
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
    stock
        Asked before each batch for the catalog.
    """

    def __init__(self, settings: Settings, store: StateView, stock: Callable[[], CatalogSnapshot]) -> None:
        stock()  # waits until the catalog is known
        self._stock = stock
        self._events = EventReader(settings)
        self._guests = ViewerRows(store, unpack_guest)
        self._topic = settings.topic(topics.INSIGHTS_VISITS)

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Tell what a batch says."""
        events = self._events(records)
        if not events:
            return Outcome()
        genres = self._stock().genres
        self._guests.load({event.viewer_id for event, _ in events})
        hashes = hash_ids([event.event_id for event, _ in events]).tolist()
        viewers = hash_ids([event.viewer_id for event, _ in events]).tolist()
        touched: dict[str, ViewerVisits | None] = {}
        visits: list[Visit] = []
        searches: list[Searched] = []
        for (event, at_ms), event_hash, viewer in zip(events, hashes, viewers, strict=True):
            if isinstance(event, Forget):
                self._guests.hot.pop(event.viewer_id, None)
                touched[event.viewer_id] = None
                continue
            guest = self._guests.hot.setdefault(event.viewer_id, ViewerVisits())
            touched[event.viewer_id] = guest
            visit, searched = observe(
                guest, event, at_ms, viewer=viewer, event_hash=event_hash, genres=genres
            )
            visits += [visit] if visit else []
            searches += [searched] if searched else []
        out = Outcome(rows=[(v.encode(), None if g is None else pack_guest(g)) for v, g in touched.items()])
        if messages := [*_messages(visits, searches)]:
            out.outputs[self._topic, 0] = messages
        return out


def _messages(visits: list[Visit], searches: list[Searched]) -> list[Message]:
    """Return records, each with a part of what happened."""
    parts = [pack_visits(visits[at : at + MOST], []) for at in range(0, len(visits), MOST)]
    parts += [pack_visits([], searches[at : at + MOST]) for at in range(0, len(searches), MOST)]
    return [{"key": None, "value": value} for value in parts]
