"""Bounds what the Kafka drivers log: while a broker is away they write hundreds of lines a second.

Every client of librdkafka reports each failed connection, aiokafka each request that failed, and all of them
go on retrying. One line a driver every half a minute says as much. While an outage is reported by the worker
itself (:mod:`streams.engine.broker_watch`), they say nothing.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["DriverLogs", "driver_logs"]

DRIVERS = ("librdkafka", "aiokafka", "faust", "mode")
"""Loggers of the drivers, and of the library that runs one of them."""

PAUSE_S = 30.0
"""Seconds between two lines of a driver."""


class DriverLogs(logging.Filter):
    """A filter of handlers.

    Parameters
    ----------
    clock
        Monotonic clock, seconds.

    Attributes
    ----------
    outage
        Whether an outage is being reported: then the drivers log nothing.

    Examples
    --------
    >>> logs = DriverLogs(clock=iter([0.0, 9.0, 31.0]).__next__)
    >>> lines = [logging.LogRecord("aiokafka.conn", 40, "", 0, "closed", None, None) for _ in range(3)]
    >>> [logs.filter(line) for line in lines], lines[2].getMessage()
    ([True, False, True], 'closed (and 1 more lines within 31 s)')
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.outage = False
        self._clock = clock
        self._shown: dict[
            str, tuple[float, int]
        ] = {}  # when a driver's last line was shown, lines since then

    def reset(self) -> None:
        """Begin anew: no line was shown, there is no outage."""
        self.outage = False
        self._shown.clear()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let the drivers log nothing: whoever asks the broker reports the answer."""
        before, self.outage = self.outage, True
        try:
            yield
        finally:
            self.outage = before

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is shown; say how many were not since the last one."""
        driver = record.name.partition(".")[0]
        if driver not in DRIVERS:
            return True
        now = self._clock()
        at, dropped = self._shown.get(driver, (float("-inf"), 0))
        if self.outage or now - at < PAUSE_S:
            self._shown[driver] = at, dropped + 1
            return False
        self._shown[driver] = now, 0
        if dropped:
            record.msg = f"{record.getMessage()} (and {dropped:,} more lines within {now - at:.0f} s)"
            record.args = None
        return True


driver_logs = DriverLogs()
"""The filter of this process."""
