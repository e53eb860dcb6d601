"""How far the viewers stage is ahead of the titles that it ranks from.

Live, the replica is a few hundred events old, and nothing waits. A file replayed at full speed would outrun
its own model (HR@10 .194 fresh, .182 at 2,000 events): there the setting ``lead_events`` bounds the lead.
"""

import asyncio

from streams.metrics import Metrics
from streams.replica import Replica

POLL_S = 0.002
"""Wait between two looks at the replica: small against the tens of milliseconds that a batch takes."""


class Lead:
    """Signals sent and not yet back in the replica, over the partitions of this worker.

    Parameters
    ----------
    replica
        Says what has come back.
    limit
        Most signals ahead.
    metrics
        Where the lead, which is the replica's age in events, is shown.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> lead = Lead(SimpleNamespace(learned=lambda partition: 10), 100, Metrics())
    >>> lead.sent(0, 25); lead.sent(3, 5)
    >>> lead.events()
    15
    """

    def __init__(self, replica: Replica, limit: int, metrics: Metrics) -> None:
        self._replica, self._limit = replica, limit
        self._sent: dict[int, int] = {}
        self._came_with: dict[int, int] = {}
        metrics.replica_age.set_function(self.events)

    def sent(self, partition: int, count: int) -> None:
        """Note how many signals a partition has sent; the first note of a partition is what it came with."""
        self._sent[partition] = count
        self._came_with.setdefault(partition, count)

    def forget(self, partition: int) -> None:
        """Count a partition no longer: another worker has it."""
        self._sent.pop(partition, None)
        self._came_with.pop(partition, None)

    def events(self) -> int:
        """Return the lead in signals."""
        return sum(max(0, sent - self._replica.learned(p)) for p, sent in list(self._sent.items()))

    async def gate(self) -> None:
        """Wait until the lead is within its limit.

        What a partition had sent before it came here does not count: a title model that was lost and begins
        anew will never learn it, and waiting for that would be for ever.
        """
        while self._gained() >= self._limit:  # noqa: ASYNC110 - a thread fills the replica, without an event
            await asyncio.sleep(POLL_S)

    def _gained(self) -> int:
        owed = 0
        for p, sent in list(self._sent.items()):
            owed += max(0, sent - max(self._replica.learned(p), self._came_with.get(p, 0)))
        return owed
