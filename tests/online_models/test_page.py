"""Pages: what stands on them, in which order, and what never does."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.audiences import Audiences, Local
from online_models.catalogue import country_code
from online_models.cohorts import CohortConfig, CohortTable
from online_models.errors import InvalidConfigError
from online_models.kernels.page.layout import NO_ROW
from online_models.kernels.page.order import GENRES as GENRES_KEPT
from online_models.kernels.page.order import calibrate
from online_models.kernels.page.pools import hottest
from online_models.page.builder import build
from online_models.page.config import DAY_MS, PageConfig, layout_faults
from online_models.page.crowds import Crowds
from online_models.page.kinds import KINDS
from online_models.page.shelves import Shelves
from online_models.page.treated import explores
from online_models.recommender import Recommender
from online_models.titles import title_key
from schemas import Availability, Event, MyList, Play, Preferences, Rate, Stop, StopCause, Tags, Thumb, Title
from schemas.interaction import ListAction
from schemas.lists import Row
from schemas.vocabulary import ItemReason, RowKind

T0 = 1_700_000_000_000
GENRES = ("Drama", "Comedy", "Crime")
OPEN = PageConfig(
    least=1, visible=2, seed_watches=0.0, tag_titles=2, crowd_watches=0.0, alert_likes=1, alert_quantile=0.0
)
"""Rows of few titles count, so that small worlds have all kinds."""


def at(number: int, viewer: str, **more: Any) -> dict[str, Any]:
    """Return what every event says; a minute lies between two."""
    return {"event_id": f"e{number}", "viewer_id": viewer, "event_time_ms": T0 + 60_000 * number, **more}


def stop(number: int, viewer: str, title: str, watched_s: float = 3_600.0, **more: Any) -> Stop:
    """Return the end of a playback of an hour's title, to its end when not said otherwise."""
    about = {"cause": StopCause.TIMEOUT, **more}
    return Stop(
        **at(number, viewer), title_id=title, watched_s=watched_s, position_s=watched_s, duration_s=3_600.0,
        **about,
    )  # fmt: skip


def crowd(model: Recommender, titles: int = 24, viewers: int = 12) -> Recommender:
    """Describe titles of three genres, and let a crowd watch five neighbouring ones each."""
    for n in range(titles):
        tags = Tags(genre=(GENRES[n % 3],), mood=("dark" if n % 2 else "warm",))
        model.describe(Title(title_id=f"t{n}", name=f"Title {n}", tags=tags))
    model.learn_many(
        stop(5 * v + k - 1_000, f"crowd{v}", f"t{(2 * v + k) % titles}")
        for v in range(viewers)
        for k in range(5)
    )
    return model


def titles_of(rows: Sequence[Row], kind: RowKind) -> list[str]:
    """Return the titles of all rows of a kind."""
    return [item.title_id for row in rows if row.kind is kind for item in row.items]


@pytest.fixture
def model() -> Recommender:
    """Give a recommender that a crowd has taught."""
    return crowd(Recommender(seed=3, page=OPEN))


def test_begun_titles_are_gone_on_with_the_newest_first(model: Recommender) -> None:
    """Started or left in the middle: there; finished, turned down, or begun by itself: not."""
    model.learn_many([
        stop(1, "ada", "t1", 1_000.0),
        Play(**at(2, "ada"), title_id="t2"),
        stop(3, "ada", "t3"),
        stop(4, "ada", "t4", 20.0, cause=StopCause.EXITED),
        Play(**at(5, "ada"), title_id="t5", autoplay=True),
    ])  # fmt: skip
    assert titles_of(model.page("ada"), RowKind.CONTINUE_WATCHING) == ["t2", "t1"]
    model.learn_one(stop(6, "ada", "t1", 3_500.0))
    assert titles_of(model.page("ada"), RowKind.CONTINUE_WATCHING) == ["t2"]
    later = T0 + int(61 * DAY_MS)
    assert titles_of(model.page("ada", later), RowKind.CONTINUE_WATCHING) == []


def test_the_viewers_own_list(model: Recommender) -> None:
    """The newest wish first; what was watched or taken off is not on it."""
    events: list[Event] = [
        MyList(**at(n, "ada"), title_id=f"t{n}", action=ListAction.ADD) for n in (1, 2, 3, 4)
    ]
    model.learn_many([
        *events,
        MyList(**at(5, "ada"), title_id="t2", action=ListAction.REMOVE),
        MyList(**at(6, "ada"), title_id="t1", action=ListAction.ADD),
        stop(7, "ada", "t3"),
    ])  # fmt: skip
    assert titles_of(model.page("ada"), RowKind.MY_LIST) == ["t1", "t4"]


def test_a_list_of_more_than_32_forgets_the_oldest() -> None:
    """The bound of the row, and its order, over a restart."""
    model = Recommender(page=OPEN)
    for n in range(40):
        model.describe(Title(title_id=f"t{n}"))
        model.learn_one(MyList(**at(n, "ada"), title_id=f"t{n}", action=ListAction.ADD))
    model.learn_one(MyList(**at(41, "ada"), title_id="t20", action=ListAction.REMOVE))
    wanted = [f"t{n}" for n in range(39, 7, -1) if n != 20]
    again = Recommender.from_snapshot(model.snapshot())
    again.shelves = Shelves(again.titles, again.catalogue, OPEN)
    assert titles_of(model.page("ada", n=40), RowKind.MY_LIST) == wanted
    assert titles_of(again.page("ada", n=40), RowKind.MY_LIST) == wanted


def test_a_seed_was_watched_or_liked_and_says_which(model: Recommender) -> None:
    """A title past a quarter, and one with a thumb up, are seeds; one that was merely started is none."""
    model.learn_many([
        stop(1, "ada", "t4"),
        Rate(**at(2, "ada"), title_id="t8", thumb=Thumb.UP),
        Play(**at(3, "ada"), title_id="t12"),
        stop(4, "ada", "t16"),
        Rate(**at(5, "ada"), title_id="t16", thumb=Thumb.DOWN),
    ])  # fmt: skip
    seeds = {row.title_id: (row.kind, row.title) for row in model.page("ada") if row.title_id}
    assert seeds == {
        "t4": (RowKind.BECAUSE_YOU_WATCHED, "Because you watched Title 4"),
        "t8": (RowKind.BECAUSE_YOU_LIKED, "Because you liked Title 8"),
    }
    neighbours = {model.titles.ids[n] for n in model.titles.arrays.nbr[4].tolist() if n >= 0}
    watched = next(row for row in model.page("ada") if row.title_id == "t4")
    assert {item.title_id for item in watched.items} <= neighbours
    assert watched.reason is ItemReason.CO_WATCH


def test_a_heading_names_no_title_that_a_guard_forbids(model: Recommender) -> None:
    """A seed above the profile's limit, or no longer to be had, gives its place to the next."""
    model.learn_many([stop(1, "ada", "t4"), stop(2, "ada", "t8")])
    assert {row.title_id for row in model.page("ada") if row.title_id} == {"t4", "t8"}
    model.describe(Title(title_id="t4", maturity=16))
    model.learn_one(Preferences(**at(3, "ada"), maturity=12))
    assert {row.title_id for row in model.page("ada") if row.title_id} == {"t8"}
    model.describe(Title(title_id="t8", availability=Availability(end_ms=T0)))
    assert [row for row in model.page("ada") if row.title_id] == []


def test_a_seed_needs_watches_enough() -> None:
    """Neighbours of what hardly anybody has watched say little: no row."""
    strict = crowd(Recommender(seed=3, page=PageConfig(least=1, seed_watches=50.0)))
    strict.learn_one(stop(1, "ada", "t4"))
    assert [row for row in strict.page("ada") if row.title_id] == []


def test_what_was_loved_may_be_watched_again_after_a_while(model: Recommender) -> None:
    """Finished: after ninety days, until turned down; watched to the middle: never."""
    model.learn_many([stop(1, "ada", "t4"), stop(2, "ada", "t6", 1_200.0)])
    day = T0 + DAY_MS
    assert titles_of(model.page("ada", day + 88 * DAY_MS), RowKind.WATCH_AGAIN) == []
    rows = model.page("ada", day + 90 * DAY_MS)
    assert titles_of(rows, RowKind.WATCH_AGAIN) == ["t4"]
    assert next(row for row in rows if row.kind is RowKind.WATCH_AGAIN).reason is ItemReason.AGAIN
    model.learn_one(Rate(**at(3, "ada"), title_id="t4", thumb=Thumb.DOWN))
    assert titles_of(model.page("ada", day + 90 * DAY_MS), RowKind.WATCH_AGAIN) == []


def test_new_releases_are_new(model: Recommender) -> None:
    """Within the window, released and licensed, whichever is later; a title without a date is not new."""
    now = T0 + 400 * DAY_MS
    model.describe(Title(title_id="new", release_ms=now - DAY_MS))
    model.describe(Title(title_id="licensed", release_ms=0, availability=Availability(start_ms=now - 1)))
    model.describe(Title(title_id="old", release_ms=now - 31 * DAY_MS))
    model.describe(Title(title_id="announced", release_ms=now + 1))
    rows = model.page("stranger", now)
    found = set(titles_of(rows, RowKind.NEW_RELEASES)) | set(titles_of(rows, RowKind.TOP_PICKS)[:6])
    assert set(titles_of(rows, RowKind.NEW_RELEASES)) <= {"new", "licensed"}
    assert {"new", "licensed"} <= found


def test_trending_is_what_is_watched_most_of_late() -> None:
    """Yesterday's title trends, last month's does not; a page without a watch has no such row."""
    model = Recommender(page=PageConfig(least=1, trending=1, explore=False))
    for name in ("old", "hot", "never"):
        model.describe(Title(title_id=name))
    assert titles_of(model.page("eve"), RowKind.TRENDING_NOW) == []
    model.learn_many(stop(n, f"c{n}", "old") for n in range(5))
    model.learn_many(stop(50_000 + n, f"d{n}", "hot") for n in range(3))
    config = PageConfig(least=1, trending=1, explore=False)
    nobody = np.zeros(0, np.int32)
    shelves = Shelves(model.titles, model.catalogue, config)
    pools, _ = shelves.pools(model.viewers.viewers.arrays, nobody, T0 + 60_000 * 50_010)
    assert [model.titles.ids[row] for row in pools.trending.tolist()] == ["hot"]
    assert pools.heat.tolist() == [0.0]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(-50, 10)), max_size=30),
    st.integers(1, 6),
)
def test_the_hottest_are_those_of_the_highest_count_now(counts: list[tuple[float, int]], n: int) -> None:
    """As if every counter were brought to the moment and sorted; what is counted later is not inflated."""
    trend, at = np.array([c for c, _ in counts], "f8"), np.array([10 * t for _, t in counts], "i8")
    title, heat = np.empty(n, np.int32), np.empty(n, np.float32)
    hottest(trend, at, 100.0, 0, title, heat)
    value = (trend * 2.0 ** (np.minimum(at, 0) / 100.0)).astype(np.float32)
    expected = np.sort(value[value > 0])[::-1][:n]
    np.testing.assert_allclose(heat[: expected.size], expected, rtol=1e-6)
    assert (title[: expected.size] >= 0).all()
    assert (title[expected.size :] == -1).all()


def test_the_tags_of_a_taste_name_rows() -> None:
    """Who watches slow emotional romantic dramas is offered the rest of them, by that name, also in Hindi."""
    model = Recommender(page=PageConfig(least=2, tag_titles=4))
    theirs = Tags(genre=("Romance", "Drama"), mood=("emotional",), pace=("slow",))
    others = Tags(genre=("Action",), mood=("dark",), pace=("fast",))
    for n in range(12):
        model.describe(Title(title_id=f"mine{n}", tags=theirs))
    for n in range(60):
        model.describe(Title(title_id=f"other{n}", tags=others))
    model.learn_many(stop(n, f"c{n}", f"other{n}") for n in range(60))
    model.learn_many(stop(100 + n, "ada", f"mine{n}") for n in range(4))
    row = next(row for row in model.page("ada") if row.kind is RowKind.GENRE)
    assert row.title == "Slow-paced emotional romantic dramas"
    assert row.tags == ("pace:slow", "mood:emotional", "genre:Romance", "genre:Drama")
    assert {item.title_id for item in row.items} <= {f"mine{n}" for n in range(4, 12)}
    hindi = next(row for row in model.page("ada", language="hi") if row.kind is RowKind.GENRE)
    assert hindi.title == "धीमी रफ़्तार भावुक रोमांटिक ड्रामा"


def test_stated_tags_name_rows_before_anything_is_watched(model: Recommender) -> None:
    """Who states a genre that there is gets a row of it; of an unknown one none."""
    model.learn_one(Preferences(**at(1, "ada"), genres=("Crime", "Opera")))
    rows = [row for row in model.page("ada") if row.kind is RowKind.GENRE]
    assert [row.tags for row in rows] == [("genre:Crime",)]
    assert {item.title_id for item in rows[0].items} <= {f"t{n}" for n in range(2, 24, 3)}
    assert [row for row in model.page("a stranger") if row.kind is RowKind.GENRE] == []


def test_headings_are_in_the_viewers_language(model: Recommender) -> None:
    """The first language that they understand and that there are messages in; English else."""
    model.learn_many([
        Preferences(**at(1, "ada"), languages=("ta", "hi-IN", "en")),
        Preferences(**at(2, "bob"), languages=("ta",)),
    ])  # fmt: skip
    (ada, bob) = (model.page(viewer)[0] for viewer in ("ada", "bob"))
    assert (ada.kind, bob.kind) == (RowKind.TOP_PICKS, RowKind.TOP_PICKS)
    assert (ada.title, bob.title) == ("आपके लिए चुनिंदा", "Top picks for you")


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
    shelf = Shelves(model.titles, model.catalogue, PageConfig()).shelf()
    share = np.zeros(GENRES_KEPT)
    share[:2] = 2 / 3, 1 / 3
    title, same = np.arange(12, dtype=np.int32), np.zeros(12, np.float32)
    calibrate(shelf, share, 1.0, 6, title, same, same.copy())
    assert title[:6].tolist() == [0, 6, 1, 2, 7, 3]


def test_a_series_does_not_fill_a_row() -> None:
    """Two of a series at most, wherever the others would have stood."""
    model = Recommender(page=PageConfig(rows=2, explore=False))
    for n in range(10):
        model.describe(Title(title_id=f"t{n}", series_id="s" if n < 6 else None))
    (row,) = [row for row in model.page("ada") if row.kind is RowKind.TOP_PICKS]
    shown = {item.title_id for item in row.items}
    assert len(shown & {f"t{n}" for n in range(6)}) == 2
    assert len(shown) == 6


def test_exploring_is_a_fair_draw_with_its_probability() -> None:
    """Every title comes equally often over viewers; the propensity is one over those to draw from."""
    model = Recommender(seed=1, page=PageConfig(rows=2, least=1, visible=1))
    for n in range(20):
        model.describe(Title(title_id=f"t{n}"))
    model.learn_one(stop(0, "x", "t0"))
    first: dict[str, int] = {}
    for n in range(600):
        explore = model.page(f"v{n}", n=5)[-1]
        assert explore.kind is RowKind.EXPLORE
        assert {item.propensity for item in explore.items} == {1 / 19}
        first[explore.items[0].title_id] = first.get(explore.items[0].title_id, 0) + 1
    counts = np.array(list(first.values()))
    assert counts.sum() == 600
    assert ((counts - 30) ** 2 / 30).sum() < 43.8  # chi-square, 19 degrees of freedom, p = .001


def test_the_draw_stays_for_a_day_and_the_page_with_it() -> None:
    """Nothing happened: the page is the same a second later, and the draw another the next day."""
    model = crowd(Recommender(seed=3, page=OPEN), titles=150)
    model.learn_one(stop(1, "ada", "t4"))
    now = T0 + 90_000
    assert model.page("ada", now) == model.page("ada", now + 1_000)
    days = [titles_of(model.page("ada", now + n * DAY_MS), RowKind.EXPLORE) for n in (0, 1)]
    assert days[0] != days[1]


def test_a_page_of_one_row_is_the_list(model: Recommender) -> None:
    """`rows=1`: top picks as `top_n` ranks them, nothing else."""
    model.learn_one(stop(1, "ada", "t4"))
    shelves = Shelves(model.titles, model.catalogue, PageConfig(rows=1))
    slots = np.array([model.viewers.viewers.slot("ada")], np.int32)
    pages = build(model.viewers, shelves, slots, T0 + 60_000, 7)
    listed = [model.titles.ids[row] for row in pages.title[0, 0].tolist()]
    assert listed == [title for title, _ in model.top_n("ada", 7, T0 + 60_000)]


def test_top_picks_without_calibration_are_the_list(model: Recommender) -> None:
    """One score row: a page ranks titles exactly as a list does, scores included."""
    model.learn_many([stop(1, "ada", "t4"), stop(2, "ada", "t9"), stop(3, "ada", "t2", 5.0)])
    shelves = Shelves(model.titles, model.catalogue, PageConfig(rows=2, calibration=0.0, explore=False))
    slots = np.array([model.viewers.viewers.slot("ada")], np.int32)
    lists, pages = model.viewers.rank(slots, T0, 12), build(model.viewers, shelves, slots, T0, 12)
    assert pages.title[0, 0].tolist() == lists.title[0].tolist()
    np.testing.assert_allclose(pages.score[0, 0], lists.score[0], rtol=1e-5)
    assert pages.reason[0, 0].tolist() == lists.reason[0].tolist()


TITLES = [f"t{n}" for n in range(16)]
described = st.builds(
    Title,
    title_id=st.sampled_from(TITLES),
    series_id=st.sampled_from([None, "s"]),
    maturity=st.sampled_from([0, 12, 18]),
    release_ms=st.sampled_from([None, T0 - 5 * DAY_MS, T0 - 500 * DAY_MS]),
    availability=st.sampled_from(
        [Availability(), Availability(end_ms=T0 + 1), Availability(countries=("IN",))]
    ),
    tags=st.builds(
        Tags,
        genre=st.sets(st.sampled_from(GENRES), max_size=2).map(sorted).map(tuple),
        mood=st.sets(st.sampled_from(("dark", "warm")), max_size=1).map(tuple),
    ),
)


def deeds() -> st.SearchStrategy[Event]:
    """Return whatever three viewers can do to sixteen titles."""
    number, viewer = st.integers(0, 10**6), st.sampled_from(["ada", "bob", "cat"])
    about = st.builds(at, number, viewer, country=st.sampled_from([None, "IN", "US"]))
    title = st.sampled_from(TITLES)
    seconds = st.sampled_from([5.0, 400.0, 1_800.0, 3_600.0])
    causes = st.sampled_from([StopCause.EXITED, StopCause.ENDED, StopCause.ERROR])
    return st.one_of(
        st.builds(
            lambda a, t, w, c: Stop(**a, title_id=t, watched_s=w, position_s=w, duration_s=3_600.0, cause=c),
            about, title, seconds, causes,
        ),
        st.builds(lambda a, t, auto: Play(**a, title_id=t, autoplay=auto), about, title, st.booleans()),
        st.builds(lambda a, t, n: Rate(**a, title_id=t, thumb=n), about, title, st.sampled_from(Thumb)),
        st.builds(
            lambda a, t, n: MyList(**a, title_id=t, action=n), about, title, st.sampled_from(ListAction)
        ),
        st.builds(lambda a, m: Preferences(**a, maturity=m), about, st.sampled_from([None, 12, 16])),
    )  # fmt: skip


watched_there = st.tuples(st.sampled_from(TITLES), st.sampled_from(["IN", "US"]), st.floats(-1, 1, width=32))


def put_crowds(model: Recommender, watched: Sequence[tuple[str, str, float]]) -> None:
    """Let countries and two cohorts watch titles."""
    crowd, factors = Audiences(), model.config.factorization.factors
    table = CohortTable(factors, CohortConfig(cohorts=2))
    for title, country, taste in watched:
        crowd.watch(title_key(title), 3.0, T0, country=country_code(country))
        row = int(model.titles.intern([title])[0])
        table.learn(np.full(factors, taste, np.float32), row, 3.0, T0)
    crowds = model.shelves.crowds = Crowds(model.titles, Local(model.titles, [crowd]))
    crowds.cohorts = table


@settings(deadline=None, max_examples=150)
@given(
    st.lists(described, max_size=24),
    st.lists(deeds(), max_size=40),
    st.lists(watched_there, max_size=24),
    st.integers(0, 200),
    st.sampled_from([OPEN, PageConfig(rows=5, visible=3), PageConfig(least=1, rows=14, visible=4)]),
)
def test_whatever_happened_the_guards_hold(
    catalogue: list[Title],
    events: list[Event],
    watched: list[tuple[str, str, float]],
    days: int,
    config: PageConfig,
) -> None:
    """Nothing finished, turned down, too old for the profile or not to be had; none twice in sight."""
    model = Recommender(seed=days, page=config)
    for title in catalogue:
        model.describe(title)
    model.learn_many(events)
    put_crowds(model, watched)
    now = T0 + days * DAY_MS
    table = model.viewers.viewers
    for viewer in ("ada", "bob", "cat", "a stranger"):
        rows = model.page(viewer, now, n=5)
        assert rows == model.page(viewer, now, n=5)
        slot = table.slot(viewer)
        limit, country = (
            (255, 0) if slot is None else (int(table.arrays.limit[slot]), int(table.arrays.country[slot]))
        )
        allowed = model.catalogue.allowed(limit=limit, country=country, now_ms=now)
        may = {model.titles.ids[row] for row in np.flatnonzero(allowed).tolist()}
        assert country in {0, country_code("IN"), country_code("US")}
        known = dict(table.known(viewer))
        in_sight: list[str] = []
        assert len(rows) <= config.rows
        there = {title for title, where, _ in watched if country_code(where) == country}
        assert set(titles_of(rows, RowKind.TRENDING_IN_COUNTRY)) <= there
        for row in rows:
            titles = [item.title_id for item in row.items]
            assert 1 <= len(titles) <= 5
            assert len(set(titles)) == len(titles)
            assert set(titles) <= may
            assert row.title_id is None or row.title_id in may
            assert all(known.get(title, True) for title in titles)  # turned down, whatever the row
            if row.kind not in {RowKind.WATCH_AGAIN, RowKind.CONTINUE_WATCHING}:
                assert not set(titles) & set(known)
            in_sight += titles[: config.visible]
        assert len(set(in_sight)) == len(in_sight)
        if slot is not None:
            pages = build(model.viewers, model.shelves, np.array([slot], np.int32), now, 5)
            since = model.catalogue.facts.since(len(model.titles))
            for row in pages.alert[0][pages.alert[0] >= 0].tolist():
                assert model.titles.ids[row] in may - set(known)
                assert now - 14 * DAY_MS < since[row] <= now
            labels = {model.catalogue.tag_names[tag] for tag in pages.category[0].tolist() if tag >= 0}
            left = [row for row in np.flatnonzero(allowed).tolist() if model.titles.ids[row] not in known]
            _, tags = model.catalogue.tags_of(np.array(left, np.int64))
            assert labels <= {model.catalogue.tag_names[tag] for tag in tags.tolist()}


@settings(deadline=None, max_examples=60)
@given(st.lists(described, max_size=24), st.lists(deeds(), max_size=30))
def test_what_is_finished_is_not_gone_on_with(catalogue: list[Title], events: list[Event]) -> None:
    """Continue watching holds only what the judgement says is begun and not done."""
    model = Recommender(page=OPEN)
    for title in catalogue:
        model.describe(title)
    model.learn_many(events)
    a = model.viewers.viewers.arrays
    for viewer in ("ada", "bob", "cat"):
        slot = model.viewers.viewers.slot(viewer)
        for title in titles_of(model.page(viewer, T0), RowKind.CONTINUE_WATCHING):
            (place,) = np.flatnonzero(a.judged[slot] == model.titles.row(title)).tolist()
            flags = int(a.judgement[slot, place]["flags"])
            assert flags & 8
            assert not flags & 2


def _laid_out(model: Recommender, **more: Any) -> list[RowKind]:
    """Return the kinds of rows of ada's page under a layout."""
    config = replace(OPEN, rows=8, **more)
    slots = model.viewers.viewers.acquire(["ada"])
    pages = build(model.viewers, model.shelves, slots, T0 + DAY_MS, 6, config=config)
    return [KINDS[kind].wire for kind in pages.kind[0].tolist() if kind != NO_ROW]


def test_kinds_can_come_first_and_be_left_out(model: Recommender) -> None:
    """In the order that was asked for, all rows of a kind together; what is left out is gone."""
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
    """By the same reasons where a worker starts and where an experiment is created."""
    named = [*first, *without]
    must = {RowKind.TOP_PICKS, RowKind.MY_LIST}
    good = len(set(named)) == len(named) and RowKind.EXPLORE not in first
    good = good and not must & {*without}
    assert bool(layout_faults(first, without)) is not good
    if not good:
        with pytest.raises(InvalidConfigError):
            PageConfig(first=tuple(first), without=tuple(without))


def test_a_share_of_pages_explores_and_stays_so_for_a_day() -> None:
    """As many viewers as the share says; the same all day, others on the next."""
    some = {v for v in range(4_000) if explores(0.3, v, 5, 1)}
    assert abs(len(some) - 1_200) < 120
    assert some == {v for v in range(4_000) if explores(0.3, v, DAY_MS - 1, 1)}
    assert some != {v for v in range(4_000) if explores(0.3, v, DAY_MS, 1)}
