"""What a cluster says about topics: how many partitions, which topic it is, how long tombstones are kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from streams.config.settings import Settings
from streams.engine.applied import NO_ID
from streams.errors import TopicError
from streams.kafka import clients as kafka_clients
from streams.kafka.clients import (
    AdminClient,
    ConfigResource,
    KafkaException,
    ResourceType,
    TopicCollection,
    unreachable,
)
from streams.kafka.topics import is_embedded

__all__ = ["TopicInfo", "delete_retention_s", "describe_topics", "require_topics"]

_LOG = structlog.get_logger(__name__)

TIMEOUT_S = 5.0
"""Longest wait for one answer of the cluster."""

DEFAULT_DELETE_RETENTION_S = 86_400.0
"""Kafka's default `delete.retention.ms`, taken where the cluster does not tell."""


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """What the cluster says about a topic."""

    partitions: int
    topic_id: bytes


def describe_topics(
    settings: Settings, names: Iterable[str], client: AdminClient | None = None
) -> dict[str, TopicInfo]:
    """Ask the cluster for topics; those that do not exist are not in the answer.

    Parameters
    ----------
    settings
        Where the cluster is.
    names
        As they are on the cluster.
    client
        Who asks; by default a new client.

    Raises
    ------
    BrokerUnreachableError
        Nothing answers.
    """
    client = client or kafka_clients.admin(settings)
    try:
        found = client.list_topics(timeout=settings.connect_timeout_s)
        there = {name: len(found.topics[name].partitions) for name in names if name in found.topics}
        ids = {} if is_embedded(found) else _ids(client, [*there])
    except KafkaException as error:
        raise unreachable(settings, error) from None
    return {name: TopicInfo(count, ids.get(name, NO_ID)) for name, count in there.items() if count}


def require_topics(settings: Settings, names: Sequence[str]) -> dict[str, TopicInfo]:
    """Ask the cluster for topics that have to be there.

    Parameters
    ----------
    settings
        Where the cluster is.
    names
        Without the prefix; the answer has them so, too.

    Raises
    ------
    BrokerUnreachableError
        Nothing answers.
    TopicError
        A topic is missing.
    """
    found = describe_topics(settings, map(settings.topic, names))
    missing = [settings.topic(name) for name in names if settings.topic(name) not in found]
    if missing:
        what = f"topics are missing: {', '.join(missing)}"
        why = "nobody created them, or this user may not see them"
        advice = (
            "run `nearline topics apply`, or give the user the rights of deploy/kubernetes/strimzi/users.yaml"
        )
        raise TopicError(what, why=why, next_step=advice)
    return {name: found[settings.topic(name)] for name in names}


def _ids(client: AdminClient, names: list[str]) -> dict[str, bytes]:
    """Ask for the ids of topics; one that vanishes meanwhile has none."""
    answers = client.describe_topics(TopicCollection(names), request_timeout=TIMEOUT_S) if names else {}
    ids = {}
    for name, future in answers.items():
        try:
            uuid = future.result().topic_id
        except KafkaException as error:
            if error.args[0].code() != kafka_clients.KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
            continue
        halves = (uuid.get_most_significant_bits(), uuid.get_least_significant_bits())
        ids[name] = b"".join((half & (2**64 - 1)).to_bytes(8) for half in halves)
    return ids


def delete_retention_s(settings: Settings, topic: str, client: AdminClient | None = None) -> float:
    """Ask for a topic's `delete.retention.ms`, in seconds; not everybody may, and not every cluster tells.

    Parameters
    ----------
    settings, topic, client
        As for :func:`describe_topics`.
    """
    client = client or kafka_clients.admin(settings)
    resource = ConfigResource(ResourceType.TOPIC, topic)
    try:
        if is_embedded(client.list_topics(timeout=TIMEOUT_S)):
            return DEFAULT_DELETE_RETENTION_S
        answer: Any = client.describe_configs([resource], request_timeout=TIMEOUT_S)[resource].result()
        return int(answer["delete.retention.ms"].value) / 1000
    except KafkaException as error:
        why = error.args[0].str()
        _LOG.warning("retention_unknown", topic=topic, why=why, taken_s=DEFAULT_DELETE_RETENTION_S)
        return DEFAULT_DELETE_RETENTION_S
