"""Runs records through the doors, and says of each what became of it."""

import random
import signal
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

from tests.hostile.doors import DOORS, Stand

__all__ = ["Found", "run"]

STUCK_S: Final = 60
"""Seconds for a batch of at most 200 records, which takes well under one: what takes longer is stuck."""
FRESH: Final = 40_000
"""Records after which an installation is made anew: some have filled its tables by then."""


class StuckError(Exception):
    """A batch does not end."""


@dataclass
class Found:
    """What became of the records."""

    became: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By door: taken, dead letter, refused, crash."""
    crashes: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By place: how often, and the first record that does it."""

    @property
    def records(self) -> int:
        """Return how many there were."""
        return sum(sum(some.values()) for some in self.became.values())

    @property
    def clean(self) -> bool:
        """Return whether nothing crashed or was stuck."""
        return not self.crashes

    def lines(self) -> list[str]:
        """Return the table, and the crashes."""
        out = [f"{'topic':<34} {'taken':>9} {'letters':>9} {'refused':>9} {'crashes':>9}"]
        kinds = ("taken", "dead letter", "refused", "crash")
        out += [
            f"{name:<34} " + " ".join(f"{self.became[name][kind]:>9}" for kind in kinds) for name in DOORS
        ]
        out += [f"CRASH {n}x {where}\n    {record}" for where, (n, record) in self.crashes.items()]
        return out


def run(count: int, seed: int, tell: Callable[[Found], None] = lambda _: None) -> Found:
    """Draw and take so many records.

    Parameters
    ----------
    count
        Records of all topics together.
    seed
        Of the records; the same one gives the same records.
    tell
        Told how far it is, once in a while.
    """
    found, rng, stand = Found(), random.Random(seed), Stand(seed)
    signal.signal(signal.SIGALRM, _stuck)
    shares = [door.share / door.size for door in DOORS.values()]
    first = [*DOORS]  # each once, however few records there are
    fresh = told = 0
    while found.records < count:
        if found.records - fresh > FRESH:
            fresh, stand = found.records, Stand(seed + found.records)
        name = first.pop() if first and rng.random() < 0.5 else rng.choices([*DOORS], shares)[0]
        records = DOORS[name].draw(stand, min(DOORS[name].size, count - found.records))
        if not records:  # nothing has been written to this topic yet
            first.insert(0, name)
            continue
        if not _taken(stand, name, records, found):
            stand = Stand(seed + found.records)
        if time.monotonic() - told > 1:
            told = time.monotonic()
            tell(found)
    return found


def _taken(stand: Stand, name: str, records: Sequence[Any], found: Found) -> bool:
    """Take a batch; after a crash find a record that does it alone."""
    where = _attempt(stand, name, records, found.became[name])
    if where is None:
        return True
    found.became[name]["crash"] += len(records)
    times, record = found.crashes.get(where, (0, ""))
    found.crashes[where] = times + 1, record or _alone(name, records, where)
    return False


def _attempt(stand: Stand, name: str, records: Sequence[Any], became: Counter[str]) -> str | None:
    """Take records; return the place where that failed."""
    signal.alarm(STUCK_S)
    try:
        became.update(DOORS[name].take(stand, records))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
        steps = [one for one in traceback.extract_tb(error.__traceback__) if "/hostile/" not in one.filename]
        last = steps[-1] if steps else traceback.extract_tb(error.__traceback__)[-1]
        file = last.filename.partition("/site-packages/")[2] or "/".join(last.filename.split("/")[-4:])
        return f"{name}: {type(error).__name__} at {file}:{last.lineno}: {str(error)[:120]}"
    finally:
        signal.alarm(0)
    return None


def _alone(name: str, records: Sequence[Any], where: str) -> str:
    """Return the record that fails alone, on an installation of its own."""
    for record in records:
        if _attempt(Stand(0), name, [record], Counter()) == where:
            return f"key={record.key!r} timestamp={record.timestamp} value={record.value!r:.1500}"
    return f"no record alone; the last one: key={records[-1].key!r} value={records[-1].value!r:.300}"


def _stuck(_number: int, _frame: FrameType | None) -> None:
    msg = f"a batch takes more than {STUCK_S} s"
    raise StuckError(msg)
