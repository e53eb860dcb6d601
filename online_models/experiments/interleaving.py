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
class PreferenceStatistics:
    """Preferences of viewers, summed up.

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


# Top picks of two rankers on one page: team by team (`online_models.experiments.interleaving`).


_LEFT_ALONE = (CONTINUE_WATCHING, MY_LIST, WATCH_AGAIN, EXPLORE, FEATURED)
"""Rows that are the viewer's own, drawn, or a rule's: no title leaves them."""


class InterleavedPick(NamedTuple):
    """A title that one ranker alone had picked."""

    page: int
    row: int
    slot: int
    team: int
    """`interleaving.FIRST` or `SECOND`."""


def interleave_top_picks(
    pages: Pages, new: Pages, names: Sequence[str], visible: int
) -> list[InterleavedPick]:
    """Put another ranker's top picks beside those of pages, in place; return whose pick each title is.

    What is in sight in top picks then leaves the other rows, as no title is in sight twice. A title's score
    is the control's where the control lists it, too, else the other ranker's. What a rule has pinned stays in
    its place and is nobody's pick.

    Parameters
    ----------
    pages
        [n] of the control; changed.
    new
        [n] of the ranker that is compared, of the same viewers.
    names
        [n] what the coins of each page follow from.
    visible
        Titles of a row that are in sight.
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
    """Write the draft into a page's top picks; return the teams."""
    at: dict[int, tuple[float, int]] = {}  # score and reason; of a title that both have, the control's
    lists = []
    for source, row in ((new, rows[1]), (pages, rows[0])):
        titles = [title for title in source.title[q, row].tolist() if title >= 0]
        columns = source.score[q, row].tolist(), source.reason[q, row].tolist()
        at |= dict(zip(titles, zip(*columns, strict=True), strict=False))
        lists.append(titles)
    pinned = {title for title, (_, why) in at.items() if why == PINNED}
    free = [[str(title) for title in titles if title not in pinned] for titles in lists]
    drafted, teams = team_draft(free[0], free[1], pages.title.shape[2] - len(pinned), name)
    chosen = [int(title) for title in drafted]
    for slot, title in enumerate(lists[1]):  # the control's
        if title in pinned:
            chosen.insert(slot, title)
            teams.insert(slot, NEUTRAL)
    pages.title[q, rows[0]] = -1
    for slot, title in enumerate(chosen):
        pages.title[q, rows[0], slot] = title
        pages.score[q, rows[0], slot], pages.reason[q, rows[0], slot] = at[title]
    return teams


def _cleared(pages: Pages, q: int, top: int, visible: int) -> int:
    """Take what is in sight in top picks out of other rows, and rows without titles off; return top's row."""
    seen = pages.title[q, top, :visible]
    rows = np.flatnonzero(pages.kind[q] != NO_SHELF).tolist()
    kept = []
    for r in rows:
        if r != top and pages.kind[q, r] not in _LEFT_ALONE:
            stay = np.flatnonzero((pages.title[q, r] >= 0) & ~np.isin(pages.title[q, r], seen))
            for column in (pages.title, pages.score, pages.reason):
                column[q, r, : stay.size] = column[q, r, stay]
            pages.title[q, r, stay.size :] = -1
        if pages.title[q, r, 0] >= 0:
            kept.append(r)
    for column in (pages.kind, pages.arg, pages.title, pages.score, pages.reason):
        column[q, : len(kept)] = column[q, kept]
    pages.kind[q, len(kept) : len(rows)] = NO_SHELF
    return kept.index(top)
