"""The closed loop: policies compared on simulated viewers, in process or through the real pipeline.

For the loop (`online_models.simulation.closed_loop`) the pipeline is one more policy: the viewers' events are
produced to the events' topic, a worker learns them, and a page is what a subscriber of `recs.home.v1` has
read when a viewer opens it. A viewer without a page sees the trending list, as an app would show it.

World time runs as fast as the pipeline: a page view waits until all earlier events are applied and the pages
that they cause are read, for at most :data:`UP_TO_DATE_S`; views that ran into this limit are counted.
Applied offsets say that an event is processed, whether or not it causes a page. The worker makes a page with
every batch: with a page interval every view would wait for it.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from online_models.simulation import World
from online_models.simulation.closed_loop import (
    POLICIES,
    LoopReport,
    OutcomeLog,
    Run,
    run_closed_loop,
    summarise,
)
from online_models.simulation.event_writer import viewer_name
from online_models.simulation.page_views import PageViews, ShownPages, ViewOutcomes
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
from streams.ops.runs.subscriber import parts_of
from streams.ops.runs.worker_process import WorkerProcess, make_topics, own_cluster

__all__ = [
    "PAGES",
    "PIPELINES",
    "PRODUCT",
    "LoopOptions",
    "LoopResult",
    "PublishedPages",
    "compare_policies",
    "pipeline",
]

FOLDER: Final = Path(".nearline/closed-loop")
GROUP: Final = "nearline-closed-loop"
PRODUCT: Final = "nearline"
"""The policy whose share of the oracle's gain is reported: one list."""
PAGES: Final = "pages"
PIPELINES: Final[dict[str, dict[str, str]]] = {PRODUCT: {"NEARLINE_PAGE__ROWS": "1"}, PAGES: {}}
"""Policies that a worker implements, with its settings."""
UP_TO_DATE_S: Final = 5.0
"""Longest wait for the worker: a hundred times what an idle pipeline takes."""
LOOK_S: Final = 0.02
"""Longest wait for records in one call."""
EVERY_PAGE: Final[dict[str, str]] = {"NEARLINE_PAGE_INTERVAL_S": "0", "NEARLINE_PREQUENTIAL_SHARE": "1"}
"""The worker's settings; all events train the blend, as in process."""
CLIENT: Final = {"group.id": "nearline-closed-loop", "fetch.wait.max.ms": 10, "enable.partition.eof": True}
UNCOMMITTED: Final = CLIENT | {"isolation.level": "read_uncommitted"}
"""Reads the ends of partitions including open transactions."""


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """Size of a comparison, and where it runs.

    Attributes
    ----------
    viewers, titles
        Of each world.
    days, warm_up
        Simulated days, and those at the beginning that are not counted.
    seed, seeds
        First seed, and the number of worlds.
    in_process
        Run all policies without Kafka.
    kafka
        Use a real Apache Kafka instead of the embedded cluster.
    """

    viewers: int
    titles: int
    days: int
    warm_up: int
    seed: int
    seeds: int
    in_process: bool
    kafka: bool

    def facts(self) -> dict[str, int | str]:
        """Return the options under their JSON keys: what a reader needs to repeat the result."""
        return {
            "viewers": self.viewers,
            "titles": self.titles,
            "days": self.days,
            "warm_up": self.warm_up,
            "through": "in process" if self.in_process else "kafka" if self.kafka else "embedded",
        }


class LoopResult(NamedTuple):
    """The report, and the counts of page views through the pipeline (empty in process)."""

    report: LoopReport
    pages: dict[str, int]


OnDay = Callable[[float, OutcomeLog], None]
"""Called with the simulated day, and the outcomes so far."""


def compare_policies(options: LoopOptions, progress: Callable[[str, int], OnDay]) -> LoopResult:
    """Run every policy in the same worlds.

    Parameters
    ----------
    options
        Size, and where it runs.
    progress
        Called with the policy and the seed of a run; returns what the run calls as it goes.

    Raises
    ------
    WorkerDiedError
        A worker ended.
    """
    runs: list[Run] = []
    pages: dict[str, int] = {}
    span = {"days": options.days, "warm_up": options.warm_up}
    with ExitStack() as stack:
        settings = None
        if not options.in_process:
            shutil.rmtree(FOLDER, ignore_errors=True)
            settings = stack.enter_context(own_cluster(FOLDER, GROUP, kafka=options.kafka, event_time=True))
        for seed in range(options.seed, options.seed + options.seeds):
            for name, maker in POLICIES.items():
                world, on_day = World(seed, options.viewers, options.titles), progress(name, seed)
                if settings is None or name not in PIPELINES:
                    runs.append(run_closed_loop(name, world, maker(world), **span, on_batch=on_day))
                    continue
                key = f"{name}-{seed}"
                own = settings.model_copy(update={"topic_prefix": f"loop-{key}.", "group": f"{GROUP}-{key}"})
                with pipeline(world, own, FOLDER / key, PIPELINES[name]) as published:
                    runs.append(run_closed_loop(name, world, published, **span, on_batch=on_day))
                for count, value in published.counts().items():
                    pages[count] = pages.get(count, 0) + value
    return LoopResult(summarise(runs), pages)


class PublishedPages:
    """A policy whose pages come from Kafka; see `online_models.simulation.policies.Policy`.

    Parameters
    ----------
    world
        The simulated world.
    settings
        Brokers and prefix; topics and a worker must exist.
    producer
        Sends the catalog at once, and the events.

    Attributes
    ----------
    views, stale, unlisted
        Page views; those with a page that may not have been up to date; those without a page of the viewer's
        own.
    """

    def __init__(self, world: World, settings: Settings, producer: EventProducer) -> None:
        self.views = self.stale = self.unlisted = 0
        self._producer = producer
        self._number = {title.title_id: number for number, title in enumerate(world.titles)}
        self._home, self._trending = settings.topic(topics.HOME), settings.topic(topics.TRENDING)
        self._events, self._rows = settings.topic(topics.EVENTS), settings.topic(topics.VIEWER_STATE)
        self._reader: Consumer = consumer(settings, CLIENT)
        self._uncommitted: Consumer = consumer(settings, UNCOMMITTED)
        read = (self._home, self._trending, self._rows)
        self._reader.assign([part for topic in read for part in parts_of(self._reader, topic)])
        self._partitions = [part.partition for part in parts_of(self._reader, self._events)]
        self._pages: dict[str, Home] = {}
        self._top: tuple[str, ...] = ()
        self._applied = dict[int, int]()  # next offset after the applied events, by partition
        self._reached = dict[int, int]()  # next offset after the read pages
        producer.send_titles(world.titles)
        producer.flush()

    def learn(self, events: Sequence[Event]) -> None:
        """Produce the events."""
        self._producer.send(events)
        self._producer.flush()

    def pages(self, views: PageViews) -> ShownPages:
        """Wait until all events are applied, and return the pages of these viewers row by row."""
        viewers = [viewer_name(account) for account in views.accounts.tolist()]
        deadline = time.monotonic() + UP_TO_DATE_S
        self._read(0.0)
        up_to_date = self._reaches(self._events, self._applied, deadline)
        up_to_date = self._reaches(self._home, self._reached, deadline) and up_to_date
        found = [self._shelves_of(viewer) for viewer in viewers]
        self.views += len(viewers)
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

    def observe(self, views: PageViews, pages: ShownPages, outcomes: ViewOutcomes) -> None:
        """See `Policy.observe`; the pipeline learns from the events."""

    def counts(self) -> dict[str, int]:
        """Return the counts of page views under their JSON keys."""
        return {"views": self.views, "stale": self.stale, "unlisted": self.unlisted}

    def close(self) -> None:
        """Close the consumers."""
        self._reader.close()
        self._uncommitted.close()

    def _reaches(self, topic: str, reached: Mapping[int, int], deadline: float) -> bool:
        """Read up to the current end of a topic, with open transactions; False if the deadline passed."""
        wanted = {partition: ends(self._uncommitted, topic, partition)[1] for partition in self._partitions}
        while not (done := all(reached.get(partition, 0) >= end for partition, end in wanted.items())):
            if time.monotonic() >= deadline:
                break
            self._read(LOOK_S)
        return done

    def _shelves_of(self, viewer: str) -> list[list[str]]:
        page = self._pages.get(viewer)
        if page is None:
            return [list(self._top[:SLOTS])]
        return [[item.title_id for item in row.items] for row in page.rows]

    def _arms_of(self, viewer: str, width: int) -> dict[int, str]:
        """Return the arms of items that name one, by place on a page with rows of this width."""
        rows = self._pages[viewer].rows if viewer in self._pages else ()
        return {
            r * width + k: item.arm
            for r, row in enumerate(rows)
            for k, item in enumerate(row.items)
            if item.arm is not None
        }

    def _read(self, wait_s: float) -> None:
        """Process what was published."""
        for message in self._reader.consume(5_000, wait_s):
            error, value = message.error(), message.value()
            place, offset = message.partition() or 0, message.offset() or 0
            if message.topic() == self._home and (error is None or _is_end(error)):
                self._reached[place] = offset + (error is None)
            if error is None and value is not None:
                self._take(message.topic() or "", message.key() or b"", value, place)

    def _take(self, topic: str, key: bytes, value: bytes, partition: int) -> None:
        """Keep a page, a trending list or an applied offset; the viewers' rows are ignored."""
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
    world: World, settings: Settings, folder: Path, variables: Mapping[str, str] | None = None
) -> Iterator[PublishedPages]:
    """Start a worker on new topics, and provide its pages as a policy.

    Parameters
    ----------
    world
        The simulated world.
    settings
        Of a cluster, with a new prefix.
    folder
        Of the worker's databases and log.
    variables
        Settings of the worker, as environment variables.

    Raises
    ------
    WorkerDiedError
        The worker did not start.
    """
    make_topics(settings)
    with ExitStack() as stack:
        worker = stack.enter_context(WorkerProcess(settings, folder, EVERY_PAGE | dict(variables or {})))
        producer = stack.enter_context(EventProducer(settings))
        worker.wait_ready()
        published = PublishedPages(world, settings, producer)
        stack.callback(published.close)
        yield published
        worker.check()
