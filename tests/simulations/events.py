"""One event of each type through a real worker, and what it changes on the viewer's page.

On a cluster of its own, the viewers of a small world train the models. Then every case of
`deploy.event_effects` gets a viewer of its own, who watched two titles, started a third, put a
fourth on My List, and has a page. Then the events of the cases are sent, and each viewer's new page is
compared with the previous one.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import structs

from deploy.event_effects import HOUR_S, Case, Scene, Seen, every_case
from online_models.page.changes import changes, new_reasons
from online_models.simulation import World
from schemas import topics
from schemas.codec import decode_home
from schemas.events import Event, ListAction, MyList, Stop, StopCause
from schemas.pages import Home
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.errors import StreamError
from streams.kafka.produce import EventProducer
from streams.kafka.scan import partitions_of, read_all, read_latest
from streams.ops.decoded_rows import decoded_viewers
from streams.ops.inspect import named_titles, row_document
from streams.ops.runs.sync_sender import SyncSender
from streams.stages.wire.partition_rows import is_reserved
from tests.simulations.waiting import ready_worker

__all__ = ["Observed", "observe", "require"]

GROUP: Final = "nearline-events"
TRAINING_EVENTS: Final = 6_000
"""Events that train the models first: about fifty for each title."""
VIEWERS: Final = 150
TITLES: Final = 120
VARIABLES: Final = {"NEARLINE_PAGE_INTERVAL_S": "0", "NEARLINE_PREQUENTIAL_SHARE": "0"}
"""The worker's settings: a page with every batch, so that the page after an event is caused by that event."""
STARTED_S: Final = 0.1 * HOUR_S
"""Watched of the third title: more than an early exit, less than a quarter."""


class EffectMissingError(StreamError):
    """An event did not change the page as documented: report it, with the output of the command."""


class Observed(NamedTuple):
    """A case, and the page after it."""

    type: str
    case: Case
    seen: Seen

    @property
    def holds(self) -> bool:
        """Whether the page changed as documented."""
        return self.case.holds(self.seen)

    def document(self) -> dict[str, Any]:
        """Return the case under its documented JSON keys."""
        before, after = self.seen.before, self.seen.after
        rows, reasons = before.rows if before else (), {}
        if after is not None:
            reasons = {t: [was, now] for t, (was, now) in new_reasons(rows, after).items()}
        moved = [change for change in changes(rows, after) if not change.still] if after else []
        return {
            "type": self.type,
            "how": self.case.how,
            "documented": self.case.says,
            "as_documented": self.holds,
            "title_id": self.seen.title_id,
            "former": before.seq if before else None,
            "seq": after.seq if after else None,
            "forgotten": self.seen.forgotten,
            "rows": [row_document(change) for change in moved],
            "reasons": reasons,
        }


def observe(folder: Path, *, kafka: bool = False, seed: int = 0) -> list[Observed]:
    """Start a cluster and a worker, send the events of every case, and return the pages after them.

    Parameters
    ----------
    folder
        Of the worker's state and log.
    kafka
        On a real Apache Kafka instead of the embedded cluster.
    seed
        Of the world.

    Raises
    ------
    WorkerDiedError, ReplayStalledError
        The worker did not process every event.
    """
    with ready_worker(folder, GROUP, VARIABLES, kafka=kafka) as ready:
        return _Session(ready.settings, ready.sender, ready.producer, seed).run()


def require(found: Sequence[Observed]) -> None:
    """Check that every page changed as documented.

    Raises
    ------
    EffectMissingError
        One did not.
    """
    missing = [f"{one.type} {one.case.how}".strip() for one in found if not one.holds]
    if missing:
        what = f"{len(missing)} of {len(found)} events did not change the page as documented"
        raise EffectMissingError(what, why=", ".join(missing), next_step="report it, with the table above")


@dataclass(slots=True)
class _Session:
    """A worker, a producer, and the world."""

    settings: Settings
    sender: SyncSender
    producer: EventProducer
    seed: int
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.seed, VIEWERS, TITLES, start_ms=now_ms())

    def run(self) -> list[Observed]:
        """Train the models, prepare the viewers, send the events of the cases."""
        self.producer.send_titles(self.world.titles)
        training = self.world.take(TRAINING_EVENTS)
        self.sender.send(structs.replace(event, event_time_ms=now_ms()) for event in training)
        cases = list(every_case())
        actors = [f"{name}-{number}" for number, (name, _) in enumerate(cases)]
        titles = _watched_most(training)
        acting = [actor for actor, (_, case) in zip(actors, cases, strict=True) if not case.stranger]
        self.sender.send(event for actor in acting for event in _history(actor, titles))
        self.sender.send(_listed(actor, titles[3]) for actor in acting)
        before = self._pages()
        genres = self._genres()
        happened = []
        for actor, (_, case) in zip(actors, cases, strict=True):
            about = {"event_id": f"{actor}-case", "viewer_id": actor, "event_time_ms": now_ms()}
            happened.append(case.events(Scene(_last(before.get(actor)), about, genres)))
        self.sender.send(event for events in happened for event in events)
        after, rejected = self._pages(), self._rejected()
        catalog = {title.title_id: title for title in self.world.titles}
        out = []
        for actor, (name, case), events in zip(actors, cases, happened, strict=True):
            viewer = actor + case.of
            was = before.get(viewer, [])
            new = after.get(viewer, [])[len(was) :]
            page, forgotten = _last(new), new[-1:] == [None]
            refused = rejected.get(viewer, {})
            seen = Seen(_about(events[0]), _last(was), page, forgotten, refused, catalog)
            out.append(Observed(name, case, seen))
        return out

    def _genres(self) -> tuple[str, ...]:
        """Return the catalog's genres, the most frequent first."""
        counted = Counter(genre for title in self.world.titles for genre in title.tags.genre)
        return tuple(genre for genre, _ in counted.most_common())

    def _pages(self) -> dict[str, list[Home | None]]:
        """Return every page of every viewer, in order; None for a deletion."""
        out: dict[str, list[Home | None]] = {}
        for message in read_all(self.settings, topics.HOME):
            value = message.value()
            page = None if value is None else decode_home(value)
            out.setdefault((message.key() or b"").decode(), []).append(page)
        return out

    def _rejected(self) -> dict[str, dict[str, float]]:
        """Return the recently rejected titles of every viewer, with weights."""
        parts = range(partitions_of(self.settings, topics.VIEWER_STATE))
        rows = [
            (key, value)
            for key, message in read_latest(self.settings, topics.VIEWER_STATE, parts).items()
            if not is_reserved(key) and (value := message.value()) is not None
        ]
        viewers = decoded_viewers(rows, named_titles(self.settings))
        return {one["viewer_id"]: {no["title_id"]: no["weight"] for no in one["rejected"]} for one in viewers}


def _watched_most(events: Iterable[Event]) -> list[str]:
    """Return the four titles watched most often: the history of every case's viewer."""
    ends = Counter(event.title_id for event in events if isinstance(event, Stop))
    return [title for title, _ in ends.most_common(4)]


def _history(viewer: str, titles: Sequence[str]) -> list[Event]:
    """Return two titles watched to the end, and one started."""
    watched = (HOUR_S, HOUR_S, STARTED_S)
    return [
        Stop(
            event_id=f"{viewer}-{number}",
            viewer_id=viewer,
            event_time_ms=now_ms(),
            title_id=title,
            watched_s=seconds,
            position_s=seconds,
            duration_s=HOUR_S,
            cause=StopCause.EXITED,
        )
        for number, (title, seconds) in enumerate(zip(titles, watched, strict=False))
    ]


def _listed(viewer: str, title: str) -> Event:
    about: dict[str, Any] = {
        "event_id": f"{viewer}-wish",
        "viewer_id": viewer,
        "event_time_ms": now_ms(),
    }
    return MyList(**about, title_id=title, action=ListAction.ADD)


def _about(event: Event) -> str:
    """Return the title that an event is about, empty for none."""
    liked: tuple[str, ...] = getattr(event, "liked", ())
    return getattr(event, "title_id", None) or getattr(event, "clicked_title_id", None) or "".join(liked[:1])


def _last(pages: Sequence[Home | None] | None) -> Home | None:
    return pages[-1] if pages else None
