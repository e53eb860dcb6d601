"""The declared reward: what an event says before the viewer's row is asked."""

import pytest

from online_models.config import ModelConfig, RewardConfig
from online_models.errors import InvalidConfigError
from online_models.feedback.reward_function import Action, FeedbackSignal, RewardFunction
from online_models.recommender import Recommender
from schemas.events import (
    Browse,
    Event,
    Impression,
    ListAction,
    MyList,
    Play,
    Preferences,
    Progress,
    Rate,
    Search,
    Select,
    Skip,
    Stop,
    StopCause,
    Thumb,
)

ABOUT = {"event_id": "e", "viewer_id": "v", "event_time_ms": 10**12}
ON = ABOUT | {"title_id": "t"}
SEEN = {"list_id": "l", "row": 0, "slot": 3}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Rate(**ON, thumb=Thumb.UP), (Action.POSITIVE, 2.0)),
        (Rate(**ON, thumb=Thumb.DOUBLE_UP), (Action.POSITIVE, 3.0)),
        (Rate(**ON, thumb=Thumb.DOWN), (Action.REJECT, 2.0)),
        (Rate(**ON, stars=4.0), (Action.POSITIVE, 1.0)),
        (Rate(**ON, stars=3.0), (Action.KNOWN, 1.0)),
        (Rate(**ON, stars=2.0), (Action.REJECT, 1.0)),
        (Skip(**ON), (Action.SKIPPED, 0.5)),
        (Play(**ON), (Action.START, 0.1)),
        (Play(**ON, autoplay=True), (Action.AUTOPLAY, 0.0)),
        (MyList(**ON, action=ListAction.ADD), (Action.TOUCH, 0.5)),
        (Impression(**ON, **SEEN), (Action.IMPRESSION, 1.0)),
        (Impression(**ON, **SEEN, propensity=0.25), (Action.IMPRESSION, 0.25)),
        (Search(**ABOUT, query="q", result_count=1, clicked_title_id="t"), (Action.SEARCH_CLICK, 0.0)),
    ],
)
def test_verdicts(event: Event, expected: tuple[Action, float]) -> None:
    """Every kind of event has the declared meaning and weight."""
    (verdict,) = RewardFunction()(event)
    assert (verdict.title_id, verdict.action, verdict.weight) == ("t", *expected)


@pytest.mark.parametrize(
    ("cause", "more", "expected"),
    [
        (StopCause.EXITED, {}, (Action.EXITED_EARLY, 1.0)),
        (StopCause.NEXT, {}, (Action.EXITED_EARLY, 1.0)),
        (StopCause.ENDED, {}, (Action.STOPPED, 1.0)),
        (StopCause.TIMEOUT, {}, (Action.STOPPED, 1.0)),
        (StopCause.UNKNOWN, {}, (Action.STOPPED, 1.0)),
        (StopCause.ERROR, {}, (Action.WATCHED, 1.0)),
        (StopCause.EXITED, {"autoplay": True}, (Action.WATCHED, 0.1)),
        (StopCause.EXITED, {"position_s": 3_000.0}, (Action.RESUMED, 1.0)),
        (StopCause.ERROR, {"position_s": 3_000.0}, (Action.WATCHED, 1.0)),
    ],
)
def test_stops(cause: StopCause, more: dict[str, object], expected: tuple[Action, float]) -> None:
    """Who ended it, and whether it was chosen and begun at the beginning, decides what a stop can mean."""
    said = {"watched_s": 20.0, "position_s": 20.0, "duration_s": 3_600.0, "session_id": "s", **more}
    (verdict,) = RewardFunction()(Stop(**ON, cause=cause, **said))
    assert (verdict.action, verdict.weight) == expected
    assert (verdict.watched_s, verdict.duration_s, verdict.session) == (20.0, 3_600.0, "s")


@pytest.mark.parametrize(
    "event",
    [
        Preferences(**ABOUT),
        Select(**ON),
        Browse(**ABOUT, surface="home", dwell_s=3),
        Search(**ABOUT, query="q", result_count=0),
    ],
)
def test_nothing_is_said(event: Event) -> None:
    """A look around and a search without a choice say nothing about taste."""
    assert RewardFunction()(event) == ()


@pytest.mark.parametrize("duration_s", [5e-324, 0.1, 1e-300])
def test_durations_next_to_nothing(duration_s: float) -> None:
    """A heartbeat of a title that is shorter than a second counts like any."""
    beat = Progress(
        event_id="e", viewer_id="v", event_time_ms=0, title_id="t", watched_s=61.0, position_s=0.0,
        duration_s=duration_s,
    )  # fmt: skip
    assert [one.action for one in RewardFunction()(beat)] == [Action.HEARTBEAT]


def test_taken_off_the_list_is_no_judgement() -> None:
    """It is kept for pages, and moves nothing that is thought of the title."""
    model = Recommender()
    model.learn_one(MyList(**ON, action=ListAction.ADD))
    before = model.titles.arrays.watches[0]
    model.learn_one(MyList(**ON | {"event_id": "off"}, action=ListAction.REMOVE))
    assert (model.titles.arrays.watches[0], model.titles.arrays.counts[0].tolist()) == (before, [0, 0, 1])
    assert model.viewers.viewers.arrays.my_list[0].max() == -1


def test_onboarding_names_several() -> None:
    """Each title liked at onboarding is a positive of half weight, in the order given."""
    verdicts = RewardFunction()(Preferences(**ABOUT, liked_titles=("b", "a")))
    assert verdicts == (FeedbackSignal("b", Action.POSITIVE, 0.5), FeedbackSignal("a", Action.POSITIVE, 0.5))


def test_the_reward_is_tunable() -> None:
    """The constants are the operator's; impressions can be left out."""
    (verdict,) = RewardFunction(RewardConfig(thumb_up=9.0))(Rate(**ON, thumb=Thumb.UP))
    assert verdict.weight == 9.0
    assert RewardFunction(RewardConfig(ignored_after=0))(Impression(**ON, **SEEN)) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"liked_share": 1.5},
        {"thumb_up": -1.0},
        {"quantile_memory": 10**6},
        {"liked_stars": 1.0},
        {"start": 99.0},
    ],
)
def test_the_reward_has_bounds(wrong: dict[str, float]) -> None:
    """A number out of its bounds is refused by name."""
    with pytest.raises(InvalidConfigError, match=next(iter(wrong))):
        ModelConfig(reward=RewardConfig(**wrong))  # type: ignore[arg-type]
