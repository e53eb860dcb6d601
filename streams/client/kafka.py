"""Events to Kafka: the key is the viewer id, and the partition Java's murmur2 of it."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from schemas import Event
from schemas.codec import decode_event, encode

__all__ = ["EventSender"]


class EventSender:
    """Sends viewing events. A context manager: its end waits for all acknowledgements.

    The driver repeats what fails: idempotent, with acknowledgements of all replicas. An event that the caller
    sends again counts once, by its `event_id`.

    Parameters
    ----------
    brokers
        Addresses, as host:port[,host:port…]. Default: the setting NEARLINE_BROKERS.
    topic_prefix
        Prefix of topic names. Default: the setting NEARLINE_TOPIC_PREFIX.
    properties
        librdkafka properties, such as ``security.protocol``; the partitioner cannot be changed.

    Examples
    --------
    >>> from schemas import Play
    >>> from schemas.topics import EVENTS
    >>> from streams.ops.local_kafka.embedded import EmbeddedCluster
    >>> with EmbeddedCluster() as cluster:
    ...     cluster.create([EVENTS])
    ...     with EventSender(cluster.bootstrap_servers) as events:
    ...         events.send([Play(event_id="e1", viewer_id="ada", event_time_ms=10**12, title_id="t1")])
    """

    def __init__(
        self,
        brokers: str | None = None,
        *,
        topic_prefix: str | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        from streams.config.settings import Settings  # noqa: PLC0415 - a program that reads pages needs neither
        from streams.kafka.produce import EventProducer  # noqa: PLC0415

        settings = Settings.load(brokers=brokers, topic_prefix=topic_prefix)
        self._producer: EventProducer = EventProducer(settings, properties)

    def send(self, events: Iterable[Event]) -> None:
        """Send events, in this order; blocks while the driver's queue is full.

        Raises
        ------
        DecodeError
            An event breaks the contract; none of these events is sent.
        DeliveryError
            An event of this or an earlier call was not delivered.
        """
        whole = list(events)
        for event in whole:
            decode_event(encode(event))
        self._producer.send(whole)

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until all events are acknowledged.

        Raises
        ------
        DeliveryError
            One was not delivered, or not acknowledged in time.
        """
        self._producer.flush(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.__exit__(kind, error, trace)
