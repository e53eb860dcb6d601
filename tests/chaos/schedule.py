"""Which fault comes when: a data file, and a seeded draw from it."""

import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("schedules")
"""Where schedules are looked for by name."""


class ScheduleError(Exception):
    """A schedule cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One line of a schedule.

    Parameters
    ----------
    fault
        Name in :data:`tests.chaos.faults.FAULTS`.
    weight
        How often it is drawn, in relation to the others.
    parameters
        Handed to the fault.
    """

    fault: str
    weight: float = 1.0
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        told = " ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.fault} {told}".strip()


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule file.

    Attributes
    ----------
    name
        For reports.
    faults
        What may happen.
    shuffle
        Whether the order is drawn; else the lines follow one another as they stand, again and again.
    nodes
        Brokers: 3, or 1 for what has nothing to do with them.
    workers
        Workers in quiet times.
    session_timeout_s
        The workers' setting; a broker refuses less than 6.
    load
        Parameters of :class:`tests.chaos.load.Mix`.
    """

    name: str
    faults: tuple[Planned, ...]
    shuffle: bool = True
    nodes: int = 3
    workers: int = 2
    session_timeout_s: float = 6.0
    load: Mapping[str, float] = field(default_factory=dict)


def read(where: str, known: Mapping[str, object]) -> Schedule:
    """Read a schedule by the name of one of ours, or by its path.

    Parameters
    ----------
    where
        ``default``, ``ci``, ... or a file.
    known
        Names of faults.

    Raises
    ------
    ScheduleError
        There is no such file, or it is not a schedule.
    """
    path = FOLDER / f"{where}.toml"
    path = path if path.is_file() else Path(where)
    try:
        return parse(path.read_text(encoding="utf-8"), known, name=path.stem)
    except OSError as error:
        ours = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
        msg = f"cannot read the schedule {where}: {error.strerror}; ours are {ours}"
        raise ScheduleError(msg) from error


def parse(text: str, known: Mapping[str, object], *, name: str = "schedule") -> Schedule:
    r"""Read a schedule's text.

    Examples
    --------
    >>> schedule = parse('[[fault]]\nname = "kill"\nweight = 2\nplace = "x"', {"kill": None})
    >>> [str(one) for one in schedule.faults]
    ['kill place=x']
    """
    try:
        document = tomllib.loads(text)
        lines = document.pop("fault")
        faults = tuple(_planned(dict(line)) for line in lines)
        schedule = Schedule(name=name, faults=faults, **document)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        msg = f"{name} is not a schedule: {error!r}"
        raise ScheduleError(msg) from error
    if unknown := sorted({one.fault for one in faults} - known.keys()):
        msg = f"{name} names faults that do not exist: {', '.join(unknown)}; there are {', '.join(known)}"
        raise ScheduleError(msg)
    if not faults or any(one.weight <= 0 for one in faults):
        msg = f"{name} needs a fault, and every weight above 0"
        raise ScheduleError(msg)
    return schedule


def draw(schedule: Schedule, cycles: int, seed: int) -> list[Planned]:
    """Draw the faults of a run: every line once before any comes again, then by weight.

    The same seed gives the same faults in the same order.

    Examples
    --------
    >>> schedule = Schedule("s", (Planned("a"), Planned("b", weight=9)))
    >>> sorted(str(one) for one in draw(schedule, 2, seed=1))
    ['a', 'b']
    """
    faults = list(schedule.faults)
    if not schedule.shuffle:
        return [faults[n % len(faults)] for n in range(cycles)]
    rng = random.Random(seed)
    weights = [one.weight for one in faults]
    if cycles < len(faults):
        return _without_repeats(faults, cycles, rng)
    drawn = faults + rng.choices(faults, weights, k=cycles - len(faults))
    rng.shuffle(drawn)
    return drawn


def _without_repeats(faults: list[Planned], count: int, rng: random.Random) -> list[Planned]:
    """Draw lines by weight, none of them twice."""
    left, drawn = list(faults), []
    while len(drawn) < count:
        drawn.append(left.pop(rng.choices(range(len(left)), [one.weight for one in left])[0]))
    return drawn


def _planned(line: dict[str, Any]) -> Planned:
    """Turn a table of the file into a line of the schedule."""
    return Planned(line.pop("name"), float(line.pop("weight", 1.0)), line)
