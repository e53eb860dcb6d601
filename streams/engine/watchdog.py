"""Ends a worker that has work and makes no progress.

Consumers can hang silently: a fetcher after a rebalance, a blocked event loop, a step that never returns. The
watchdog asks the broker for the end of each source partition, with a client and in a thread of its own. A
partition is stalled while it has unapplied records and none of its numbers changes. When one has been stalled
for `limit_s` seconds, the process ends with code 5.

If the broker does not answer, the count of that partition starts again. Time is counted in observations, not
read from a clock, so a suspended machine does not look stalled when it wakes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event

import structlog

from streams.engine.repeat import repeat
from streams.errors import StreamError, StuckError
from streams.kafka.clients import KafkaException
from streams.telemetry.metrics import Metrics

__all__ = ["Watchdog", "WorkProgress"]

_LOG = structlog.get_logger(__name__)

OBSERVATIONS = 12
"""Observations per limit: with the default limit of 60 s, one every 5 s."""


@dataclass(frozen=True, slots=True)
class WorkProgress:
    """Progress of one source partition."""

    stage: str
    """The stage."""

    applied: int
    """Last applied offset; -1 before the first."""

    fetched_to: int
    """Offset behind the last one fetched, transaction markers included; -1 if unknown."""

    idle: bool
    """Whether everything that was fetched is applied."""

    restored_rows: int
    """Rows restored so far: a long restore is progress, too."""

    gate_refusals: int = 0
    """Number of times that the gate of the stage returned false: to wait for another version is no stall."""

    def lag(self, end: int) -> int:
        """Return the number of records that are not applied yet.

        Transaction markers occupy offsets, too. If all that was fetched is applied, only the offsets that are
        not fetched yet count.

        Examples
        --------
        >>> WorkProgress("s", applied=8, fetched_to=10, idle=True, restored_rows=0).lag(10)
        0
        >>> WorkProgress("s", applied=8, fetched_to=9, idle=False, restored_rows=0).lag(12)
        3
        """
        behind = self.fetched_to if self.idle and self.fetched_to >= 0 else self.applied + 1
        return max(end - behind, 0)


class Watchdog:
    """The watchdog of one worker.

    Parameters
    ----------
    progress
        Returns ``(topic, partition) -> WorkProgress`` of everything assigned; called from another thread.
    end_of
        Asks the broker for the end of a source partition; raises `KafkaException` if it does not answer, a
        `StreamError` if it refuses to.
    metrics
        Where ends, lags and the longest stall are shown.
    limit_s
        Maximum duration of a stall, in seconds.
    die
        Ends the process.
    """

    def __init__(
        self,
        progress: Callable[[], Mapping[tuple[str, int], WorkProgress]],
        end_of: Callable[[str, int], int],
        metrics: Metrics,
        *,
        limit_s: float,
        die: Callable[[BaseException], None],
    ) -> None:
        self._progress, self._end_of, self._metrics, self._die = progress, end_of, metrics, die
        self._limit_s, self._pause_s = limit_s, limit_s / OBSERVATIONS
        self._seen: dict[tuple[str, int], WorkProgress] = {}
        self._stalled_s: dict[tuple[str, int], float] = {}
        self._refusal = ""  # the last one that was logged
        self._stop = Event()

    def start(self) -> None:
        """Begin to watch."""
        repeat(self.check, self._pause_s, until=self._stop, die=self._die, name="watchdog")

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()

    def check(self) -> None:
        """Observe every partition once; end the process if one has been stalled for too long."""
        found = self._progress()
        ends = {tp: end for tp in found if (end := self._end(*tp)) is not None}
        for tp in self._seen.keys() - found.keys():
            self._metrics.forget_partition(self._seen[tp].stage, tp[1])
        stalled = {}
        for tp, end in ends.items():
            now = found[tp]
            lag = now.lag(end)
            self._show(tp, now, end, lag)
            if lag and now == self._seen.get(tp):
                stalled[tp] = self._stalled_s.get(tp, 0.0) + self._pause_s
        self._seen, self._stalled_s = dict(found), stalled
        longest = max(stalled.values(), default=0.0)
        self._metrics.stalled_seconds.set(longest)
        if longest >= self._limit_s:
            topic, partition = max(stalled, key=stalled.__getitem__)
            what = f"partition {partition} of {topic} has work and made no progress for {longest:.0f} s"
            self._die(StuckError(what, next_step="start the worker again; report it if it happens again"))

    def _end(self, topic: str, partition: int) -> int | None:
        """Return the end of a partition, None if its broker does not answer."""
        try:
            return self._end_of(topic, partition)
        except KafkaException:  # `streams.engine.broker_watch` reports it
            return None
        except StreamError as error:
            if str(error) != self._refusal:
                self._refusal = str(error)
                _LOG.warning("watchdog_refused", topic=topic, partition=partition, why=self._refusal)
            return None

    def _show(self, tp: tuple[str, int], now: WorkProgress, end: int, lag: int) -> None:
        """Show the numbers of one partition."""
        labels = (now.stage, str(tp[1]))
        self._metrics.lag.labels(*labels).set(lag)
        self._metrics.end_offset.labels(*labels).set(end)
