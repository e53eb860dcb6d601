"""Builds every Kafka producer, consumer and admin client; the only module that imports confluent-kafka.

Properties that every client needs are set here once:

* ``partitioner=murmur2_random``, Java's default, for every producer. With librdkafka's default the events of
  a viewer would be in other partitions than those of Java producers, and two workers would own parts of one
  viewer.
* ``isolation.level=read_committed`` and no automatic commit for every consumer.
* ``client.id``, and the operator's own properties (setting ``kafka``) for all.

The types and constants that callers need are re-exported (import-linter checks that nothing else imports the
driver).
"""

import logging
import re
import time
from collections import deque
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
    OffsetSpec,
    ResourceType,
)

from streams.config.settings import Settings
from streams.errors import AccessError, BrokerError, BrokerUnreachableError

__all__ = [
    "OFFSET_BEGINNING",
    "OFFSET_END",
    "Admin",
    "AlterConfigOpType",
    "ConfigEntry",
    "ConfigResource",
    "Consumer",
    "KafkaError",
    "KafkaException",
    "Message",
    "NewPartitions",
    "NewTopic",
    "OffsetSpec",
    "Producer",
    "ResourceType",
    "TopicCollection",
    "TopicPartition",
    "admin",
    "brokers_of",
    "consumer",
    "offset_span",
    "producer",
    "refused",
    "require_broker",
    "unreachable",
]

_LOG = logging.getLogger("librdkafka")
_LOG.addHandler(logging.NullHandler())
"""Lines of the driver go through logging when a client is polled, not to standard error. A command without a
log drops them: it reports errors itself."""

SILENCE_MS = 10_000
"""Milliseconds to wait for an answer before the connection counts as half-open and is replaced. The driver's
default of 60 s is the timeout of a whole transaction: after such a wait it can only fail (measured, after an
outage of 6 s). A request of 1 MB, the largest one, is answered in time at 100 kB/s."""

_USER: Final = "check NEARLINE_KAFKA__SASL_USERNAME, __SASL_PASSWORD and __SASL_MECHANISM"
_RIGHTS: Final = "give this user the rights that deploy/kubernetes/strimzi/users.yaml names, then repeat"
REFUSALS: Final[Mapping[int, str]] = {
    KafkaError._AUTHENTICATION: _USER,  # noqa: SLF001 - the driver's names
    KafkaError.SASL_AUTHENTICATION_FAILED: _USER,
    KafkaError._SSL: "check NEARLINE_KAFKA__SSL_CA_LOCATION, and whether the certificate names this host",  # noqa: SLF001
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _RIGHTS,
    KafkaError.GROUP_AUTHORIZATION_FAILED: _RIGHTS,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: _RIGHTS,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: _RIGHTS,
}
"""Errors of the driver that a retry cannot fix, with the next step."""
NO_LEADER: Final = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}
"""A partition is being created, or its leader elected: the same question has an answer soon."""
RETRY_S: Final = 0.1
"""Between two such questions; an election takes some tenths of a second."""
DIAGNOSE_S: Final = 1.0
"""Seconds in which a client that connects for the cause alone has to find it, ..."""
POLL_S: Final = 0.02
"""... and seconds between two polls."""
MOST_ERRORS: Final = 16
"""Errors of connections that an admin client keeps, the newest: some for each broker."""
_FAILED: Final = re.compile(
    r"^(\S+?)(?:/\w+)?: (?:Connect to \S+ failed: )?(.+?) \(after \d+ms in state \w+.*\)$"
)
"""The driver's line about a failed connection: address and cause, between its own thread and state."""


def brokers_of(target: Settings | str) -> str:
    """Return the addresses of a target: settings, or the addresses themselves."""
    return target.brokers if isinstance(target, Settings) else target


def producer(target: Settings | str, overrides: Mapping[str, Any] | None = None) -> Producer:
    """Build an idempotent producer with Java's partitioner.

    Parameters
    ----------
    target
        Settings, or addresses as host:port[,host:port…].
    overrides
        librdkafka properties that override everything but the partitioner. With a ``transactional.id``,
        ``linger.ms`` is 20: a commit flushes at once, and messages that are queued together are sent together
        (measured: 3 µs of the driver per event, 8.5 µs without).

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
    """Build a consumer of committed records that never commits offsets by itself.

    Parameters
    ----------
    target
        Settings, or addresses.
    overrides
        librdkafka properties; give ``group.id`` if the consumer subscribes instead of assigning itself.
    """
    config = _common(target) | {
        "group.id": "nearline-reader",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    }
    return Consumer(config | dict(overrides or {}), logger=_LOG)


class Admin(AdminClient):
    """An admin client that knows why its connections fail: the driver reports a timeout, whatever the cause.

    Parameters
    ----------
    config
        librdkafka properties.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._errors = deque[KafkaError](maxlen=MOST_ERRORS)
        own: dict[str, Any] = {**config, "error_cb": self._errors.append}
        super().__init__(own, logger=_LOG)

    def list_topics(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the driver names no public type
        """Request metadata; errors of connections from before an answer count no longer."""
        found = super().list_topics(*args, **options)
        self.poll(0)
        self._errors.clear()
        return found

    def connection_error(self) -> KafkaError | None:
        """Return why no broker answers, a refusal first; None if no connection has failed."""
        self.poll(0)
        found = [error for error in self._errors if error.code() != KafkaError._ALL_BROKERS_DOWN]  # noqa: SLF001 - the driver's name
        return next((error for error in found if error.code() in REFUSALS), found[0] if found else None)


def admin(target: Settings | str, overrides: Mapping[str, Any] | None = None) -> Admin:
    """Build an admin client for topics, configurations and groups."""
    return Admin(_common(target) | dict(overrides or {}))


def require_broker(target: Settings | str, *, timeout_s: float | None = None) -> int:
    """Request the metadata of the cluster and return its number of brokers.

    Parameters
    ----------
    target
        Settings, or addresses.
    timeout_s
        Seconds to wait for the answer. Default: the setting `connect_timeout_s`.

    Raises
    ------
    BrokerUnreachableError
        No broker answered in time.
    AccessError
        The broker refuses this user, or its certificate is not trusted.
    """
    if timeout_s is None:
        timeout_s = (target if isinstance(target, Settings) else Settings.load()).connect_timeout_s
    client = admin(target)
    try:
        return len(client.list_topics(timeout=timeout_s).brokers)
    except KafkaException as error:
        raise unreachable(target, error, client) from None


def unreachable(target: Settings | str, error: KafkaException, client: Admin | None = None) -> BrokerError:
    """Translate the driver's failure to reach the cluster.

    Parameters
    ----------
    target
        Settings, or addresses.
    error
        What the driver reports: mostly a timeout.
    client
        Which has failed: it has noted the cause, however late it came. Without it, or if it has noted none,
        another one connects, and has :data:`DIAGNOSE_S`.
    """
    cause = error.args[0]
    if cause.code() not in REFUSALS:
        cause = (client and client.connection_error()) or _connection_error(target) or cause
    where = brokers_of(target)
    step = "start one with `nearline kafka start`, or give --brokers host:port (NEARLINE_BROKERS)"
    if "transport failure" in cause.str():  # the broker closes the connection, as one that expects TLS does
        step += "; if it speaks TLS or SASL, set security.protocol (NEARLINE_KAFKA__SECURITY_PROTOCOL)"
    return refused(cause, f"the Kafka at {where} refuses this user") or BrokerUnreachableError(
        f"no Kafka broker answers at {where}", why=_plain(cause.str()), next_step=step
    )


def offset_span(client: Consumer, place: TopicPartition, *, timeout_s: float) -> tuple[int, int]:
    """Return the first offset and the end of a partition.

    A partition of a new topic has no leader for a moment, and after an election brokers disagree about it for
    another: both are asked again until the time is over.

    Raises
    ------
    KafkaException
        No answer in time, or an error that does not pass by itself.
    """
    end = time.monotonic() + timeout_s
    while True:
        try:
            low, high = client.get_watermark_offsets(place, timeout=timeout_s, cached=False)
        except KafkaException as error:
            if error.args[0].code() not in NO_LEADER or time.monotonic() >= end:
                raise
            time.sleep(RETRY_S)
        else:
            return low, high


def refused(error: KafkaError, what: str) -> AccessError | None:
    """Return the `AccessError` for an error of missing access; None for another error."""
    advice = REFUSALS.get(error.code())
    return None if advice is None else AccessError(what, why=error.str(), next_step=advice)


def _plain(text: str) -> str:
    """Return the driver's line about a failed connection without its threads and states.

    Examples
    --------
    >>> _plain("h:1/bootstrap: Connect to ipv4#10.0.0.1:1 failed: Refused (after 0ms in state CONNECT)")
    'h:1: Refused'
    >>> _plain("Local: Broker transport failure")
    'Local: Broker transport failure'
    """
    found = _FAILED.match(text)
    return text if found is None else f"{found[1]}: {found[2]}"


def _connection_error(target: Settings | str) -> KafkaError | None:
    """Connect again and return the error of the connection."""
    client = admin(target)
    answer = client.describe_cluster(request_timeout=DIAGNOSE_S)  # the request makes the client connect
    end = time.monotonic() + DIAGNOSE_S
    while (error := client.connection_error()) is None and not answer.done() and time.monotonic() < end:
        time.sleep(POLL_S)
    return error


def _common(target: Settings | str) -> dict[str, Any]:
    """Return the properties of every client: addresses, name, and the operator's own."""
    own: Mapping[str, str] = target.kafka if isinstance(target, Settings) else {}
    name = target.group if isinstance(target, Settings) else "nearline"
    return (
        {"client.id": name, "socket.timeout.ms": SILENCE_MS}
        | dict(own)
        | {"bootstrap.servers": brokers_of(target)}
    )
