"""Shelves of segments: what the viewer's country watches, and what their cohort watches more than others."""

import numpy as np
import pytest

from online_models.catalog.catalog import country_code
from online_models.learners.cohorts import CohortConfig, CohortTable
from online_models.learners.segments import Segments
from online_models.page.catalog_index import ViewerSegments
from online_models.page.config import PageConfig
from online_models.ranking.segment_boost import SegmentBoost
from online_models.recommender import Recommender
from online_models.tables.titles import title_key
from schemas import Rate, Thumb, Title
from schemas.fields import ItemReason, RowKind
from schemas.pages import Row

T0 = 1_700_000_000_000
DAY_MS = 86_400_000
PAGE = PageConfig(least=1, visible=2, segment_watches=10.0, calibration=0.0, explore=False)


def like(viewer: str, title: str, number: int, country: str | None = None) -> Rate:
    """Return a thumb up."""
    about = {"event_id": f"{viewer}{title}", "viewer_id": viewer, "event_time_ms": T0 + number}
    return Rate(**about, title_id=title, thumb=Thumb.UP, country=country)


@pytest.fixture
def model() -> Recommender:
    """Return a model with titles that nobody has watched, and viewers in two countries and in none."""
    out = Recommender(page=PAGE)
    for n in range(12):
        out.describe(Title(title_id=f"t{n}", name=f"Title {n}"))
    for viewer, country in (("ada", "IN"), ("bob", "US"), ("eve", None)):
        out.learn_one(like(viewer, "t11", 0, country))
        slot = out.viewers.viewers.slot(viewer)
        out.viewers.viewers.arrays.country[slot] = country_code(country)
    return out


def row_of(
    model: Recommender, viewer: str, kind: RowKind, days: float = 0.0, language: str = "en"
) -> Row | None:
    """Return a viewer's shelf of a kind, None if there is none."""
    rows = model.page(viewer, T0 + int(days * DAY_MS), language=language)
    return next((row for row in rows if row.kind is kind), None)


def in_country(model: Recommender, **watched: float) -> None:
    """Add watches in India."""
    crowd = Segments(least=1)
    for title, weight in watched.items():
        crowd.watch(title_key(title), weight, T0, country=country_code("IN"))
    model.catalog_index.segments = ViewerSegments(model.titles, SegmentBoost(model.titles, [crowd]))


def test_what_the_viewers_country_watches(model: Recommender) -> None:
    """Viewers in the country have the shelf, most watched first; all others have none."""
    in_country(model, t3=8.0, t4=400.0, t5=1.0, t11=9.0)
    row = row_of(model, "ada", RowKind.TRENDING_IN_COUNTRY)
    assert row is not None
    assert [item.title_id for item in row.items] == ["t4", "t3"]  # one has seen t5, ada knows t11
    assert (row.title, row.reason) == ("Trending in your country", ItemReason.COUNTRY)
    hindi = row_of(model, "ada", RowKind.TRENDING_IN_COUNTRY, language="hi")
    assert hindi is not None
    assert hindi.title == "आपके देश में ट्रेंडिंग"
    assert row_of(model, "bob", RowKind.TRENDING_IN_COUNTRY) is None
    assert row_of(model, "eve", RowKind.TRENDING_IN_COUNTRY) is None


def test_a_country_that_watches_little_has_no_trend(model: Recommender) -> None:
    """Twelve watches decay to ten within .27 days, and to fewer after it."""
    in_country(model, t3=8.0, t4=4.0)
    assert row_of(model, "ada", RowKind.TRENDING_IN_COUNTRY, days=0.26) is not None
    assert row_of(model, "ada", RowKind.TRENDING_IN_COUNTRY, days=0.27) is None


def test_a_country_of_several_shards() -> None:
    """Each shard knows its own titles; the trend has all, by watches, and follows every change."""
    titles, crowds = Recommender().titles, [Segments(least=1), Segments(least=1)]
    rows = titles.intern(["a", "b", "c"]).tolist()
    local = SegmentBoost(titles, crowds)
    assert local.trend(1).titles.size == 0
    for n, (title, weight) in enumerate((("a", 2.0), ("b", 8.0), ("c", 4.0))):
        crowds[n % 2].watch(title_key(title), weight, T0, country=1)
    trend = local.trend(1)
    assert trend.titles.tolist() == [rows[1], rows[2], rows[0]]
    assert trend.heat.tolist() == pytest.approx(np.log([1, 0.5, 0.25]).tolist())
    assert trend.watches == 14.0
    assert local.trend(1) is trend
    crowds[0].watch(title_key("c"), 8.0, T0, country=1)
    assert local.trend(1).titles.tolist() == [rows[2], rows[1], rows[0]]


def two_cohorts(model: Recommender) -> CohortTable:
    """Add two cohorts with a title each, and a title that both watch; ada's taste is the first one's."""
    table = CohortTable(model.config.factorization.factors, CohortConfig(cohorts=2))
    a = model.viewers.viewers.arrays
    mine = a.taste[model.viewers.viewers.slot("ada")]
    for title, weight, sides in (("t1", 9.0, (1,)), ("t2", 9.0, (-1,)), ("t3", 30.0, (1, -1))):
        for side in sides:
            table.learn(
                (side * (mine + 1)).astype(np.float32), int(model.titles.intern([title])[0]), weight, T0
            )
    model.catalog_index.segments.cohorts = table
    return table


def test_what_people_like_you_watch(model: Recommender) -> None:
    """Titles that the cohort watches more than everybody, and no others."""
    two_cohorts(model)
    row = row_of(model, "ada", RowKind.PEOPLE_LIKE_YOU)
    assert row is not None
    assert [item.title_id for item in row.items] == ["t1"]
    assert (row.title, row.reason) == ("Popular with people like you", ItemReason.COHORT)


def test_a_stranger_is_like_nobody(model: Recommender) -> None:
    """Viewers without a like, and viewers of a cohort with few watches, have no such shelf."""
    table = two_cohorts(model)
    assert row_of(model, "a stranger", RowKind.PEOPLE_LIKE_YOU) is None
    table.arrays.watched[:] *= 0.2
    assert row_of(model, "ada", RowKind.PEOPLE_LIKE_YOU) is None


def test_the_nearest_centre_many_at_once() -> None:
    """The same as one by one; without a cohort there is none."""
    rng = np.random.default_rng(5)
    table = CohortTable(3, CohortConfig(cohorts=4))
    tastes = rng.normal(size=(40, 3)).astype(np.float32)
    assert set(table.cohorts_of(tastes).tolist()) == {-1}
    for taste in tastes[:3]:
        table.learn(taste, 0, 1.0, 0)
    assert table.cohorts_of(tastes).tolist() == [table.cohort_of(taste) for taste in tastes]
