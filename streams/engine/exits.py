"""How a worker process ends after an error."""

import os
import sys
from typing import NoReturn

import structlog

from streams.errors import StreamError

__all__ = ["IN_DOUBT", "die", "exit_code"]

_LOG = structlog.get_logger(__name__)

IN_DOUBT = 4
"""Exit code if state or outcome is in doubt: start the worker again, it reads the outcome in the log."""


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error; after any unforeseen error the outcome is in doubt."""
    return error.exit_code if isinstance(error, StreamError) else IN_DOUBT


def die(error: BaseException) -> NoReturn:
    """Log the error and end the process at once: no handler, no destructor and no commit runs.

    ``sys.exit`` would only end a thread and leave a worker that looks alive (Faust's issue #324).
    """
    code = exit_code(error)
    _LOG.critical("worker_dies", error=type(error).__name__, why=str(error), code=code, exc_info=error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
