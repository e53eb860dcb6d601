"""Pace a stream of events: at a rate, at a multiple of event time, or without a limit.

`parse_speed` parses the option of `simulate`, `replay` and `evaluate`; `paced` splits a stream into batches
that are due.
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
"""Sleep between two looks at the clock: batches of 20 events at 2,000/s, and no noticeable load."""
BATCH: Final = 500
"""Most events of a batch: about a millisecond of encoding, so that progress and ctrl-C are prompt."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Speed of a stream.

    Attributes
    ----------
    kind
        ``rate``: events per second; ``event_time``: seconds of event time per second; ``unbounded``.
    value
        The rate or the multiple; unused when unbounded.
    """

    kind: Literal["rate", "event_time", "unbounded"]
    value: float = 0.0

    def due_s(self, number: int, event_ms: int, first_ms: int) -> float:
        """Return the time at which an event is due, in seconds after the start.

        Parameters
        ----------
        number
            Index of the event in the stream, from 0.
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
    """Parse a speed: ``2000/s``, ``60x`` or ``max``.

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
        what = f"{text!r} is not a speed"
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
    """Yield batches of events as they become due, in order: never early, at most 10 ms late.

    A delayed stream catches up: due times do not depend on when earlier events were sent.

    Parameters
    ----------
    events
        In order of event time.
    speed
        Of the events.
    time_ms
        Returns an event's time, UTC epoch milliseconds.
    wait
        Sleeps for some seconds; a true result ends the stream (`threading.Event.wait` can be used).
    clock
        Monotonic seconds.

    Examples
    --------
    >>> list(paced([1, 2, 3], Speed("rate", 1e9), time_ms=int))[-1][-1]
    3
    """
    if speed.kind == "unbounded":
        stream = iter(events)
        while batch := list(islice(stream, BATCH)):
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
    """Yield batches of a limited stream; see `paced`."""
    started = clock()
    first_ms: int | None = None
    batch: list[E] = []
    for number, event in enumerate(events):
        first_ms = time_ms(event) if first_ms is None else first_ms
        due = started + speed.due_s(number, time_ms(event), first_ms)
        if batch and (len(batch) >= BATCH or due > clock()):
            yield batch
            batch = []
        while due > clock():
            if wait(TICK_S):
                return
        batch.append(event)
    if batch:
        yield batch
