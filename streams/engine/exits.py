"""How a worker process ends where it cannot end by itself: after an error, or before it has started."""

import os
import sys
import traceback
from typing import NoReturn

import structlog

from streams.errors import StreamError

__all__ = ["IN_DOUBT", "die", "exit_code", "leave"]

_LOG = structlog.get_logger(__name__)

IN_DOUBT = 4
"""Exit code if state or outcome is in doubt: start the worker again, it reads the outcome in the log."""


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error; after any unforeseen error the outcome is in doubt."""
    return error.exit_code if isinstance(error, StreamError) else IN_DOUBT


def frames_of(error: BaseException) -> str:
    """Return types and frames of an error and its causes, newest first; texts only of `SystemError`.

    The text of an exception that a step raised can have values of a viewer. A log is read by more people than
    the events are, and is kept for longer. `SystemError` is what C code raises about itself: its text names a
    function, and is all that there is to find the defect by.
    """
    lines: list[str] = []
    one: BaseException | None = error
    while one is not None:
        text = f": {one}" if isinstance(one, SystemError) else ""
        lines.append(f"{type(one).__module__}.{type(one).__qualname__}{text}")
        lines += [
            f"  {at.filename}:{at.lineno} in {at.name}" for at in traceback.extract_tb(one.__traceback__)
        ]
        one = one.__cause__ or one.__context__
    return "\n".join(lines)


def die(error: BaseException) -> NoReturn:
    """Log the error and end the process at once: no handler, no destructor and no commit runs.

    ``sys.exit`` would only end a thread and leave a worker that looks alive (Faust's issue #324).
    """
    code = exit_code(error)
    _LOG.critical(
        "worker_dies", error=type(error).__name__, why=str(error), code=code, stack=frames_of(error)
    )
    leave(code)


def leave(code: int = 0) -> NoReturn:
    """End the process at once."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
