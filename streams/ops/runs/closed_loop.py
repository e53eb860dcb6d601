"""The closed loop through the real pipeline: simulated viewers act on the pages that a worker published.

For the loop (`online_models.simulation.closed_loop`) the pipeline is one more policy: what viewers did is
produced to the events' topic, the worker learns it, and the pages are what a subscriber of `recs.home.v1` has
read when a viewer looks. Who has no page yet sees the trending list, as an app would show it.

World time runs as fast as the pipeline answers: a viewer looks once everything that was done before is
applied and the pages that came of it are read, or after :data:`PATIENCE_S`; how often it came to that is
counted. Whether an event makes a page is the worker's affair; that it is applied is known in any case.
The worker makes a page with every batch: a budget would be a wait at every look.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from online_models.simulation import World
from online_models.simulation.event_writer import viewer_name
from online_models.simulation.page_views import Outcomes, PageViews, ShownPages
from online_models.simulation.policies import SLOTS
from schemas import topics
from schemas.codec import decode_home, decode_trending
from schemas.events import Event
from schemas.pages import Home
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, unpack_applied
from streams.engine.changelog import ends
from streams.kafka.clients import Consumer, KafkaError, consumer
from streams.kafka.produce import EventProducer
from streams.ops.runs.session import WorkerProcess, make_topics
from streams.ops.runs.subscriber import parts_of

__all__ = ["Published", "pipeline"]

PATIENCE_S: Final = 5.0
"""Longest wait for the worker: a hundred times what a quiet pipeline takes."""
LOOK_S: Final = 0.02
"""Longest wait for records at a time."""
EVERY_PAGE: Final[dict[str, str]] = {"NEARLINE_PAGE_INTERVAL_S": "0", "NEARLINE_PREQUENTIAL_SHARE": "1"}
"""The worker's settings; all events teach the blend, as in process."""
CLIENT: Final = {"group.id": "nearline-closed-loop", "fetch.wait.max.ms": 10, "enable.partition.eof": True}
AHEAD: Final = CLIENT | {"isolation.level": "read_uncommitted"}
"""Sees where partitions end while the marker of a transaction is still on its way to them."""


class Published:
    """A policy whose pages come from Kafka; see `online_models.simulation.policies.Policy`.

    Parameters
    ----------
    world
        Whose viewers act.
    settings
        Brokers and prefix; the topics have to be there, and a worker.
    producer
        For the catalog, which is sent at once, and for the events.

    Attributes
    ----------
    looks, stale, unlisted
        Looks at a page; how many of them had to do with one that may not have been up to date; how many
        without one of the viewer's own.
    """

    def __init__(self, world: World, settings: Settings, producer: EventProducer) -> None:
        self.looks = self.stale = self.unlisted = 0
        self._producer = producer
        self._number = {title.title_id: number for number, title in enumerate(world.titles)}
        self._home, self._trending = settings.topic(topics.HOME), settings.topic(topics.TRENDING)
        self._events, self._rows = settings.topic(topics.EVENTS), settings.topic(topics.VIEWER_STATE)
        self._reader: Consumer = consumer(settings, CLIENT)
        self._ahead: Consumer = consumer(settings, AHEAD)
        read = (self._home, self._trending, self._rows)
        self._reader.assign([part for topic in read for part in parts_of(self._reader, topic)])
        self._partitions = [part.partition for part in parts_of(self._reader, self._events)]
        self._pages: dict[str, Home] = {}
        self._top: tuple[str, ...] = ()
        self._applied = dict[int, int]()  # offsets behind the events that are applied, by partition
        self._reached = dict[int, int]()  # offsets behind the pages that are read
        producer.send_titles(world.titles)
        producer.flush()

    def learn(self, events: Sequence[Event]) -> None:
        """Produce what happened."""
        self._producer.send(events)
        self._producer.flush()

    def pages(self, looks: PageViews) -> ShownPages:
        """Wait until all that happened is applied, and return the pages of these viewers row by row."""
        viewers = [viewer_name(account) for account in looks.accounts.tolist()]
        deadline = time.monotonic() + PATIENCE_S
        self._read(0.0)
        up_to_date = self._reaches(self._events, self._applied, deadline)
        up_to_date = self._reaches(self._home, self._reached, deadline) and up_to_date
        found = [self._seen_by(viewer) for viewer in viewers]
        self.looks += len(viewers)
        self.stale += 0 if up_to_date else len(viewers)
        self.unlisted += sum(viewer not in self._pages for viewer in viewers)
        depth = max(1, *(len(rows) for rows in found))
        width = max(1, *(len(row) for rows in found for row in rows), 1)
        titles = np.full((len(viewers), depth, width), -1)
        for at, rows in enumerate(found):
            for number, row in enumerate(rows):
                titles[at, number, : len(row)] = [self._number.get(title, -1) for title in row]
        names = [self._pages[viewer].list_id if viewer in self._pages else "trending" for viewer in viewers]
        return ShownPages(titles, names, [self._arms_of(viewer, width) for viewer in viewers])

    def observe(self, looks: PageViews, pages: ShownPages, outcomes: Outcomes) -> None:
        """See `Policy.observe`: the events say it."""

    def close(self) -> None:
        """Leave the cluster."""
        self._reader.close()
        self._ahead.close()

    def _reaches(self, topic: str, reached: Mapping[int, int], deadline: float) -> bool:
        """Read until the present end of a topic is reached, open transactions included, if it is in time."""
        wanted = {partition: ends(self._ahead, topic, partition)[1] for partition in self._partitions}
        while not (there := all(reached.get(partition, 0) >= end for partition, end in wanted.items())):
            if time.monotonic() >= deadline:
                break
            self._read(LOOK_S)
        return there

    def _seen_by(self, viewer: str) -> list[list[str]]:
        page = self._pages.get(viewer)
        if page is None:
            return [list(self._top[:SLOTS])]
        return [[item.title_id for item in row.items] for row in page.rows]

    def _arms_of(self, viewer: str, width: int) -> dict[int, str]:
        """Return the arms of items that say one, by place on a page of rows so wide."""
        rows = self._pages[viewer].rows if viewer in self._pages else ()
        return {
            r * width + k: item.arm
            for r, row in enumerate(rows)
            for k, item in enumerate(row.items)
            if item.arm is not None
        }

    def _read(self, wait_s: float) -> None:
        """Take what was published meanwhile."""
        for message in self._reader.consume(5_000, wait_s):
            error, value = message.error(), message.value()
            place, offset = message.partition() or 0, message.offset() or 0
            if message.topic() == self._home and (error is None or _is_end(error)):
                self._reached[place] = offset + (error is None)
            if error is None and value is not None:
                self._take(message.topic() or "", message.key() or b"", value, place)

    def _take(self, topic: str, key: bytes, value: bytes, partition: int) -> None:
        """Take a page, a trending list or an applied record; viewers' rows are their worker's affair."""
        if topic == self._home:
            page = decode_home(value)
            former = self._pages.get(page.viewer_id)
            if former is None or page.seq > former.seq:
                self._pages[page.viewer_id] = page
        elif topic == self._trending:
            if (trending := decode_trending(value)).scope == "global":
                self._top = tuple(item.title_id for item in trending.items)
        elif key == APPLIED_KEY:
            self._applied[partition] = unpack_applied(value) + 1


def _is_end(error: KafkaError) -> bool:
    return bool(error.code() == KafkaError._PARTITION_EOF)  # noqa: SLF001 - the driver's name of the constant


@contextmanager
def pipeline(
    world: World, settings: Settings, folder: Path, more: Mapping[str, str] | None = None
) -> Iterator[Published]:
    """Start a worker on fresh topics, and offer its pages as a policy.

    Parameters
    ----------
    world
        Whose viewers act.
    settings
        Of a cluster; the prefix must be new.
    folder
        For the worker's databases and log.
    more
        Settings of the worker, as its environment has them.

    Raises
    ------
    WorkerDiedError
        The worker did not start.
    """
    make_topics(settings)
    with ExitStack() as stack:
        worker = stack.enter_context(WorkerProcess(settings, folder, EVERY_PAGE | dict(more or {})))
        producer = stack.enter_context(EventProducer(settings))
        worker.wait_ready()
        published = Published(world, settings, producer)
        stack.callback(published.close)
        yield published
        worker.check()
