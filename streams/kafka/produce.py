"""Producer of events and titles, for commands and tests.

The key is the id of the viewer or title in UTF-8, the partition is Java's murmur2 of it, the compression lz4.
Records that the broker does not accept are counted, and the next call raises an error.
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
"""Maximum number of records in the driver's queue: one second at full speed."""
CHUNK: Final = 5_000
"""Maximum number of records per call of the driver."""
CLIENT: Final[Mapping[str, Any]] = {
    # a batch is sent after at most 5 ms: a fifth of the freshness objective at 1,000 events/s
    "linger.ms": 5,
    "compression.type": "lz4",
    "queue.buffering.max.messages": QUEUE,
}

FLUSH_S: Final = 30.0
"""Seconds to wait until the broker has acknowledged a single record."""


def put(settings: Settings, topic: str, key: bytes, value: bytes | None) -> tuple[int, int]:
    """Write one record to a topic (name without prefix) and wait for the acknowledgement.

    Returns
    -------
    tuple of int
        Its partition and offset.

    Raises
    ------
    DeliveryError
        The broker did not accept it.
    """
    answers: list[tuple[KafkaError | None, Message]] = []
    client = producer(settings)
    client.produce(
        settings.topic(topic), key=key, value=value, on_delivery=lambda *answer: answers.append(answer)
    )
    client.flush(FLUSH_S)
    if not answers or answers[0][0] is not None:
        what = f"the broker did not accept a record of {settings.topic(topic)}"
        why = answers[0][0].str() if answers and answers[0][0] else f"no answer in {FLUSH_S:g} s"
        advice = "check the log of the broker and the rights of this user, then repeat"
        raise DeliveryError(what, why=why, next_step=advice)
    message = answers[0][1]
    return message.partition() or 0, message.offset() or 0


class EventProducer:
    """A producer of events and titles. Use it as a context manager: its end waits for all acknowledgements.

    Parameters
    ----------
    settings
        Brokers, and the prefix of topic names.
    overrides
        librdkafka properties that override `CLIENT`.

    Attributes
    ----------
    sent
        Number of records passed to the driver.
    delivered, failed
        Number of records that the broker has accepted, and refused.

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
        """Produce events; blocks while the driver's queue is full.

        Raises
        ------
        DeliveryError
            A record of this or an earlier call was refused or not delivered.
        """
        self._send(EVENTS, ((event.viewer_id, encode(event)) for event in events))

    def send_titles(self, titles: Iterable[Title]) -> None:
        """Produce catalog records; raises like `send`."""
        self._send(CATALOG, ((title.title_id, encode(title)) for title in titles))

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait for the acknowledgements of all records.

        Raises
        ------
        DeliveryError
            A record was not delivered, or not acknowledged in `timeout_s` seconds.
        """
        left = self._producer.flush(timeout_s)
        self._check()
        if left:
            what = f"{left} records are not acknowledged after {timeout_s:g} s"
            raise DeliveryError(what, next_step=f"check the broker at {self._brokers}, then repeat")

    def _send(self, topic: str, records: Iterable[tuple[str, bytes]]) -> None:
        messages = [{"key": key.encode(), "value": value} for key, value in records]
        for start in range(0, len(messages), CHUNK):
            # wait for room first: a batch that is refused in part could reorder the events of a viewer
            while len(self._producer) > QUEUE - CHUNK:
                self._producer.poll(0.05)
            self._queue(self._prefix + topic, messages[start : start + CHUNK])
            self._producer.poll(0)
        self._check()

    def _queue(self, topic: str, messages: list[dict[str, Any]]) -> None:
        accepted = self._producer.produce_batch(topic, messages, on_delivery=self._on_delivery)
        self.sent += accepted
        if accepted < len(messages):
            why = next(message["_error"] for message in messages if "_error" in message).str()
            what = f"the driver refused {len(messages) - accepted} records for {topic}"
            raise DeliveryError(what, why=why, next_step="check the refused records and the broker")

    def _on_delivery(self, error: KafkaError | None, _: object) -> None:
        if error is None:
            self.delivered += 1
            return
        self.failed += 1
        self._first_error = self._first_error or error

    def _check(self) -> None:
        if self._first_error is not None:
            what = f"{self.failed} of {self.sent} records were not delivered"
            step = f"check the broker at {self._brokers}, then repeat"
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
