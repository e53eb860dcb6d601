"""Everything that became visible, read once and in order by a consumer of committed records."""

import time
from collections.abc import Mapping

from schemas import topics
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, unpack_applied
from streams.kafka.clients import KafkaError, KafkaException, Message, TopicPartition, consumer
from streams.stages.wire.partition_rows import PENDING_PAGE, owner_key

READ = (
    topics.EVENTS,
    topics.SIGNALS,
    topics.VIEWER_STATE,
    topics.TITLE_MODEL,
    topics.HOME,
    topics.DEAD_LETTERS,
)
READER = {
    "enable.partition.eof": True,
    "group.id": "chaos-ledger",
    "fetch.wait.max.ms": 50,
    "reconnect.backoff.max.ms": 500,
}
"""A reader that notices the ends of partitions, and is back soon after its broker."""

Place = tuple[str, int]
"""Topic, without the prefix, and partition."""


class Ledger:
    """The records of a run's topics, as they become visible.

    Attributes
    ----------
    applied
        Newest applied offset by changelog and partition.
    last
        Offset of the last record read, by topic and partition.
    owed
        Keys of the pages that are owed, as the changelog says.
    """

    def __init__(self, settings: Settings) -> None:
        self.applied: dict[Place, int] = {}
        self.last: dict[Place, int] = {}
        self.owed: set[bytes] = set()
        self._reached: dict[Place, int] = {}
        self._fresh: dict[str, list[Message]] = {name: [] for name in READ}
        self._prefix = settings.topic_prefix
        self._consumer = consumer(settings, READER)
        found = self._consumer.list_topics(timeout=10).topics
        self.places = [(name, p) for name in READ for p in found[settings.topic(name)].partitions]
        self._consumer.assign([TopicPartition(settings.topic(name), p, 0) for name, p in self.places])

    def pump(self, seconds: float) -> None:
        """Read what is there, for at most so long."""
        deadline = time.monotonic() + seconds
        while True:
            messages = self._consumer.consume(5_000, max(0.0, min(0.1, deadline - time.monotonic())))
            for message in messages:
                self._take(message)
            if time.monotonic() >= deadline:
                return

    def take(self, topic: str) -> list[Message]:
        """Hand over the records of a topic that were not handed over before."""
        taken, self._fresh[topic] = self._fresh[topic], []
        return taken

    def at_end(self, *names: str) -> bool:
        """Return whether everything visible in these topics has been read; False while a broker is silent."""
        try:
            return all(
                self._reached.get(place, 0) >= self._end(place) for place in self.places if place[0] in names
            )
        except KafkaException:
            return False

    def behind(self, changelog: str, wanted: Mapping[int, int]) -> int:
        """Return how many offsets are missing from a changelog's applied ones up to wanted ones."""
        return sum(max(0, last - self.applied.get((changelog, p), -1)) for p, last in wanted.items())

    def past(self, changelog: str, ends: Mapping[int, int]) -> bool:
        """Return whether a changelog's applied offsets have moved past given ones."""
        return all(self.applied.get((changelog, p), -1) > last for p, last in ends.items())

    def lasts(self, topic: str) -> dict[int, int]:
        """Return the offset of the last record read of each partition of a topic that has one."""
        return {partition: offset for (name, partition), offset in self.last.items() if name == topic}

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def _end(self, place: Place) -> int:
        tp = TopicPartition(f"{self._prefix}{place[0]}", place[1])
        return int(self._consumer.get_watermark_offsets(tp, timeout=5, cached=False)[1])

    def _take(self, message: Message) -> None:
        error, offset = message.error(), message.offset() or 0
        place = ((message.topic() or "").removeprefix(self._prefix), message.partition() or 0)
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self._reached[place] = max(offset, self._reached.get(place, 0))
            return
        self._reached[place], self.last[place] = offset + 1, offset
        self._fresh[place[0]].append(message)
        key, value = message.key() or b"", message.value()
        if key == APPLIED_KEY:
            self.applied[place] = unpack_applied(value or b"")
        elif place[0] == topics.VIEWER_STATE and owner_key(key) == PENDING_PAGE.key:
            (self.owed.discard if value is None else self.owed.add)(key)
