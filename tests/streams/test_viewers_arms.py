"""Experiments in the viewers stage: lists are made as the arm says, say so, and change without a restart."""

from typing import Any

import pytest
from msgspec import structs

from online_models.experiments.plan import Plan
from schemas import Event
from schemas.experiments import Arm, Experiment, ExperimentState, ListArm, Ranking, Treatment
from schemas.lists import Home
from schemas.vocabulary import ItemReason, RowKind
from tests.streams.steps import T0, Line, pages_of, watch

POPULAR = Treatment(ranking=Ranking.POPULARITY)
ARMS = (Arm(name="popular", share=0.5, treatment=POPULAR), Arm(name="blend", share=0.5))
RUNNING = Experiment(experiment_id="x", state=ExperimentState.RUNNING, arms=ARMS)
SHORT = Experiment(
    experiment_id="short",
    state=ExperimentState.RUNNING,
    arms=(Arm(name="short", share=1.0, treatment=Treatment(list_length=2)),),
)


class Town(Line):
    """A line whose plan can be changed while it runs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.plan = Plan()
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


def test_without_experiments_pages_say_nothing(town: Town) -> None:
    """No arm, as before."""
    assert all(page.arms == () for page in town.pages(_late("ada", "a1", 1)).values())


def test_arms_are_on_the_pages_and_make_them(town: Town) -> None:
    """A page names the arm with its probability; popularity's viewers get what all watch."""
    town.plan = Plan([RUNNING])
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
    for number, plan in enumerate((Plan(), Plan([RUNNING]), Plan([rolled]), Plan([back])), 1):
        town.plan = plan
        seen.append(town.pages(_late("ada", f"a{number}", number), _late("bob", f"b{number}", number)))
    assert [page["ada"].seq for page in seen] == [1, 2, 3, 4]
    assert [len(page["ada"].arms) for page in seen] == [0, 1, 1, 0]
    for viewer in ("ada", "bob"):
        assert seen[2][viewer].arms == (ListArm(experiment_id="x", arm="popular"),)
        assert _picks(seen[2][viewer])[0] == "t0"


def test_a_list_can_be_shorter(town: Town) -> None:
    """The arm's length, in every row."""
    town.plan = Plan([SHORT])
    page = town.pages(_late("ada", "a1", 1))["ada"]
    assert max(len(row.items) for row in page.rows) == 2
