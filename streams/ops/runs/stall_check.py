"""Notices that a worker does not go on with the events of a run."""

import time
from pathlib import Path
from typing import Final

from streams.errors import ReplayStalledError

__all__ = ["LOOK_S", "StallCheck"]

LOOK_S: Final = 0.1
"""Wait between two reads of the worker's counters."""
QUIET_S: Final = 60.0
"""Without progress for this time, a run gives up."""


class StallCheck:
    """Fails when the number of processed events has not grown for `QUIET_S`; time begins with the object.

    Examples
    --------
    >>> stall = StallCheck()
    >>> stall.check(3, 5, Path("worker.log")), stall.check(3, 5, Path("worker.log"))
    (None, None)
    """

    def __init__(self) -> None:
        self._processed, self._moved = -1, time.monotonic()

    def check(self, processed: int, sent: int, log: Path) -> None:
        """Note how many events are processed.

        Parameters
        ----------
        processed, sent
            Events so far.
        log
            Of the worker, for who has to find out why.

        Raises
        ------
        ReplayStalledError
            It is as many as `QUIET_S` ago.
        """
        now = time.monotonic()
        if processed > self._processed:
            self._processed, self._moved = processed, now
        elif now - self._moved > QUIET_S:
            what = f"{sent - processed} events were not processed"
            raise ReplayStalledError(what, next_step=f"read {log}")
