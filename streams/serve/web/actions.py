"""What a viewer does on the page, as the events that a player would send."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from schemas import Event, Title
from schemas.events import ListAction, MyList, Play, Rate, Search, Select, Skip, Stop, StopCause, Thumb

__all__ = ["ACTS", "event_of", "search_of"]

ASSUMED_S: Final = 5_400.0
"""Length of a title of which the catalogue tells none: an hour and a half, as of most films."""
DEVICE: Final = "web"


def _play(base: dict[str, Any], title: Title, place: dict[str, Any]) -> Event:
    return Play(**base, **place, duration_s=title.duration_s)


def _finish(base: dict[str, Any], title: Title, _: dict[str, Any]) -> Event:
    length = title.duration_s or ASSUMED_S
    return Stop(**base, watched_s=length, position_s=length, duration_s=length, cause=StopCause.ENDED)


def _select(base: dict[str, Any], _: Title, place: dict[str, Any]) -> Event:
    return Select(**base, **place)


def _skip(base: dict[str, Any], _: Title, place: dict[str, Any]) -> Event:
    return Skip(**base, **place)


def _rate(thumb: Thumb) -> Callable[[dict[str, Any], Title, dict[str, Any]], Event]:
    return lambda base, _, __: Rate(**base, thumb=thumb)


def _keep(base: dict[str, Any], _: Title, __: dict[str, Any]) -> Event:
    return MyList(**base, action=ListAction.ADD)


ACTS: Final[Mapping[str, tuple[str, Callable[[dict[str, Any], Title, dict[str, Any]], Event]]]] = {
    "select": ("", _select),
    "play": ("Playing {name}", _play),
    "finish": ("Watched {name} to the end", _finish),
    "skip": ("Skipped {name}", _skip),
    "up": ("You like {name}", _rate(Thumb.UP)),
    "down": ("{name} is not for you", _rate(Thumb.DOWN)),
    "list": ("{name} is on your list", _keep),
}
"""Each button, and the picture: what is said when it was pressed, and its event."""


def event_of(act: str, viewer_id: str, title: Title, now_ms: int, place: Mapping[str, str]) -> Event:
    """Return the event of a button.

    Parameters
    ----------
    act
        One of :data:`ACTS`.
    viewer_id, title
        Who, and on what.
    now_ms
        When (UTC, ms).
    place
        Where it stood: ``list_id``, ``row`` and ``slot``, all or none; and which ``artwork`` was pressed.

    Raises
    ------
    KeyError
        There is no such button.
    ValueError
        Row or slot are no numbers.

    Examples
    --------
    >>> event = event_of("down", "ada", Title(title_id="t1"), 10**12, {})
    >>> type(event).__name__, event.thumb, event.viewer_id
    ('Rate', <Thumb.DOWN: 'down'>, 'ada')
    """
    base = _base(viewer_id, now_ms) | {"title_id": title.title_id}
    stood: dict[str, Any] = {}
    if place.get("list_id"):
        stood = {"list_id": place["list_id"], "row": int(place["row"]), "slot": int(place["slot"])}
    if act == "select" and place.get("artwork"):
        stood["artwork"] = place["artwork"]
    return ACTS[act][1](base, title, stood)


def search_of(viewer_id: str, query: str, found: int, title_id: str, now_ms: int) -> Event:
    """Return the event of a search whose result was taken: search learns from what is watched after it.

    Examples
    --------
    >>> search_of("ada", "tide", 2, "t1", 10**12).clicked_title_id
    't1'
    """
    return Search(**_base(viewer_id, now_ms), query=query, result_count=found, clicked_title_id=title_id)


def _base(viewer_id: str, now_ms: int) -> dict[str, Any]:
    """Return what every event of the page says."""
    return {
        "event_id": f"page-{uuid.uuid4().hex}",
        "viewer_id": viewer_id,
        "event_time_ms": now_ms,
        "device": DEVICE,
    }
