"""Ends a worker that has work and does nothing.

Consumers die quietly: a fetcher that hangs after a rebalance, a frozen event loop, a step that never returns,
or a thread pool that is full of them. The watchdog asks the broker itself, with a client and in a thread of
its own, where each source partition ends. A partition is stalled while it has records that are not applied
and nothing about it moves; when one has been stalled for `limit_s`, the process ends with code 5.

A broker that does not answer is not the worker's fault: the clock starts again when it does. Time is counted
in observations, not read from a clock, so a suspended machine does not look stuck when it wakes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event, Thread

import structlog

from streams.errors import StuckError
from streams.kafka.clients import KafkaException
from streams.telemetry.metrics import Metrics

__all__ = ["Watchdog", "WorkProgress"]

_LOG = structlog.get_logger(__name__)

OBSERVATIONS = 12
"""Looks per limit: with the default limit of 60 s, one every 5 s."""


@dataclass(frozen=True, slots=True)
class WorkProgress:
    """How far one source partition is."""

    stage: str
    """The stage."""

    applied: int
    """Last applied offset; -1 before the first."""

    fetched_to: int
    """Offset behind the last one fetched, markers of transactions included; -1 when not known."""

    idle: bool
    """Whether everything fetched is applied."""

    restored_rows: int
    """Rows read back so far: a long restore moves too."""

    held: int = 0
    """Times that it had to let another version go first: waiting for that is no stall."""

    def lag(self, end: int) -> int:
        """Return the records that are not applied yet.

        Markers of transactions occupy offsets that nobody is shown; where all that is fetched is applied,
        only what is not fetched yet counts.

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
    """The watcher of one worker.

    Parameters
    ----------
    progress
        Asked for ``(topic, partition) -> WorkProgress`` of everything assigned; from another thread.
    end_of
        Asks the broker for the end of a source partition; raises `KafkaException` when it does not answer.
    metrics
        Gets ends, lags and the stall.
    limit_s
        Longest stall.
    bark
        Ends the process.
    """

    def __init__(
        self,
        progress: Callable[[], Mapping[tuple[str, int], WorkProgress]],
        end_of: Callable[[str, int], int],
        metrics: Metrics,
        *,
        limit_s: float,
        bark: Callable[[BaseException], None],
    ) -> None:
        self._progress, self._end_of, self._metrics, self._bark = progress, end_of, metrics, bark
        self._limit_s, self._pause_s = limit_s, limit_s / OBSERVATIONS
        self._seen: dict[tuple[str, int], WorkProgress] = {}
        self._stalled_s: dict[tuple[str, int], float] = {}
        self._stop = Event()

    def start(self) -> None:
        """Begin to watch."""
        Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()

    def look(self) -> None:
        """Look at every partition once, and bark if one has been stalled for too long."""
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
            what = (
                f"nothing moved in partition {partition} of {topic} for {longest:.0f} s though there is work"
            )
            self._bark(StuckError(what, next_step="start the worker again; report it if it happens again"))

    def _end(self, topic: str, partition: int) -> int | None:
        """Return where a partition ends, None when its broker does not answer."""
        try:
            return self._end_of(topic, partition)
        except KafkaException as error:
            why = error.args[0].str()
            _LOG.warning("watchdog_broker_silent", topic=topic, partition=partition, why=why)
            return None

    def _watch(self) -> None:
        """Look again and again."""
        while not self._stop.wait(self._pause_s):
            self.look()

    def _show(self, tp: tuple[str, int], now: WorkProgress, end: int, lag: int) -> None:
        """Publish one partition's numbers."""
        labels = (now.stage, str(tp[1]))
        self._metrics.lag.labels(*labels).set(lag)
        self._metrics.end_offset.labels(*labels).set(end)
