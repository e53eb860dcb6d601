"""Pages: genre proportions, explore draws, and the order of shelves."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.errors import InvalidConfigError
from online_models.page.build import build
from online_models.page.calibration import GENRES as GENRES_KEPT
from online_models.page.calibration import mix_genres
from online_models.page.catalog_index import CatalogIndex
from online_models.page.config import PageConfig, explores, layout_faults
from online_models.page.shelf_kinds import KINDS
from online_models.recommender import Recommender
from online_models.simulation import World
from online_models.tables.codes import EXPLORE, NO_SHELF, TOP_PICKS
from online_models.tables.layout import DAY_MS
from schemas import Tags, Title
from schemas.fields import RowKind
from tests.online_models.page.worlds import OPEN, T0, stop, titles_of, with_watches


@pytest.fixture
def model() -> Recommender:
    """Return a recommender that many viewers' watches have trained."""
    return with_watches(Recommender(seed=3, page=OPEN))


def test_top_picks_keep_the_proportions_of_a_taste() -> None:
    """A viewer of crime and romance: the first six picks have both, though crime scores higher."""
    plain, calibrated = (
        Recommender(page=PageConfig(calibration=weight, rows=2, least=20)) for weight in (0.0, 5.0)
    )
    for model in (plain, calibrated):
        for n in range(20):
            genre = "Crime" if n < 12 else "Romance"
            model.describe(Title(title_id=f"t{n}", tags=Tags(genre=(genre,))))
        model.learn_many(stop(n, f"c{n % 9}", f"t{n % 12}") for n in range(300))
        model.learn_many(stop(400 + n, "ada", title) for n, title in enumerate(("t0", "t12", "t1")))
    crime = {f"t{n}" for n in range(12)}
    (few, many) = (titles_of(model.page("ada"), RowKind.TOP_PICKS)[:6] for model in (calibrated, plain))
    assert len(crime & set(many)) == 6
    assert 3 <= len(crime & set(few)) < 6


def test_calibration_by_hand() -> None:
    """Two thirds to one third, equal scores: the gains .73 .37 | .34 .37 | .34 .17 | .22 .17 | .168 .170."""
    model = Recommender()
    for n in range(12):
        model.describe(Title(title_id=f"t{n}", tags=Tags(genre=("Crime" if n < 6 else "Romance",))))
    index = CatalogIndex(model.titles, model.catalog, PageConfig()).arrays()
    share = np.zeros(GENRES_KEPT)
    share[:2] = 2 / 3, 1 / 3
    title, same = np.arange(12, dtype=np.int32), np.zeros(12, np.float32)
    mix_genres(index, share, 1.0, 0.0, 6, title, same, same.copy())
    assert title[:6].tolist() == [0, 6, 1, 2, 7, 3]


def test_variety_by_hand() -> None:
    """Equal scores: the first title of each genre comes before the second of any."""
    model = Recommender()
    for n in range(9):
        genres = (("Crime",), ("Romance",), ("Crime", "Romance"))[n // 3]
        model.describe(Title(title_id=f"t{n}", tags=Tags(genre=genres)))
    index = CatalogIndex(model.titles, model.catalog, PageConfig()).arrays()
    title, same = np.arange(9, dtype=np.int32), np.zeros(9, np.float32)
    mix_genres(index, np.zeros(GENRES_KEPT), 0.0, 1.0, 6, title, same, same.copy())
    assert title[:6].tolist() == [0, 3, 1, 4, 2, 5]


def test_variety_raises_the_distance_inside_a_list_and_its_genres() -> None:
    """Calibration does not: who watches one genre gets one genre."""
    model = Recommender(seed=1)
    world = World(seed=1, viewers=150, titles=300)
    model.catalog.put_all(world.titles)
    events = world.take(8_000)
    model.learn_many(events)
    tags = {title.title_id: frozenset(title.tag_labels()) for title in world.titles}
    slots = np.arange(100, dtype=np.int32)

    def spread(**mix: float) -> tuple[float, float]:
        """Return the mean distance of pairs of top picks, and the mean number of their genres."""
        index = CatalogIndex(model.titles, model.catalog, PageConfig(**mix))
        pages = build(model.viewers, index, slots, events[-1].event_time_ms, 20)
        distances, genres = [], []
        for q in range(slots.size):
            row = pages.title[q, pages.kind[q].tolist().index(TOP_PICKS)]
            mine = [tags[model.titles.ids[t]] for t in row.tolist() if t >= 0]
            distances += [1 - len(a & b) / len(a | b) for a, b in combinations(mine, 2)]
            genres.append(sum(tag.startswith("genre:") for tag in frozenset().union(*mine)))
        return float(np.mean(distances)), float(np.mean(genres))

    (near, few), (far, many) = spread(calibration=0.0), spread(calibration=0.0, variety=2.0)
    assert far > near + 0.002
    assert many > few + 1.0
    assert spread(calibration=2.0)[1] < few + 0.3


def test_a_series_does_not_fill_a_row() -> None:
    """Two titles of a series at most, whatever their scores."""
    model = Recommender(page=PageConfig(rows=2, explore=False))
    for n in range(10):
        model.describe(Title(title_id=f"t{n}", series_id="s" if n < 6 else None))
    (row,) = [row for row in model.page("ada") if row.kind is RowKind.TOP_PICKS]
    shown = {item.title_id for item in row.items}
    assert len(shown & {f"t{n}" for n in range(6)}) == 2
    assert len(shown) == 6


def test_exploring_is_a_fair_draw_with_its_probability() -> None:
    """Every title comes equally often over viewers; the propensity is one over the titles to draw from."""
    model = Recommender(seed=1, page=PageConfig(rows=2, least=1, visible=1))
    for n in range(20):
        model.describe(Title(title_id=f"t{n}"))
    model.learn_one(stop(0, "x", "t0"))
    explore = model.page("v0", n=5)[-1]
    assert explore.kind is RowKind.EXPLORE
    assert {item.propensity for item in explore.items} == {1 / 19}
    slots = model.viewers.viewers.acquire([f"v{n}" for n in range(600)])
    pages = build(model.viewers, model.catalog_index, slots, T0, 5)
    assert (pages.kind[:, 1] == EXPLORE).all()
    assert (pages.candidates == 19).all()
    first, counts = np.unique(pages.title[:, 1, 0], return_counts=True)
    assert explore.items[0].title_id == model.titles.ids[pages.title[0, 1, 0]]
    assert first.size == 19
    assert counts.sum() == 600
    assert ((counts - 30) ** 2 / 30).sum() < 43.8  # chi-square, 19 degrees of freedom, p = .001


def test_the_draw_stays_for_a_day_and_the_page_with_it() -> None:
    """Without events the page is the same a second later; the draw is another the next day."""
    model = with_watches(Recommender(seed=3, page=OPEN), titles=150)
    model.learn_one(stop(1, "ada", "t4"))
    now = T0 + 90_000
    assert model.page("ada", now) == model.page("ada", now + 1_000)
    days = [titles_of(model.page("ada", now + n * DAY_MS), RowKind.EXPLORE) for n in (0, 1)]
    assert days[0] != days[1]


def test_a_page_of_one_row_is_the_list(model: Recommender) -> None:
    """`rows=1`: top picks as `top_n` ranks them, nothing else."""
    model.learn_one(stop(1, "ada", "t4"))
    index = CatalogIndex(model.titles, model.catalog, PageConfig(rows=1))
    slots = np.array([model.viewers.viewers.slot("ada")], np.int32)
    pages = build(model.viewers, index, slots, T0 + 60_000, 7)
    listed = [model.titles.ids[row] for row in pages.title[0, 0].tolist()]
    assert listed == [title for title, _ in model.top_n("ada", 7, T0 + 60_000)]


def test_top_picks_without_calibration_are_the_list(model: Recommender) -> None:
    """One score row: a page ranks titles exactly as a list does, scores included."""
    model.learn_many([stop(1, "ada", "t4"), stop(2, "ada", "t9"), stop(3, "ada", "t2", 5.0)])
    index = CatalogIndex(model.titles, model.catalog, PageConfig(rows=2, calibration=0.0, explore=False))
    slots = np.array([model.viewers.viewers.slot("ada")], np.int32)
    lists, pages = model.viewers.rank(slots, T0, 12), build(model.viewers, index, slots, T0, 12)
    assert pages.title[0, 0].tolist() == lists.title[0].tolist()
    np.testing.assert_allclose(pages.score[0, 0], lists.score[0], rtol=1e-5)


def _laid_out(model: Recommender, **more: Any) -> list[RowKind]:
    """Return the kinds of shelves of ada's page under a layout."""
    config = replace(OPEN, rows=8, **more)
    slots = model.viewers.viewers.acquire(["ada"])
    pages = build(model.viewers, model.catalog_index, slots, T0 + DAY_MS, 6, config=config)
    return [KINDS[kind].wire for kind in pages.kind[0].tolist() if kind != NO_SHELF]


def test_kinds_can_come_first_and_be_left_out(model: Recommender) -> None:
    """Preferred kinds come first in their order, all shelves of a kind together; others are left out."""
    model.learn_many([stop(1, "ada", "t1"), stop(2, "ada", "t7", 1_000.0)])
    plain = _laid_out(model)
    assert plain[0] is not RowKind.NEW_RELEASES
    first = _laid_out(model, first=(RowKind.TRENDING_NOW, RowKind.GENRE))
    genres = first.count(RowKind.GENRE)
    assert genres > 0
    assert first[: 1 + genres] == [RowKind.TRENDING_NOW, *[RowKind.GENRE] * genres]
    gone = (RowKind.CONTINUE_WATCHING, RowKind.GENRE, RowKind.EXPLORE)
    assert set(gone) <= set(plain)
    left = _laid_out(model, without=gone)
    assert RowKind.TOP_PICKS in left
    assert not {*gone} & {*left}


@given(st.lists(st.sampled_from(RowKind), max_size=5), st.lists(st.sampled_from(RowKind), max_size=5))
def test_a_layout_that_cannot_be_is_refused(first: list[RowKind], without: list[RowKind]) -> None:
    """For the same reasons at the start of a worker and at the creation of an experiment."""
    named = [*first, *without]
    must = {RowKind.TOP_PICKS, RowKind.MY_LIST}
    good = len(set(named)) == len(named) and RowKind.EXPLORE not in first
    good = good and not must & {*without}
    assert bool(layout_faults(first, without)) is not good
    if not good:
        with pytest.raises(InvalidConfigError):
            PageConfig(first=tuple(first), without=tuple(without))


def test_a_share_of_pages_explores_and_stays_so_for_a_day() -> None:
    """As many viewers as the share says; the same all day, others the next day."""
    some = {v for v in range(4_000) if explores(0.3, v, 5, 1)}
    assert abs(len(some) - 1_200) < 120
    assert some == {v for v in range(4_000) if explores(0.3, v, DAY_MS - 1, 1)}
    assert some != {v for v in range(4_000) if explores(0.3, v, DAY_MS, 1)}
