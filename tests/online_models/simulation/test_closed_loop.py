"""The closed loop: fair to all policies, and the order in which they must come."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from online_models.simulation import World
from online_models.simulation.choice import bored_after, quick_stop
from online_models.simulation.closed_loop import (
    GROUPS,
    MEASURES,
    MULTI_ROW_POLICIES,
    POLICIES,
    TITLE_AGES,
    VISIT_AGES,
    Figure,
    OutcomeLog,
    Run,
    run_closed_loop,
    summarise,
)
from online_models.simulation.config import WatchConfig
from online_models.simulation.page_views import PageViews, ShownPages, ViewOutcomes
from online_models.simulation.policies import Nearline, NearlinePages, Random, watch_step
from schemas.events import Event, Play

DAYS, WARM_UP = 3, 1
LISTS = [name for name in POLICIES if name not in MULTI_ROW_POLICIES]


class Loop:
    """A policy in a small world, whose pages are looked at."""

    def __init__(self, name: str, seed: int, viewers: int = 80, titles: int = 100) -> None:
        self.name, self.world = name, World(seed=seed, viewers=viewers, titles=titles)
        self.policy = POLICIES[name](self.world)
        self.early = self.again = self.short = self.shown = 0
        self.run = run_closed_loop(name, self.world, self, days=DAYS, warm_up=WARM_UP)

    def learn(self, events: Sequence[Event]) -> None:
        """See `Policy.learn`."""
        self.policy.learn(events)

    def pages(self, views: PageViews) -> ShownPages:
        """Count, in first rows, titles that are not out or that were had, and rows that are not full."""
        pages = self.policy.pages(views)
        titles = pages.titles[:, 0]
        there = titles >= 0
        released_s = self.world.catalog.released_s[titles]
        self.early += int((there & (released_s > views.at_s[:, None] + 900)).sum())
        self.again += int((there & self.world.past(views.accounts, titles).had).sum())
        self.short += int((there.sum(axis=1) < 20).sum())
        self.shown += len(titles)
        return pages

    def observe(self, views: PageViews, pages: ShownPages, outcomes: ViewOutcomes) -> None:
        """See `Policy.observe`."""
        self.policy.observe(views, pages, outcomes)


@pytest.fixture(scope="module")
def loops() -> list[Loop]:
    """Give all policies of one row in two worlds."""
    return [Loop(name, seed) for seed in (1, 2) for name in LISTS]


@pytest.fixture(scope="module")
def runs(loops: list[Loop]) -> list[Run]:
    """Give their runs."""
    return [loop.run for loop in loops]


def test_who_knows_more_has_more_watched(runs: list[Run]) -> None:
    """In minutes: oracle over informed over popularity; recommender over popularity; random last."""
    report = summarise(runs)
    minutes = {name: report.measures[name]["minutes"].mean for name in LISTS}
    assert minutes["oracle"] > minutes["informed"] > minutes["popularity"]
    assert minutes["oracle"] > minutes["nearline"] > minutes["popularity"] > minutes["random"]
    assert 0 < report.shares["nearline"].mean < 1
    assert report.measures["random"]["coverage"].mean > report.measures["popularity"]["coverage"].mean


@pytest.mark.parametrize("fit", [-0.2, 0.3, 0.6])
def test_what_watching_says_of_a_fit(fit: float) -> None:
    """The slope is the log-likelihood's, by differences; its mean square over draws is the information."""
    config, minutes, quality = WatchConfig(), 100.0, 0.5

    def likelihood(fit: float, watched: float, *, quick: bool) -> float:
        met = fit + config.quality * quality - config.middle
        enjoyed = np.array(1.0 / (1.0 + np.exp(-config.steepness * met)))
        left, mean = float(quick_stop(config, enjoyed)), float(bored_after(config, enjoyed))
        if quick:
            return float(np.log(left))
        return float(np.log(1 - left) - watched / mean - (np.log(mean) if watched < minutes else 0.0))

    rng, h = np.random.default_rng(1), 1e-5
    met = fit + config.quality * quality - config.middle
    enjoyed = np.array(1.0 / (1.0 + np.exp(-config.steepness * met)))
    left, mean = float(quick_stop(config, enjoyed)), float(bored_after(config, enjoyed))
    slopes = []
    for _ in range(4_000):
        quick, watched = bool(rng.random() < left), min(float(rng.exponential(mean)), minutes)
        slope, information = watch_step(config, fit, quality, minutes, watched, quick=quick)
        slopes.append(slope)
        if len(slopes) < 20:
            ends = [likelihood(fit + way * h, watched, quick=quick) for way in (1, -1)]
            assert slope == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-4)
    assert np.mean(slopes) == pytest.approx(0.0, abs=4 * np.std(slopes) / np.sqrt(4_000))
    assert np.mean(np.square(slopes)) == pytest.approx(information, rel=0.15)


def test_the_same_seed_gives_the_same_run() -> None:
    """To the last digit, learning included."""
    first, again = (Loop("nearline", 1, viewers=40, titles=60) for _ in range(2))
    assert first.run == again.run


def test_policies_meet_the_same_visits_and_the_same_luck() -> None:
    """First looks of all viewers are the same under any policy, and so is who searches and for what."""
    seen = {}
    for name in ("random", "oracle"):
        world = World(seed=5, viewers=80, titles=100)
        policy, first = POLICIES[name](world), {}
        while True:
            views = world.next_views(within_s=900.0, settled=True)
            if world.now_s > 86_400:
                break
            outcomes = world.act(views, policy.pages(views))
            for row, account in enumerate(views.accounts.tolist()):
                searched = bool(outcomes.searched[row])
                title = int(outcomes.title[row]) if searched else None
                first.setdefault(account, (float(views.at_s[row]), searched, title))
        seen[name] = first
    assert seen["random"] == seen["oracle"]
    assert any(searched for _, searched, _ in seen["random"].values())


def test_a_policy_learns_what_happened_before_its_pages_and_nothing_later() -> None:
    """Events come in order, none from after the look; and of its own viewer's past none is missing."""

    class Checked(Random):
        def __init__(self, world: World) -> None:
            super().__init__(world)
            self.newest = 0
            self.plays = 0
            self.told = 0

        def learn(self, events: Sequence[Event]) -> None:
            times = [event.event_time_ms for event in events]
            assert times == sorted(times)
            assert all(self.newest <= at < self.world.event_ms(self.world.now_s) for at in times)
            self.newest = max([self.newest, *times])
            self.told += sum(isinstance(event, Play) for event in events)

        def observe(self, views: PageViews, pages: ShownPages, outcomes: ViewOutcomes) -> None:  # noqa: ARG002
            self.plays += int((outcomes.title >= 0).sum())

    world = World(seed=2, viewers=100, titles=100)
    policy = Checked(world)
    run_closed_loop("checked", world, policy, days=3, warm_up=0)
    assert policy.plays - 20 < policy.told <= policy.plays


def test_no_policy_shows_what_was_had_or_is_not_out(loops: list[Loop]) -> None:
    """The recommender knows it from events and the catalog, the others from the world."""
    for loop in (*loops, *(Loop(name, 2, viewers=60) for name in MULTI_ROW_POLICIES)):
        assert loop.early == 0, loop.name
        if loop.name not in {"nearline", *MULTI_ROW_POLICIES}:  # it lists again what was started, not judged
            assert loop.again == 0, loop.name
        if loop.name not in MULTI_ROW_POLICIES:  # a row of what was begun is as short as it is
            assert loop.short <= 0.5 * loop.shown, loop.name


def test_a_figure_is_a_mean_with_its_error() -> None:
    """By hand: 1, 2 and 6 have mean 3, deviation sqrt(7), error sqrt(7/3)."""
    figure = Figure.of([1.0, 2.0, 6.0])
    assert (figure.mean, figure.se) == (3.0, pytest.approx(np.sqrt(7 / 3)))
    assert np.isnan(Figure.of([1.0]).se)


def test_shares_and_gains_are_paired_by_world() -> None:
    """Two worlds, popularity 10 and 20, oracle 20 and 40, policy half-way in both: the share has no error."""

    def run(name: str, seed: int, minutes: float) -> Run:
        measures = dict.fromkeys(MEASURES, 0.0) | {"minutes": minutes}
        return Run(name, seed, measures, [0.0], [0.0], [0.0], [0.0])

    table = {"popularity": (10.0, 20.0), "mine": (15.0, 30.0), "oracle": (20.0, 40.0)}
    report = summarise([run(name, seed, m) for name, some in table.items() for seed, m in enumerate(some)])
    assert report.shares == {"mine": Figure(0.5, 0.0)}
    assert report.gains["mine"]["popularity"] == Figure(7.5, 2.5)


def test_a_report_is_plain(runs: list[Run]) -> None:
    """What is written as JSON: every policy, every measure, curves as long as their names."""
    document = summarise(runs).to_dict()
    assert list(document["policies"]) == LISTS
    for policy in document["policies"].values():
        assert {*MEASURES, "gain_over", "share_of_oracle", "by_day"} <= policy.keys()
        lengths = [len(policy[name]) for name in ("by_day", "by_visit", "by_title_age", "by_group")]
        assert lengths == [DAYS, len(VISIT_AGES), len(TITLE_AGES), len(GROUPS)]
    assert document["seeds"] == [1, 2]


def test_a_ledger_counts_by_hand() -> None:
    """Two looks of one visit: 30 minutes to the end, then nothing; the viewer was there for two days."""
    world = World(seed=1, viewers=1, titles=60)
    world.population.arrives_s[:] = 0.0
    log = OutcomeLog(world)
    for number, (title, minutes) in enumerate([(3, 30.0), (-1, 0.0)]):
        whole = np.array([0])
        views = PageViews(
            np.array([3_600.0 + number]), whole, np.array([1]), np.array([number]), whole - 1, whole
        )
        outcomes = ViewOutcomes(
            title=np.array([title]),
            place=whole - (title < 0),
            watched_s=np.array([60 * minutes]),
            enjoyment=np.array([0.5]),
            quick=np.array([False]),
            finished=np.array([title >= 0]),
            searched=np.array([False]),
            examined=np.array([[True]]),
            enjoyable=np.array([[0.5]]),
        )
        log.add(views, ShownPages(np.array([[[3]]]), ["l"]), outcomes)
    found = log.measures(days=2, warm_up=0)
    by_hand = {"minutes": 15.0, "starts": 0.5, "start_share": 0.5, "completion": 1.0, "abandonment": 0.0}
    assert {name: found[name] for name in by_hand} == by_hand
    assert log.by_day(2) == [30.0, 0.0]
    assert log.by_visit() == [30.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_pages_are_watched_more_than_lists() -> None:
    """The same model, viewers and luck: rows are watched longer (by 20 % in five worlds, 8 to 34 in each)."""
    minutes = Counter[str]()
    for seed in (1, 2, 3):
        for policy in (Nearline, NearlinePages):
            world = World(seed=seed, viewers=100, titles=400)
            run = run_closed_loop(policy.__name__, world, policy(world), days=2, warm_up=1)
            minutes[policy.__name__] += run.measures["minutes"]
    assert minutes["NearlinePages"] > 1.05 * minutes["Nearline"]
