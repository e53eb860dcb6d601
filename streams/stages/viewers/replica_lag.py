"""How far the viewers stage is ahead of the titles that it ranks from.

Live, the replica is a few hundred events old, and nothing waits. A log replayed at full speed would outrun
its own model (HR@10 .194 fresh, .187 at 500 events, .182 at 2,000): there the setting ``lead_events`` bounds
the lead, and a version that catches up beside the live one has a bound without being told.
"""

import asyncio
import sys

from streams.stages.viewers.replica import Replica
from streams.telemetry.metrics import Metrics

CATCHING_UP_EVENTS = 500
"""Most events ahead while a shadow catches up and the setting says nothing: see the figures above."""
LATE_MS = 60_000
"""A shadow catches up while its events were sent more than a minute ago."""
POLL_S = 0.002
"""Wait between two looks at the replica: small against the tens of milliseconds that a batch takes."""


class ReplicaLag:
    """Signals sent and not yet back in the replica, over the partitions of this worker.

    Parameters
    ----------
    replica
        Says what has come back.
    limit
        Most signals ahead; 0 sets no bound but for a shadow that catches up.
    metrics
        Where the lead, which is the replica's age in events, is shown.
    partitions
        That may pass the gate at once: together their batches double the lead at most.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> lead = Lead(SimpleNamespace(learned=lambda partition: 10), 100, Metrics())
    >>> lead.sent(0, 25); lead.sent(3, 5)
    >>> lead.events()
    15
    """

    def __init__(self, replica: Replica, limit: int, metrics: Metrics, *, partitions: int = 1) -> None:
        self._replica, self._limit, self._partitions = replica, limit, partitions
        self._late: set[int] = set()
        self._sent: dict[int, int] = {}
        self._came_with: dict[int, int] = {}
        metrics.replica_age.set_function(self.events)

    def sent(self, partition: int, count: int) -> None:
        """Note how many signals a partition has sent; the first note of a partition is what it came with."""
        self._sent[partition] = count
        self._came_with.setdefault(partition, count)

    def catches_up(self, partition: int, *, late: bool) -> None:
        """Note whether a partition is a shadow's and behind."""
        if late:
            self._late.add(partition)
        else:
            self._late.discard(partition)

    def limit(self) -> int:
        """Return the most signals ahead, 0 for any number."""
        return self._limit or (CATCHING_UP_EVENTS if self._late else 0)

    def most(self) -> int:
        """Return the most events of a batch."""
        limit = self.limit()
        return max(1, limit // self._partitions) if limit else sys.maxsize

    def forget(self, partition: int) -> None:
        """Count a partition no longer: another worker has it."""
        self._sent.pop(partition, None)
        self._came_with.pop(partition, None)
        self._late.discard(partition)

    def events(self) -> int:
        """Return the lead in signals."""
        return sum(max(0, sent - self._replica.learned(p)) for p, sent in list(self._sent.items()))

    async def gate(self) -> None:
        """Wait until the lead is within its limit.

        What a partition had sent before it came here does not count: a title model that was lost and begins
        anew will never learn it, and waiting for that would be for ever.
        """
        while 0 < self.limit() <= self._gained():  # noqa: ASYNC110 - a thread fills the replica, without an event
            await asyncio.sleep(POLL_S)

    def _gained(self) -> int:
        owed = 0
        for p, sent in list(self._sent.items()):
            owed += max(0, sent - max(self._replica.learned(p), self._came_with.get(p, 0)))
        return owed
