"""How many signals the viewers stage is ahead of the titles that it ranks from.

Live, the replica of a grown model is a few hundred signals old, and nothing waits. Two bounds keep the lag
within what the model can bear.

**A young model.** What is learned from titles that have not moved yet is learned in vain: there are no
negatives among them, so the gradient is zero. So the lag is at most `YOUNG_SHARE` of the signals that the
replica has learned, and a burst on an empty model is learned in growing batches. HR@10 of the 2,000 ratings
of MovieLens-100K after a history of 8,000: .208 if that was learned one by one, .187 if it was learned at
once, .221 within 10 %, .205 within 20 % and .206 within 50 % of what was known (standard error .009);
factorization alone: .196, .149, .201, .184, .173. At 10 % a stream of 1,000 events/s would wait for its model
twice as long. The bound is never a trap: a batch waits for `HELD_S`, then goes on, so that pages do not stop
where the titles stage is away.

**A replay.** A log replayed at full speed would outrun its own model (HR@10 .194 fresh, .187 at 500 events,
.182 at 2,000): there the setting ``lead_events`` bounds the lag. A version that catches up as a shadow is
bounded without the setting.
"""

import asyncio
import sys

from streams.stages.viewers.replica import Replica
from streams.telemetry.metrics import Metrics

CATCHING_UP_EVENTS = 500
"""Bound while a shadow catches up and the setting names none: see the figures above."""
YOUNG_SHARE = 0.2
"""Bound of the lag by what the replica has learned: see the figures above."""
YOUNG_EVENTS = 200
"""Least value of that bound: the first titles are learned in vain anyway. After a history of 2,000 HR@10 is
.169 with it, .162 with 300, and .167 one by one."""
LATE_MS = 60_000
"""A shadow catches up while its events were sent more than a minute ago."""
POLL_S = 0.002
"""Wait between two looks at the replica: small against the tens of milliseconds that a batch takes."""

HELD_S = 1.0
"""Longest wait of one call of the gate: a fifth of the pause between two observations of the watchdog at the
default limit, so that each of them sees another refusal."""


class ReplicaLag:
    """Signals sent and not yet back in the replica, over the partitions of this worker.

    Parameters
    ----------
    replica
        Knows how many signals have come back.
    limit
        Most signals ahead; 0 bounds only a young model and a shadow that catches up.
    metrics
        Shows the lag, which is the replica's age in events.
    partitions
        Partitions that may pass the gate at once: together their batches double the lag at most.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> replica = SimpleNamespace(learned=lambda partition: 10, learned_in_all=lambda: 5_000)
    >>> lag = ReplicaLag(replica, 0, Metrics())
    >>> lag.record_sent(0, 25); lag.record_sent(3, 5)
    >>> lag.events(), lag.limit()
    (15, 1000)
    """

    def __init__(self, replica: Replica, limit: int, metrics: Metrics, *, partitions: int = 1) -> None:
        self._replica, self._limit, self._partitions = replica, limit, partitions
        self._late: set[int] = set()
        self._sent: dict[int, int] = {}  # other threads write it: copied before it is read as a whole
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
        """Return the most signals ahead."""
        return min(self._firm_limit() or sys.maxsize, self._young_limit())

    def max_events(self) -> int:
        """Return the most events of a batch."""
        return max(1, self.limit() // self._partitions)

    def forget(self, partition: int) -> None:
        """Drop a partition that another worker has taken over."""
        self._sent.pop(partition, None)
        self._sent_at_start.pop(partition, None)
        self._late.discard(partition)

    def events(self) -> int:
        """Return the lag in signals."""
        return sum(max(0, sent - self._replica.learned(p)) for p, sent in self._sent.copy().items())

    async def gate(self) -> bool:
        """Wait until the lag is within its limit, at most for `HELD_S` seconds; return whether to go on.

        Beyond the bound of a young model a batch goes on, beyond any other it does not. A titles stage that
        is away for longer is no stall of this one: the watchdog counts refusals as progress.

        Signals that a partition sent before it came here do not count: a title model that was lost and starts
        anew never learns them, and waiting for them would not end.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        while self._sent_here() >= self.limit():
            firm = 0 < self._firm_limit() <= self._sent_here()
            if loop.time() >= began + HELD_S:
                return not firm
            await asyncio.sleep(POLL_S)
        return True

    def _firm_limit(self) -> int:
        """Return the bound that is waited for however long it takes, 0 for none."""
        return self._limit or (CATCHING_UP_EVENTS if self._late else 0)

    def _young_limit(self) -> int:
        return max(YOUNG_EVENTS, int(YOUNG_SHARE * self._replica.learned_in_all()))

    def _sent_here(self) -> int:
        lag = 0
        for p, sent in self._sent.copy().items():
            lag += max(0, sent - max(self._replica.learned(p), self._sent_at_start.get(p, 0)))
        return lag
