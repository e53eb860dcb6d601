r"""Interleaving: two rankers in one list, compared by what viewers watch.

*Team draft* (Radlinski, Kurup, Joachims, CIKM 2008): in each round a coin decides which ranker picks first,
and each ranker adds its best title that is not in the list yet. If both would pick the same title, it is
neutral and gives no credit. The preference of a viewer is

.. math:: w_v = \frac{a_v - b_v}{a_v + b_v}

with a, b the seconds watched of either team's titles. For equal rankers its mean is 0 whatever the viewers'
habits, because the coin is fair. The confidence sequence of `intervals` around it is a sequential test. Both
rankers are compared within each viewer, so the differences between viewers, nearly all of the variance of an
A/B test, cancel.

Interleaving cannot compare properties of whole lists (diversity), and is weak if the rankers agree on most
picks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

import numpy as np

from online_models.experiments.intervals import TUNING, Bounds, half_width
from online_models.page.layout import Pages
from online_models.tables.codes import (
    CONTINUE_WATCHING,
    EXPLORE,
    FEATURED,
    MY_LIST,
    NO_SHELF,
    PINNED,
    TOP_PICKS,
    WATCH_AGAIN,
)

__all__ = [
    "FIRST",
    "NEUTRAL",
    "SECOND",
    "InterleavedPick",
    "PreferenceStatistics",
    "TeamDraft",
    "interleave_top_picks",
    "team_draft",
]


FIRST: Final = 1
SECOND: Final = -1
NEUTRAL: Final = 0
"""Team of a title: the ranker that picked it, or none."""


class TeamDraft(NamedTuple):
    """An interleaved list."""

    titles: list[str]
    teams: list[int]
    """`FIRST`, `SECOND` or `NEUTRAL` for each title."""


def team_draft(first: Sequence[str], second: Sequence[str], n: int, name: str) -> TeamDraft:
    """Merge two rankings into one list by team draft.

    Parameters
    ----------
    first, second
        Titles, best first.
    n
        Length of the list.
    name
        Seed of the coin flips, such as salt, viewer and page number: the same name gives the same list.

    Examples
    --------
    >>> team_draft(["a", "b", "c"], ["a", "c", "d"], 3, "ada 1")
    TeamDraft(titles=['a', 'c', 'b'], teams=[0, -1, 1])
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

    candidate = {FIRST: pick(FIRST), SECOND: pick(SECOND)}
    while len(titles) < n and any(title is not None for title in candidate.values()):
        order = (FIRST, SECOND) if coins & 1 else (SECOND, FIRST)
        coins = coins >> 1 or int.from_bytes(sha256(f"{name} {len(titles)}".encode()).digest())
        if candidate[FIRST] == candidate[SECOND] and candidate[FIRST] is not None:
            put(candidate[FIRST], NEUTRAL)
        else:
            for team in order:
                mine = candidate[team] if candidate[team] not in taken else pick(team)
                if mine is not None and len(titles) < n:
                    put(mine, team)
        candidate = {team: title if title not in taken else pick(team) for team, title in candidate.items()}
    return TeamDraft(titles, teams)


@dataclass(slots=True)
class PreferenceStatistics:
    """Sums of viewers' preferences and of their squares.

    Examples
    --------
    >>> found = PreferenceStatistics()
    >>> for credit in [(30.0, 10.0), (5.0, 0.0), (0.0, 0.0)]:
    ...     found.add(*credit)
    >>> found.viewers, found.mean
    (2, 0.75)
    """

    viewers: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, first: float, second: float) -> None:
        """Add a viewer with the seconds watched of each team; a viewer with none of both is skipped."""
        if first + second > 0:
            w = (first - second) / (first + second)
            self.viewers += 1
            self.total += w
            self.squares += w * w

    @property
    def mean(self) -> float:
        """Return the mean preference: 1 if only the first ranker was watched, -1 if only the second."""
        return self.total / max(1, self.viewers)

    def bounds(self, alpha: float = 0.05, tuning: float = TUNING) -> Bounds | None:
        """Return the mean with its confidence sequence; None without variance or with one viewer."""
        n = self.viewers
        variance = (self.squares - n * self.mean**2) / (n - 1) if n > 1 else 0.0
        if variance <= 0:
            return None
        half = float(half_width(n, variance**0.5, alpha, tuning))
        return Bounds(self.mean, self.mean - half, self.mean + half)


_KEPT_SHELVES = (CONTINUE_WATCHING, MY_LIST, WATCH_AGAIN, EXPLORE, FEATURED)
"""Shelves that keep all titles: the viewer's own, exploration, and those of business rules."""


class InterleavedPick(NamedTuple):
    """A title that only one of the rankers picked."""

    page: int
    row: int
    slot: int
    team: int
    """`interleaving.FIRST` or `SECOND`."""


def interleave_top_picks(
    pages: Pages, new: Pages, names: Sequence[str], visible: int
) -> list[InterleavedPick]:
    """Interleave another ranker's top picks with those of pages, in place; return the picks of either team.

    Visible top picks are then removed from the other shelves, because no title is visible twice. A title has
    the control's score if the control lists it, else the other ranker's. A title pinned by a business rule
    keeps its place and is neutral.

    Parameters
    ----------
    pages
        [n] pages of the control, changed in place.
    new
        [n] pages of the compared ranker, of the same viewers.
    names
        [n] seed of the coin flips of each page.
    visible
        Visible titles of a shelf.
    """
    picks = []
    for q, name in enumerate(names):
        mine, other = _top(pages, q), _top(new, q)
        if mine < 0 or other < 0:
            continue
        teams = _drafted(pages, new, q, (mine, other), name)
        row = _cleared(pages, q, mine, visible)
        picks += [InterleavedPick(q, row, slot, team) for slot, team in enumerate(teams) if team != NEUTRAL]
    return picks


def _top(pages: Pages, q: int) -> int:
    found = np.flatnonzero(pages.kind[q] == TOP_PICKS)
    return int(found[0]) if found.size else -1


def _drafted(pages: Pages, new: Pages, q: int, rows: tuple[int, int], name: str) -> list[int]:
    """Write the interleaved list into a page's top picks; return the teams."""
    at: dict[int, tuple[float, int, int]] = {}  # score and reason: the control's entry replaces the other one
    lists = []
    for source, row in ((new, rows[1]), (pages, rows[0])):
        titles = [title for title in source.title[q, row].tolist() if title >= 0]
        columns = (
            source.score[q, row].tolist(),
            source.reason[q, row].tolist(),
            source.because[q, row].tolist(),
        )
        at |= dict(zip(titles, zip(*columns, strict=True), strict=False))
        lists.append(titles)
    pinned = {title for title, (_, why, _) in at.items() if why == PINNED}
    free = [[str(title) for title in titles if title not in pinned] for titles in lists]
    drafted, teams = team_draft(free[0], free[1], pages.title.shape[2] - len(pinned), name)
    chosen = [int(title) for title in drafted]
    for slot, title in enumerate(lists[1]):  # pinned titles of the control keep their slots
        if title in pinned:
            chosen.insert(slot, title)
            teams.insert(slot, NEUTRAL)
    pages.title[q, rows[0]] = -1
    for slot, title in enumerate(chosen):
        pages.title[q, rows[0], slot] = title
        score, reason, because = at[title]
        pages.score[q, rows[0], slot] = score
        pages.reason[q, rows[0], slot], pages.because[q, rows[0], slot] = reason, because
    return teams


def _cleared(pages: Pages, q: int, top: int, visible: int) -> int:
    """Remove visible top picks from other shelves, then empty shelves; return the index of the top picks."""
    seen = pages.title[q, top, :visible]
    rows = np.flatnonzero(pages.kind[q] != NO_SHELF).tolist()
    kept = []
    for r in rows:
        if r != top and pages.kind[q, r] not in _KEPT_SHELVES:
            stay = np.flatnonzero((pages.title[q, r] >= 0) & ~np.isin(pages.title[q, r], seen))
            for column in (pages.title, pages.score, pages.reason, pages.because):
                column[q, r, : stay.size] = column[q, r, stay]
            pages.title[q, r, stay.size :] = -1
        if pages.title[q, r, 0] >= 0:
            kept.append(r)
    for column in (pages.kind, pages.arg, pages.title, pages.score, pages.reason, pages.because):
        column[q, : len(kept)] = column[q, kept]
    pages.kind[q, len(kept) : len(rows)] = NO_SHELF
    return kept.index(top)
