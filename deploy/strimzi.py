"""Topics and users for Strimzi, from the topic table and the rights of each user."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas import topics
from schemas.topics import PER_VERSION, TOPICS

API = "kafka.strimzi.io/v1"
CLUSTER = {"strimzi.io/cluster": "nearline"}
PARTITIONS = 12
"""Partitions of topics keyed by viewer or title: up to twelve workers; 2, 3, 4 and 6 share them evenly."""
REPLICAS = 3
READ = ("Describe", "Read")
WRITE = ("Describe", "Write")

Rights = Mapping[str, tuple[str, ...]]

USERS: Mapping[str, tuple[Rights, bool]] = {
    "nearline-worker": (
        {
            topics.EVENTS: (*READ, "DescribeConfigs", "Write"),  # what an anonymous viewer did, at sign-in
            topics.CATALOG: READ,
            topics.RULES: READ,
            topics.EXPERIMENTS: (*READ, "Write"),
            topics.EXPERIMENT_VIEWERS: (*READ, "DescribeConfigs", "Write"),
            topics.EXPERIMENT_TALLIES: (*READ, "DescribeConfigs", "Write"),
            topics.EXPERIMENT_DECISIONS: (*READ, "DescribeConfigs", "Write"),
            topics.INSIGHTS_VIEWERS: (*READ, "DescribeConfigs", "Write"),
            topics.INSIGHTS_VISITS: (*READ, "DescribeConfigs", "Write"),
            topics.INSIGHTS_STATE: (*READ, "DescribeConfigs", "Write"),
            topics.SIGNALS: (*READ, "DescribeConfigs", "Write"),
            topics.TITLE_MODEL: (*READ, "DescribeConfigs", "Write"),
            topics.VIEWER_STATE: (*READ, "DescribeConfigs", "Write"),
            topics.MODEL_VERSIONS: (*READ, "Write"),
            topics.HOME: WRITE,
            topics.ALERTS: WRITE,
            topics.TRENDING: WRITE,
            topics.INSIGHTS_TITLES: WRITE,
            topics.INSIGHTS_DEMAND: WRITE,
            topics.EXPERIMENT_RESULTS: WRITE,
            topics.DEAD_LETTERS: WRITE,
            topics.AUDIT: WRITE,  # commands of operators run as this user, too
        },
        True,
    ),
    "nearline-serve-user": (
        {name: (*READ, "Write") if name in {topics.EVENTS, topics.AUDIT} else READ for name in TOPICS},
        False,
    ),
    "events-producer": ({topics.EVENTS: WRITE}, False),
    "catalog-owner": ({topics.CATALOG: WRITE}, False),
    "experimenter": (
        {topics.EXPERIMENTS: (*READ, "Write"), topics.EXPERIMENT_RESULTS: READ, topics.AUDIT: WRITE},
        False,
    ),
    "content-team": (
        {topics.INSIGHTS_TITLES: READ, topics.INSIGHTS_DEMAND: READ, topics.CATALOG: READ},
        False,
    ),
    "merchandiser": ({topics.RULES: (*READ, "Write"), topics.AUDIT: WRITE}, False),
    "pages-consumer": ({topics.HOME: READ, topics.TRENDING: READ, topics.ALERTS: READ}, False),
}
"""The rights of each user per topic, and whether it writes in transactions. Names of a
user's consumer groups begin with its name, those of nearline's own users with ``nearline``."""

OBSERVERS = frozenset({"nearline-serve-user"})
"""Users that show the positions of groups: one that may join a group could take partitions from workers."""


def topic_documents() -> Iterator[dict[str, Any]]:
    """Yield a KafkaTopic for each row of the topic table."""
    for spec in TOPICS.values():
        few = spec.partitions == 1 or spec.sharded
        yield {
            "apiVersion": API,
            "kind": "KafkaTopic",
            "metadata": {"name": spec.name, "labels": CLUSTER},
            "spec": {
                "partitions": spec.partitions if few else PARTITIONS,
                "replicas": REPLICAS,
                "config": {"min.insync.replicas": str(REPLICAS - 1), **spec.settings()},
            },
        }


def user_documents() -> Iterator[dict[str, Any]]:
    """Yield a KafkaUser with the least rights for each of `USERS`."""
    for name, (rights, transactions) in USERS.items():
        yield {
            "apiVersion": API,
            "kind": "KafkaUser",
            "metadata": {"name": name, "labels": CLUSTER},
            "spec": {
                "authentication": {"type": "scram-sha-512"},
                "authorization": {"type": "simple", "acls": list(_acls(name, rights, transactions))},
            },
        }


def _acls(user: str, rights: Rights, transactions: bool) -> Iterator[dict[str, Any]]:
    prefix = "nearline" if user.startswith("nearline") else user
    for topic, operations in rights.items():
        # a version of the model has topics of its own: the same name with the version behind it
        yield _acl("topic", topic, operations, prefix=topic in PER_VERSION)
    if any("Read" in operations for operations in rights.values()):
        yield _acl("group", prefix, ("Describe",) if user in OBSERVERS else READ, prefix=True)
    if transactions:
        yield _acl("transactionalId", prefix, WRITE, prefix=True)


def _acl(kind: str, name: str, operations: Iterable[str], *, prefix: bool) -> dict[str, Any]:
    pattern = "prefix" if prefix else "literal"
    return {
        "resource": {"type": kind, "name": name, "patternType": pattern},
        "operations": sorted(operations),
        "host": "*",
    }
