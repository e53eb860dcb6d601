"""A lock, so that only one process uses a state folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.engine.disk_space import is_full
from streams.errors import DiskFullError, StateError, StateLockedError

__all__ = ["locked_folder"]


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Lock a state folder for this process, and create it if missing; the lock ends with the process.

    Raises
    ------
    StateLockedError
        Another worker has locked it.
    DiskFullError
        It is new, and there is no space for it, or a quota is used up.
    StateError
        It cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with locked_folder(folder), locked_folder(folder):
    ...     pass
    Traceback (most recent call last):
    streams.errors.StateLockedError: the state folder ... is in use by another worker ...
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "LOCK").open("w")
    except OSError as error:
        what = f"the state folder {folder} cannot be written"
        if is_full(error):
            advice = "free some space, or choose another (NEARLINE_STATE_DIR)"
            raise DiskFullError(what, why=error.strerror or "", next_step=advice) from error
        advice = "correct its owner, or choose another (NEARLINE_STATE_DIR)"
        raise StateError(what, why=error.strerror or "", next_step=advice) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            what = f"the state folder {folder} is in use by another worker"
            raise StateLockedError(what, next_step="give each worker its own (NEARLINE_STATE_DIR)") from error
        yield
