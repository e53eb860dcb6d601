"""Put events and titles on their topics, as any well-behaved producer would.

The key is the viewer's or the title's id in UTF-8, the partition Java's murmur2 of it, the compression lz4.
Nothing is lost in silence: what the broker does not take is counted, and raised by the next call.
"""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from schemas.catalog import Title
from schemas.codec import encode
from schemas.events import Event
from schemas.topics import CATALOG, EVENTS
from streams.config.settings import Settings
from streams.errors import DeliveryError
from streams.kafka.clients import KafkaError, Message, producer

__all__ = ["EventProducer", "put"]

QUEUE: Final = 100_000
"""Records waiting in the driver at most: a second's worth at full speed."""
TOGETHER: Final = 5_000
"""Records handed to the driver in one call at most."""
CLIENT: Final[Mapping[str, Any]] = {
    # a batch is sent after 5 ms at the latest: a fifth of the freshness that is promised at 1,000 events/s
    "linger.ms": 5,
    "compression.type": "lz4",
    "queue.buffering.max.messages": QUEUE,
}

FLUSH_S: Final = 30.0
"""Longest wait for the broker to take a single record."""


def put(settings: Settings, topic: str, key: bytes, value: bytes | None) -> tuple[int, int]:
    """Write one record, given the topic's unprefixed name, and wait until the broker has it.

    Returns
    -------
    tuple of int
        Its partition and offset.

    Raises
    ------
    DeliveryError
        The broker did not take it.
    """
    told: list[tuple[KafkaError | None, Message]] = []
    client = producer(settings)
    client.produce(
        settings.topic(topic), key=key, value=value, on_delivery=lambda *answer: told.append(answer)
    )
    client.flush(FLUSH_S)
    if not told or told[0][0] is not None:
        what = f"the broker did not take a record of {settings.topic(topic)}"
        why = told[0][0].str() if told and told[0][0] else f"no answer in {FLUSH_S:g} s"
        advice = "look at the broker's log and at the rights of this user, then repeat"
        raise DeliveryError(what, why=why, next_step=advice)
    message = told[0][1]
    return message.partition() or 0, message.offset() or 0


class EventProducer:
    """A producer of events and titles; use it as a context manager, whose end waits for all answers.

    Parameters
    ----------
    settings
        Where Kafka is, and the prefix of topic names.
    overrides
        librdkafka properties that win over `CLIENT`.

    Attributes
    ----------
    sent
        Records handed to the driver.
    delivered, failed
        Records that the broker has taken, and that it has not.

    Examples
    --------
    >>> from streams.ops.local_kafka.embedded import EmbeddedCluster
    >>> with EmbeddedCluster() as cluster:
    ...     cluster.create([CATALOG])
    ...     with EventProducer(Settings.load(brokers=cluster.bootstrap_servers)) as events:
    ...         events.send_titles([Title(title_id="t1"), Title(title_id="t2")])
    ...     events.delivered
    2
    """

    def __init__(self, settings: Settings, overrides: Mapping[str, Any] | None = None) -> None:
        self.sent = self.delivered = self.failed = 0
        self._first_error: KafkaError | None = None
        self._prefix = settings.topic_prefix
        self._brokers = settings.brokers
        self._producer = producer(settings, {**CLIENT, **(overrides or {})})

    def send(self, events: Iterable[Event]) -> None:
        """Produce events; waits while the driver's queue is full.

        Raises
        ------
        DeliveryError
            Something sent now or before was refused or not delivered.
        """
        self._send(EVENTS, ((event.viewer_id, encode(event)) for event in events))

    def send_titles(self, titles: Iterable[Title]) -> None:
        """Produce records of the catalog; raises as `send` does."""
        self._send(CATALOG, ((title.title_id, encode(title)) for title in titles))

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until the broker has answered for everything.

        Raises
        ------
        DeliveryError
            Something was not delivered, or not answered in `timeout_s` seconds.
        """
        left = self._producer.flush(timeout_s)
        self._check()
        if left:
            what = f"{left} records are unanswered after {timeout_s:g} s"
            raise DeliveryError(what, next_step=f"look at the broker at {self._brokers}, then repeat")

    def _send(self, topic: str, records: Iterable[tuple[str, bytes]]) -> None:
        messages = [{"key": key.encode(), "value": value} for key, value in records]
        for start in range(0, len(messages), TOGETHER):
            # room first: a batch refused in its middle could put a viewer's events out of order
            while len(self._producer) > QUEUE - TOGETHER:
                self._producer.poll(0.05)
            self._queue(self._prefix + topic, messages[start : start + TOGETHER])
            self._producer.poll(0)
        self._check()

    def _queue(self, topic: str, messages: list[dict[str, Any]]) -> None:
        accepted = self._producer.produce_batch(topic, messages, on_delivery=self._answered)
        self.sent += accepted
        if accepted < len(messages):
            why = next(message["_error"] for message in messages if "_error" in message).str()
            what = f"the driver refused {len(messages) - accepted} records for {topic}"
            raise DeliveryError(what, why=why, next_step="look at what it refused, and at the broker")

    def _answered(self, error: KafkaError | None, _: object) -> None:
        if error is None:
            self.delivered += 1
            return
        self.failed += 1
        self._first_error = self._first_error or error

    def _check(self) -> None:
        if self._first_error is not None:
            what = f"{self.failed} of {self.sent} records were not delivered"
            step = f"look at the broker at {self._brokers}, then repeat"
            raise DeliveryError(what, why=self._first_error.str(), next_step=step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()
        else:
            self._producer.purge()
