"""Top picks of two rankers on one page: team by team (`online_models.experiments.interleaving`)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from online_models.experiments.interleaving import NEUTRAL, team_draft
from online_models.page.layout import Pages
from online_models.tables.codes import AGAIN, CONTINUE, EXPLORE, FEATURED, MY_LIST, NO_ROW, PINNED, TOP

__all__ = ["Pick", "draft_top"]

_LEFT_ALONE = (CONTINUE, MY_LIST, AGAIN, EXPLORE, FEATURED)
"""Rows that are the viewer's own, drawn, or a rule's: no title leaves them."""


class Pick(NamedTuple):
    """A title that one ranker alone had picked."""

    page: int
    row: int
    slot: int
    team: int
    """`interleaving.FIRST` or `SECOND`."""


def draft_top(pages: Pages, new: Pages, names: Sequence[str], visible: int) -> list[Pick]:
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
        picks += [Pick(q, row, slot, team) for slot, team in enumerate(teams) if team != NEUTRAL]
    return picks


def _top(pages: Pages, q: int) -> int:
    found = np.flatnonzero(pages.kind[q] == TOP)
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
    rows = np.flatnonzero(pages.kind[q] != NO_ROW).tolist()
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
    pages.kind[q, len(kept) : len(rows)] = NO_ROW
    return kept.index(top)
