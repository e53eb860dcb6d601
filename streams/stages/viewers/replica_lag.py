"""How many signals the viewers stage is ahead of the titles that it ranks from.

Live, the replica is a few hundred signals old, and nothing waits. A log replayed at full speed would outrun
its own model (HR@10 .194 fresh, .187 at 500 events, .182 at 2,000): there the setting ``lead_events`` bounds
the lag. A version that catches up as a shadow is bounded without the setting.
"""

import asyncio
import sys

from streams.stages.viewers.replica import Replica
from streams.telemetry.metrics import Metrics

CATCHING_UP_EVENTS = 500
"""Bound while a shadow catches up and the setting names none: see the figures above."""
LATE_MS = 60_000
"""A shadow catches up while its events were sent more than a minute ago."""
POLL_S = 0.002
"""Wait between two looks at the replica: small against the tens of milliseconds that a batch takes."""


class ReplicaLag:
    """Signals sent and not yet back in the replica, over the partitions of this worker.

    Parameters
    ----------
    replica
        Knows how many signals have come back.
    limit
        Most signals ahead; 0 bounds only a shadow that catches up.
    metrics
        Shows the lag, which is the replica's age in events.
    partitions
        Partitions that may pass the gate at once: together their batches double the lag at most.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> lag = ReplicaLag(SimpleNamespace(learned=lambda partition: 10), 100, Metrics())
    >>> lag.record_sent(0, 25); lag.record_sent(3, 5)
    >>> lag.events()
    15
    """

    def __init__(self, replica: Replica, limit: int, metrics: Metrics, *, partitions: int = 1) -> None:
        self._replica, self._limit, self._partitions = replica, limit, partitions
        self._late: set[int] = set()
        self._sent: dict[int, int] = {}
        self._sent_at_start: dict[int, int] = {}
        metrics.replica_age.set_function(self.events)

    def record_sent(self, partition: int, count: int) -> None:
        """Record how many signals a partition has sent; its first record is the count it started with."""
        self._sent[partition] = count
        self._sent_at_start.setdefault(partition, count)

    def set_catching_up(self, partition: int, *, late: bool) -> None:
        """Record whether a partition is a shadow's and late."""
        if late:
            self._late.add(partition)
        else:
            self._late.discard(partition)

    def limit(self) -> int:
        """Return the most signals ahead, 0 for no bound."""
        return self._limit or (CATCHING_UP_EVENTS if self._late else 0)

    def max_events(self) -> int:
        """Return the most events of a batch."""
        limit = self.limit()
        return max(1, limit // self._partitions) if limit else sys.maxsize

    def forget(self, partition: int) -> None:
        """Drop a partition that another worker has taken over."""
        self._sent.pop(partition, None)
        self._sent_at_start.pop(partition, None)
        self._late.discard(partition)

    def events(self) -> int:
        """Return the lag in signals."""
        return sum(max(0, sent - self._replica.learned(p)) for p, sent in list(self._sent.items()))

    async def gate(self) -> None:
        """Wait until the lag is within its limit.

        Signals that a partition sent before it came here do not count: a title model that was lost and starts
        anew never learns them, and waiting for them would not end.
        """
        while 0 < self.limit() <= self._sent_here():  # noqa: ASYNC110 - a thread fills the replica
            await asyncio.sleep(POLL_S)

    def _sent_here(self) -> int:
        lag = 0
        for p, sent in list(self._sent.items()):
            lag += max(0, sent - max(self._replica.learned(p), self._sent_at_start.get(p, 0)))
        return lag
