"""Exposure begins with an impression, counts in event time, and is the same in any partitioning."""

from typing import Any

import pytest

from online_models.experiments.exposure import EXPOSURES, PAST_MS, Tally, ViewerTally, counts_at
from online_models.experiments.moments import COUNTS, Moments
from online_models.experiments.plan import ExperimentPlan
from schemas import Identify, Play, Preferences, Select, StopCause
from schemas.assignment import assign
from schemas.experiments import Audience, ExperimentState
from tests.online_models.experiments.exposing import T0, Desk, trial


def test_only_who_has_looked_is_exposed() -> None:
    """Watching without an impression counts for the past and for no arm."""
    desk = Desk(trial())
    assert desk.stop(0, 1_000) == []
    assert desk.tallies == {}
    assert desk.look(1) == ["trial"]
    mine = assign(trial(), "ada")
    assert mine is not None
    assert desk.tallies["trial"].arms[mine.arm].viewers == 1
    assert desk.counts() == dict.fromkeys(COUNTS, 0) | {"impressions": 1, "before": 1_000}


def test_what_counts_since() -> None:
    """Impressions, clicks once a title, playbacks by how far they came: in the row and in the arm."""
    desk = Desk(trial())
    desk.look()
    desk.look(1)
    desk.feed(Select, 2, title_id="t", list_id="l")
    desk.feed(Play, 3, title_id="t", list_id="l")
    desk.feed(Play, 4, title_id="u", list_id="l", autoplay=True)
    desk.feed(Play, 5, title_id="v")
    desk.stop(6, 3_300)
    desk.stop(7, 1_800)
    desk.stop(8, 30, cause=StopCause.EXITED)
    desk.stop(9, 30, cause=StopCause.ERROR)
    desk.stop(10, 30, cause=StopCause.NEXT, autoplay=True)
    wanted = {
        "impressions": 1,
        "clicks": 1,
        "starts": 4,
        "seconds": 5_160,
        "completions": 1,
        "quality_watches": 2,
        "abandoned": 1,
        "before": 0,
    }
    assert desk.counts() == dict.fromkeys(COUNTS, 0) | wanted | {"impressions": 2}
    (arm,) = desk.tallies["trial"].arms.values()
    one = Moments()
    one.add(list((wanted | {"impressions": 2}).values()))
    assert arm == one


def test_a_repeated_event_changes_nothing() -> None:
    """A producer's retry is counted once."""
    desk = Desk(trial())
    desk.look()
    before = desk.counts()
    desk._number -= 1
    assert desk.look() == []
    assert desk.counts() == before


def test_before_start_after_end_and_outside_the_window_nothing_counts() -> None:
    """Event time decides, also when the experiment was stopped meanwhile."""
    late = trial(starts_at_ms=T0 + 10, ends_at_ms=T0 + 1_000, window_s=0.5)
    desk = Desk(late)
    assert desk.look(9) == []
    assert desk.look(10) == ["trial"]
    assert desk.stop(509, 60) == ["trial"]
    assert desk.stop(510, 60) == []
    stopped = trial(state=ExperimentState.STOPPED, ends_at_ms=T0 + 1_000)
    assert counts_at(stopped, T0 + 999)
    assert not counts_at(stopped, T0 + 1_000)
    rolled = trial(state=ExperimentState.ROLLED_OUT, winner="new", decided_at_ms=T0 + 50)
    assert [counts_at(rolled, T0 + n) for n in (49, 50)] == [True, False]


def test_an_impression_that_names_its_arm_is_believed_and_a_second_arm_is_told_of() -> None:
    """What was shown counts, not what should have been; who sees both arms is told of."""
    mine = assign(trial(), "ada")
    other = "new" if mine is not None and mine.arm == "control" else "control"
    desk = Desk(trial())
    desk.look(arm=f"trial/{other}")
    assert desk.part.exposures["trial"].arm == other
    desk.look(1, arm="trial/" + ("new" if other == "control" else "control"))
    desk.look(2, arm="elsewhere/new")
    assert desk.tallies["trial"].crossed == 1
    assert desk.part.exposures["trial"].arm == other


@pytest.mark.parametrize(
    ("audience", "inside", "outside"),
    [
        (Audience(countries=("IN",)), {"country": "IN"}, {"country": "DE"}),
        (Audience(devices=("tv",)), {"device": "tv"}, {"device": "phone"}),
        (Audience(new_viewers=True), {}, {"since": -1}),
        (Audience(maturity_at_most=12), {"maturity": 7}, {"maturity": 16}),
    ],
)
def test_the_audience_decides(audience: Audience, inside: dict[str, Any], outside: dict[str, Any]) -> None:
    """Country, device, age of the account and maturity limit each let in and keep out."""
    for facts, wanted in ((inside, ["trial"]), (outside, [])):
        desk = Desk(trial(audience=audience))
        desk.part.since_ms += facts.get("since", 0)
        if "maturity" in facts:
            desk.feed(Preferences, 0, maturity=facts["maturity"])
        about = {key: value for key, value in facts.items() if key in {"country", "device"}}
        assert desk.look(1, **about) == wanted


def test_the_past_fades_by_half_in_a_week() -> None:
    """A thousand seconds, a week ago, are five hundred at the exposure."""
    desk = Desk(trial())
    desk.stop(0, 1_000)
    desk.look(PAST_MS)
    assert desk.counts()["before"] == 500


def test_a_viewer_is_in_a_bounded_number_of_experiments() -> None:
    """What is over makes room; what is not keeps new ones out."""
    many = [trial(f"x{n}") for n in range(EXPOSURES)]
    desk = Desk(*many)
    desk.look()
    desk.plan = ExperimentPlan([*many, trial("late")])
    assert sorted(desk.look(1)) == sorted(one.experiment_id for one in many)
    desk.plan = ExperimentPlan([*many[1:], trial("late")])
    assert "late" in desk.look(2)
    assert len(desk.part.exposures) == EXPOSURES


def test_partitions_add_up() -> None:
    """Two partitions' tallies, merged, are those of one process."""
    desks = [Desk(trial(), viewer=f"v{n}") for n in range(40)]
    alone = Desk(trial())
    for n, desk in enumerate(desks):
        for where in (desk.tallies, alone.tallies):
            desk.part, desk.tallies, desk._number = ViewerTally(since_ms=T0), where, 0
            desk.look(n)
            desk.stop(n + 50, 100.0 * n)
    parts = [Desk(trial()).tallies | desk.tallies for desk in desks]
    assert len(parts) == 40
    whole = alone.tallies["trial"]
    halves = [Tally.merged([whole]), Tally()]
    assert Tally.merged(halves[:1]) == whole
    assert sum(arm.viewers for arm in whole.arms.values()) == 40


def test_a_sign_in_ends_the_anonymous_viewer_and_not_what_they_did() -> None:
    """What came before counts, also when it is read late; what comes after is the known viewer's."""
    desk = Desk(trial(), viewer="anonymous")
    desk.look()
    desk.stop(10, 300)
    desk.feed(Identify, 20, known_as="ada")
    assert desk.look(21) == []
    assert desk.stop(30, 900) == []
    assert desk.stop(15, 60) == ["trial"]
    assert (desk.counts()["impressions"], desk.counts()["seconds"]) == (1, 360)


def test_a_known_viewer_has_one_arm_whoever_they_were_before() -> None:
    """The arm follows from the viewer's own id: the same on every device, whatever was seen anonymously."""
    for n in range(20):
        known, anonymous = Desk(trial(), viewer=f"v{n}"), Desk(trial(), viewer=f"anonymous{n}")
        anonymous.look()
        anonymous.feed(Identify, 1, known_as=f"v{n}")
        known.look(2)
        mine = assign(trial(), f"v{n}")
        assert mine is not None
        assert known.part.exposures["trial"].arm == mine.arm
