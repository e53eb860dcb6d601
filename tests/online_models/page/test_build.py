"""Pages: the shelves on them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.catalog.business_rules import RuleSet
from online_models.config import BlendConfig, ModelConfig
from online_models.page.catalog_index import CatalogIndex, most_trending
from online_models.page.config import PageConfig
from online_models.recommender import Recommender
from online_models.tables.layout import DAY_MS
from schemas import (
    Availability,
    Event,
    MyList,
    Play,
    Preferences,
    Rate,
    StopCause,
    Tags,
    Thumb,
    Title,
    TitleKind,
)
from schemas.events import ListAction
from schemas.fields import ItemReason, RowKind
from schemas.rules import BusinessRule, RuleKind
from tests.online_models.page.worlds import OPEN, T0, at, stop, titles_of, with_watches


@pytest.fixture
def model() -> Recommender:
    """Return a recommender that many viewers' watches have trained."""
    return with_watches(Recommender(seed=3, page=OPEN))


def test_begun_titles_are_gone_on_with_the_newest_first(model: Recommender) -> None:
    """Started or left in the middle: on the shelf; finished, rejected, or started by autoplay: not."""
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


def test_after_an_episode_the_next_one_is_gone_on_with(model: Recommender) -> None:
    """By season and number, unless it is known or may not be shown; a disliked one is not followed."""
    order = {"t7": (1, 1), "t3": (1, 2), "t11": (2, 1), "t15": (2, 2)}
    for title, (season, episode) in order.items():
        model.describe(
            Title(title_id=title, kind=TitleKind.EPISODE, series_id="s", season=season, episode=episode)
        )
    model.learn_many([stop(1, "ada", "t1", 1_000.0), stop(2, "ada", "t7")])
    assert titles_of(model.page("ada"), RowKind.CONTINUE_WATCHING) == ["t3", "t1"]
    model.learn_one(stop(3, "ada", "t3"))
    model.learn_one(stop(4, "ada", "t1", 1_100.0))
    assert titles_of(model.page("ada"), RowKind.CONTINUE_WATCHING) == ["t1", "t11"]
    again = Recommender.from_snapshot(model.snapshot())
    assert titles_of(again.page("ada"), RowKind.CONTINUE_WATCHING) == ["t1", "t11"]
    model.learn_one(stop(5, "ada", "t11", 1_000.0))
    assert titles_of(model.page("ada"), RowKind.CONTINUE_WATCHING) == ["t11", "t1"]
    model.learn_one(stop(6, "ada", "t11"))
    assert titles_of(model.page("ada"), RowKind.CONTINUE_WATCHING) == ["t15", "t1"]
    model.catalog.withdraw("t15")
    assert titles_of(model.page("ada"), RowKind.CONTINUE_WATCHING) == ["t1"]
    model.learn_many([stop(1, "bob", "t7"), Rate(**at(2, "bob"), title_id="t7", thumb=Thumb.DOWN)])
    assert titles_of(model.page("bob"), RowKind.CONTINUE_WATCHING) == []


def test_episodes_ahead_of_a_viewer_are_on_no_shelf(model: Recommender) -> None:
    """But for the own list and pins; behind an episode that nobody may see the next one is shown."""
    for number in range(1, 6):
        model.describe(
            Title(title_id=f"e{number}", kind=TitleKind.EPISODE, series_id="s", season=1, episode=number)
        )
    model.learn_many(stop(n, f"fan{n}", f"e{number}") for number in range(1, 6) for n in range(100, 130))
    model.learn_many([stop(1, "ada", "e1"), stop(2, "bob", "t1")])

    def shown(viewer: str) -> set[str]:
        side, names = model.viewers, model.titles.ids
        listed = side.rank(side.viewers.acquire([viewer]), T0 + DAY_MS, 40).title[0]
        on_page = {item.title_id for row in model.page(viewer) for item in row.items}
        episodes = {title for title in on_page if title[0] == "e"}
        assert episodes == {names[t] for t in listed if t >= 0 and names[t][0] == "e"}
        return episodes

    assert shown("ada") == {"e2"}
    assert shown("bob") == {"e1"}
    model.catalog.withdraw("e1")
    assert shown("bob") == {"e2"}
    model.learn_one(MyList(**at(3, "bob"), title_id="e4", action=ListAction.ADD))
    assert titles_of(model.page("bob"), RowKind.MY_LIST) == ["e4"]
    pin = BusinessRule(rule_id="r", kind=RuleKind.PIN, titles=("e5",), row=RowKind.FEATURED)
    model.catalog.set_rules(RuleSet([pin]))
    assert titles_of(model.page("bob"), RowKind.FEATURED) == ["e5"]


def test_the_viewers_own_list(model: Recommender) -> None:
    """The newest entry first; watched and removed titles are not on it."""
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
    """The maximum length and the order hold after a restart."""
    model = Recommender(page=OPEN)
    for n in range(40):
        model.describe(Title(title_id=f"t{n}"))
        model.learn_one(MyList(**at(n, "ada"), title_id=f"t{n}", action=ListAction.ADD))
    model.learn_one(MyList(**at(41, "ada"), title_id="t20", action=ListAction.REMOVE))
    wanted = [f"t{n}" for n in range(39, 7, -1) if n != 20]
    again = Recommender.from_snapshot(model.snapshot())
    again.catalog_index = CatalogIndex(again.titles, again.catalog, OPEN)
    assert titles_of(model.page("ada", n=40), RowKind.MY_LIST) == wanted
    assert titles_of(again.page("ada", n=40), RowKind.MY_LIST) == wanted


def test_a_seed_was_watched_or_liked_and_says_which() -> None:
    """A title past a quarter, and one with a thumb up, are seeds; a title that was merely started is none.

    Thumbs down do not count for the genre here: else what is near the seeds would rank lower.
    """
    config = ModelConfig(blend=BlendConfig(dislike=0.0))
    model = with_watches(Recommender(config, seed=3, page=OPEN))
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
    neighbours = {model.titles.ids[n] for n in model.titles.neighbours(4)[0].tolist()}
    watched = next(row for row in model.page("ada") if row.title_id == "t4")
    assert {item.title_id for item in watched.items} <= neighbours
    assert watched.reason is ItemReason.CO_WATCH


def test_a_heading_names_no_title_that_a_guard_forbids(model: Recommender) -> None:
    """A seed above the profile's maturity limit, or no longer available, makes space for the next."""
    model.learn_many([stop(1, "ada", "t4"), stop(2, "ada", "t8")])
    assert {row.title_id for row in model.page("ada") if row.title_id} == {"t4", "t8"}
    model.describe(Title(title_id="t4", maturity=16))
    model.learn_one(Preferences(**at(3, "ada"), maturity=12))
    assert {row.title_id for row in model.page("ada") if row.title_id} == {"t8"}
    model.describe(Title(title_id="t8", availability=Availability(end_ms=T0)))
    assert [row for row in model.page("ada") if row.title_id] == []


def test_a_seed_needs_watches_enough() -> None:
    """A seed with few watches has no shelf."""
    strict = with_watches(Recommender(seed=3, page=PageConfig(least=1, seed_watches=50.0)))
    strict.learn_one(stop(1, "ada", "t4"))
    assert [row for row in strict.page("ada") if row.title_id] == []


def test_what_was_loved_may_be_watched_again_after_a_while(model: Recommender) -> None:
    """Finished titles: after ninety days, until rejected; titles watched to the middle: never."""
    model.learn_many([stop(1, "ada", "t4"), stop(2, "ada", "t6", 1_200.0)])
    day = T0 + DAY_MS
    assert titles_of(model.page("ada", day + 88 * DAY_MS), RowKind.WATCH_AGAIN) == []
    rows = model.page("ada", day + 90 * DAY_MS)
    assert titles_of(rows, RowKind.WATCH_AGAIN) == ["t4"]
    assert next(row for row in rows if row.kind is RowKind.WATCH_AGAIN).reason is ItemReason.AGAIN
    model.learn_one(Rate(**at(3, "ada"), title_id="t4", thumb=Thumb.DOWN))
    assert titles_of(model.page("ada", day + 90 * DAY_MS), RowKind.WATCH_AGAIN) == []


def test_new_releases_are_new(model: Recommender) -> None:
    """Within the window of release or licence, whichever is later; a title without a date is not new."""
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
    """Yesterday's title trends, last month's does not; without a watch there is no such shelf."""
    model = Recommender(page=PageConfig(least=1, trending=1, explore=False))
    for name in ("old", "hot", "never"):
        model.describe(Title(title_id=name))
    assert titles_of(model.page("eve"), RowKind.TRENDING_NOW) == []
    model.learn_many(stop(n, f"c{n}", "old") for n in range(5))
    model.learn_many(stop(50_000 + n, f"d{n}", "hot") for n in range(3))
    config = PageConfig(least=1, trending=1, explore=False)
    nobody = np.zeros(0, np.int32)
    index = CatalogIndex(model.titles, model.catalog, config)
    pools, _ = index.pools(model.viewers.viewers.arrays, nobody, T0 + 60_000 * 50_010)
    assert [model.titles.ids[row] for row in pools.trending.tolist()] == ["hot"]
    assert pools.heat.tolist() == [0.0]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(-50, 10)), max_size=30),
    st.integers(1, 6),
)
def test_the_hottest_are_those_of_the_highest_count_now(counts: list[tuple[float, int]], n: int) -> None:
    """The same as decaying and sorting all counters; a counter from the future is not inflated."""
    trend, at = np.array([c for c, _ in counts], "f8"), np.array([10 * t for _, t in counts], "i8")
    title, heat = np.empty(n, np.int32), np.empty(n, np.float32)
    most_trending(trend, at, 100.0, 0, title, heat)
    value = (trend * 2.0 ** (np.minimum(at, 0) / 100.0)).astype(np.float32)
    expected = np.sort(value[value > 0])[::-1][:n]
    np.testing.assert_allclose(heat[: expected.size], expected, rtol=1e-6)
    assert (title[: expected.size] >= 0).all()
    assert (title[expected.size :] == -1).all()


def test_the_tags_of_a_taste_name_rows() -> None:
    """A viewer of slow emotional romantic dramas gets more of them under that name, also in Hindi."""
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
    """A stated genre of the catalog gets a shelf; an unknown one none."""
    model.learn_one(Preferences(**at(1, "ada"), genres=("Crime", "Opera")))
    rows = [row for row in model.page("ada") if row.kind is RowKind.GENRE]
    assert [row.tags for row in rows] == [("genre:Crime",)]
    assert {item.title_id for item in rows[0].items} <= {f"t{n}" for n in range(2, 24, 3)}
    assert [row for row in model.page("a stranger") if row.kind is RowKind.GENRE] == []


def test_headings_are_in_the_viewers_language(model: Recommender) -> None:
    """The first language of the viewer that has messages; English otherwise."""
    model.learn_many([
        Preferences(**at(1, "ada"), languages=("ta", "hi-IN", "en")),
        Preferences(**at(2, "bob"), languages=("ta",)),
    ])  # fmt: skip
    (ada, bob) = (model.page(viewer)[0] for viewer in ("ada", "bob"))
    assert (ada.kind, bob.kind) == (RowKind.TOP_PICKS, RowKind.TOP_PICKS)
    assert (ada.title, bob.title) == ("आपके लिए चुनिंदा", "Top picks for you")
