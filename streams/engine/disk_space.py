"""Waits for free space on the disk of the databases before a worker starts.

A worker whose disk is full ends, because what it cannot write it must not process. A supervisor would start
it again at once, and it would fail again, for ever and each time with a rebalance of the group. So a worker
waits until there is space: alive, not ready, and with one line in the log.

A quota of the user counts like the end of the disk. File systems do not report it as free space, so the space
is allocated once, in a file without a name, before the worker starts.
"""

import errno
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import structlog

__all__ = ["NEEDED_BYTES", "DiskSpace", "is_full"]

_LOG = structlog.get_logger(__name__)

NEEDED_BYTES = 16 << 20
"""Free space that a worker needs to start: two write buffers of a database (`streams.engine.state`)."""

PAUSE_S = 1.0
"""Seconds between two looks."""


def is_full(error: OSError) -> bool:
    """Return whether the disk has no space left, or the user's quota is used up.

    Examples
    --------
    >>> is_full(OSError(errno.EDQUOT, "quota exceeded")), is_full(OSError(errno.EACCES, "denied"))
    (True, False)
    """
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


def free_space(folder: Path) -> int:
    """Return the bytes that may be written to the disk of a folder, which may be missing.

    0 if it can take no more files, or if a quota leaves less than :data:`NEEDED_BYTES`.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    found = os.statvfs(there)
    takes_files = found.f_favail > 0 or found.f_files == 0  # some file systems do not count inodes
    free = found.f_bavail * found.f_frsize if takes_files else 0
    return free if free < NEEDED_BYTES or _takes(there, NEEDED_BYTES) else 0


def _takes(folder: Path, size: int) -> bool:
    """Return whether a file of this size fits; other errors are reported by who uses the folder."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        return not is_full(error)
    return True


class DiskSpace:
    """The free space on the disk of a folder.

    Parameters
    ----------
    folder
        Of the databases; it may be missing.
    free_bytes
        Returns the free space.
    """

    def __init__(self, folder: Path, free_bytes: Callable[[Path], int] = free_space) -> None:
        self._folder, self._free_bytes = folder, free_bytes
        self._missing = ""

    def waiting(self) -> list[str]:
        """Return what is missing as a line; none if there is enough."""
        return [self._missing] if self._missing else []

    def wait(self, beat: Callable[[], None]) -> None:
        """Block until there is enough space.

        Parameters
        ----------
        beat
            Called at each look: the worker is alive.
        """
        began = time.monotonic()
        while (free := self._free_bytes(self._folder)) < NEEDED_BYTES:
            beat()
            if not self._missing:
                advice = "free some space, or move NEARLINE_STATE_DIR: the worker starts by itself"
                _LOG.error("disk_full", folder=str(self._folder), free=free, needed=NEEDED_BYTES, next=advice)
            need = f"{free >> 20} MB are free, {NEEDED_BYTES >> 20} are needed"
            self._missing = f"the disk of {self._folder} is full: {need}"
            time.sleep(PAUSE_S)
        if self._missing:
            self._missing = ""
            _LOG.warning("disk_has_space", seconds=round(time.monotonic() - began))
