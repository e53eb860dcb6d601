"""Consumer group: which partitions a worker gets, and static membership.

*Assignment.* aiokafka's sticky assignor counts the partitions of all topics alike. With the events of viewers
and the signals about titles in one group it gave one worker three of four viewers partitions and the other
worker the title shards: a quarter of the throughput was lost (measured). :class:`TopicwiseAssignor` spreads
each topic evenly by itself, with as few moves as that allows. The previous assignment arrives with each
member's request to join, in the sticky assignor's own format.

*One deployment a group.* All members subscribe to the same topics. Where they do not, two deployments (of
another topic prefix, say) share the group, and the leader says so: :func:`warn_if_shared`.

*Static membership.* A worker with a `group_instance_id` does not leave the group when it stops. If it returns
within the session timeout, it gets its partitions back at once, and no other worker's partitions move.
Otherwise they are assigned to others.

Of two workers with one id the broker keeps the later one. aiokafka does not handle that: it takes the error
for an expired session, joins anew and so fences the other worker, for ever. :func:`guard_static_member` reads
the answers to its requests and ends the earlier worker.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import structlog
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from streams.errors import InstanceFencedError

__all__ = ["TopicwiseAssignor", "guard_static_member", "spread_evenly"]

_LOG = structlog.get_logger(__name__)

LOST_MEMBERSHIP = frozenset({25, 82})
"""Kafka's error codes UNKNOWN_MEMBER_ID and FENCED_INSTANCE_ID: this member is not in the group any more."""

Held = Mapping[tuple[str, int], str]
"""The member that had a partition in the last generation, by topic and partition."""


class TopicwiseAssignor(StickyPartitionAssignor):  # type: ignore[misc]  # aiokafka is not typed
    """A partition assignor for aiokafka; all members of a group have to use the same one."""

    name = "topicwise-sticky"

    @classmethod
    def assign(
        cls, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Spread the partitions of every topic over the members that subscribe to it."""
        warn_if_shared({frozenset(one.subscription) for one in members.values()})
        held = cls._held(members)
        load = dict.fromkeys(sorted(members), 0)
        shares: dict[str, dict[str, list[int]]] = {member: {} for member in load}
        for topic in sorted({topic for one in members.values() for topic in one.subscription}):
            wanting = {member: n for member, n in load.items() if topic in members[member].subscription}
            found = spread_evenly(topic, sorted(cluster.partitions_for_topic(topic) or ()), wanting, held)
            for member, partitions in found.items():
                shares[member][topic] = partitions
                load[member] += len(partitions)
        return {
            member: ConsumerProtocolMemberAssignment(cls.version, list(share.items()), b"")
            for member, share in shares.items()
        }

    @classmethod
    def _held(cls, members: Mapping[str, ConsumerProtocolMemberMetadata]) -> Held:
        """Return the member that had each partition; if two claim it, the one of the later generation."""
        claims = {member: cls.parse_member_metadata(one) for member, one in members.items()}
        held: dict[tuple[str, int], str] = {}
        for member, one in sorted(claims.items(), key=lambda pair: (pair[1].generation, pair[0])):
            held |= {(tp.topic, tp.partition): member for tp in one.partitions}
        return held


def warn_if_shared(subscriptions: Collection[frozenset[str]]) -> None:
    """Log an error if members of one group read different topics: two deployments share the group.

    Their transactional ids are the same, too, so that they would fence each other for ever.
    """
    if len(subscriptions) > 1:
        _LOG.error(
            "group_shared",
            topics=sorted(sorted(topics) for topics in subscriptions),
            next="give each deployment a NEARLINE_GROUP of its own",
        )


def spread_evenly(
    topic: str, partitions: Sequence[int], load: Mapping[str, int], held: Held
) -> dict[str, list[int]]:
    """Spread the partitions of one topic evenly over members, with as few moves as that allows.

    Parameters
    ----------
    topic, partitions
        The topic and its partitions, ascending.
    load
        The members that subscribe to it, and the number of partitions of other topics that each has got
        already: members with a lower load get the remainder.
    held
        The assignment of the last generation.

    Returns
    -------
    dict
        Partitions by member; their numbers differ by one at most.

    Examples
    --------
    >>> spread_evenly("in", [0, 1, 2, 3], {"a": 0, "b": 0}, held={("in", n): "a" for n in range(4)})
    {'a': [0, 1], 'b': [2, 3]}
    >>> spread_evenly("in", [0, 1, 2], {"a": 1, "b": 0}, held={("in", 2): "a"})
    {'b': [0, 1], 'a': [2]}
    """
    had = {member: [p for p in partitions if held.get((topic, p)) == member] for member in load}
    order = sorted(load, key=lambda member: (load[member], -len(had[member]), member))
    least, over = divmod(len(partitions), len(order))
    quotas = {member: least + (place < over) for place, member in enumerate(order)}
    shares = {member: had[member][:quota] for member, quota in quotas.items()}
    kept = {p for share in shares.values() for p in share}
    free = iter([p for p in partitions if p not in kept])
    for member, share in shares.items():
        share.extend(islice(free, quotas[member] - len(share)))
    return {member: sorted(share) for member, share in shares.items()}


def guard_static_member(coordinator: Any, instance: str, lost: Callable[[BaseException], None]) -> None:  # noqa: ANN401
    """End the process of a static member that the group no longer knows.

    Parameters
    ----------
    coordinator
        aiokafka's `GroupCoordinator` of a started consumer.
    instance
        The group instance id.
    lost
        Ends the process.
    """
    send = coordinator._send_req  # noqa: SLF001 - every request to the group's coordinator passes here

    async def checked(request: object) -> object:
        answer = await send(request)
        if not LOST_MEMBERSHIP.isdisjoint(_codes(answer)):
            what = f"this worker is no longer the member {instance} of the group"
            why = "another worker joined with the same id, or this one was silent for the session timeout"
            advice = "give each worker a NEARLINE_GROUP_INSTANCE_ID of its own; start this one again"
            lost(InstanceFencedError(what, why=why, next_step=advice))
        return answer

    coordinator._send_req = checked  # noqa: SLF001


def _codes(answer: Any) -> Iterator[int]:  # noqa: ANN401 - aiokafka makes a class of each answer
    """Yield the error codes of an answer; the answer to a commit has one for each partition."""
    if hasattr(answer, "error_code"):
        yield answer.error_code
    elif hasattr(answer, "topics"):
        for _, partitions in answer.topics:
            yield from (partition[-1] for partition in partitions)
