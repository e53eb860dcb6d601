"""How far the reading of a log to its end is: a partition's restore, a replica's first reading."""

import time
from collections.abc import Callable, Mapping

import structlog

__all__ = ["ReadProgress"]

_LOG = structlog.get_logger(__name__)

TELL_S = 5.0
"""Seconds between two lines in the log: a restore at the usual speed tells nothing, a slow one is watched."""


class ReadProgress:
    """Progress of one reader; written by its thread, read by any.

    Records are counted in offsets, of which compaction and markers of transactions leave some empty: what is
    left is the most that it can be.

    Parameters
    ----------
    name
        What is being read, as people are told.
    clock
        Seconds that never go backwards.

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
        self._began = self._told = 0.0

    @property
    def remaining(self) -> int:
        """Return the records that are left, at most; 0 before the beginning too."""
        return sum(max(0, end - self._at[partition]) for partition, end in self._end.items())

    def begin(self, places: Mapping[int, tuple[int, int]]) -> None:
        """Begin to read.

        Parameters
        ----------
        places
            For each partition the position and the end.
        """
        self._first = {partition: position for partition, (position, _) in places.items()}
        self._at = dict(self._first)
        self._began = self._told = self._clock()
        self._end = {partition: end for partition, (_, end) in places.items()}

    def reached(self, partition: int, position: int, *, rows: int = 0) -> None:
        """Note a partition's new position and the rows that were read up to it; log that now and then."""
        self.rows += rows
        self._at[partition] = position
        now = self._clock()
        if now - self._told >= TELL_S and self.remaining:
            self._told = now
            _LOG.info("catching_up", progress=str(self))

    def __str__(self) -> str:
        """Say how far it is, how fast, and how long it will take."""
        if not self._end:
            return f"{self.name}: about to be read"
        took = max(self._clock() - self._began, 1e-9)
        left, whole = self.remaining, sum(self._end.values()) - sum(self._first.values())
        speed = (whole - left) / took
        text = f"{self.name}: {self.rows:,} rows read, {self.rows / took:,.0f} rows/s"
        estimate = f", about {left / speed:,.0f} s" if left and speed > 0 else ""
        return f"{text}, {left:,} of {whole:,} records left{estimate}"
