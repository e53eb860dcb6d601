"""Experiments in the viewers stage: lists are made as the arm says, say so, and change without a restart."""

from typing import Any

import pytest
from msgspec import structs

from online_models.experiments.plan import ExperimentPlan
from schemas import Artwork, Event, Title
from schemas.experiments import (
    Arm,
    ArtworkPolicy,
    Experiment,
    ExperimentKind,
    ExperimentState,
    ListArm,
    Ranking,
    Treatment,
)
from schemas.fields import ItemReason, RowKind
from schemas.pages import Home
from tests.streams.steps import T0, Line, pages_of, watch

POPULAR = Treatment(ranking=Ranking.POPULARITY)
ARMS = (Arm(name="popular", share=0.5, treatment=POPULAR), Arm(name="blend", share=0.5))
RUNNING = Experiment(experiment_id="x", state=ExperimentState.RUNNING, arms=ARMS)
SHORT = Experiment(
    experiment_id="short",
    state=ExperimentState.RUNNING,
    arms=(Arm(name="short", share=1.0, treatment=Treatment(list_length=2)),),
)


def _alone(**more: Any) -> Experiment:
    """Make an experiment that everybody is in."""
    arms = (Arm(name="all", share=1.0, treatment=Treatment(**more)),)
    return Experiment(experiment_id="alone", state=ExperimentState.RUNNING, arms=arms)


DRAFT = Experiment(
    experiment_id="draft", state=ExperimentState.RUNNING, arms=ARMS, kind=ExperimentKind.INTERLEAVE
)


class Town(Line):
    """A line whose plan can be changed while it runs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.plan = ExperimentPlan()
        self.stage.plan = lambda: self.plan
        self.restart()

    def pages(self, *events: Event) -> dict[str, Home]:
        """Feed events and return the newest page of each viewer."""
        return {page.viewer_id: page for page in pages_of(self.feed(*events))}


@pytest.fixture
def town() -> Town:
    """Give a town in which title t0 is watched by all, and two groups have a taste of their own."""
    town = Town()
    crowd: list[Any] = []
    for v in range(40):
        own = "ab"[v % 2]
        watched = ["t0", *(f"{own}{n}" for n in range(v % 5, v % 5 + 3))]
        crowd += [watch(f"crowd{v}", title, 10 * v + n) for n, title in enumerate(watched)]
    town.feed(*crowd)
    return town


def _picks(page: Home) -> list[str]:
    return [item.title_id for item in page.items_of(RowKind.TOP_PICKS)]


def _late(viewer: str, title: str, number: int) -> Event:
    return watch(viewer, title, 1_000_000 * number)


@pytest.fixture
def city(town: Town) -> Town:
    """Give a town with thirty titles more, so that there is something to explore."""
    town.feed(*(watch(f"crowd{n}", f"c{n}", 500 + n) for n in range(30)))
    return town


def test_without_experiments_pages_say_nothing(town: Town) -> None:
    """No arm, as before."""
    assert all(page.arms == () for page in town.pages(_late("ada", "a1", 1)).values())


def test_arms_are_on_the_pages_and_make_them(town: Town) -> None:
    """A page names the arm with its probability; popularity's viewers get what all watch."""
    town.plan = ExperimentPlan([RUNNING])
    viewers = [f"v{n}" for n in range(12)]
    pages = town.pages(*(_late(viewer, "a1", 1) for viewer in viewers))
    arms = {viewer: pages[viewer].arms[0] for viewer in viewers}
    assert {arm.propensity for arm in arms.values()} == {0.5}
    popular = [pages[viewer] for viewer in viewers if arms[viewer].arm == "popular"]
    assert 0 < len(popular) < 12
    assert all(_picks(page)[0] == "t0" for page in popular)
    assert len({tuple(_picks(page)) for page in popular}) == 1
    reasons = {item.reason for page in popular for item in page.items_of(RowKind.TOP_PICKS)}
    assert reasons == {ItemReason.POPULAR}


def test_numbers_go_on_over_arms_and_roll_outs(town: Town) -> None:
    """A winner is on the next page of everybody, taken back it is gone, and seq grows by one all along."""
    rolled = structs.replace(
        RUNNING, state=ExperimentState.ROLLED_OUT, winner="popular", decided_at_ms=T0 + 1
    )
    back = structs.replace(rolled, state=ExperimentState.ROLLED_BACK)
    seen = []
    for number, plan in enumerate(
        (ExperimentPlan(), ExperimentPlan([RUNNING]), ExperimentPlan([rolled]), ExperimentPlan([back])), 1
    ):
        town.plan = plan
        seen.append(town.pages(_late("ada", f"a{number}", number), _late("bob", f"b{number}", number)))
    assert [page["ada"].seq for page in seen] == [1, 2, 3, 4]
    assert [len(page["ada"].arms) for page in seen] == [0, 1, 1, 0]
    for viewer in ("ada", "bob"):
        assert seen[2][viewer].arms == (ListArm(experiment_id="x", arm="popular"),)
        assert _picks(seen[2][viewer])[0] == "t0"


def test_a_list_can_be_shorter(town: Town) -> None:
    """The arm's length, in every row."""
    town.plan = ExperimentPlan([SHORT])
    page = town.pages(_late("ada", "a1", 1))["ada"]
    assert max(len(row.items) for row in page.rows) == 2


def test_rows_can_be_fewer_and_in_another_order(city: Town) -> None:
    """Rows of the page, which kind is first, and which there is none of."""
    before = city.pages(_late("ada", "a1", 1))["ada"]
    assert before.rows[0].kind is not RowKind.TRENDING_NOW
    assert RowKind.EXPLORE in {row.kind for row in before.rows}
    kinds = {"rows_first": (RowKind.TRENDING_NOW,), "rows_without": (RowKind.EXPLORE,)}
    city.plan = ExperimentPlan([_alone(rows=3, **kinds)])
    after = city.pages(_late("ada", "a2", 2))["ada"]
    assert len(after.rows) <= 3
    assert after.rows[0].kind is RowKind.TRENDING_NOW
    assert RowKind.EXPLORE not in {row.kind for row in after.rows}
    city.plan = ExperimentPlan([_alone(rows=1)])
    assert [row.kind for row in city.pages(_late("ada", "a3", 3))["ada"].rows] == [RowKind.TOP_PICKS]


def test_a_share_of_pages_explores_and_says_how_likely_each_title_was(city: Town) -> None:
    """At .5 about half of the viewers have the row, and its titles half the probability that they had."""
    viewers = [f"v{n}" for n in range(40)]

    def explored(number: int) -> list[float]:
        pages = city.pages(*(_late(viewer, "a1", number) for viewer in viewers))
        rows = [row for page in pages.values() for row in page.rows if row.kind is RowKind.EXPLORE]
        return [row.items[0].propensity or 0.0 for row in rows]

    everywhere = explored(1)
    assert len(everywhere) == 40
    city.plan = ExperimentPlan([_alone(explore=0.5)])
    half = explored(2)
    assert 8 < len(half) < 32
    assert max(half) == pytest.approx(max(everywhere) / 2, rel=0.2)
    city.plan = ExperimentPlan([_alone(explore=0.0)])
    assert explored(3) == []


def test_a_list_gives_its_last_place_away_now_and_then(city: Town) -> None:
    """Of twenty titles, a place in a hundred: about every fifth list's last; each says how likely it was."""
    city.plan = ExperimentPlan([_alone(rows=1)])
    pages = city.pages(*(_late(f"v{n}", "a1", 1) for n in range(60)))
    lasts = []
    for page in pages.values():
        (row,) = page.rows
        assert len(row.items) == 20
        assert {item.propensity for item in row.items[:-1]} == {None}
        lasts.append(row.items[-1])
    drawn = [item for item in lasts if item.reason is ItemReason.EXPLORE]
    assert 3 < len(drawn) < 24
    assert {item.propensity for item in lasts if item.reason is not ItemReason.EXPLORE} == {0.8}
    assert all(0.2 / 40 < (item.propensity or 0.0) < 0.2 / 10 for item in drawn)
    assert len({item.title_id for item in drawn}) > 2


def test_the_catalog_can_choose_the_pictures(town: Town) -> None:
    """Under `first` every viewer sees the first picture, with probability 1."""
    art = tuple(Artwork(id=name, uri=f"https://x/{name}") for name in ("one", "two"))
    town.put(*(Title(title_id=f"{own}{n}", artwork=art) for own in "ab" for n in range(8)))
    town.plan = ExperimentPlan([_alone(artwork=ArtworkPolicy.FIRST)])
    pages = town.pages(*(_late(f"v{n}", "a1", 1) for n in range(12)))
    shown = [item for page in pages.values() for row in page.rows for item in row.items if item.artwork]
    assert shown
    assert {(item.artwork, item.propensity) for item in shown} == {("one", 1.0)}


def test_two_rankers_share_top_picks(town: Town) -> None:
    """Each item that one alone had picked says whose it is, and no title is in sight twice."""
    viewers = [f"v{n}" for n in range(12)]
    before = town.pages(*(_late(viewer, "a1", 1) for viewer in viewers))
    town.plan = ExperimentPlan([DRAFT])
    pages = town.pages(*(_late(viewer, "a2", 2) for viewer in viewers))
    both = ListArm(experiment_id="draft", arm="interleaved")
    assert {page.arms for page in pages.values()} == {(both,)}
    teams = [[item.arm for item in page.items_of(RowKind.TOP_PICKS)] for page in pages.values()]
    named = {"draft/popular", "draft/blend"}
    assert named <= {arm for team in teams for arm in team} <= named | {None}
    assert all(abs(team.count("draft/popular") - team.count("draft/blend")) <= 2 for team in teams)
    assert len({tuple(team) for team in teams}) > 1
    for viewer, page in pages.items():
        assert page.seq == before[viewer].seq + 1
        assert len(_picks(page)) == len(set(_picks(page)))
        own = {RowKind.EXPLORE, RowKind.CONTINUE_WATCHING, RowKind.MY_LIST, RowKind.WATCH_AGAIN}
        items = [i for row in page.rows if row.kind not in own | {RowKind.TOP_PICKS} for i in row.items]
        seen = set(_picks(page)[: town.settings.page.visible])
        assert all(item.title_id not in seen and item.arm is None for item in items)


def test_one_ranker_against_itself_has_no_teams(town: Town) -> None:
    """Where both arms rank alike, every title is neutral."""
    equal = structs.replace(DRAFT, arms=(Arm(name="a", share=0.5), Arm(name="b", share=0.5)))
    town.plan = ExperimentPlan([equal])
    page = town.pages(_late("ada", "a1", 1))["ada"]
    assert {item.arm for item in page.items_of(RowKind.TOP_PICKS)} == {None}


def test_a_winner_of_an_interleaving_ranks_alone(town: Town) -> None:
    """Rolled out it is the default, like any winner."""
    won = structs.replace(DRAFT, state=ExperimentState.ROLLED_OUT, winner="popular", decided_at_ms=T0)
    town.plan = ExperimentPlan([won])
    page = town.pages(_late("ada", "a1", 1))["ada"]
    assert page.arms == (ListArm(experiment_id="draft", arm="popular"),)
    assert _picks(page)[0] == "t0"
