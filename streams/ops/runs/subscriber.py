"""A subscriber of home pages and trending lists, for the screen of `nearline demo`."""

import threading
import time
from typing import NamedTuple

from schemas import Event, topics
from schemas.codec import decode_event, decode_home, decode_trending
from schemas.pages import Home, Source, Trending
from streams.config.settings import Settings
from streams.kafka import clients as kafka_clients
from streams.kafka.clients import OFFSET_BEGINNING, Consumer, Message, TopicPartition

SHOWN_S = 4.0
"""A viewer is shown until there is no new page for this time; then another viewer is shown."""
KEPT = 1_000
"""Viewers whose last page is kept to show changes: the demo's default world has 150."""
WAIT_S = 0.1
"""Longest wait for messages in one call."""
CAUSE_S = 2.0
"""Longest wait for the event that caused a page: it takes a millisecond, except the first, which connects."""
_ONE_RECORD = {"fetch.message.max.bytes": 20_000, "fetch.wait.max.ms": 50, "fetch.queue.backoff.ms": 10}
"""Consumer settings to read a single event (at most 16 kB) and not a megabyte after it. By default the driver
waits a second before it fetches again once its queue is full."""


class Shown(NamedTuple):
    """The page that is shown, and its cause."""

    page: Home
    former: Home
    """The viewer's previous page."""
    cause: Event | None
    """The event that caused the page, read from the source offset that the page names."""
    at: float
    """Time at which it was read, `time.monotonic`."""


class Subscriber:
    """Reads home pages and trending lists in a thread.

    Parameters
    ----------
    settings
        Brokers and prefix; the topics have to exist.

    Attributes
    ----------
    lists
        Number of pages read.
    first_list_s
        Seconds from the start to the first page; None before it.
    shown
        The newest page of one viewer; another viewer follows after :data:`SHOWN_S` without a new page.
    trending
        The newest global trending list.
    """

    def __init__(self, settings: Settings) -> None:
        self.lists = 0
        self.first_list_s: float | None = None
        self.shown: Shown | None = None
        self.trending: Trending | None = None
        self._settings = settings
        self._home = settings.topic(topics.HOME)
        self._pages: dict[bytes, bytes] = {}
        self._started = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)

    def start(self) -> None:
        """Start reading."""
        self._started = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Stop reading, and wait for the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        pages = self._consumer({"fetch.wait.max.ms": 50})
        events = self._consumer(_ONE_RECORD)
        pages.assign([*parts_of(pages, self._home), *parts_of(pages, self._settings.topic(topics.TRENDING))])
        while not self._stop.is_set():
            for message in pages.consume(5_000, WAIT_S):
                if message.error() is None and message.value() is not None:
                    self._take(message, events)
        pages.close()
        events.close()

    def _consumer(self, overrides: dict[str, int]) -> Consumer:
        return kafka_clients.consumer(self._settings, {"group.id": "nearline-demo", **overrides})

    def _take(self, message: Message, events: Consumer) -> None:
        if message.topic() != self._home:
            trending = decode_trending(message.value())
            self.trending = trending if trending.scope == "global" else self.trending
            return
        self.lists += 1
        if self.first_list_s is None:
            self.first_list_s = time.monotonic() - self._started
        viewer, value = message.key() or b"", message.value() or b""
        former = self._pages.pop(viewer, None)
        self._pages[viewer] = value
        if len(self._pages) > KEPT:
            del self._pages[next(iter(self._pages))]
        if former is not None and self._is_next(viewer):
            page = decode_home(value)
            self.shown = Shown(page, decode_home(former), _cause(events, page.source), time.monotonic())

    def _is_next(self, viewer: bytes) -> bool:
        """Whether to show a viewer's new page."""
        shown = self.shown
        return (
            shown is None or shown.page.viewer_id.encode() == viewer or time.monotonic() - shown.at > SHOWN_S
        )


def parts_of(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """Return all partitions of a topic, from their beginning."""
    found = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    return [TopicPartition(topic, number, OFFSET_BEGINNING) for number in found]


def _cause(events: Consumer, source: Source) -> Event | None:
    """Read the event that a page names as its source; None if it does not arrive in time."""
    events.assign([TopicPartition(source.topic, source.partition, source.offset)])
    found = events.consume(1, CAUSE_S)
    events.unassign()
    if not found or found[0].error() is not None or found[0].offset() != source.offset:
        return None
    return decode_event(found[0].value())
