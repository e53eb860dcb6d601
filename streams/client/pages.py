"""Home pages from Kafka as they are published, for a service that keeps or pushes those of all viewers."""

from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self

from schemas import Home, topics
from schemas.codec import decode_home

__all__ = ["PageReader", "PublishedPage"]

MOST = 500
"""Pages in one call: 4 MB of the largest ones."""


class PublishedPage(NamedTuple):
    """A viewer's page; None: forget the viewer."""

    viewer_id: str
    home: Home | None


class PageReader:
    """Reads committed pages, each at least once, in the order of each viewer. A context manager.

    Several readers of a group share the partitions. The pages of a call count as processed when the next call
    is made, and at the end of the block unless it raised: after a crash they come again. A page whose ``seq``
    is not above that of the page you have is an older one: ignore it.

    Parameters
    ----------
    group
        Consumer group, which keeps the position; a new one begins with the newest page of every viewer.
    brokers
        Addresses, as host:port[,host:port…]. Default: the setting NEARLINE_BROKERS.
    topic_prefix
        Prefix of topic names. Default: the setting NEARLINE_TOPIC_PREFIX.
    properties
        librdkafka properties, such as ``security.protocol``.

    Examples
    --------
    >>> from streams.kafka.clients import producer
    >>> from streams.ops.local_kafka.embedded import EmbeddedCluster
    >>> with EmbeddedCluster() as cluster:
    ...     cluster.create([topics.HOME])
    ...     writer = producer(cluster.bootstrap_servers)
    ...     writer.produce(topics.HOME, None, "ada")
    ...     left = writer.flush(10)
    ...     with PageReader("pusher", cluster.bootstrap_servers) as pages:
    ...         pages.poll(10.0)
    [PublishedPage(viewer_id='ada', home=None)]
    """

    def __init__(
        self,
        group: str,
        brokers: str | None = None,
        *,
        topic_prefix: str | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        from streams.config.settings import Settings  # noqa: PLC0415 - as in `EventSender`
        from streams.kafka.clients import consumer  # noqa: PLC0415

        settings = Settings.load(brokers=brokers, topic_prefix=topic_prefix)
        self._topic = settings.topic(topics.HOME)
        self._consumer = consumer(settings, {**(properties or {}), "group.id": group})
        self._consumer.subscribe([self._topic])
        self._unprocessed = False

    def poll(self, timeout_s: float = 1.0) -> list[PublishedPage]:
        """Return the next pages; none if none is published in time.

        Raises
        ------
        AccessError
            The brokers refuse this user.
        DecodeError
            A record is no page of this version of the contract.
        """
        from streams.kafka.clients import refused  # noqa: PLC0415 - as above

        self._commit()
        found = []
        first = self._consumer.poll(timeout_s)  # `consume` alone would wait for `MOST` of them
        for message in [] if first is None else [first, *self._consumer.consume(MOST - 1, 0)]:
            error = message.error()
            if error is None:
                value = message.value()
                viewer = (message.key() or b"").decode()
                found.append(PublishedPage(viewer, None if value is None else decode_home(value)))
            elif (refusal := refused(error, f"{self._topic} cannot be read")) is not None:
                raise refusal
        self._unprocessed = bool(found)
        return found

    def close(self) -> None:
        """Leave the group; pages that were returned last come again."""
        self._consumer.close()

    def _commit(self) -> None:
        if self._unprocessed:
            self._consumer.commit(asynchronous=False)
            self._unprocessed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._commit()
        self.close()
