"""The choice model: probabilities by hand, and the laws that make the world what it says."""

from dataclasses import replace

import numpy as np
import pytest

from online_models.simulation import World, WorldConfig
from online_models.simulation.catalog import DAY_S
from online_models.simulation.choice import (
    bored_after,
    examination,
    expected_minutes,
    outcomes,
    quick_stop,
    start_probabilities,
)
from online_models.simulation.common_random_numbers import gumbel, keyed, uniform
from online_models.simulation.config import (
    CatalogConfig,
    ChoiceConfig,
    TasteConfig,
    VisitConfig,
    WatchConfig,
)
from online_models.simulation.page_views import PageViews, PendingView, ShownPages
from online_models.tables.hashing import mix
from schemas.catalog import TitleKind
from schemas.events import Impression, Play, Skip

ALONE = replace(
    WorldConfig(),
    catalog=CatalogConfig(upcoming=0.0, series=0.0),
    taste=TasteConfig(households=0.0, late_arrivals=0.0, preferences=0.0),
)
"""One taste an account, everybody there, every title a film that is out."""


@pytest.fixture(scope="module")
def crowd() -> World:
    """Give 20,000 viewers of the same taste and language."""
    world = World(seed=2, viewers=20_000, titles=60, config=ALONE)
    world.population.tastes[:] = world.population.tastes[0]
    world.population.languages[:] = world.population.languages[0]
    return world


def looks_of(world: World, count: int) -> PageViews:
    """Return first looks of the first accounts, at noon of the first day, one a made-up visit."""
    pending = [PendingView(43_200.0, at, 12, 0, -1, 0.0) for at in range(count)]
    return PageViews.of(pending, world.population.profiles(np.arange(count), np.full(count, 12)))


def test_examination_falls_with_row_and_slot() -> None:
    """Position bias is monotone, and the first place is always seen."""
    seen = examination(ChoiceConfig(), 4, 20)
    assert seen[0, 0] == 1.0
    assert (np.diff(seen, axis=0) < 0).all()
    assert (np.diff(seen, axis=1) < 0).all()
    assert seen[1, 2] == pytest.approx(2.0**-0.8 * 3.0**-0.6)


def test_choice_probabilities_by_hand() -> None:
    """Odds 1 and 3 against 4 for nothing: an eighth, three eighths, and half of the time nothing."""
    chances = start_probabilities(np.log(np.array([[1.0, 3.0]])), float(np.log(4.0)))
    assert chances[0].tolist() == pytest.approx([1 / 8, 3 / 8])
    huge = start_probabilities(np.array([1e4, 1e4]), 0.0)
    assert huge.tolist() == [0.5, 0.5]


def test_what_is_chosen_follows_the_probabilities(crowd: World) -> None:
    """20,000 viewers before the same two titles choose as the formula says, within four standard errors."""
    world, titles = crowd, np.array([3, 7])
    views = looks_of(world, 20_000)
    pages = ShownPages.single(np.tile(titles, (20_000, 1)), views)
    who = np.array([0])
    fits = world.truth.fits(who, titles)
    utilities = world.truth.utilities(
        who, titles[None], fits, np.array([43_200.0]), world.past(who, titles[None])
    )[0]
    came = outcomes(world.truth, world.seed, views, pages, world.past)
    outside = world.config.choice.outside
    seen = examination(world.config.choice, 1, 2)[0, 1]
    one, both = start_probabilities(utilities[:1], outside), start_probabilities(utilities, outside)
    expected = np.array([both[0] * seen + one[0] * (1 - seen), both[1] * seen])
    browsing = ~came.searched
    counted = np.array([(came.title[browsing] == title).mean() for title in titles])
    error = np.sqrt(expected * (1 - expected) / browsing.sum())
    assert (np.abs(counted - expected) < 4 * error).all()
    assert came.searched.mean() == pytest.approx(world.config.choice.searched, abs=0.012)


def test_longer_titles_are_watched_longer_and_stopped_more() -> None:
    """Duration bias: at the same enjoyment minutes grow with the length, the share watched falls."""
    minutes = np.array([30.0, 60.0, 120.0, 180.0])
    expected = expected_minutes(WatchConfig(), np.full(4, 0.7), minutes)
    assert (np.diff(expected) > 0).all()
    assert (np.diff(expected / minutes) < 0).all()


def test_minutes_by_hand() -> None:
    """Half leave at once after 50 s; of the rest, of an hour with a mean of 30 minutes 30 (1 - e^-2)."""
    watch = WatchConfig(quick=0.5, bored_minutes=(30.0, 90.0), called_away_minutes=float("inf"))
    nothing = np.array([0.0])
    assert quick_stop(watch, nothing)[0] == 0.5
    assert bored_after(watch, nothing)[0] == pytest.approx(30.0)
    by_hand = 0.5 * 50 / 60 + 0.5 * 30 * (1 - np.exp(-2))
    assert expected_minutes(watch, nothing, np.array([60.0]))[0] == pytest.approx(by_hand)


def test_what_is_watched_has_the_expected_mean(crowd: World) -> None:
    """The draws and the closed form are the same model."""
    world = crowd
    views = looks_of(world, 20_000)
    pages = ShownPages.single(np.full((20_000, 1), 5), views)
    came = outcomes(world.truth, world.seed, views, pages, world.past)
    started = came.title == 5
    fit = world.truth.fits(np.array([0]), np.array([5]))[0]
    enjoyed = world.truth.enjoyment(np.array([5]), fit)
    expected = expected_minutes(world.config.watch, enjoyed, world.catalog.minutes[[5]])[0]
    watched = came.watched_s[started] / 60
    assert watched.mean() == pytest.approx(expected, abs=4 * watched.std() / np.sqrt(started.sum()))


def test_draws_depend_on_their_key_alone() -> None:
    """In any company, in any order: the generator is SplitMix64, a step a part."""
    everyone = uniform(7, 1, np.arange(1000))
    assert uniform(7, 1, np.array([500, 3])).tolist() == [everyone[500], everyone[3]]
    assert everyone.mean() == pytest.approx(0.5, abs=0.04)
    assert gumbel(7, 1, np.arange(10_000)).mean() == pytest.approx(0.5772, abs=0.05)
    assert int(keyed(5)[0]) == int(mix(mix(np.uint64(5))))


def test_taste_drifts_and_sometimes_jumps() -> None:
    """After four weeks most are near their former selves, and some are elsewhere."""
    world = World(seed=1, viewers=2_000, titles=60, config=ALONE)
    before = world.population.tastes.copy()
    world.population.advance(1)
    assert not np.array_equal(before, world.population.tastes)
    world.population.advance(28)
    cosine = (before * world.population.tastes).sum(axis=1)
    assert 0.7 < np.median(cosine) < 0.95
    moved = (cosine < np.quantile(cosine, 0.5) - 0.25).mean()
    assert 0.03 < moved < 0.3


def test_tastes_do_not_drift_where_the_config_says_so() -> None:
    """The constants are what acts."""
    still = replace(WorldConfig(), taste=TasteConfig(drift=0.0, switch=0.0))
    world = World(seed=1, viewers=50, titles=60, config=still)
    before = world.population.tastes.copy()
    world.population.advance(10)
    assert np.allclose(before, world.population.tastes)


def test_households_differ_by_the_hour() -> None:
    """By day it is mostly the second person, in the evening the first; others are always themselves."""
    world = World(seed=1, viewers=4_000, titles=60)
    shared = np.flatnonzero(world.population.second >= 0)
    assert len(shared) / 4_000 == pytest.approx(world.config.taste.households, abs=0.03)
    at_ten, at_nine_pm = (
        (world.population.profiles(shared, np.full(len(shared), hour)) >= 4_000).mean() for hour in (10, 21)
    )
    assert at_ten == pytest.approx(0.85, abs=0.05)
    assert at_nine_pm == pytest.approx(0.15, abs=0.05)
    single = np.flatnonzero(world.population.second < 0)
    assert np.array_equal(world.population.profiles(single, np.full(len(single), 10)), single)
    first, second = world.population.tastes[shared], world.population.tastes[world.population.second[shared]]
    assert np.mean((first * second).sum(axis=1)) < 0.3


def test_visits_follow_the_hour_the_weekday_and_arrival() -> None:
    """Prime time and weekends are busier; who has not arrived does not come."""
    world = World(seed=3, viewers=3_000, titles=60)
    count = np.zeros(24)
    weekend = weekday = 0
    for hour in range(24 * 14):
        accounts, at_s = world.population.visits(hour, (hour // 24) % 7)
        count[hour % 24] += len(accounts)
        busy = (hour // 24) % 7 >= 5
        weekend += len(accounts) * busy
        weekday += len(accounts) * (not busy)
        assert (at_s >= world.population.arrives_s[accounts]).all()
    assert count[20:22].mean() > 5 * count[2:5].mean()
    assert weekend / 4 > 1.15 * weekday / 10
    present = (np.clip(14 - world.population.arrives_s / DAY_S, 0, 14)).sum()
    assert 0.85 < count.sum() / present / VisitConfig().a_day < 1.0  # two in one hour are one


def test_fame_is_zipf_and_releases_have_their_hour() -> None:
    """Before it is out a title draws nothing; on its day most; then it fades."""
    world = World(seed=1, viewers=10, titles=1_000)
    ranked = np.sort(world.catalog.appeal)[::-1]
    assert ranked[0] / ranked[9] == pytest.approx(10**0.85, rel=0.6)  # episodes share their series' fame
    title = int(np.argmax(world.catalog.released_s))
    out = float(world.catalog.released_s[title])
    appeals = [world.truth.appeal(out + days * DAY_S)[title] for days in (-1, 0, 5, 20)]
    assert appeals[0] == 0.0
    assert appeals[1] > appeals[2] > appeals[3] > 0.0
    assert world.titles[title].availability.start_ms == world.titles[title].release_ms


def test_series_are_watched_in_order_and_binged() -> None:
    """Nobody begins in the middle when all are shown; the next one plays by itself after the credits."""
    world = World(seed=5, viewers=150, titles=300)
    plays = [event for event in world.take(12_000) if isinstance(event, Play)]
    episodes = {title.title_id for title in world.titles if title.kind is TitleKind.EPISODE}
    previous = {
        world.titles[at].title_id: world.titles[before].title_id
        for at, before in enumerate(world.catalog.previous.tolist())
        if before >= 0
    }
    alone = [play for play in plays if play.autoplay]
    assert len(alone) > 100
    assert all(play.title_id in previous and play.list_id is None for play in alone)
    had: dict[str, set[str]] = {}
    late = first = 0
    for play in plays:
        if play.title_id in episodes:
            mine = had.setdefault(play.viewer_id, set())
            late += play.title_id in previous and previous[play.title_id] not in mine
            first += 1
            mine.add(play.title_id)
    assert late < 0.2 * first  # chosen at random, five of six would be


def test_a_page_may_have_rows_and_places_without_titles() -> None:
    """What is examined, turned down and chosen is told by row and slot; an empty place is never seen."""
    world = World(seed=4, viewers=300, titles=100, config=ALONE)
    views = looks_of(world, 300)
    titles = np.tile(np.arange(24).reshape(1, 4, 6), (300, 1, 1))
    titles[:, :, 5] = -1
    came = world.act(views, ShownPages(titles, [f"list-{n}" for n in range(300)]))
    events = world.happened(float("1e7"))
    shown = [event for event in events if isinstance(event, Impression)]
    assert {(event.row, event.slot) for event in shown} == {
        (row, slot) for row in range(4) for slot in range(5)
    }
    assert all(event.title_id == f"title-{6 * event.row + event.slot:06d}" for event in shown)
    rows = np.bincount([event.row for event in shown])
    assert (np.diff(rows) < 0).all()
    placed = [e for e in events if isinstance(e, Play | Skip) and e.list_id]
    assert placed
    assert all(e.title_id == f"title-{6 * (e.row or 0) + (e.slot or 0):06d}" for e in placed)
    assert len(shown) == came.examined.sum()


def test_an_empty_page_leads_to_searches_alone() -> None:
    """A viewer who has no page yet can still search."""
    world = World(seed=4, viewers=300, titles=100, config=ALONE)
    views = looks_of(world, 300)
    came = world.act(views, ShownPages.single(np.full((300, 1), -1), views))
    assert np.array_equal(came.title >= 0, came.searched)
    assert came.searched.any()
