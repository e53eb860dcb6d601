"""Partitions are shared out evenly topic by topic, and move only where they have to."""

from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from streams.engine.consumer_group import TopicwiseAssignor

Shares = Mapping[str, Mapping[str, list[int]]]


def assigned(topics: Mapping[str, int], members: list[str], before: Shares | None = None) -> Shares:
    """Let the assignor share topics out among members that had something before."""
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: set(range(topics[topic])))
    asked = {}
    for member in members:
        had = (before or {}).get(member, {})
        pairs = [SimpleNamespace(topic=t, partition=p) for t, parts in had.items() for p in parts]
        asked[member] = TopicwiseAssignor._metadata(topics, pairs or None)
    found = TopicwiseAssignor.assign(cluster, asked)
    return {member: dict(one.assignment) for member, one in found.items()}


def held(shares: Shares) -> dict[tuple[str, int], str]:
    """Return the member of each partition."""
    return {(t, p): member for member, share in shares.items() for t, parts in share.items() for p in parts}


def test_stages_are_balanced_each() -> None:
    """Two workers: two viewers partitions and one title shard each, whoever came first."""
    topics = {"events": 4, "signals": 2}
    first = assigned(topics, ["a"])
    both = assigned(topics, ["b", "a"], first)
    for share in both.values():
        assert {topic: len(parts) for topic, parts in share.items()} == {"events": 2, "signals": 1}
    assert set(both["a"]["events"]) < set(first["a"]["events"])


def test_what_is_left_over_goes_to_who_has_less() -> None:
    """One shard and five partitions: the worker without the shard gets the fifth."""
    shares = assigned({"events": 5, "a-shard": 1}, ["a", "b"])
    assert sorted(sum(map(len, share.values())) for share in shares.values()) == [3, 3]


@given(
    st.dictionaries(st.sampled_from(["e", "s", "t"]), st.integers(1, 12), min_size=1),
    st.lists(st.sets(st.sampled_from("abcde"), min_size=1), min_size=2, max_size=5),
)
def test_even_complete_and_sticky(topics: dict[str, int], generations: list[set[str]]) -> None:
    """Every partition has one member, counts differ by one at most, nobody moves for nothing."""
    shares: Shares = {}
    for members in generations:
        shares = assigned(topics, sorted(members), shares)
        assert held(shares).keys() == {(topic, p) for topic, n in topics.items() for p in range(n)}
        assert sum(len(parts) for share in shares.values() for parts in share.values()) == len(held(shares))
        for topic in topics:
            counts = [len(share[topic]) for share in shares.values()]
            assert max(counts) - min(counts) <= 1
        assert held(assigned(topics, sorted(members), shares)) == held(shares)


def test_nobody_moves_more_than_needed() -> None:
    """A third worker takes what makes it even, no more: one partition of each of the two others."""
    before = assigned({"events": 6}, ["a", "b"])
    after = assigned({"events": 6}, ["a", "b", "c"], before)
    moved = {tp for tp, member in held(after).items() if held(before)[tp] != member}
    assert len(moved) == 2


def test_unreadable_memory_is_none() -> None:
    """A member whose earlier partitions cannot be read gets its share all the same."""
    cluster = SimpleNamespace(partitions_for_topic=lambda _topic: {0, 1})
    found = TopicwiseAssignor.assign(cluster, {"a": ConsumerProtocolMemberMetadata(0, ["in"], b"\x01")})
    assert dict(found["a"].assignment) == {"in": [0, 1]}


@pytest.mark.parametrize("topics", [["events"], ["events", "test.events"]])
def test_two_deployments_in_one_group_are_named(topics: list[str]) -> None:
    """Members that read different topics would fence each other for ever: the leader says what to change."""
    members = {f"m{n}": TopicwiseAssignor._metadata([topic], None) for n, topic in enumerate(topics * 2)}
    cluster = SimpleNamespace(partitions_for_topic=lambda _: {0, 1})
    with capture_logs() as lines:
        TopicwiseAssignor.assign(cluster, members)
    assert [line["topics"] for line in lines] == ([[["events"], ["test.events"]]] if len(topics) > 1 else [])
    assert all("NEARLINE_GROUP" in line["next"] for line in lines)
