"""How far the viewers stage is ahead of the titles that it ranks from.

Live, the replica is a few hundred events old, and nothing waits. A file replayed at full speed would outrun its own model (HR@10 .194
fresh, .182 at 2,000 events): there the setting ``lead_events`` bounds the lead.
"""

import asyncio

from streams.metrics import Metrics
from streams.replica import Replica

POLL_S = 0.002
"""Wait between two looks at the replica: small against the tens of milliseconds that a batch takes."""


class Lead:
    """Events sent as signals and not yet back in the replica, over the partitions of this worker.

    Parameters
    ----------
    replica
        Says what has come back.
    limit
        Most events ahead.
    metrics
        Where the lead, which is the replica's age in events, is shown.
    """

    def __init__(self, replica: Replica, limit: int, metrics: Metrics) -> None:
        self._replica, self._limit, self._metrics = replica, limit, metrics
        self._sent: dict[int, int] = {}

    def sent(self, partition: int, count: int) -> None:
        """Note how many events a partition has sent."""
        self._sent[partition] = count
        self._metrics.replica_age.set(self.events())

    def forget(self, partition: int) -> None:
        """Count a partition no longer: another worker has it."""
        self._sent.pop(partition, None)

    def events(self) -> int:
        """Return the lead in events."""
        return sum(max(0, sent - self._replica.learned(p)) for p, sent in list(self._sent.items()))

    async def gate(self) -> None:
        """Wait until the lead is within its limit."""
        while self.events() >= self._limit:
            await asyncio.sleep(POLL_S)
