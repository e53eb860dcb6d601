"""The closed loop through the real pipeline: simulated viewers act on the pages that a worker published.

For the loop (`online_models.simulation.closed_loop`) the pipeline is one more policy: what viewers did is
produced to the events' topic, the worker learns it, and the pages are what a subscriber of `recs.home.v1` has
read when a viewer looks. Who has no page yet sees the trending list, as an app would show it.

The worker makes a page with every batch: the viewers' seconds are far longer than the pipeline's.
World time runs as fast as the pipeline answers: a viewer looks once the page is there that speaks of the last
title he finished or turned down, or after :data:`PATIENCE_S`; how often it came to that is counted.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from online_models.simulation import World
from online_models.simulation.looks import Looks, Outcomes, Pages
from online_models.simulation.policies import SLOTS
from online_models.simulation.scribe import viewer_name
from schemas import topics
from schemas.codec import decode_home, decode_trending
from schemas.events import Event, Skip, Stop, StopCause
from schemas.lists import Home
from streams.kafka_clients import Consumer, consumer
from streams.producing import EventProducer
from streams.session import WorkerProcess, make_topics
from streams.settings import Settings
from streams.watching import parts_of

__all__ = ["Published", "pipeline"]

PATIENCE_S: Final = 5.0
"""Longest wait for a viewer's page: a hundred times what a quiet pipeline takes."""
LOOK_S: Final = 0.02
"""Longest wait for records at a time."""
EVERY_PAGE: Final = {"NEARLINE_PAGE_INTERVAL_S": "0"}
"""The worker's settings: a second of budget would be a wait at every look."""
CLIENT: Final = {"group.id": "nearline-closed-loop", "fetch.wait.max.ms": 10}


class Published:
    """A policy whose pages come from Kafka; see `online_models.simulation.policies.Policy`.

    Parameters
    ----------
    world
        Whose viewers act.
    settings
        Brokers and prefix; the topics have to be there, and a worker.
    producer
        For the catalogue, which is sent at once, and for the events.

    Attributes
    ----------
    looks, stale, unlisted
        Looks at a page; how many of them had to do with a page that was not up to date; how many without one
        of the viewer's own.
    """

    def __init__(self, world: World, settings: Settings, producer: EventProducer) -> None:
        self.looks = self.stale = self.unlisted = 0
        self._producer = producer
        self._number = {title.title_id: number for number, title in enumerate(world.titles)}
        self._home, self._trending = settings.topic(topics.HOME), settings.topic(topics.TRENDING)
        self._reader: Consumer = consumer(settings, CLIENT)
        self._reader.assign([*parts_of(self._reader, self._home), *parts_of(self._reader, self._trending)])
        self._pages: dict[str, Home] = {}
        self._top: tuple[str, ...] = ()
        self._due_ms: dict[str, int] = {}
        self._judged: set[tuple[str, str]] = set()
        producer.send_titles(world.titles)
        producer.flush()

    def learn(self, events: Sequence[Event]) -> None:
        """Produce what happened, and remember which pages it makes due."""
        self._producer.send(events)
        self._producer.flush()
        for event in events:
            if isinstance(event, Skip) or (isinstance(event, Stop) and event.cause is StopCause.ENDED):
                title = (event.viewer_id, event.title_id)
                if title not in self._judged:
                    self._judged.add(title)
                    self._due_ms[event.viewer_id] = event.event_time_ms

    def pages(self, looks: Looks) -> Pages:
        """Wait for the pages of these viewers, and return them row by row."""
        viewers = [viewer_name(account) for account in looks.accounts.tolist()]
        deadline = time.monotonic() + PATIENCE_S
        self._read(0.0)
        while (late := [one for one in viewers if not self._current(one)]) and time.monotonic() < deadline:
            self._read(LOOK_S)
        for viewer in late:  # waited for once
            del self._due_ms[viewer]
        found = [self._rows(viewer) for viewer in viewers]
        self.looks += len(viewers)
        self.stale += len(late)
        self.unlisted += sum(viewer not in self._pages for viewer in viewers)
        depth = max(1, *(len(rows) for rows in found))
        width = max(1, *(len(row) for rows in found for row in rows), 1)
        titles = np.full((len(viewers), depth, width), -1)
        for at, rows in enumerate(found):
            for number, row in enumerate(rows):
                titles[at, number, : len(row)] = [self._number.get(title, -1) for title in row]
        names = [self._pages[viewer].list_id if viewer in self._pages else "trending" for viewer in viewers]
        return Pages(titles, names)

    def observe(self, looks: Looks, pages: Pages, outcomes: Outcomes) -> None:
        """See `Policy.observe`: the events say it."""

    def close(self) -> None:
        """Leave the cluster."""
        self._reader.close()

    def _current(self, viewer: str) -> bool:
        """Whether a viewer's page speaks of the last thing that must have changed it."""
        page, due_ms = self._pages.get(viewer), self._due_ms.get(viewer)
        return due_ms is None or (page is not None and page.generated_at_ms >= due_ms)

    def _rows(self, viewer: str) -> list[list[str]]:
        page = self._pages.get(viewer)
        if page is None:
            return [list(self._top[:SLOTS])]
        return [[item.title_id for item in row.items] for row in page.rows]

    def _read(self, wait_s: float) -> None:
        """Take what was published meanwhile."""
        for message in self._reader.consume(5_000, wait_s):
            value = message.value()
            if message.error() is not None or value is None:
                continue
            if message.topic() == self._trending:
                if (trending := decode_trending(value)).scope == "global":
                    self._top = tuple(item.title_id for item in trending.items)
                continue
            page = decode_home(value)
            former = self._pages.get(page.viewer_id)
            if former is None or page.seq > former.seq:
                self._pages[page.viewer_id] = page


@contextmanager
def pipeline(world: World, settings: Settings, folder: Path) -> Iterator[Published]:
    """Start a worker on fresh topics, and offer its pages as a policy.

    Parameters
    ----------
    world
        Whose viewers act.
    settings
        Of a cluster; the prefix must be new.
    folder
        For the worker's databases and log.

    Raises
    ------
    WorkerDiedError
        The worker did not start.
    """
    make_topics(settings)
    with ExitStack() as stack:
        worker = stack.enter_context(WorkerProcess(settings, folder, EVERY_PAGE))
        producer = stack.enter_context(EventProducer(settings))
        worker.wait_ready()
        published = Published(world, settings, producer)
        stack.callback(published.close)
        yield published
        worker.check()
