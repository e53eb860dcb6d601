"""The one door to confluent-kafka: every producer, consumer and admin client of the product is built here.

What a client must not be able to forget is set here once:

* ``partitioner=murmur2_random``, Java's default, for every producer: with librdkafka's own default a viewer
  would be on another partition than a Java producer puts him, and two workers would own parts of one viewer;
* ``isolation.level=read_committed`` and no automatic commit for every consumer;
* ``client.id``, and the operator's own properties (setting ``kafka``) for all.

The types and constants that callers need are re-exported, so that nobody else imports the driver (checked by
import-linter).
"""

import logging
from collections.abc import Mapping
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from streams.errors import BrokerUnreachableError
from streams.settings import Settings

__all__ = [
    "OFFSET_BEGINNING",
    "OFFSET_END",
    "AdminClient",
    "AlterConfigOpType",
    "ConfigEntry",
    "ConfigResource",
    "Consumer",
    "KafkaError",
    "KafkaException",
    "Message",
    "NewPartitions",
    "NewTopic",
    "Producer",
    "ResourceType",
    "TopicCollection",
    "TopicPartition",
    "admin",
    "brokers_of",
    "consumer",
    "producer",
    "require_broker",
    "unreachable",
]

_LOG = logging.getLogger("librdkafka")
"""The driver's own lines go through logging, when a client is polled, not straight to standard error."""

SILENCE_MS = 10_000
"""Longest wait for an answer, after which the connection is taken for half-open and made anew. The driver's
own 60 s are a transaction's whole life: who waits so long can only end (measured, after a hole of 6 s). A
request of 1 MB, the largest there is, is answered in time at 100 kB/s."""


def brokers_of(target: Settings | str) -> str:
    """Return the addresses behind a target: a Settings, or the addresses themselves."""
    return target.brokers if isinstance(target, Settings) else target


def producer(target: Settings | str, overrides: Mapping[str, Any] | None = None) -> Producer:
    """Build a producer that partitions as Java does and never duplicates by retrying.

    Parameters
    ----------
    target
        Settings, or addresses as host:port[,host:port…].
    overrides
        librdkafka properties that win over everything but the partitioner. A ``transactional.id`` among them
        brings ``linger.ms=20``: the commit flushes and waits for nothing, and what was put in together goes
        out together (measured: 3 against 8.5 µs of the driver per event).

    Examples
    --------
    >>> cluster = producer("", {"test.mock.num.brokers": 1})
    >>> len(cluster.list_topics(timeout=10).brokers)
    1
    """
    extra = dict(overrides or {})
    config = _common(target) | {"enable.idempotence": True}
    if "transactional.id" in extra:
        config["linger.ms"] = 20
    config |= extra | {"partitioner": "murmur2_random"}
    return Producer(config, logger=_LOG)


def consumer(target: Settings | str, overrides: Mapping[str, Any] | None = None) -> Consumer:
    """Build a consumer that sees committed records only and commits nothing by itself.

    Parameters
    ----------
    target
        Settings, or addresses.
    overrides
        librdkafka properties; give ``group.id`` when the consumer subscribes instead of assigning itself.
    """
    config = _common(target) | {
        "group.id": "nearline-reader",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    }
    return Consumer(config | dict(overrides or {}), logger=_LOG)


def admin(target: Settings | str, overrides: Mapping[str, Any] | None = None) -> AdminClient:
    """Build an admin client: topics, configurations, groups."""
    return AdminClient(_common(target) | dict(overrides or {}), logger=_LOG)


def require_broker(target: Settings | str, *, timeout_s: float = 5.0) -> int:
    """Ask for the cluster's metadata and return its number of brokers.

    Raises
    ------
    BrokerUnreachableError
        Nothing answered within `timeout_s` seconds.
    """
    try:
        return len(admin(target).list_topics(timeout=timeout_s).brokers)
    except KafkaException as error:
        raise unreachable(target, error) from None


def unreachable(target: Settings | str, error: KafkaException) -> BrokerUnreachableError:
    """Turn a driver's failure to reach the cluster into the error that the operator reads."""
    return BrokerUnreachableError(
        f"no Kafka broker answers at {brokers_of(target)}",
        why=error.args[0].str(),
        next_step="start one with `nearline kafka start`, or give --brokers host:port (NEARLINE_BROKERS)",
    )


def _common(target: Settings | str) -> dict[str, Any]:
    """Return what every client gets: addresses, name, and the operator's own properties."""
    own: Mapping[str, str] = target.kafka if isinstance(target, Settings) else {}
    name = target.group if isinstance(target, Settings) else "nearline"
    return (
        {"client.id": name, "socket.timeout.ms": SILENCE_MS}
        | dict(own)
        | {"bootstrap.servers": brokers_of(target)}
    )
