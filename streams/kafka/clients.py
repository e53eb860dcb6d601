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
import time
from collections.abc import Mapping
from typing import Any, Final

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

from streams.config.settings import Settings
from streams.errors import AccessError, BrokerError, BrokerUnreachableError

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
    "refused",
    "require_broker",
    "unreachable",
]

_LOG = logging.getLogger("librdkafka")
_LOG.addHandler(logging.NullHandler())
"""The driver's own lines go through logging, when a client is polled, not straight to standard error. In a
command that keeps no log they go nowhere: it tells of errors in its own words."""

SILENCE_MS = 10_000
"""Longest wait for an answer, after which the connection is taken for half-open and made anew. The driver's
own 60 s are a transaction's whole life: who waits so long can only end (measured, after a hole of 6 s). A
request of 1 MB, the largest there is, is answered in time at 100 kB/s."""

_USER: Final = "look at NEARLINE_KAFKA__SASL_USERNAME, __SASL_PASSWORD and __SASL_MECHANISM"
_RIGHTS: Final = "give this user the rights that deploy/kubernetes/strimzi/users.yaml names, then repeat"
REFUSALS: Final[Mapping[int, str]] = {
    KafkaError._AUTHENTICATION: _USER,  # noqa: SLF001 - the driver's names
    KafkaError.SASL_AUTHENTICATION_FAILED: _USER,
    KafkaError._SSL: "look at NEARLINE_KAFKA__SSL_CA_LOCATION, and whether the certificate names this host",  # noqa: SLF001
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _RIGHTS,
    KafkaError.GROUP_AUTHORIZATION_FAILED: _RIGHTS,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: _RIGHTS,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: _RIGHTS,
}
"""The driver's errors that no repetition heals, each with what to do."""
LISTEN_S: Final = 1.0
"""Seconds in which a client that got no answer is asked what its connections met, ..."""
POLL_S: Final = 0.02
"""... and between two times that it is asked."""


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


def require_broker(target: Settings | str, *, timeout_s: float | None = None) -> int:
    """Ask for the cluster's metadata and return its number of brokers.

    Parameters
    ----------
    target
        Settings, or addresses.
    timeout_s
        Longest wait for the answer. Default: the setting `connect_timeout_s`.

    Raises
    ------
    BrokerUnreachableError
        Nothing answered in time.
    AccessError
        It refuses this user, or its certificate is not one that we trust.
    """
    if timeout_s is None:
        timeout_s = (target if isinstance(target, Settings) else Settings.load()).connect_timeout_s
    try:
        return len(admin(target).list_topics(timeout=timeout_s).brokers)
    except KafkaException as error:
        raise unreachable(target, error) from None


def unreachable(target: Settings | str, error: KafkaException) -> BrokerError:
    """Turn a driver's failure to reach the cluster into the error that the operator reads."""
    said = error.args[0]
    if said.code() not in REFUSALS:
        said = _met(target) or said
    where = brokers_of(target)
    step = "start one with `nearline kafka start`, or give --brokers host:port (NEARLINE_BROKERS)"
    if "transport failure" in said.str():  # it hangs up, as one does that expects TLS
        step += "; if it speaks TLS or SASL, set security.protocol (NEARLINE_KAFKA__SECURITY_PROTOCOL)"
    return refused(said, f"the Kafka at {where} refuses this user") or BrokerUnreachableError(
        f"no Kafka broker answers at {where}", why=said.str(), next_step=step
    )


def refused(error: KafkaError, what: str) -> AccessError | None:
    """Explain an error that is a refusal; None where it is another one."""
    advice = REFUSALS.get(error.code())
    return None if advice is None else AccessError(what, why=error.str(), next_step=advice)


def _met(target: Settings | str) -> KafkaError | None:
    """Connect once more, and return the most telling error: the driver's answer says only that none came."""
    heard: list[KafkaError] = []
    client = admin(target, {"error_cb": heard.append})
    asked = client.describe_cluster(request_timeout=LISTEN_S)  # kept: its only use is that it connects
    end = time.monotonic() + LISTEN_S
    while not asked.done() and time.monotonic() < end:
        client.poll(POLL_S)
        for error in heard:
            if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - the driver's name
                return error
    return None


def _common(target: Settings | str) -> dict[str, Any]:
    """Return what every client gets: addresses, name, and the operator's own properties."""
    own: Mapping[str, str] = target.kafka if isinstance(target, Settings) else {}
    name = target.group if isinstance(target, Settings) else "nearline"
    return (
        {"client.id": name, "socket.timeout.ms": SILENCE_MS}
        | dict(own)
        | {"bootstrap.servers": brokers_of(target)}
    )
