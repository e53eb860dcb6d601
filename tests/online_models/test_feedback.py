"""What events mean."""

import pytest

from online_models.config import RewardConfig
from online_models.feedback import Action, Judge, Verdict
from schemas import Event, MyList, Pause, Play, Preferences, Rate, Skip, Stop, Thumb
from schemas.events import ListAction, StopCause

ABOUT = {"event_id": "e", "viewer_id": "v", "event_time_ms": 10**12}
ON = {**ABOUT, "title_id": "t"}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Stop(**ON, watched_s=1_800, position_s=1_800, duration_s=3_600), (Action.POSITIVE, 0.5)),
        (Stop(**ON, watched_s=3_240, position_s=3_240, duration_s=3_600), (Action.POSITIVE, 0.9 + 0.5)),
        (Stop(**ON, watched_s=9_999, position_s=10, duration_s=3_600), (Action.POSITIVE, 1.0 + 0.5)),
        (Stop(**ON, watched_s=900, position_s=900), (Action.POSITIVE, 900 / 2_700)),
        (Rate(**ON, thumb=Thumb.UP), (Action.POSITIVE, 2.0)),
        (Rate(**ON, thumb=Thumb.DOUBLE_UP), (Action.POSITIVE, 3.0)),
        (Rate(**ON, thumb=Thumb.DOWN), (Action.REJECT, 1.0)),
        (Rate(**ON, stars=4.0), (Action.POSITIVE, 1.0)),
        (Rate(**ON, stars=3.0), (Action.KNOWN, 1.0)),
        (Rate(**ON, stars=2.0), (Action.REJECT, 1.0)),
        (Skip(**ON), (Action.REJECT, 1.0)),
        (Play(**ON), (Action.TOUCH, 0.1)),
        (Play(**ON, autoplay=True), (Action.TOUCH, 0.0)),
        (MyList(**ON, action=ListAction.ADD), (Action.TOUCH, 0.5)),
        (
            Stop(**ON, watched_s=20, position_s=20, duration_s=3_600, cause=StopCause.EXITED),
            (Action.REJECT, 1.0),
        ),
        (
            Stop(**ON, watched_s=90, position_s=90, duration_s=3_600, cause=StopCause.NEXT),
            (Action.REJECT, 1.0),
        ),
    ],
)
def test_verdicts(event: Event, expected: tuple[Action, float]) -> None:
    """Every kind of event has the declared meaning and weight."""
    (verdict,) = Judge()(event)
    assert (verdict.title_id, verdict.action) == ("t", expected[0])
    assert verdict.weight == pytest.approx(expected[1])


@pytest.mark.parametrize(
    "event",
    [
        Stop(**ON, watched_s=600, position_s=600, duration_s=3_600, cause=StopCause.EXITED),
        Stop(**ON, watched_s=20, position_s=3_000, duration_s=3_600, cause=StopCause.EXITED),
        Stop(**ON, watched_s=20, position_s=20, duration_s=3_600, cause=StopCause.ERROR),
        Pause(**ON, position_s=600),
        MyList(**ON, action=ListAction.REMOVE),
        Preferences(**ABOUT),
    ],
)
def test_nothing_is_concluded(event: Event) -> None:
    """A middling watch, a resumed end, a breakdown and a pause say nothing about taste."""
    assert Judge()(event) == ()


def test_onboarding_names_several() -> None:
    """Each title liked at onboarding is a positive of half weight, in the order given."""
    verdicts = Judge()(Preferences(**ABOUT, liked_titles=("b", "a")))
    assert verdicts == (Verdict("b", Action.POSITIVE, 0.5), Verdict("a", Action.POSITIVE, 0.5))


def test_the_reward_is_tunable() -> None:
    """The constants are the operator's."""
    (verdict,) = Judge(RewardConfig(thumb_up=9.0))(Rate(**ON, thumb=Thumb.UP))
    assert verdict.weight == 9.0
