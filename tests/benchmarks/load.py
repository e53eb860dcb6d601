"""The events: 100,000 viewers and 10,000 titles with long tails, seeded."""

from collections.abc import Iterator

import numpy as np
from msgspec import structs

from online_models.simulation import World
from schemas import Event, Stop, Title
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer

TITLES = 10_000
VIEWERS = 100_000
DURATION_S = 3_600
EPOCH_MS = 1_700_000_000_000
STEP_MS = 10
"""Event time from one event to the next: 100 events a second."""


def stops(count: int, *, seed: int = 7) -> Iterator[Event]:
    """Yield playbacks that ended between a quarter and the end of the title, so that each says something.

    Titles follow a Zipf law of exponent 1.2; viewers a Pareto law: half of the events are those of the
    5,000 busiest viewers.
    """
    rng = np.random.default_rng(seed)
    ranks = np.minimum(rng.zipf(1.2, count) - 1, TITLES - 1)
    titles = rng.permutation(TITLES)[ranks].tolist()
    viewers = ((rng.pareto(1.0, count) * VIEWERS / 20).astype(np.int64) % VIEWERS).tolist()
    for number, (viewer, title) in enumerate(zip(viewers, titles, strict=True)):
        watched = DURATION_S * (25 + number * 7919 % 75) // 100
        yield Stop(
            event_id=f"{number:016x}",
            viewer_id=f"u{viewer}",
            event_time_ms=EPOCH_MS + number * STEP_MS,
            title_id=f"t{title}",
            watched_s=watched,
            position_s=watched,
            duration_s=DURATION_S,
            device="tv",
            country="IN",
        )


def catalog() -> Iterator[Title]:
    """Yield the titles as a simulated catalog describes them: tags, pictures, windows."""
    for number, title in enumerate(World(seed=7, viewers=1, titles=TITLES).titles):
        yield structs.replace(title, title_id=f"t{number}")


def produce(settings: Settings, count: int) -> None:
    """Put events on the topic, by murmur2 of the viewer."""
    with EventProducer(settings, {"linger.ms": 20}) as events:
        events.send(stops(count))
