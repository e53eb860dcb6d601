"""Produce a simulated world into Kafka: its catalog, then its events, paced, with the current time.

`nearline simulate` and `nearline demo` share this. The world's clock gives the order of events; each event is
produced with the time at which it is sent, so that consumers can measure freshness.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from threading import Event as Flag
from typing import Final

from msgspec import structs

from online_models.simulation import World
from schemas.events import Event
from schemas.topics import CATALOG, EVENTS
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.errors import TopicError
from streams.kafka.clients import admin
from streams.kafka.produce import EventProducer
from streams.ops.runs.pacing import Speed, paced

__all__ = ["Feed", "feed", "make_world", "require_topics"]

NOMINAL_RATE: Final = 10_000.0
"""Events per second of the clock of a world without a rate limit."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What was produced so far.

    Attributes
    ----------
    titles, events
        Records of the catalog, and events.
    seconds
        Since the first event was due.
    """

    titles: int
    events: int
    seconds: float

    @property
    def events_per_s(self) -> float:
        """Events per second."""
        return self.events / self.seconds if self.seconds > 0 else 0.0

    def to_dict(self) -> dict[str, float]:
        """Return the figures for JSON: titles, events, seconds, events_per_s."""
        return {**asdict(self), "events_per_s": self.events_per_s}


def make_world(seed: int, viewers: int, titles: int, speed: Speed) -> World:
    """Return a world that starts now, with a clock for this speed."""
    rates = {"rate": speed.value, "unbounded": NOMINAL_RATE}
    return World(seed, viewers, titles, start_ms=now_ms(), rate=rates.get(speed.kind))


def require_topics(settings: Settings) -> None:
    """Check that the topics exist: auto-creation is off, and events to a missing topic would be lost.

    Raises
    ------
    TopicError
        A topic is missing.
    """
    names = {settings.topic_prefix + EVENTS, settings.topic_prefix + CATALOG}
    if missing := sorted(names - set(admin(settings).list_topics(timeout=10).topics)):
        what = f"the cluster has no topic {', '.join(missing)}"
        raise TopicError(what, next_step="create the topics with `nearline topics apply`")


def feed(
    world: World,
    producer: EventProducer,
    speed: Speed,
    *,
    events: int | None = None,
    seconds: float | None = None,
    stop: Flag | None = None,
    on_progress: Callable[[Feed], None] | None = None,
) -> Feed:
    """Produce the catalog, then events up to the first limit; wait until the broker has acknowledged them.

    Parameters
    ----------
    world, producer, speed
        Source, target, and speed of the events.
    events, seconds
        Limits; None: no limit.
    stop
        Set it, from any thread, to end.
    on_progress
        Called after every batch.

    Raises
    ------
    DeliveryError
        The broker rejected a record.
    """
    flag = stop or Flag()
    producer.send_titles(world.titles)
    producer.flush()
    started = time.monotonic()
    fed = Feed(len(world.titles), 0, 0.0)

    def over(wait_s: float) -> bool:
        return flag.wait(wait_s) or (seconds is not None and time.monotonic() - started >= seconds)

    stream = islice(world.events(), events)
    for batch in paced(stream, speed, time_ms=lambda event: event.event_time_ms, wait=over):
        producer.send(_stamped(batch))
        fed = replace(fed, events=fed.events + len(batch), seconds=time.monotonic() - started)
        if on_progress:
            on_progress(fed)
        if over(0):
            break
    producer.flush()
    return replace(fed, seconds=time.monotonic() - started)


def _stamped(batch: Iterable[Event]) -> list[Event]:
    at_ms = now_ms()
    return [structs.replace(event, event_time_ms=at_ms) for event in batch]
