"""Workers over what happens to their topics, their group and their place in it."""

import re

import pytest

from streams.kafka.clients import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
    TopicPartition,
    admin,
    consumer,
)
from tests.integration.arena import PARTITIONS, Arena
from tests.waiting import PATIENCE_S, until


@pytest.mark.slow
def test_static_members_restart_without_a_rebalance(arena: Arena) -> None:
    """Killed or told to stop, a worker is back in its place; the other one is not even told."""
    arena.orders = {"session_timeout_s": 40.0}
    for worker in (0, 1):
        arena.start(worker, group_instance_id=f"place-{worker}")
    for worker in (0, 1):
        until(lambda worker=worker: "partition_ready" in arena.log(worker))
    arena.feed(500)
    arena.settle()
    told = arena.log(1).count(" assigned ")
    for end in (arena.kill, arena.terminate):
        end(0)
        arena.start(0, group_instance_id="place-0")
        arena.await_partition(0)
        arena.feed(500)
        arena.settle()
    assert arena.log(1).count(" assigned ") == told
    arena.verify()


@pytest.mark.slow
def test_of_two_workers_in_one_place_the_later_stays(arena: Arena) -> None:
    """The earlier one ends and says why; nothing is lost or doubled."""
    arena.orders = {"group_instance_id": "place"}
    first = arena.start(0)
    arena.await_partition(0)
    arena.feed(500)
    second = arena.start(1)
    assert first.wait(PATIENCE_S) == 4
    assert "InstanceFencedError" in arena.log(0)
    assert "NEARLINE_GROUP_INSTANCE_ID" in arena.log(0)
    arena.feed(500)
    arena.settle(revive=False)
    assert second.poll() is None
    arena.verify()


@pytest.mark.slow
def test_growth_ends_all_workers_and_is_refused_ever_after(arena: Arena) -> None:
    """Nobody goes on with keys that have moved: not who runs, not who comes next, all numbers agreeing."""
    arena.orders = {"topics_pause_s": 1.0}
    running = [arena.start(worker) for worker in (0, 1)]
    arena.feed(500)
    arena.settle(revive=False)
    client = admin(arena.brokers)
    for name in ("in", "log"):
        topic = arena.topic(name)
        client.create_partitions([NewPartitions(topic, 2 * PARTITIONS)])[topic].result(30)
        for worker in running:
            assert worker.wait(PATIENCE_S) == 1
        running = [arena.start(0)]
    assert running[0].wait(PATIENCE_S) == 1
    refusals = re.findall(r"PartitionsChangedError: (.*)", arena.log(0))
    assert "was built for 4" in refusals[-1]
    assert "nearline replay --from-topic" in refusals[-1]


@pytest.mark.slow
def test_group_offsets_are_hints(arena: Arena) -> None:
    """Set to the beginning or far ahead by somebody, they change nothing: the position is in the state."""
    arena.feed(1_000)
    arena.start(0)
    arena.settle()
    assert arena.terminate(0) == 0
    arena.feed(1_000)
    arena.producer.flush()
    client = consumer(arena.brokers, {"group.id": f"{arena.prefix}toy"})
    places = [0, 10_000, 0, 10_000]
    client.commit(
        offsets=[TopicPartition(arena.topic("in"), number, place) for number, place in enumerate(places)],
        asynchronous=False,
    )
    client.close()
    arena.start(0)
    arena.settle()
    assert arena.terminate(0) == 0
    arena.verify()
    arena.verify_stores()


@pytest.mark.slow
def test_stale_store_and_deleted_events(arena: Arena) -> None:
    """A store that may have missed deletions, as its changelog keeps them, is wiped; a gap is counted."""
    client = admin(arena.brokers)
    resource = ConfigResource(ResourceType.TOPIC, arena.topic("log"))
    short = ConfigEntry("delete.retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)
    resource.add_incremental_config(short)
    client.incremental_alter_configs([resource])[resource].result(30)
    for worker in (0, 1):
        arena.feed(500)
        arena.start(worker)
        arena.settle(revive=False)
        assert arena.terminate(worker) == 0
    arena.start(0)
    until(lambda: arena.log(0).count("state_wiped") == PARTITIONS)
    assert "deletions are kept for 1 s" in arena.log(0)
    arena.feed(500)
    arena.settle(revive=False)
    arena.verify()
    assert arena.terminate(0) == 0
    arena.feed(400)
    arena.producer.flush()
    reader = consumer(arena.brokers)
    parts = [TopicPartition(arena.topic("in"), number) for number in range(PARTITIONS)]
    for part in parts:
        part.offset = reader.get_watermark_offsets(part, timeout=60)[1] - 10
    reader.close()
    for deleted in client.delete_records(parts).values():
        deleted.result(30)
    arena.start(0)
    until(lambda: arena.log(0).count("source_gap") == PARTITIONS)
    missing = map(int, re.findall(r"missing=(?:\x1b\[\d+m)*(\d+)", arena.log(0)))
    assert sum(missing) == 400 - 10 * PARTITIONS
    arena.sent -= 400 - 10 * PARTITIONS
    arena.settle(revive=False)
