r"""Two rankers in one list: what is watched says which one is preferred.

*Team draft* (Radlinski, Kurup, Joachims, CIKM 2008): in every round a coin decides who picks first, and each
ranker puts its best title that is not there yet. A title on which both would spend the same pick is neutral:
it says nothing. Each viewer's preference is

.. math:: w_v = \frac{a_v - b_v}{a_v + b_v}

with a, b what the viewer watched of either team. Under equal rankers its mean is 0 whatever the viewers'
habits are, because the coin is fair; the confidence sequence of `intervals` around it is a sequential test.
It compares two rankers within each viewer, so differences between viewers, nearly all of the variance of an
A/B test, are not in it.

Not for what belongs to a whole list (its diversity), and weak where the rankers agree on most picks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from online_models.experiments.intervals import TUNING, Bounds, half_width

__all__ = ["FIRST", "NEUTRAL", "SECOND", "Preferences", "TeamDraft", "team_draft"]

FIRST: Final = 1
SECOND: Final = -1
NEUTRAL: Final = 0
"""Whose pick a title is."""


class TeamDraft(NamedTuple):
    """An interleaved list."""

    titles: list[str]
    teams: list[int]
    """`FIRST`, `SECOND` or `NEUTRAL`, beside each title."""


def team_draft(first: Sequence[str], second: Sequence[str], n: int, name: str) -> TeamDraft:
    """Put two rankings into one list.

    Parameters
    ----------
    first, second
        Titles, best first.
    n
        Titles wanted.
    name
        What the coins follow from, such as salt, viewer and number of the page: the same name, the same list.

    Examples
    --------
    >>> team_draft(["a", "b", "c"], ["a", "c", "d"], 3, "ada 1")
    Draft(titles=['a', 'c', 'b'], teams=[0, -1, 1])
    """
    coins = int.from_bytes(sha256(name.encode()).digest())
    titles: list[str] = []
    teams: list[int] = []
    rest = {FIRST: iter(first), SECOND: iter(second)}
    taken: set[str] = set()

    def pick(team: int) -> str | None:
        return next((title for title in rest[team] if title not in taken), None)

    def put(title: str, team: int) -> None:
        taken.add(title)
        titles.append(title)
        teams.append(team)

    held = {FIRST: pick(FIRST), SECOND: pick(SECOND)}
    while len(titles) < n and any(title is not None for title in held.values()):
        order = (FIRST, SECOND) if coins & 1 else (SECOND, FIRST)
        coins = coins >> 1 or int.from_bytes(sha256(f"{name} {len(titles)}".encode()).digest())
        if held[FIRST] == held[SECOND] and held[FIRST] is not None:
            put(held[FIRST], NEUTRAL)
        else:
            for team in order:
                mine = held[team] if held[team] not in taken else pick(team)
                if mine is not None and len(titles) < n:
                    put(mine, team)
        held = {team: title if title not in taken else pick(team) for team, title in held.items()}
    return TeamDraft(titles, teams)


@dataclass(slots=True)
class Preferences:
    """Preferences of viewers, summed up.

    Examples
    --------
    >>> found = Preferences()
    >>> for credit in [(30.0, 10.0), (5.0, 0.0), (0.0, 0.0)]:
    ...     found.add(*credit)
    >>> found.viewers, found.mean
    (2, 0.75)
    """

    viewers: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, first: float, second: float) -> None:
        """Put in a viewer, with what was watched of either team; who watched nothing of both says nothing."""
        if first + second > 0:
            w = (first - second) / (first + second)
            self.viewers += 1
            self.total += w
            self.squares += w * w

    @property
    def mean(self) -> float:
        """Return the mean preference: 1 for the first ranker alone, -1 for the second."""
        return self.total / max(1, self.viewers)

    def bounds(self, alpha: float = 0.05, tuning: float = TUNING) -> Bounds | None:
        """Return the mean with its confidence sequence; None below two viewers, or without any variance."""
        n = self.viewers
        variance = (self.squares - n * self.mean**2) / (n - 1) if n > 1 else 0.0
        if variance <= 0:
            return None
        half = float(half_width(n, variance**0.5, alpha, tuning))
        return Bounds(self.mean, self.mean - half, self.mean + half)
