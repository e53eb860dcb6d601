"""Hand out events no faster than wanted: at a rate, at a multiple of event time, or as fast as they go.

`simulate`, `replay` and `demo` share this: `parse_speed` reads what the user typed, `paced` turns a stream
into batches that are due.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, TypeVar

from streams.errors import SettingsError

__all__ = ["Speed", "paced", "parse_speed"]

E = TypeVar("E")

TICK_S: Final = 0.01
"""Sleep between looks at the clock: batches of 20 events at 2,000/s, and no noticeable load."""
MOST: Final = 500
"""Events in a batch at most: about a millisecond of encoding, so that progress and ctrl-C are prompt."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast.

    Attributes
    ----------
    kind
        ``rate``: events per second; ``event_time``: seconds of event time per second; ``unbounded``.
    value
        Which rate or multiple; of no meaning when unbounded.
    """

    kind: Literal["rate", "event_time", "unbounded"]
    value: float = 0.0

    def due_s(self, number: int, event_ms: int, first_ms: int) -> float:
        """Return when an event is due, in seconds after the start.

        Parameters
        ----------
        number
            Place of the event in the stream, from 0.
        event_ms, first_ms
            Event time of the event and of the first one.

        Examples
        --------
        >>> Speed("rate", 200).due_s(100, 0, 0), Speed("event_time", 60).due_s(9, 61_000, 1_000)
        (0.5, 1.0)
        """
        if self.kind == "rate":
            return number / self.value
        return (event_ms - first_ms) / 1000 / self.value if self.kind == "event_time" else 0.0

    def __str__(self) -> str:
        return {"rate": f"{self.value:g}/s", "event_time": f"{self.value:g}x"}.get(self.kind, "max")


def parse_speed(text: str) -> Speed:
    """Read a speed: ``2000/s``, ``60x`` or ``max``.

    Raises
    ------
    SettingsError
        For anything else, zero included.

    Examples
    --------
    >>> str(parse_speed("2000/s")), str(parse_speed("0.5x")), str(parse_speed("max"))
    ('2000/s', '0.5x', 'max')
    """
    if text.strip() == "max":
        return Speed("unbounded")
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(/s|x)\s*", text)
    if found is None or not float(found[1]):
        what = f"{text!r} is no speed"
        raise SettingsError(what, next_step="write 2000/s (events a second), 60x (event time) or max")
    return Speed("rate" if found[2] == "/s" else "event_time", float(found[1]))


def paced(
    events: Iterable[E],
    speed: Speed,
    *,
    time_ms: Callable[[E], int],
    wait: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[list[E]]:
    """Yield batches of events as they become due, in their order: never early, 10 ms late at most.

    Who falls behind catches up: an event is due at its own time, not some time after the one before.

    Parameters
    ----------
    events
        In order of event time.
    speed
        How fast.
    time_ms
        An event's time, UTC epoch milliseconds.
    wait
        Sleeps so many seconds; a true answer ends the stream (`threading.Event.wait` fits).
    clock
        Seconds from anywhere, never going back.

    Examples
    --------
    >>> list(paced([1, 2, 3], Speed("rate", 1e9), time_ms=int))[-1][-1]
    3
    """
    if speed.kind == "unbounded":
        stream = iter(events)
        while batch := list(islice(stream, MOST)):
            yield batch
            if wait(0):
                return
        return
    yield from _when_due(events, speed, time_ms, wait, clock)


def _when_due(
    events: Iterable[E],
    speed: Speed,
    time_ms: Callable[[E], int],
    wait: Callable[[float], object],
    clock: Callable[[], float],
) -> Iterator[list[E]]:
    """Do the waiting of `paced`."""
    started = clock()
    first_ms: int | None = None
    batch: list[E] = []
    for number, event in enumerate(events):
        first_ms = time_ms(event) if first_ms is None else first_ms
        due = started + speed.due_s(number, time_ms(event), first_ms)
        if batch and (len(batch) >= MOST or due > clock()):
            yield batch
            batch = []
        while due > clock():
            if wait(TICK_S):
                return
        batch.append(event)
    if batch:
        yield batch
