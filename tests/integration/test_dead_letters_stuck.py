"""The topic of dead letters is out of reach: intake stops, the process ends and says why, nothing is lost."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from streams.kafka.clients import NewTopic, admin
from tests.integration.arena import Arena
from tests.integration.proxy import Routed

BAD = b"bad"


@pytest.mark.slow
def test_topic_missing(arena: Arena) -> None:
    """Deleted while the worker runs: it ends within bounds, and does not start before it is there again."""
    arena.orders = {"reject": "bad", "kafka": {"topic.metadata.propagation.max.ms": "3000"}}
    _started(arena)
    client = admin(arena.brokers)
    _result(client.delete_topics([arena.topic("dead")]))
    _feed_a_bad_one(arena)
    refused, missed = f"{arena.topic('dead')}: ", f"topic {arena.topic('dead')} of stage toy does not exist"
    code = arena.await_end(0)  # 4: the producer gave up; 1: on a slow machine the check of topics is earlier
    assert {4: refused, 1: missed}[code] in arena.log(0)
    arena.start(0)
    assert arena.await_end(0) == 1
    assert missed in arena.log(0)
    _result(client.create_topics([NewTopic(arena.topic("dead"), arena.partitions, 1)]))
    _exact_after(arena)


@pytest.mark.slow
def test_topic_not_authorised(routed: Routed, far: Arena) -> None:
    """Writing there is refused: the worker ends, again and again, and names the topic; no batch gets by."""
    far.orders |= {"reject": "bad"}
    _started(far)
    with _denied(routed.direct, far.topic("dead")):
        _feed_a_bad_one(far)
        assert far.await_end(0) == 2
        assert f"{far.topic('dead')} refuses this user" in far.log(0)
        far.start(0)
        assert far.await_end(0) == 1
        assert "this user has no right to see it" in far.log(0)
    _exact_after(far)


def _started(arena: Arena) -> None:
    """Let a worker do a little work, so that all its clients are connected."""
    arena.start(0)
    arena.await_partition(0)
    arena.feed(200)
    arena.settle(revive=False)


def _feed_a_bad_one(arena: Arena) -> None:
    """Produce events, one of which has to become a dead letter."""
    arena.feed(300)
    arena.produce("v1", BAD.decode())
    arena.feed(300)
    arena.producer.flush()


def _exact_after(arena: Arena) -> None:
    """Start the worker again: every event is there once, the bad one is a dead letter, once."""
    arena.start(0)
    arena.settle(revive=False)
    assert len(arena.read("dead")) == 1
    arena.verify(without=(BAD,))


@contextmanager
def _denied(brokers: str, topic: str) -> Iterator[None]:
    """Forbid everybody to write to a topic."""
    what = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:ANONYMOUS", "*")
    rule = (AclOperation.WRITE, AclPermissionType.DENY)
    client = admin(brokers)
    _result(client.create_acls([AclBinding(*what, *rule)]))
    yield
    _result(client.delete_acls([AclBindingFilter(*what, *rule)]))


def _result(futures: Mapping[Any, Future[Any]]) -> None:
    """Wait until the cluster has done what it was asked for."""
    for future in futures.values():
        future.result(30)
