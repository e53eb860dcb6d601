"""Progress of reading a log to its end: the restore of a partition, the first read of a replica."""

import time
from collections.abc import Callable, Mapping

import structlog

__all__ = ["ReadProgress"]

_LOG = structlog.get_logger(__name__)

LOG_EVERY_S = 5.0
"""Seconds between two log lines: a restore at the usual speed logs none, a slow one can be followed."""


class ReadProgress:
    """Progress of one reader; its thread writes it, any thread may read it.

    Records are counted as offsets. Compaction and transaction markers leave some offsets empty, so the number
    of remaining records is an upper bound.

    Parameters
    ----------
    name
        Name of the log in messages.
    clock
        Monotonic clock, seconds.

    Attributes
    ----------
    rows
        Rows read so far.

    Examples
    --------
    >>> now = iter([0.0, 2.0, 2.0, 2.0])
    >>> read_progress = ReadProgress("viewers partition 2", clock=lambda: next(now))
    >>> read_progress.begin({2: (100, 500)})
    >>> read_progress.reached(2, 300, rows=180)
    >>> str(read_progress)
    'viewers partition 2: 180 rows read, 90 rows/s, 200 of 400 records left, about 2 s'
    >>> read_progress.reached(2, 500)
    >>> read_progress.remaining
    0
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name, self.rows = name, 0
        self._clock = clock
        self._first: dict[int, int] = {}
        self._at: dict[int, int] = {}
        self._end: dict[int, int] = {}
        self._began = self._logged = 0.0

    @property
    def remaining(self) -> int:
        """Return an upper bound of the remaining records; 0 before :meth:`begin`."""
        return sum(max(0, end - self._at[partition]) for partition, end in self._end.items())

    def begin(self, places: Mapping[int, tuple[int, int]]) -> None:
        """Set the start of the read.

        Parameters
        ----------
        places
            Position and end of each partition.
        """
        self._first = {partition: position for partition, (position, _) in places.items()}
        self._at = dict(self._first)
        self._began = self._logged = self._clock()
        self._end = {partition: end for partition, (_, end) in places.items()}

    def reached(self, partition: int, position: int, *, rows: int = 0) -> None:
        """Set the position of a partition and add the rows that were read up to it; log it at intervals."""
        self.rows += rows
        self._at[partition] = position
        now = self._clock()
        if now - self._logged >= LOG_EVERY_S and self.remaining:
            self._logged = now
            _LOG.info("catching_up", progress=str(self))

    def __str__(self) -> str:
        """Return progress, speed and estimated time as text."""
        if not self._end:
            return f"{self.name}: not started"
        took = max(self._clock() - self._began, 1e-9)
        left, whole = self.remaining, sum(self._end.values()) - sum(self._first.values())
        speed = (whole - left) / took
        text = f"{self.name}: {self.rows:,} rows read, {self.rows / took:,.0f} rows/s"
        estimate = f", about {left / speed:,.0f} s" if left and speed > 0 else ""
        return f"{text}, {left:,} of {whole:,} records left{estimate}"
