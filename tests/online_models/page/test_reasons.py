"""Reasons: each title of a mixed row has its strongest true cause, and says what that refers to."""

import numpy as np
import pytest

from online_models.page.build import build, page_of
from online_models.page.catalog_index import CatalogIndex
from online_models.page.config import PageConfig
from online_models.recommender import Recommender
from online_models.tables.codes import CO_WATCH, NO_SHELF, POPULAR, TASTE, TOP_PICKS, TREND
from schemas import Play, Preferences, Tags, Title
from schemas.fields import ItemReason, RowKind
from schemas.pages import Row
from tests.online_models.page.worlds import OPEN, T0, at, stop, with_watches


def _page(model: Recommender, viewer: str, config: PageConfig = OPEN) -> tuple[Row, ...]:
    index = CatalogIndex(model.titles, model.catalog, config)
    slot = model.viewers.viewers.slot(viewer)
    return page_of(model.viewers, index, slot, T0 + 10**7, length=12, language="en")


def _top(rows: tuple[Row, ...]) -> Row:
    return next(row for row in rows if row.kind is RowKind.TOP_PICKS)


@pytest.fixture
def model() -> Recommender:
    """Make a model of a crowd that watches neighbouring titles of three genres."""
    return with_watches(Recommender(seed=3))


def test_a_title_names_the_liked_title_that_it_is_watched_with(model: Recommender) -> None:
    """Of two liked titles the one whose viewers watched it, whichever was the newest."""
    model.learn_many([stop(1, "ada", "t4"), stop(2, "ada", "t12")])
    seeds = {
        item.title_id: item.because
        for item in _top(_page(model, "ada")).items
        if (item.reason or ItemReason.TASTE) is ItemReason.CO_WATCH
    }
    near_both = {("t5", "t4"), ("t6", "t4"), ("t13", "t12"), ("t14", "t12")} & set(seeds.items())
    assert len({seed for _, seed in near_both}) == 2
    for title, seed in seeds.items():
        row, other = model.titles.row(title), model.titles.row(seed or "")
        assert row in model.titles.neighbours(other)[0]


def test_reasons_of_a_row_differ_and_refer_to_what_is_true(model: Recommender) -> None:
    """A tag is one that the title has and the viewer prefers; a trend refers to nothing."""
    model.learn_many([stop(n, "ada", f"t{n}") for n in (0, 3, 6, 9)])
    rows = _page(model, "ada")
    tags = {f"t{n}": (f"genre:{('Drama', 'Comedy', 'Crime')[n % 3]}", f"mood:{'dark' if n % 2 else 'warm'}")
            for n in range(24)}  # fmt: skip
    found = set()
    for item in (
        item for row in rows if row.kind in {RowKind.TOP_PICKS, RowKind.GENRE} for item in row.items
    ):
        reason = item.reason or ItemReason.TASTE
        found.add((reason, item.because))
        if reason is ItemReason.CO_WATCH:
            assert item.because in {"t0", "t3", "t6", "t9"}
        elif reason is ItemReason.TASTE and item.because is not None:
            assert item.because in tags[item.title_id]
            assert item.because == "genre:Drama"
        else:
            assert item.because is None
    assert len(found) >= 3


def test_a_stated_tag_is_the_reason_of_a_cold_start_viewers_titles(model: Recommender) -> None:
    """What has the tag says so; what has not is there because it is watched."""
    model.learn_many([Preferences(**at(1, "new"), genres=("Crime",))])
    for item in _top(_page(model, "new")).items:
        if int(item.title_id[1:]) % 3 == 2:
            assert (item.reason, item.because) == (None, "genre:Crime")
        else:
            assert item.reason in {ItemReason.TRENDING, ItemReason.POPULAR}


def test_of_a_viewer_without_history_everybody_is_the_reason(model: Recommender) -> None:
    """Trending or popular, never taste."""
    model.learn_many([Play(**at(1, "new"), title_id="t1")])
    index = CatalogIndex(model.titles, model.catalog, PageConfig())
    pages = build(model.viewers, index, np.array([model.viewers.viewers.slot("new")], "i4"), T0, 12)
    row = pages.kind[0].tolist().index(TOP_PICKS)
    assert set(pages.reason[0, row][pages.title[0, row] >= 0].tolist()) <= {TREND, POPULAR}
    assert (pages.because[0] == -1).all()


def test_titles_to_continue_say_how_far_they_were_watched(model: Recommender) -> None:
    """By the catalog's duration; where it has none, nothing is said."""
    model.describe(Title(title_id="t4", name="Title 4", duration_s=4_000.0, tags=Tags(genre=("Comedy",))))
    model.learn_many([stop(1, "ada", "t4", 1_000.0), stop(2, "ada", "t5", 1_000.0)])
    row = next(row for row in _page(model, "ada") if row.kind is RowKind.CONTINUE_WATCHING)
    found = {item.title_id: (item.progress, item.left_s) for item in row.items}
    assert found == {"t4": (0.25, 3_000), "t5": (None, None)}


def test_plain_lists_and_exploring_rows_refer_to_nothing(model: Recommender) -> None:
    """What has no cause says none."""
    model.learn_many([stop(n, "ada", f"t{n}") for n in (0, 3, 6)])
    index = CatalogIndex(model.titles, model.catalog, OPEN)
    pages = build(model.viewers, index, np.array([model.viewers.viewers.slot("ada")], "i4"), T0 + 10**7, 12)
    shelf = (pages.kind[0] != NO_SHELF)[:, None] & (pages.title[0] >= 0)
    said = pages.because[0] != -1
    assert not said[~shelf].any()
    assert set(np.unique(pages.reason[0][said]).tolist()) <= {TASTE, CO_WATCH}
