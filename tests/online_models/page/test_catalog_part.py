"""Pages of a very large catalog, made of a part of it, are those of the whole."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.page import catalog_part, most_watched
from online_models.page.build import batch_of, build
from online_models.page.catalog_part import CatalogPart, can_have_part
from online_models.page.layout import Pages
from online_models.page.part_members import draw_titles
from online_models.recommender import Recommender
from online_models.tables.codes import EXPLORE, NO_SHELF, TOP_PICKS
from online_models.tables.layout import I4
from schemas import Event, Preferences, Rate, Search, Tags, Thumb, Title
from tests.online_models.page.worlds import (
    OPEN,
    T0,
    any_events,
    at,
    described,
    put_segments,
    stop,
    with_watches,
)

NOW = T0 + 10**9
LENGTH = 12
"""Titles of a shelf: an explore shelf is then chosen from all of the 24 titles of small worlds."""


def made(model: Recommender, slots: I4, *, large: int = 0) -> Pages:
    """Return pages, made of a part unless there are too few titles."""
    return build(model.viewers, model.catalog_index, slots, NOW, LENGTH, large=large)


def both(model: Recommender, viewers: Sequence[str]) -> tuple[Pages, Pages]:
    """Return pages made of the whole catalog, and of a part."""
    slots = model.viewers.viewers.acquire(list(viewers))
    return made(model, slots, large=10**9), made(model, slots)


def assert_same(whole: Pages, part: Pages) -> None:
    """Compare all of two pages but how many titles were left to draw from."""
    for name, column in whole.as_dict().items():
        if name != "candidates":
            np.testing.assert_allclose(getattr(part, name), column, atol=1e-5, err_msg=name)
    np.testing.assert_array_equal(part.candidates > 0, whole.candidates > 0)


@settings(deadline=None)
@given(
    titles=st.lists(described, max_size=10),
    events=st.lists(any_events(), max_size=25),
    watched=st.lists(st.tuples(st.sampled_from(["t0", "t3"]), st.just("IN"), st.just(0.5)), max_size=3),
)
def test_a_part_with_all_titles_makes_the_same_pages(
    titles: list[Title], events: list[Event], watched: list[tuple[str, str, float]]
) -> None:
    """Whatever viewers do: the numbers of a part are other ones, the pages are not."""
    model = with_watches(Recommender(seed=3, page=OPEN))
    for title in titles:
        model.describe(title)
    model.learn_many(events)
    put_segments(model, watched)
    assert_same(*both(model, ["ada", "bob", "cat", "nobody"]))


def test_searches_dislikes_and_stated_tags_count() -> None:
    """As on the whole."""
    model = with_watches(Recommender(seed=3, page=OPEN))
    model.learn_many([
        Preferences(**at(1, "ada"), genres=("Comedy",)),
        *(stop(n, "bob", f"t{n}") for n in range(2, 6)),
        Search(**at(7, "bob"), query="crime", result_count=3, clicked_title_id="t8"),
        *(Rate(**at(n, "cat"), title_id=f"t{3 * n}", thumb=Thumb.DOWN) for n in range(1, 6)),
    ])  # fmt: skip
    assert_same(*both(model, ["ada", "bob", "cat"]))


def test_titles_and_tags_may_be_newer_than_the_tables() -> None:
    """Titles of events have rows before their records come, and records may come while pages are made."""
    model = with_watches(Recommender(seed=3, page=OPEN), titles=20)
    both(model, ["ada"])  # the tags of titles are read
    model.learn_many([stop(1, "ada", "t1"), stop(2, "ada", "not described"), stop(3, "bob", "nor this")])
    assert_same(*both(model, ["ada", "bob"]))
    slots, side, index = model.viewers.viewers.acquire(["ada"]), model.viewers, model.catalog_index
    batch = batch_of(side, index, slots, NOW, index.config.spec(LENGTH, NOW, side.titles.seed))
    model.describe(Title(title_id="t2", tags=Tags(genre=("Western",))))
    part = CatalogPart.of(side, index, batch, side.ranker.prepare(slots, NOW), LENGTH)
    assert part.tags.starts.size == part.tags.rarity.size + 1
    assert part.tags.starts[-1] == part.tags.titles.size


@pytest.fixture(scope="module")
def wide() -> Recommender:
    """Return a world of 600 titles, of which a few are watched much."""
    model = with_watches(Recommender(seed=3, page=OPEN), titles=600, viewers=300)
    rng = np.random.default_rng(5)
    for viewer in range(200):
        some = np.minimum(rng.zipf(1.3, 8) - 1, 599)
        model.learn_many(stop(10 * viewer + n, f"v{viewer}", f"t{t}") for n, t in enumerate(some.tolist()))
    return model


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have parts take few of the titles."""
    monkeypatch.setattr(most_watched, "TITLES", 60)
    monkeypatch.setattr(most_watched, "GEMS", 10)
    monkeypatch.setattr(catalog_part, "ALLOWED", 10)


@pytest.mark.usefixtures("small_parts")
def test_scores_are_those_of_the_whole_catalog(wide: Recommender) -> None:
    """Of every title of every shelf, whatever else is in the part; and the best of all titles are on top."""
    viewers = [f"v{n}" for n in range(24)]
    whole, part = both(wide, viewers)
    assert np.array_equal(part.title[part.kind == TOP_PICKS], whole.title[whole.kind == TOP_PICKS])
    slots = wide.viewers.viewers.acquire(viewers)
    for q, slot in enumerate(slots.tolist()):
        score = wide.viewers.ranker.score(slot, NOW)
        shown = part.title[q] >= 0
        np.testing.assert_allclose(part.score[q][shown], score[part.title[q][shown]], atol=1e-4)
    index = wide.catalog_index
    assert index.most_watched(index.arrays()).titles.size == 60


@pytest.mark.usefixtures("small_parts")
def test_any_title_is_explored(wide: Recommender) -> None:
    """Also those that are in no other way in a part; a viewer's stay the same for the day."""
    slots = wide.viewers.viewers.acquire([f"n{n}" for n in range(400)])
    pages = [made(wide, slots) for _ in range(2)]
    explored = pages[0].title[pages[0].kind == EXPLORE]
    assert np.array_equal(pages[1].title[pages[1].kind == EXPLORE], explored)
    assert np.unique(explored[explored >= 0]).size > 500
    left = pages[0].candidates[(pages[0].kind == EXPLORE).any(axis=1)]
    assert (left > 590).all()


@given(st.integers(1, 50), st.integers(1, 60))
def test_each_title_is_drawn_as_often(titles: int, n: int) -> None:
    """By viewers whose keys are evenly distributed."""
    keys = (
        np.arange(titles, dtype=np.uint64) * np.uint64(2**32) // np.uint64(titles) + np.uint64(1)
    ) << np.uint64(32)
    drawn = draw_titles(np.random.default_rng(1).permutation(titles).astype(np.int32), keys, n)
    assert drawn.shape == (titles, min(n, titles))
    assert (np.bincount(drawn.ravel(), minlength=titles) == drawn.shape[1]).all()


@pytest.mark.usefixtures("small_parts")
def test_guards_that_leave_little_take_the_whole(wide: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a batch with others: each viewer's page is where it belongs."""
    monkeypatch.setattr(catalog_part, "ALLOWED", 58)
    for n in range(20):
        wide.describe(Title(title_id=f"t{n}", maturity=18))
    wide.learn_one(Preferences(**at(1, "child"), maturity=12))
    slots = wide.viewers.viewers.acquire(["v1", "child", "v2"])
    index = wide.catalog_index
    prepared = wide.viewers.ranker.prepare(slots, NOW)
    assert can_have_part(wide.viewers, index, index.arrays(), prepared).tolist() == [True, False, True]
    together = made(wide, slots)
    alone = [made(wide, slots[n : n + 1]) for n in range(3)]
    for q in range(3):
        top = together.title[q][together.kind[q] == TOP_PICKS]
        assert top.size
        assert np.array_equal(top, alone[q].title[0][alone[q].kind[0] == TOP_PICKS])
    assert (together.kind != NO_SHELF).any(axis=1).all()
