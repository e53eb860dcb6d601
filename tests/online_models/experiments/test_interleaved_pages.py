"""Top picks of two rankers on one page: the draft, and what it leaves of the other rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from online_models.experiments.interleaving import FIRST, NEUTRAL, SECOND, interleave_top_picks
from online_models.page.build import blank_pages
from online_models.page.layout import Pages
from online_models.tables.codes import (
    CONTINUE_WATCHING,
    EXPLORE,
    NO_SHELF,
    PINNED,
    TAG_SHELF,
    TOP_PICKS,
    TRENDING,
)

LENGTH, VISIBLE = 6, 3
Rows = list[tuple[int, list[int]]]
titles = st.lists(st.integers(0, 14), unique=True, min_size=1, max_size=LENGTH)
rows = st.lists(
    st.tuples(st.sampled_from([TRENDING, TAG_SHELF, CONTINUE_WATCHING, EXPLORE]), titles), max_size=3
)


def _page(rows: Rows) -> Pages:
    """Make a page whose scores say which title they belong to."""
    pages = blank_pages(1, 8, LENGTH)
    for r, (kind, listed) in enumerate(rows):
        pages.kind[0, r] = kind
        pages.title[0, r, : len(listed)] = listed
        pages.score[0, r, : len(listed)] = np.array(listed) / 10
    return pages


def _rows(pages: Pages) -> Rows:
    kinds = [kind for kind in pages.kind[0].tolist() if kind != NO_SHELF]
    return [(kind, [t for t in pages.title[0, r].tolist() if t >= 0]) for r, kind in enumerate(kinds)]


@given(titles, titles, st.text(max_size=4))
def test_top_picks_are_of_both(control: list[int], new: list[int], name: str) -> None:
    """As many as there are room and titles; each with its score, and of the ranker that it says."""
    pages = _page([(TOP_PICKS, control)])
    teams = {
        one.slot: one.team for one in interleave_top_picks(pages, _page([(TOP_PICKS, new)]), [name], VISIBLE)
    }
    ((_, row),) = _rows(pages)
    assert len(row) == len(set(row)) == min(LENGTH, len({*control, *new}))
    assert {*teams.values()} <= {FIRST, SECOND}
    whose = {FIRST: {*new}, SECOND: {*control}, NEUTRAL: {*control} & {*new}}
    for slot, title in enumerate(row):
        assert title in whose[teams.get(slot, NEUTRAL)]
        assert pages.score[0, 0, slot] == np.float32(title / 10)


@given(titles, titles, rows, rows)
def test_the_other_rows_lose_what_is_in_sight(
    control: list[int], new: list[int], above: Rows, below: Rows
) -> None:
    """Own and drawn rows stay; a row without titles is gone; picks say where top picks stand now."""
    before = [*above, (TOP_PICKS, control), *below]
    pages = _page(before)
    picks = interleave_top_picks(pages, _page([(TOP_PICKS, new)]), ["x"], VISIBLE)
    after = _rows(pages)
    at = [kind for kind, _ in after].index(TOP_PICKS)
    seen = after[at][1][:VISIBLE]
    kept = [
        (kind, listed if kind in (CONTINUE_WATCHING, EXPLORE) else [t for t in listed if t not in seen])
        for kind, listed in before
        if kind != TOP_PICKS
    ]
    assert after[:at] + after[at + 1 :] == [(kind, listed) for kind, listed in kept if listed]
    assert {pick.row for pick in picks} <= {at}


def test_a_page_without_top_picks_stays_as_it_is() -> None:
    """Nothing may be shown, or the other ranker has nothing."""
    pages = _page([(TRENDING, [1, 2])])
    assert interleave_top_picks(pages, _page([(TOP_PICKS, [1])]), ["x"], VISIBLE) == []
    assert _rows(pages) == [(TRENDING, [1, 2])]
    assert interleave_top_picks(_page([(TOP_PICKS, [1])]), _page([]), ["x"], VISIBLE) == []


def test_what_is_pinned_keeps_its_place() -> None:
    """A rule's title is nobody's pick, and stands where the rule says."""
    pages, new = _page([(TOP_PICKS, [1, 9, 2, 3])]), _page([(TOP_PICKS, [4, 9, 5])])
    pages.reason[0, 0, 1] = new.reason[0, 0, 1] = PINNED
    picks = interleave_top_picks(pages, new, ["x"], VISIBLE)
    ((_, row),) = _rows(pages)
    assert row[1] == 9
    assert sorted(row) == [1, 2, 3, 4, 5, 9]
    assert pages.reason[0, 0].tolist() == [0, PINNED, 0, 0, 0, 0]
    assert {pick.slot for pick in picks} == {0, 2, 3, 4, 5}
