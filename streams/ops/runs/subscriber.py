"""Looking over a consumer's shoulder: the newest home pages and trending list, as subscribers read them."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from schemas import Event, topics
from schemas.codec import decode_event, decode_home, decode_trending
from schemas.pages import Home, Source, Trending
from streams.config.settings import Settings
from streams.kafka import clients as kafka_clients
from streams.kafka.clients import OFFSET_BEGINNING, Consumer, Message, TopicPartition

PATIENCE_S = 4.0
"""A viewer is shown until he is silent for so long; then the next one who comes back is."""
REMEMBERED = 1_000
"""Viewers whose last page is kept, to tell what changed: the demo's default world has 150."""
WAIT_S = 0.1
"""Longest wait for messages."""
LOOK_S = 0.5
"""Between two looks at what is to settle, which takes seconds: each reads a topic whole."""
CAUSE_S = 2.0
"""Longest wait for the event that caused a page: a millisecond, but for the first one, which connects."""
_ONE_RECORD = {"fetch.message.max.bytes": 20_000, "fetch.wait.max.ms": 50, "fetch.queue.backoff.ms": 10}
"""One event is wanted, not a megabyte from there on; an event has 16 kB at most. By default the driver waits
a second before it fetches again, once it has enough."""


T = TypeVar("T")


def last_word(
    look: Callable[[], T], *, settled_s: float, patience_s: float, check: Callable[[], None] = lambda: None
) -> T:
    """Return what is seen once it is something and has not changed for a while, or when patience ends.

    Parameters
    ----------
    look
        Returns what there is by now; None, or empty, for nothing yet.
    settled_s
        What has not changed for so long is the last.
    patience_s
        Longest wait for that.
    check
        Called between two looks; may raise, where waiting is in vain.

    Examples
    --------
    >>> last_word(lambda: "done", settled_s=0.0, patience_s=1.0)
    'done'
    """
    deadline = time.monotonic() + patience_s
    last, since = look(), time.monotonic()
    while time.monotonic() < deadline and (not last or time.monotonic() - since < settled_s):
        time.sleep(LOOK_S)
        check()
        now = look()
        if now != last:
            last, since = now, time.monotonic()
    return last


class Shown(NamedTuple):
    """The page that is shown, and how it came about."""

    page: Home
    former: Home
    """The viewer's page before."""
    cause: Event | None
    """The event that caused the page, read back from where the page says it stands."""
    at: float
    """When it was read, `time.monotonic`."""


class Subscriber:
    """Read home pages and trending lists in a thread of its own.

    Parameters
    ----------
    settings
        Brokers and prefix; the topics have to be there.

    Attributes
    ----------
    lists
        Pages read.
    first_list_s
        Seconds from the start to the first page, None before.
    shown
        The newest page of one viewer, who changes when he has been silent for :data:`PATIENCE_S`.
    trending
        The newest global list.
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
        """Begin to read."""
        self._started = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Stop reading and wait for the thread."""
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
        if len(self._pages) > REMEMBERED:
            del self._pages[next(iter(self._pages))]
        if former is not None and self._is_next(viewer):
            page = decode_home(value)
            self.shown = Shown(page, decode_home(former), _cause(events, page.source), time.monotonic())

    def _is_next(self, viewer: bytes) -> bool:
        """Whether a viewer's new page is the one to show."""
        shown = self.shown
        return (
            shown is None
            or shown.page.viewer_id.encode() == viewer
            or time.monotonic() - shown.at > PATIENCE_S
        )


def parts_of(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """Return all partitions of a topic from their beginning: the embedded cluster always makes 4."""
    found = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    return [TopicPartition(topic, number, OFFSET_BEGINNING) for number in found]


def _cause(events: Consumer, source: Source) -> Event | None:
    """Read the event that a page names as its source; None where it does not come in time."""
    events.assign([TopicPartition(source.topic, source.partition, source.offset)])
    found = events.consume(1, CAUSE_S)
    events.unassign()
    if not found or found[0].error() is not None or found[0].offset() != source.offset:
        return None
    return decode_event(found[0].value())
