"""Plays all situations against one worker, step by step."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from schemas import Alert, Home, Title, topics
from schemas.codec import decode_alert, decode_home
from schemas.events import Event
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.kafka.scan import read_all
from streams.ops.runs.sync_sender import SyncSender
from tests.simulations.waiting import ready_worker
from tests.situations.person import Look, Person
from tests.situations.situations import SITUATIONS, Situation
from tests.situations.world import catalog, crowd

__all__ = ["RECORDED", "TABLE", "Measured", "measure", "rendered"]

RECORDED: Final = Path(__file__).with_name("recorded.json")
TABLE: Final = Path(__file__).parents[2] / "deploy" / "situations.md"
GROUP: Final = "nearline-situations"
VARIABLES: Final = {
    "NEARLINE_PAGE_INTERVAL_S": "0",
    "NEARLINE_PREQUENTIAL_SHARE": "0",
    "NEARLINE_PROFILES": "true",
}
"""Settings of the worker: a page with every batch, so that the page after a step is that of the step."""
CHUNK: Final = 500
"""Events that are sent at a time, so that titles learn in between."""
TITLES_S: Final = 5.0
"""Wait until a new title has reached the worker: milliseconds, and more on a busy machine."""
PERSONS: Final = 5
"""Persons in each situation."""


class Measured(NamedTuple):
    """A situation and its number."""

    situation: Situation
    number: float

    @property
    def holds(self) -> bool:
        """Whether the number is between the bounds."""
        return self.situation.holds(self.number)


def measure(folder: Path, *, kafka: bool = False, some: Sequence[Situation] = SITUATIONS) -> list[Measured]:
    """Start a cluster and a worker, let a crowd train the models, and play situations.

    Parameters
    ----------
    folder
        Of the worker's state and log.
    kafka
        On a real Apache Kafka instead of the embedded cluster.
    some
        The situations. Default: all.
    """
    with ready_worker(folder, GROUP, VARIABLES, kafka=kafka) as (settings, producer, sender):
        now = now_ms()
        producer.send_titles(catalog(now))
        trained = list(crowd(now))
        for start in range(0, len(trained), CHUNK):
            sender.send(trained[start : start + CHUNK])
        return _play(settings, sender, producer, some, now)


def _play(
    settings: Settings, sender: SyncSender, producer: EventProducer, some: Sequence[Situation], now_ms: int
) -> list[Measured]:
    """Advance all persons together, a step of each at a time."""
    persons = [
        Person(f"person{n}-{number}", now_ms, number=number)
        for number in range(PERSONS)
        for n in range(len(some))
    ]
    plays = [one.play(person) for one, person in zip([*some] * PERSONS, persons, strict=True)]
    numbers: dict[int, float] = {}
    steps = {number: next(play) for number, play in enumerate(plays)}
    while steps:
        titles = [one for step in steps.values() for one in step if isinstance(one, Title)]
        if titles:
            producer.send_titles(titles)
            producer.flush()
            time.sleep(TITLES_S)
        events: list[Event] = [one for step in steps.values() for one in step if not isinstance(one, Title)]
        for start in range(0, len(events), CHUNK):
            sender.send(events[start : start + CHUNK])
        pages, alerts = _pages(settings), _alerts(settings)
        following = {}
        for number in steps:
            viewer = _viewer_of(persons[number])
            try:
                following[number] = plays[number].send(Look(pages.get(viewer), alerts.get(viewer, ())))
            except StopIteration as end:
                numbers[number] = float(end.value)
        steps = following
    of_one = [[numbers[at] for at in range(n, len(persons), len(some))] for n in range(len(some))]
    return [Measured(one, one.of(found)) for one, found in zip(some, of_one, strict=True)]


def _viewer_of(person: Person) -> str:
    profile = person.about.get("profile_id")
    return f"{person.viewer_id}:{profile}" if profile else person.viewer_id


def _pages(settings: Settings) -> dict[str, Home | None]:
    """Return the newest page of every person."""
    records = read_all(settings, topics.HOME)
    newest = {(message.key() or b"").decode(): message.value() for message in records}
    return {
        viewer: None if value is None else decode_home(value)
        for viewer, value in newest.items()
        if viewer.startswith("person")
    }


def _alerts(settings: Settings) -> dict[str, list[Alert]]:
    out: dict[str, list[Alert]] = {}
    for message in read_all(settings, topics.ALERTS):
        out.setdefault((message.key() or b"").decode(), []).append(decode_alert(message.value() or b""))
    return out


def rendered(recorded: Mapping[str, Mapping[str, float]]) -> str:
    """Return the table as Markdown, out of recorded numbers: `before` and `after`, by situation."""
    lines = [
        "# Situations",
        "",
        "What people do, and what their page must then do, measured on a worker with 160 films of four",
        "genres and 300 viewers (`python -m tests.situations`). Numbers are those of the middle one of five",
        "persons with different films; of what nobody may miss, of the worst. *Before* is nearline of",
        "2026-11-30, one person. Bounds in brackets are not reached: the number is shown, not required.",
        "",
        "| event | a person … | counted | bounds | before | after |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in SITUATIONS:
        numbers = recorded.get(_key(one), {})
        bounds = f"{one.low:g}" if one.low == one.high else f"{one.low:g} to {one.high:g}"
        bounds = bounds if one.reached else f"({bounds})"
        before, after = (f"{numbers[when]:.3g}" if when in numbers else "-" for when in ("before", "after"))
        lines.append(f"| `{one.event}` | {one.name} | {one.counted} | {bounds} | {before} | {after} |")
    left = [f"* {one.name}: {one.why}" for one in SITUATIONS if not one.reached]
    return "\n".join([*lines, *(["", "Not reached:", "", *left] if left else [])]) + "\n"


def read_recorded() -> dict[str, dict[str, float]]:
    """Return the recorded numbers."""
    found: dict[str, dict[str, float]] = json.loads(RECORDED.read_text("utf-8")) if RECORDED.exists() else {}
    return found


def record(found: Sequence[Measured], when: str) -> None:
    """Record numbers, and write the table."""
    recorded = read_recorded()
    kept = {_key(one): recorded.get(_key(one), {}) for one in SITUATIONS}
    for one in found:
        kept[_key(one.situation)] = kept[_key(one.situation)] | {when: round(one.number, 3)}
    RECORDED.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    TABLE.write_text(rendered(kept), "utf-8")


def _key(one: Situation) -> str:
    return f"{one.event}: {one.name}: {one.counted}"
