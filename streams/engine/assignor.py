"""Who gets which partitions: each topic spread evenly by itself, and as few moves as that allows.

aiokafka's sticky assignor counts partitions of all topics alike. With the events of viewers and the signals
about titles in one group it gave one worker three of four viewers partitions and the other one the title
shards: a quarter of the throughput was lost (measured). What was held before comes with each member's request
to join, in the sticky assignor's own format.
"""

from collections.abc import Mapping, Sequence
from itertools import islice

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

__all__ = ["TopicwiseAssignor", "share_out"]

Held = Mapping[tuple[str, int], str]
"""Member by the topic and partition that it had."""


class TopicwiseAssignor(StickyPartitionAssignor):  # type: ignore[misc]  # aiokafka is not typed
    """An assignor for aiokafka; the members of a group all have to name the same one."""

    name = "topicwise-sticky"

    @classmethod
    def assign(
        cls, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Share every topic out among the members that want it."""
        held = cls._held(members)
        load = dict.fromkeys(sorted(members), 0)
        shares: dict[str, dict[str, list[int]]] = {member: {} for member in load}
        for topic in sorted({topic for one in members.values() for topic in one.subscription}):
            wanting = {member: n for member, n in load.items() if topic in members[member].subscription}
            found = share_out(topic, sorted(cluster.partitions_for_topic(topic) or ()), wanting, held)
            for member, partitions in found.items():
                shares[member][topic] = partitions
                load[member] += len(partitions)
        return {
            member: ConsumerProtocolMemberAssignment(cls.version, list(share.items()), b"")
            for member, share in shares.items()
        }

    @classmethod
    def _held(cls, members: Mapping[str, ConsumerProtocolMemberMetadata]) -> Held:
        """Return who had what; of two members that both say so, the later generation is right."""
        told = {member: cls.parse_member_metadata(one) for member, one in members.items()}
        held: dict[tuple[str, int], str] = {}
        for member, one in sorted(told.items(), key=lambda pair: (pair[1].generation, pair[0])):
            held |= {(tp.topic, tp.partition): member for tp in one.partitions}
        return held


def share_out(
    topic: str, partitions: Sequence[int], load: Mapping[str, int], held: Held
) -> dict[str, list[int]]:
    """Share the partitions of one topic out.

    Parameters
    ----------
    topic, partitions
        What there is, ascending.
    load
        Members that want it, and how many partitions of other topics each got already: who has less gets
        what is left over.
    held
        Who had what.

    Returns
    -------
    dict
        Partitions by member; their numbers differ by one at most.

    Examples
    --------
    >>> share_out("in", [0, 1, 2, 3], {"a": 0, "b": 0}, held={("in", n): "a" for n in range(4)})
    {'a': [0, 1], 'b': [2, 3]}
    >>> share_out("in", [0, 1, 2], {"a": 1, "b": 0}, held={("in", 2): "a"})
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
