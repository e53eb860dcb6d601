"""Metrics of the committed batches of one partition."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.dead_letters import DeadLetter
from streams.telemetry.metrics import Metrics

__all__ = ["PARTS", "BatchMetrics"]

PARTS = ("step", "transaction", "store")
"""Parts of a batch whose time is taken."""


class BatchMetrics:
    """Counts the batches of a partition; their labels are looked up once, which takes 3 us each.

    Parameters
    ----------
    metrics
        Metrics of the worker.
    stage, partition
        The partition.
    """

    def __init__(self, metrics: Metrics, stage: str, partition: int) -> None:
        self._stage, self._delay, self._dead_letters = stage, metrics.commit_delay, metrics.dead_letters
        self._seconds = {part: metrics.batch_seconds.labels(stage, part) for part in PARTS}
        self._events = metrics.batch_events.labels(stage)
        self._applied = metrics.events.labels(stage, "applied")
        self._offset = metrics.applied_offset.labels(stage, str(partition))

    def observe(
        self,
        sent_ms: NDArray[np.int64],
        letters: Sequence[DeadLetter],
        took: Mapping[str, float],
        *,
        applied: int,
        now_ms: int,
    ) -> None:
        """Count a batch that was committed at a time: timestamps, dead letters, seconds of its parts."""
        for part, seconds in took.items():
            self._seconds[part].observe(seconds)
        if sent_ms.size:
            self._events.observe(sent_ms.size)
        self._applied.inc(sent_ms.size)
        self._offset.set(applied)
        self._delay.observe(self._stage, (now_ms - sent_ms) / 1000)
        if letters:
            for reason, count in Counter(letter.reason for letter in letters).items():
                self._dead_letters.labels(self._stage, reason.value).inc(count)
