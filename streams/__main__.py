"""``python -m streams`` and the script ``nearline``: the command line, with SIGTERM handled from the start.

The imports of a command take a second or more, and by default Python dies of SIGTERM with code -15. So this
module imports nothing of the product before it has installed handlers:

* Until a command runs there is nothing to leave in order: the process ends at once, with code 0 if it is a
  service (`nearline worker` and its like), else with 130, as after ctrl-C. No exception could be swallowed by
  whatever is being imported, or be raised before anything handles it.
* A service that runs installs handlers of its own. Any other command is interrupted as by ctrl-C.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence

SERVICES = frozenset({"serve", "worker", "experiments worker", "insights worker"})
"""Commands that run until a signal."""

INTERRUPTED = 130
"""`ExitCode.INTERRUPTED` of :mod:`streams.cli.console`, which is not imported yet."""


def run() -> int:
    """Run the command line of this process and return its exit code."""
    service = _is_service(sys.argv[1:])
    _handle(_end_service if service else _end_command)
    from streams.cli import main  # noqa: PLC0415 - handlers first: this takes a second

    try:
        if not service:
            _handle(_interrupt)
        return main()
    except KeyboardInterrupt:
        return INTERRUPTED


def _is_service(words: Sequence[str]) -> bool:
    """Return whether a command line starts a service.

    Examples
    --------
    >>> lines = "--debug serve --port 0", "insights worker", "top --worker x"
    >>> [_is_service(line.split()) for line in lines]
    [True, True, False]
    """
    command = [word for word in words if not word.startswith("-")]
    return not SERVICES.isdisjoint({" ".join(command[:1]), " ".join(command[:2])})


def _handle(handler: Callable[..., None]) -> None:
    """Install a handler of both signals that end a process."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def _end_service(*_: object) -> None:
    """End the process as one that did what it was asked for."""
    os._exit(0)


def _end_command(*_: object) -> None:
    """End the process as one that was interrupted."""
    os._exit(INTERRUPTED)


def _interrupt(*_: object) -> None:
    """Handle a signal as Python handles ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(run())
