"""Events in words."""

from typing import Any

import pytest

from schemas import Event
from schemas.events import (
    EVENT_TYPES,
    Browse,
    Forget,
    History,
    Identify,
    Impression,
    ListAction,
    MyList,
    Pause,
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
from streams.cli.views.events import describe_event

WHO: dict[str, Any] = {"event_id": "e", "viewer_id": "v", "event_time_ms": 1}
IT: dict[str, Any] = WHO | {"title_id": "sky"}
CASES: list[tuple[Event, str]] = [
    (Play(**IT), "started SKY"),
    (Progress(**IT, watched_s=600, position_s=600), "is 10 min into SKY"),
    (Pause(**IT, position_s=600), "paused SKY"),
    (Stop(**IT, watched_s=2040, position_s=1, cause=StopCause.ENDED), "watched 34 min of SKY to its end"),
    (Stop(**IT, watched_s=60, position_s=1), "watched 1 min of SKY and left"),
    (Skip(**IT), "rejected SKY"),
    (Select(**IT), "opened SKY"),
    (Impression(**IT, list_id="l", row=0, slot=0), "saw SKY"),
    (Rate(**IT, thumb=Thumb.DOUBLE_UP), "gave SKY two thumbs up"),
    (Rate(**IT, stars=4.5), "gave SKY 4.5 stars"),
    (MyList(**IT, action=ListAction.ADD), "put SKY on the list"),
    (MyList(**IT, action=ListAction.REMOVE), "took SKY off the list"),
    (Search(**WHO, query="blue", result_count=3), "searched for blue"),
    (Search(**WHO, query="blue", result_count=3, clicked_title_id="sky"), "searched for blue and opened SKY"),
    (Browse(**WHO, surface="home", dwell_s=3), "browsed home"),
    (Preferences(**WHO, genres=("Drama", "Crime")), "likes Drama, Crime"),
    (Preferences(**WHO), "stated preferences"),
    (Identify(**WHO, known_as="ada"), "signed in"),
    (Forget(**WHO), "was forgotten"),
    (History(**WHO, liked=("sky", "sea")), "imported 2 titles"),
]


@pytest.mark.parametrize(("event", "text"), CASES)
def test_every_event_has_words(event: Event, text: str) -> None:
    """What happened, with the title's name in the place of its id."""
    assert describe_event(event, str.upper) == text


def test_no_type_is_forgotten() -> None:
    """The cases above have every type of event."""
    assert {type(event) for event, _ in CASES} == set(EVENT_TYPES.values())
