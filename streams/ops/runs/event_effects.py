"""One event of each type through a real worker, and what it changed: `nearline inspect events`.

On a cluster of its own, a small world's viewers teach the models. Then every case of
`online_models.page.event_effects` gets a viewer of its own, who watched two films, began a third, put a fourth on
their list, and has a page; at last the cases happen, and each viewer's page is held against the one before.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import structs

from online_models.page.changes import changes, new_reasons
from online_models.page.event_effects import HOUR_S, Case, Scene, Seen, every_case
from online_models.simulation import World
from schemas import topics
from schemas.codec import decode_home
from schemas.events import Event, ListAction, MyList, Stop, StopCause
from schemas.pages import Home
from streams.config.settings import Settings
from streams.errors import EffectMissingError
from streams.kafka.produce import EventProducer
from streams.kafka.scan import partitions_of, read_all, read_latest
from streams.ops.decoded_rows import viewers_in_words
from streams.ops.inspect import named_titles
from streams.ops.page_changes import row_document
from streams.ops.runs.send_and_wait import Asker
from streams.ops.runs.session import WorkerProcess, make_topics, own_cluster
from streams.stages.wire.partition_rows import is_reserved

__all__ = ["Observed", "observe", "require"]

GROUP: Final = "nearline-events"
CROWD: Final = 6_000
"""Events that the models learn first: about fifty for each of the titles."""
VIEWERS: Final = 150
TITLES: Final = 120
VARIABLES: Final = {"NEARLINE_PAGE_INTERVAL_S": "0", "NEARLINE_PREQUENTIAL_SHARE": "0"}
"""The worker's settings: a page with every batch, so that the page after an event is that event's."""
BEGUN_S: Final = 0.1 * HOUR_S
"""What was watched of the third film: more than a quick stop, less than a quarter."""


class Observed(NamedTuple):
    """A case, and what came of it."""

    type: str
    case: Case
    seen: Seen

    @property
    def holds(self) -> bool:
        """Whether the page did what is documented."""
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
    """Start a cluster and a worker, let every case happen, and return what came of each.

    Parameters
    ----------
    folder
        For the worker's state and log.
    kafka
        On a real Apache Kafka instead of the embedded cluster.
    seed
        Of the world.

    Raises
    ------
    WorkerDiedError, ReplayStalledError
        The worker did not answer every event.
    """
    with own_cluster(folder, GROUP, kafka=kafka) as settings:
        make_topics(settings)
        with WorkerProcess(settings, folder, VARIABLES) as worker, EventProducer(settings) as producer:
            worker.wait_ready()
            return _Stage(settings, Asker(worker, producer), producer, seed).run()


def require(found: Sequence[Observed]) -> None:
    """Make sure that everything was as documented.

    Raises
    ------
    EffectMissingError
        Something was not.
    """
    missing = [f"{one.type} {one.case.how}".strip() for one in found if not one.holds]
    if missing:
        what = f"{len(missing)} of {len(found)} events did not change the page as documented"
        raise EffectMissingError(what, why=", ".join(missing), next_step="report it, with the table above")


@dataclass(slots=True)
class _Stage:
    """The worker, and what it was sent."""

    settings: Settings
    asker: Asker
    producer: EventProducer
    seed: int
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.seed, VIEWERS, TITLES, start_ms=_now_ms())

    def run(self) -> list[Observed]:
        """Teach, prepare the viewers, let the cases happen."""
        self.producer.send_titles(self.world.titles)
        crowd = self.world.take(CROWD)
        self.asker.send(structs.replace(event, event_time_ms=_now_ms()) for event in crowd)
        cases = list(every_case())
        actors = [f"{name}-{number}" for number, (name, _) in enumerate(cases)]
        films = _watched_most(crowd)
        acting = [actor for actor, (_, case) in zip(actors, cases, strict=True) if not case.stranger]
        self.asker.send(event for actor in acting for event in _past(actor, films))
        self.asker.send(_wish(actor, films[3]) for actor in acting)
        before = self._pages()
        genres = self._genres()
        happened = []
        for actor, (_, case) in zip(actors, cases, strict=True):
            about = {"event_id": f"{actor}-case", "viewer_id": actor, "event_time_ms": _now_ms()}
            happened.append(case.events(Scene(_last(before.get(actor)), about, genres)))
        self.asker.send(event for events in happened for event in events)
        after, rejected = self._pages(), self._rejected()
        catalog = {title.title_id: title for title in self.world.titles}
        out = []
        for actor, (name, case), events in zip(actors, cases, happened, strict=True):
            viewer = actor + case.of
            was = before.get(viewer, [])
            fresh = after.get(viewer, [])[len(was) :]
            page, forgotten = _last(fresh), fresh[-1:] == [None]
            turned_down = rejected.get(viewer, {})
            seen = Seen(_about(events[0]), _last(was), page, forgotten, turned_down, catalog)
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
        """Return what every viewer turned down, with weights."""
        parts = range(partitions_of(self.settings, topics.VIEWER_STATE))
        rows = [
            (key, value)
            for key, message in read_latest(self.settings, topics.VIEWER_STATE, parts).items()
            if not is_reserved(key) and (value := message.value()) is not None
        ]
        said = viewers_in_words(rows, named_titles(self.settings))
        return {one["viewer_id"]: {no["title_id"]: no["weight"] for no in one["rejected"]} for one in said}


def _watched_most(crowd: Iterable[Event]) -> list[str]:
    """Return the four titles that were watched most often: the past of every case's viewer."""
    ends = Counter(event.title_id for event in crowd if isinstance(event, Stop))
    return [title for title, _ in ends.most_common(4)]


def _past(viewer: str, films: Sequence[str]) -> list[Event]:
    """Return two films watched to the end, and one begun."""
    watched = (HOUR_S, HOUR_S, BEGUN_S)
    return [
        Stop(
            event_id=f"{viewer}-{number}",
            viewer_id=viewer,
            event_time_ms=_now_ms(),
            title_id=film,
            watched_s=seconds,
            position_s=seconds,
            duration_s=HOUR_S,
            cause=StopCause.EXITED,
        )
        for number, (film, seconds) in enumerate(zip(films, watched, strict=False))
    ]


def _wish(viewer: str, film: str) -> Event:
    about: dict[str, Any] = {
        "event_id": f"{viewer}-wish",
        "viewer_id": viewer,
        "event_time_ms": _now_ms(),
    }
    return MyList(**about, title_id=film, action=ListAction.ADD)


def _about(event: Event) -> str:
    """Return the title that an event is about, empty for none."""
    liked: tuple[str, ...] = getattr(event, "liked", ())
    return getattr(event, "title_id", None) or getattr(event, "clicked_title_id", None) or "".join(liked[:1])


def _last(pages: Sequence[Home | None] | None) -> Home | None:
    return pages[-1] if pages else None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
