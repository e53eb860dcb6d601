"""Topics and users for Strimzi, from the topic table and the rights of each user.

``python -m deploy.strimzi TENANT`` prints those of a tenant.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from schemas import topics
from schemas.topics import PER_VERSION, TOPICS
from streams.config.settings import Settings
from streams.errors import SettingsError

API = "kafka.strimzi.io/v1"
CLUSTER = {"strimzi.io/cluster": "nearline"}
PARTITIONS = 12
"""Partitions of topics keyed by viewer or title: up to twelve workers; 2, 3, 4 and 6 share them evenly."""
REPLICAS = 3
READ = ("Describe", "Read")
WRITE = ("Describe", "Write")

SERVE_WRITES = frozenset({topics.EVENTS, topics.EXPERIMENTS, topics.RULES, topics.AUDIT})
"""Topics that `nearline serve` writes: events of viewers, and what operators do in the console."""

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
        {name: (*READ, "Write") if name in SERVE_WRITES else READ for name in TOPICS},
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
    "merchandiser": (
        {topics.RULES: (*READ, "Write"), topics.CATALOG: READ, topics.AUDIT: WRITE},
        False,
    ),
    "pages-consumer": ({topics.HOME: READ, topics.TRENDING: READ, topics.ALERTS: READ}, False),
}
"""The rights of each user per topic, and whether it writes in transactions. Names of a
user's consumer groups begin with its name, those of nearline's own users with ``nearline``."""

OBSERVERS = frozenset({"nearline-serve-user"})
"""Users that show the positions of groups: one that may join a group could take partitions from workers."""


def topic_documents(tenant: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield a KafkaTopic for each row of the topic table.

    Parameters
    ----------
    tenant
        Whose topics: their names begin with it. Default: those of an installation without tenants.
    """
    start = _start(tenant)
    for spec in TOPICS.values():
        few = spec.partitions == 1 or spec.sharded
        yield {
            "apiVersion": API,
            "kind": "KafkaTopic",
            "metadata": {"name": start + spec.name, "labels": CLUSTER},
            "spec": {
                "partitions": spec.partitions if few else PARTITIONS,
                "replicas": REPLICAS,
                "config": {"min.insync.replicas": str(REPLICAS - 1), **spec.settings()},
            },
        }


def user_documents(tenant: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield a KafkaUser with the least rights for each of `USERS`.

    Parameters
    ----------
    tenant
        Whose users: their names, and those of the topics, groups and transactional ids that they may use,
        begin with it and a dot, which no tenant's name has. Default: users of an installation without
        tenants.

    Examples
    --------
    >>> worker = next(user_documents("acme"))
    >>> worker["metadata"]["name"]
    'acme.nearline-worker'
    >>> [acl["resource"]["name"] for acl in worker["spec"]["authorization"]["acls"]][-2:]
    ['acme.nearline', 'acme.nearline']
    """
    start = _start(tenant)
    for name, (rights, transactions) in USERS.items():
        yield {
            "apiVersion": API,
            "kind": "KafkaUser",
            "metadata": {"name": start + name, "labels": CLUSTER},
            "spec": {
                "authentication": {"type": "scram-sha-512"},
                "authorization": {"type": "simple", "acls": list(_acls(name, rights, start, transactions))},
            },
        }


def _start(tenant: str | None) -> str:
    """Return what the names of a tenant begin with, as processes with the setting `tenant` have it.

    Raises
    ------
    SettingsError
        No process takes this name, or the groups of an installation without tenants would be named like it.
    """
    if tenant is None:
        return ""
    own = Settings.load(tenant=tenant, topic_prefix="").topic_prefix
    taken = next((name for name in map(_group, USERS) if own.startswith(name)), None)
    if taken is not None:
        what = f"a tenant cannot be called {tenant}"
        why = f"users without a tenant have the groups that begin with {taken}"
        raise SettingsError(what, why=why, next_step="choose another name")
    return own


def _group(user: str) -> str:
    """Return what the names of a user's groups begin with."""
    return "nearline" if user.startswith("nearline") else user


def _acls(user: str, rights: Rights, start: str, transactions: bool) -> Iterator[dict[str, Any]]:
    for topic, operations in rights.items():
        # a version of the model has topics of its own: the same name with the version behind it
        yield _acl("topic", start + topic, operations, prefix=topic in PER_VERSION)
    if any("Read" in operations for operations in rights.values()):
        allowed = ("Describe",) if user in OBSERVERS else READ
        yield _acl("group", start + _group(user), allowed, prefix=True)
    if transactions:
        yield _acl("transactionalId", start + _group(user), WRITE, prefix=True)


def _acl(kind: str, name: str, operations: Iterable[str], *, prefix: bool) -> dict[str, Any]:
    pattern = "prefix" if prefix else "literal"
    return {
        "resource": {"type": kind, "name": name, "patternType": pattern},
        "operations": sorted(operations),
        "host": "*",
    }


def as_yaml(documents: Iterable[object]) -> str:
    """Write documents one after another, without the aliases that people cannot read."""
    dumper = type("Plain", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})
    return yaml.dump_all(list(documents), Dumper=dumper, sort_keys=False, width=1000, allow_unicode=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the topics and users of a tenant."""
    parser = argparse.ArgumentParser(prog="python -m deploy.strimzi", description=main.__doc__)
    parser.add_argument("tenant", help="its name, as in NEARLINE_TENANT")
    tenant = parser.parse_args(arguments).tenant
    try:
        text = as_yaml([*topic_documents(tenant), *user_documents(tenant)])
    except SettingsError as error:
        parser.error(str(error))
    sys.stdout.write(f"# generated: python -m deploy.strimzi {tenant}\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
