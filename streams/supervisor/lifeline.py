"""A process that ends when its supervisor is gone, even if that was killed and could tell nobody."""

import os
import signal
from threading import Thread

__all__ = ["end_with_supervisor"]


def end_with_supervisor(descriptor: int = 0) -> None:
    """Send this process SIGTERM when the other end of a pipe is closed.

    Parameters
    ----------
    descriptor
        The end to read from. Default: standard input, which the supervisor has made and never writes to.
    """

    def wait() -> None:
        while os.read(descriptor, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, name="lifeline", daemon=True).start()
