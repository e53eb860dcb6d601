"""Static membership: a worker that keeps its place in the group over a restart, and is the only one in it.

A worker with a `group_instance_id` does not leave the group when it stops. If it is back within the session
timeout it gets the partitions that it had, at once, and nobody else notices; if not, they are given away.

Of two workers with one id the broker keeps the later. aiokafka knows nothing of that: it takes the refusal
for a session that has expired, joins anew, and throws the other one out, for ever. So the answers to its
requests are looked at here, and the earlier worker ends.
"""

from collections.abc import Callable, Iterator
from typing import Any

from streams.errors import InstanceFencedError

__all__ = ["guard"]

REFUSALS = frozenset({25, 82})
"""Kafka's UNKNOWN_MEMBER_ID and FENCED_INSTANCE_ID: the place is somebody else's, or nobody's."""


def guard(coordinator: Any, instance: str, lost: Callable[[BaseException], None]) -> None:  # noqa: ANN401
    """End a static member when the group no longer knows it.

    Parameters
    ----------
    coordinator
        aiokafka's `GroupCoordinator` of a consumer that has started.
    instance
        The group instance id.
    lost
        Ends the process.
    """
    send = coordinator._send_req  # noqa: SLF001 - every request to the group's coordinator passes here

    async def looked_at(request: object) -> object:
        answer = await send(request)
        if not REFUSALS.isdisjoint(_codes(answer)):
            what = f"this worker has lost its place {instance} in the group"
            why = "another worker came with the same id, or this one was silent for the session timeout"
            advice = "give each worker a NEARLINE_GROUP_INSTANCE_ID of its own; start this one again"
            lost(InstanceFencedError(what, why=why, next_step=advice))
        return answer

    coordinator._send_req = looked_at  # noqa: SLF001


def _codes(answer: Any) -> Iterator[int]:  # noqa: ANN401 - aiokafka makes a class of each answer
    """Yield the error codes of an answer; that to a commit has one for each partition."""
    if hasattr(answer, "error_code"):
        yield answer.error_code
    elif hasattr(answer, "topics"):
        for _, partitions in answer.topics:
            yield from (partition[-1] for partition in partitions)
