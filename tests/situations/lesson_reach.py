"""How far a lesson reaches: the twenty best titles before and after the titles stage has learned an event.

A page is made before the lesson of its event is back. So the next page, for whatever reason, shows the lesson
as well. This counts how much stays, for the viewer of the event and for others, in a young and in a grown
world: of lists in memory (``python -m tests.situations.lesson_reach``), or of the top picks of a worker's
pages, on the embedded cluster or a real Kafka (``--worker`` or ``--kafka``).
"""

import argparse
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from msgspec import structs

from online_models.simulation import World
from schemas import Event, Preferences, Rate, Stop, topics
from schemas.codec import decode_event, decode_home
from schemas.fields import RowKind
from streams.config.settings import Settings
from streams.kafka.scan import read_all
from streams.ops.runs.sync_sender import SyncSender
from tests.simulations.waiting import ready_worker
from tests.streams.steps import Line

__all__ = ["Reach", "grown_and_young", "grown_and_young_on_a_worker", "reach"]

LENGTH: Final = 20
EVENTS: Final = 1_000
"""Events with a lesson that are measured in each world."""
GROWN: Final = 20_000
"""Events that a grown world has learned before."""
BATCH: Final = 200
OTHERS: Final = 5
"""Other viewers whose lists are compared for each lesson."""
VARIABLES: Final = {"NEARLINE_PAGE_INTERVAL_S": "0", "NEARLINE_PREQUENTIAL_SHARE": "0"}
"""Settings of the worker: a page with every batch."""
ADULT: Final = 18
"""The highest limit, which allows all titles."""
LOOK_S: Final = 0.01
"""Between two looks whether a lesson is back."""


class Reach(NamedTuple):
    """Titles of 20 that are the same before and after a lesson, by lesson."""

    own: Sequence[int]
    """Of the event's viewer."""
    others: Sequence[int]
    """Of other viewers."""

    def shares(self) -> tuple[float, float]:
        """Return the shares of lists that keep at least 18 titles: of the event's viewer, and of others."""
        own, others = (np.array(one) for one in self)
        return float(np.mean(own >= LENGTH - 2)), float(np.mean(others >= LENGTH - 2))


def reach(line: Line, events: Iterable[Event], wanted: int = EVENTS) -> Reach:
    """Play events one by one, until so many had a lesson."""
    draw, known = np.random.default_rng(1), dict.fromkeys(line.side.viewers.ids)
    own: list[int] = []
    others: list[int] = []
    for event in events:
        outcome = line.step(line.records([event]))
        known[event.viewer_id] = None
        if any(topic == topics.SIGNALS for topic, _ in outcome.outputs):
            names = [*known]
            asked = [event.viewer_id, *(names[n] for n in draw.integers(len(names), size=OTHERS))]
            before = _lists(line, asked, event.event_time_ms)
            line.learn(outcome)
            same = [len(a & b) for a, b in zip(before, _lists(line, asked, event.event_time_ms), strict=True)]
            own.append(same[0] + LENGTH - len(before[0]))
            others += [
                count + LENGTH - len(titles)
                for name, count, titles in zip(asked[1:], same[1:], before[1:], strict=True)
                if name != event.viewer_id
            ]
        if len(own) == wanted:
            break
    return Reach(own, others)


def grown_and_young(viewers: int = 300, titles: int = 200) -> dict[str, Reach]:
    """Measure both worlds."""
    out = {}
    for name, learned in (("young", 0), ("grown", GROWN)):
        world = World(seed=1, viewers=viewers, titles=titles)
        line = Line(Settings(prequential_share=0.0, page_interval_s=0.0))
        line.put(*world.titles)
        for _ in range(0, learned, BATCH):
            line.feed(*world.take(BATCH))
        out[name] = reach(line, world.events())
    return out


def _lists(line: Line, viewer_ids: Sequence[str], at_ms: int) -> list[set[int]]:
    slots = line.side.viewers.acquire(list(viewer_ids), line.load)
    return [set(one[one >= 0].tolist()) for one in line.side.rank(slots, at_ms, LENGTH).title]


def grown_and_young_on_a_worker(
    folder: Path,
    *,
    kafka: bool,
    wanted: int = EVENTS,
    grown: int = GROWN,
    viewers: int = 300,
    titles: int = 200,
) -> dict[str, Reach]:
    """Measure both worlds on a worker: top picks before and after each lesson is back.

    Parameters
    ----------
    folder
        Of the workers' states and logs.
    kafka
        On a real Apache Kafka instead of the embedded cluster.
    wanted, grown
        Events that are measured in each world, and events that a grown world has learned before.
    viewers, titles
        Size of the worlds.
    """
    out = {}
    for name, learned in (("young", 0), ("grown", grown)):
        here, group = folder / name, f"nearline-reach-{name}"
        with ready_worker(here, group, VARIABLES, kafka=kafka, event_time=True) as (
            settings,
            producer,
            sender,
        ):
            world = World(seed=1, viewers=viewers, titles=titles)
            producer.send_titles(world.titles)
            stated: dict[str, Preferences] = {}
            for _ in range(0, learned, BATCH):
                batch = world.take(BATCH)
                sender.send(batch)
                stated |= {one.viewer_id: one for one in batch if isinstance(one, Preferences)}
            out[name] = _read_reach(settings, _measure(sender, world, stated, wanted))
    return out


class _Asked(NamedTuple):
    """Ids of events whose pages are compared: those before a lesson, and those after it, of each viewer."""

    own: tuple[str, str]
    """The event itself, and what its viewer sent after it."""
    others: Sequence[tuple[str, str]]
    """What each of the others sent before the event, and after it."""


def _measure(sender: SyncSender, world: World, stated: dict[str, Preferences], wanted: int) -> list[_Asked]:
    """Send events one by one; after each that teaches, let its viewer and others ask for a page.

    ``stated`` are the newest preferences of viewers. They ask by stating these once more, with a limit of 18
    years or without one: nothing is learned from it, and all titles are allowed by both. Nothing is learned
    between two answers of the others but the one event.
    """
    asked: list[_Asked] = []
    others: dict[str, str] = {}
    lessons = sender.lessons()
    for event in world.events():
        if len(others) == OTHERS and event.viewer_id in others:
            continue  # what they do would change their pages, too
        if isinstance(event, Preferences):
            stated[event.viewer_id] = event
        sender.send([event], look_s=LOOK_S)
        if len(others) < OTHERS:
            if isinstance(event, Stop | Rate) and not _is_child(stated, event.viewer_id):
                others[event.viewer_id] = ""
            continue
        sender.wait(look_s=LOOK_S)  # what is counted is behind what is learned
        before, lessons = lessons, sender.lessons()
        if lessons == before:
            continue
        is_own = event.profile_id is None and not _is_child(stated, event.viewer_id)
        again = [*_ask(event, (*others, *[event.viewer_id] * is_own), stated)]
        sender.send(again, look_s=LOOK_S)
        ids = [one.event_id for one in again]
        pairs = [(then, now) for then, now in zip(others.values(), ids, strict=False) if then]
        asked.append(_Asked((event.event_id, ids[-1]) if is_own else ("", ""), pairs))
        others = dict(zip(others, ids, strict=False))
        if len(asked) == wanted:
            break
    return asked


def _is_child(stated: dict[str, Preferences], viewer_id: str) -> bool:
    last = stated.get(viewer_id)
    return last is not None and last.maturity not in {None, ADULT}


def _ask(event: Event, viewer_ids: Iterable[str], stated: dict[str, Preferences]) -> Iterator[Preferences]:
    for number, viewer_id in enumerate(viewer_ids):
        plain = Preferences(event_id="", viewer_id=viewer_id, event_time_ms=0)
        last = stated.get(viewer_id, plain)
        stated[viewer_id] = structs.replace(
            last,
            liked_titles=(),
            event_id=f"{event.event_id}-{number}",
            event_time_ms=event.event_time_ms,
            maturity=ADULT if last.maturity is None else None,
        )
        yield stated[viewer_id]


def _read_reach(settings: Settings, asked: Sequence[_Asked]) -> Reach:
    """Compare the top picks of pages by the events that caused them."""
    ids = {
        (one.partition(), one.offset()): event_id
        for one in read_all(settings, topics.EVENTS)
        if (event_id := _event_id(one.value()))
    }
    picks: dict[str, set[str]] = {}
    for message in read_all(settings, topics.HOME):
        page = decode_home(message.value() or b"")
        items = page.items_of(RowKind.TOP_PICKS)[:LENGTH]
        picks[ids[page.source.partition, page.source.offset]] = {item.title_id for item in items}
    own = [one.own for one in asked]
    others = [pair for one in asked for pair in one.others]
    return Reach(*(_kept(picks, pairs) for pairs in (own, others)))


def _kept(picks: dict[str, set[str]], pairs: Iterable[tuple[str, str]]) -> list[int]:
    """Return how many titles stay between two pages each, of those that were made."""
    made = [(picks[first], picks[then]) for first, then in pairs if first in picks and then in picks]
    return [len(before & after) + LENGTH - len(before) for before, after in made]


def _event_id(value: bytes | None) -> str:
    return decode_event(value).event_id if value else ""


def main() -> None:
    """Measure, and show."""
    parser = argparse.ArgumentParser(prog="python -m tests.situations.lesson_reach", description=__doc__)
    parser.add_argument("--worker", action="store_true", help="pages of a worker, on the embedded cluster")
    parser.add_argument("--kafka", action="store_true", help="pages of a worker, on a real Apache Kafka")
    parser.add_argument("--events", type=int, default=EVENTS, help="events that are measured in each world")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        worlds = (
            grown_and_young_on_a_worker(Path(folder), kafka=given.kafka, wanted=given.events)
            if given.worker or given.kafka
            else grown_and_young()
        )
    for world, found in worlds.items():
        for of, kept, share in zip(("the viewer", "others"), found, found.shares(), strict=True):
            print(
                f"{world}, {len(kept)} pages of {of}: {np.mean(kept):.2f} of 20 stay, at least 18 in "
                f"{share:.1%}, at least {min(kept)}"
            )


if __name__ == "__main__":
    main()
