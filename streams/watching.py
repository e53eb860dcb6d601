"""Looking over a consumer's shoulder: the newest home pages and trending list, as subscribers read them."""

import threading
import time
from collections import Counter

from schemas import topics
from schemas.codec import decode_home, decode_trending
from schemas.lists import Home, Trending
from streams import kafka_clients
from streams.kafka_clients import OFFSET_BEGINNING, Message, TopicPartition
from streams.settings import Settings

FEATURED_AFTER = 3
"""Pages after which a viewer is interesting enough to be shown."""
WAIT_S = 0.1
"""Longest wait for messages."""


class Subscriber:
    """Read home pages and trending lists in a thread of its own.

    Parameters
    ----------
    settings
        Brokers and prefix.
    partitions
        Of the home pages' topic.

    Attributes
    ----------
    lists
        Pages read.
    first_list_s
        Seconds from the start to the first page, None before.
    page, former
        The newest two pages of the viewer that is shown: the first to get :data:`FEATURED_AFTER`.
    trending
        The newest global list.
    """

    def __init__(self, settings: Settings, *, partitions: int = 4) -> None:
        self.lists = 0
        self.first_list_s: float | None = None
        self.page: Home | None = None
        self.former: Home | None = None
        self.trending: Trending | None = None
        self._settings, self._partitions = settings, partitions
        self._home = settings.topic(topics.HOME)
        self._pages: Counter[bytes] = Counter()
        self._featured: bytes | None = None
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
        consumer = kafka_clients.consumer(
            self._settings, {"group.id": "nearline-demo", "fetch.wait.max.ms": 50}
        )
        trending = self._settings.topic(topics.TRENDING)
        parts = [TopicPartition(self._home, p, OFFSET_BEGINNING) for p in range(self._partitions)]
        consumer.assign([*parts, TopicPartition(trending, 0, OFFSET_BEGINNING)])
        while not self._stop.is_set():
            for message in consumer.consume(5_000, WAIT_S):
                if message.error() is None:
                    self._take(message)
        consumer.close()

    def _take(self, message: Message) -> None:
        if message.topic() != self._home:
            self.trending = decode_trending(message.value())
            return
        self.lists += 1
        if self.first_list_s is None:
            self.first_list_s = time.monotonic() - self._started
        viewer = message.key() or b""
        if self._featured is None:
            self._pages[viewer] += 1
            if self._pages[viewer] >= FEATURED_AFTER:
                self._featured = viewer
        if viewer == self._featured:
            self.former, self.page = self.page, decode_home(message.value())
