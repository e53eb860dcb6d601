"""Calls a check in regular intervals, in a thread of its own: what watches a worker while it works."""

from collections.abc import Callable
from threading import Event, Thread

__all__ = ["repeat"]


def repeat(
    check: Callable[[], None],
    every_s: float,
    *,
    until: Event,
    die: Callable[[BaseException], None],
    name: str,
) -> None:
    """Start a thread that calls a check again and again.

    Parameters
    ----------
    check
        Called first after `every_s` seconds.
    every_s
        Seconds between the end of a call and the next one.
    until
        Ends the thread when it is set.
    die
        Called with what the check raises; it ends the process, since nobody else would notice that the thread
        has ended.
    name
        Of the thread.
    """

    def run() -> None:
        try:
            while not until.wait(every_s):
                check()
        except Exception as error:  # noqa: BLE001 - whatever it is, this thread is about to end
            die(error)

    Thread(target=run, name=name, daemon=True).start()
