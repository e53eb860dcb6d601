"""The load: unique events of a simulated world, a share of them twice, late or unusable."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from msgspec import structs

from online_models.simulation import World
from schemas import topics
from schemas.codec import encode
from schemas.events import Event, Forget, History, Identify, Preferences, Stop
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.kafka.clients import KafkaError, Message, producer
from streams.kafka.produce import EventProducer

PARTITIONS = 4
TICK_S = 0.05
"""Between two lots of events."""
FLUSH_S = 90.0
"""Longest wait for the brokers' answers; they may just be coming back."""
CLIENT = {"linger.ms": 5, "reconnect.backoff.max.ms": 500, "acks": "all"}
"""A producer that is back soon after its broker."""


GUESTS = 12
"""Anonymous viewers: few, so that each signs in again and again."""
AHEAD_MS = 4_070_908_800_000
"""2099-01-01T00:00:00Z."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What the load is made of.

    Parameters
    ----------
    rate
        Events per second.
    viewers, titles
        Of the world.
    duplicates, late, bad
        Shares of the events that are sent again, sent late (so that they arrive out of order), unusable.
    others
        Share of events that are followed by one of another type: preferences, imports, and guests who watch,
        sign in, or ask to be forgotten, as viewers do.
    ahead
        Share of the events that a clock dates into the year 2099.
    """

    rate: float = 100.0
    viewers: int = 60
    titles: int = 120
    duplicates: float = 0.03
    late: float = 0.05
    bad: float = 0.02
    others: float = 0.15
    ahead: float = 0.003


@dataclass(frozen=True, slots=True)
class Raw:
    """A record to be sent."""

    key: bytes | None
    value: bytes | None
    partition: int
    bad: bool = False


def _sound(event: Event) -> Raw:
    key = event.viewer_id.encode()
    return Raw(key, encode(event), partition_for(key, PARTITIONS))


SPOILERS: tuple[Callable[[Raw], tuple[bytes | None, bytes | None, int]], ...] = (
    lambda raw: (raw.key, (raw.value or b"")[:-1], 0),
    lambda raw: (raw.key, (raw.value or b"")[:-1] + b',"schema_version":99}', 0),
    lambda raw: (raw.key, b"\xff" + (raw.value or b""), 0),
    lambda raw: (raw.key, b"", 0),
    lambda raw: (raw.key, None, 0),
    lambda raw: (raw.key, b"[1,2]", 0),
    lambda raw: (b"somebody else", raw.value, 0),
    lambda raw: (None, raw.value, 0),
    lambda raw: (raw.key, raw.value, 1),
)
"""Ways to make a record unusable: key, value, and how many partitions it goes astray."""


def stream(mix: Mix, seed: int) -> Iterator[Raw]:
    """Yield records for ever: the same for the same mix and seed.

    Examples
    --------
    >>> from itertools import islice
    >>> list(islice(stream(Mix(), 7), 50)) == list(islice(stream(Mix(), 7), 50))
    True
    """
    rng = random.Random(seed)
    waiting: list[tuple[int, Raw]] = []
    for number, event in enumerate(_events(mix, seed, random.Random(f"{seed} others"))):
        for due, raw in [one for one in waiting if one[0] <= number]:
            waiting.remove((due, raw))
            yield raw
        raw, dice = _sound(event), rng.random()
        if dice < mix.bad:
            key, value, astray = rng.choice(SPOILERS)(raw)
            yield Raw(key, value, (raw.partition + astray) % PARTITIONS, bad=True)
        elif dice < mix.bad + mix.late:
            waiting.append((number + rng.randint(2, 60), raw))
        else:
            yield raw
            if dice > 1 - mix.duplicates:
                waiting.append((number + rng.randint(1, 30), raw))


def _events(mix: Mix, seed: int, rng: random.Random) -> Iterator[Event]:
    """Yield a world's events, and between them those of types that it does not have."""
    for number, event in enumerate(_world(mix, seed).events()):
        yield structs.replace(event, event_time_ms=AHEAD_MS) if rng.random() < mix.ahead else event
        if rng.random() < mix.others:
            yield _other(rng, number, event, mix.titles)


def _other(rng: random.Random, number: int, event: Event, titles: int) -> Event:
    """Return an event of another type, near a world's event in time.

    It is about titles of the catalog: a worker that restarts knows others by the hash of their ids alone,
    until somebody watches them.
    """
    guest = f"guest-{rng.randrange(GUESTS)}"
    about: dict[str, Any] = {
        "event_id": f"other-{number}",
        "viewer_id": rng.choice((event.viewer_id, guest)),
        "event_time_ms": event.event_time_ms - rng.choice((0, 0, 1_000, 3_600_000)),
        "country": rng.choice((None, "DE", "US")),
    }
    title, liked, rejected = (f"title-{n:06d}" for n in rng.sample(range(titles), 3))
    match rng.choices(("watch", "preferences", "history", "identify", "forget"), (8, 3, 1, 2, 1))[0]:
        case "watch":
            watched = {"watched_s": 3_000.0, "position_s": 3_000.0, "duration_s": 3_600.0}
            return Stop(**about | {"viewer_id": guest}, title_id=title, **watched)
        case "preferences":
            return Preferences(**about, maturity=rng.choice((None, 6, 12)), liked_titles=(title,))
        case "history":
            return History(**about, liked=(title, liked), rejected=(rejected,))
        case "identify":
            return Identify(**about | {"viewer_id": guest}, known_as=event.viewer_id)
        case _:
            return Forget(**about)


def _world(mix: Mix, seed: int) -> World:
    return World(seed=seed, viewers=mix.viewers, titles=mix.titles, rate=mix.rate)


@dataclass
class Delivered:
    """What the brokers have acknowledged."""

    last: dict[int, int] = field(default_factory=dict)
    """Last offset of each partition."""
    bad: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Partition and offset of each unusable record."""
    records: int = 0
    failures: list[str] = field(default_factory=list)


class Load:
    """The producer, in a thread of its own; :meth:`resume` and :meth:`pause` it.

    Parameters
    ----------
    settings
        Brokers and topics.
    mix
        What is sent.
    seed
        Of the world and of what is done to its events.

    Attributes
    ----------
    delivered
        What the brokers have acknowledged so far.
    """

    def __init__(self, settings: Settings, mix: Mix, seed: int) -> None:
        self.delivered = Delivered()
        self._settings, self._mix, self._seed = settings, mix, seed
        self._topic = settings.topic(topics.EVENTS)
        self._producer = producer(settings, CLIENT)
        self._records = stream(mix, seed)
        self._go, self._end = threading.Event(), threading.Event()
        self._busy = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def start(self) -> None:
        """Send the catalog and make ready; nothing flows before :meth:`resume`."""
        with EventProducer(self._settings) as titles:
            titles.send_titles(_world(self._mix, self._seed).titles)
        self._thread.start()

    def resume(self) -> None:
        """Let events flow."""
        self._go.set()

    def pause(self) -> None:
        """Stop the flow and wait until the brokers have answered for all of it."""
        self._go.clear()
        with self._busy:
            if left := self._producer.flush(FLUSH_S):
                self.delivered.failures.append(f"{left} records are unanswered after {FLUSH_S:g} s")

    def stop(self) -> None:
        """End the thread."""
        self._end.set()
        self._go.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        """Send a lot, wait a tick; while paused, wait."""
        lot = max(1, round(self._mix.rate * TICK_S))
        while True:
            self._go.wait()
            if self._end.is_set():
                return
            with self._busy:
                for _ in range(lot):
                    self._send(next(self._records))
                self._producer.poll(0)
            time.sleep(TICK_S)

    def _send(self, raw: Raw) -> None:
        self._producer.produce(
            self._topic,
            raw.value,
            key=raw.key,
            partition=raw.partition,
            on_delivery=partial(self._answered, raw),
        )

    def _answered(self, raw: Raw, error: KafkaError | None, message: Message) -> None:
        delivered = self.delivered
        if error is not None:
            delivered.failures.append(error.str())
            return
        partition, offset = message.partition() or 0, message.offset() or 0
        delivered.records += 1
        delivered.last[partition] = max(offset, delivered.last.get(partition, -1))
        if raw.bad:
            delivered.bad[partition, offset] += 1
