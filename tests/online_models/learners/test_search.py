"""Search: the order of what is found, and what is learned from what people watch afterwards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.learners.search import (
    HALF_LIFE_S,
    MOST_BYTES,
    TITLES,
    SearchModel,
    by_place,
    normal,
    order,
)

MONTH_MS = int(HALF_LIFE_S * 1000)
SHARES = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), max_size=6)


def test_words_come_first_then_taste_then_the_trend() -> None:
    """A clearly better match is not passed; equals are ordered by the viewer, then by everybody."""
    lexical = {"exact": 1.0, "typo": 0.6, "mine": 0.9, "trendy": 0.9, "plain": 0.9}
    taste = by_place(["mine", "typo", "x", "y"])
    trend = by_place(["trendy", "plain"])
    found = [title for title, _ in order(lexical, taste=taste, trend=trend, learned={})]
    assert found == ["mine", "exact", "trendy", "plain", "typo"]


def test_what_others_watched_after_the_query_is_found_without_a_word() -> None:
    """One watch changes little; after ten the title comes first."""
    lexical = {"batman-begins": 0.95}
    for watches, first in ((1.0, "batman-begins"), (40.0, "batman-begins")):
        learned = {"dark-knight": watches}
        found = order(lexical, taste={}, trend={}, learned=learned)
        assert [title for title, _ in found] == [first, "dark-knight"]
        assert found[1][1] == pytest.approx(0.6 * watches / (watches + 3), abs=1e-4)
    both = order({"x": 0.7, "y": 0.9}, taste={}, trend={}, learned={"x": 9.0, "y": 1.0})
    assert [title for title, _ in both] == ["x", "y"]


@given(SHARES, SHARES, SHARES, st.dictionaries(st.sampled_from("abcdefg"), st.floats(0, 1e6), max_size=7))
def test_every_title_once_in_order(
    lexical: dict[str, float], taste: dict[str, float], trend: dict[str, float], learned: dict[str, float]
) -> None:
    """Nothing is lost, doubled or made up, whatever is known."""
    found = order(lexical, taste=taste, trend=trend, learned=learned)
    assert sorted(title for title, _ in found) == sorted({*lexical, *learned})
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1.86 for score in scores)


def test_watches_halve_in_a_month() -> None:
    """By hand, in any order."""
    for times in ((0, MONTH_MS, 2 * MONTH_MS), (2 * MONTH_MS, 0, MONTH_MS)):
        searches = SearchModel()
        for at in times:
            searches.watched("q", f"t{at // MONTH_MS}", at)
        assert searches.after("q") == {"t0": 0.25, "t1": 0.5, "t2": 1.0}
    searches.watched("q", "t0", 100 * MONTH_MS)
    assert searches.after("q")["t0"] == pytest.approx(1.0)


def test_titles_and_queries_are_bounded() -> None:
    """The queries of the highest counts stay; a forgotten one is reported, so that its row is deleted."""
    searches = SearchModel(most=80)
    for n in range(40):
        searches.watched("much", f"t{n}", n)
    assert len(searches.after("much")) == TITLES
    searches.take_moved()
    for n in range(100):
        searches.watched("often", "t", 1_000 + n)
        searches.watched(f"once{n}", "t", 1_000 + n)
    assert len(searches) <= 80
    assert searches.after("often")["t"] == pytest.approx(100, rel=1e-3)
    gone = [query for query in searches.take_moved() if searches.state(query) is None]
    assert len(gone) == 102 - len(searches)


def test_what_is_stored_goes_on() -> None:
    """A query taken over counts on as if nothing had happened."""
    one, other = SearchModel(), SearchModel()
    for n in range(30):
        one.watched("q", f"t{n % 5}", n * 10**9)
    state = one.state("q")
    assert state is not None
    other.load("q", state._replace(counts=dict(state.counts)))
    for searches in (one, other):
        searches.watched("q", "t1", 31 * 10**9)
    assert one.after("q") == other.after("q")


@given(st.text(max_size=200))
def test_queries_are_remembered_alike(query: str) -> None:
    """Short, and the same however often it is brought into form."""
    once = normal(query)
    assert len(once.encode()) <= MOST_BYTES
    assert normal(once) == once
    assert normal(query.upper()) == normal(query.upper().lower().upper())
