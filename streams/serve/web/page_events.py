"""Events of a viewer's page: its buttons, searches and impressions, as a player would send them."""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from schemas import Event, Title
from schemas.events import (
    Impression,
    ListAction,
    MyList,
    Play,
    Rate,
    Search,
    Select,
    Skip,
    Stop,
    StopCause,
    Thumb,
)
from schemas.fields import Id, Index, Label, Propensity, RowKind

__all__ = ["ACTIONS", "MAX_IMPRESSIONS", "SeenTitle", "event_of", "impressions_of", "search_of"]

ASSUMED_S: Final = 5_400.0
"""Length of a title without a length in the catalog: 90 minutes, as most films."""
DEVICE: Final = "web"
MAX_IMPRESSIONS: Final = 40
"""Most impressions in a request, as in `seen.js`: with the longest ids 17 kB, below the limit of a body."""

_Fields = dict[str, Any]


def _play(base: _Fields, title: Title, place: _Fields) -> Event:
    return Play(**base, **place, duration_s=title.duration_s)


def _finish(base: _Fields, title: Title, _: _Fields) -> Event:
    length = title.duration_s or ASSUMED_S
    return Stop(**base, watched_s=length, position_s=length, duration_s=length, cause=StopCause.ENDED)


ACTIONS: Final[Mapping[str, tuple[str, Callable[[_Fields, Title, _Fields], Event]]]] = {
    "select": ("", lambda base, _, place: Select(**base, **place)),
    "play": ("Playing {name}", _play),
    "finish": ("Watched {name} to the end", _finish),
    "skip": ("Skipped {name}", lambda base, _, place: Skip(**base, **place)),
    "up": ("You like {name}", lambda base, _, __: Rate(**base, thumb=Thumb.UP)),
    "down": ("{name} is not for you", lambda base, _, __: Rate(**base, thumb=Thumb.DOWN)),
    "list": ("{name} is on your list", lambda base, _, __: MyList(**base, action=ListAction.ADD)),
}
"""Each button, and a click on the artwork: the message after it, and its event."""


def event_of(action: str, viewer_id: str, title: Title, now_ms: int, place: Mapping[str, str]) -> Event:
    """Return the event of a button.

    Parameters
    ----------
    action
        One of :data:`ACTIONS`.
    viewer_id, title
        The viewer and the title.
    now_ms
        Time of the event (UTC, ms).
    place
        Where the title was shown: ``list_id``, ``row`` and ``slot``, all or none; and its ``artwork``.

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
    fields: _Fields = {}
    if place.get("list_id"):
        fields = {"list_id": place["list_id"], "row": int(place["row"]), "slot": int(place["slot"])}
    if action == "select" and place.get("artwork"):
        fields["artwork"] = place["artwork"]
    return ACTIONS[action][1](base, title, fields)


def search_of(viewer_id: str, query: str, found: int, title_id: str, now_ms: int) -> Event:
    """Return the event of a search with a clicked result: the search model learns from it.

    Examples
    --------
    >>> search_of("ada", "tide", 2, "t1", 10**12).clicked_title_id
    't1'
    """
    return Search(**_base(viewer_id, now_ms), query=query, result_count=found, clicked_title_id=title_id)


def _base(viewer_id: str, now_ms: int) -> _Fields:
    """Return the fields that every event of a button has."""
    return {
        "event_id": f"page-{uuid.uuid4().hex}",
        "viewer_id": viewer_id,
        "event_time_ms": now_ms,
        "device": DEVICE,
    }


class SeenTitle(Struct, frozen=True, kw_only=True, gc=False):
    """A title that was in view, and its place; the fields are those of the event."""

    list_id: Id
    row: Index
    slot: Index
    title_id: Id
    artwork: Id | None = None
    arm: Label | None = None
    row_kind: RowKind | None = None
    propensity: Propensity | None = None
    artwork_propensity: Propensity | None = None


_SEEN: Final = msgspec.json.Decoder(Annotated[list[SeenTitle], Meta(max_length=MAX_IMPRESSIONS)])


def impressions_of(viewer_id: str, body: bytes, now_ms: int) -> list[Impression]:
    """Return the `impression` events of what a page reports as seen.

    An event's id is a hash of its place, so a page that is loaded again, or a request that is repeated,
    counts once.

    Parameters
    ----------
    viewer_id
        Viewer of the page.
    body
        JSON: a list of :class:`SeenTitle`, at most :data:`MAX_IMPRESSIONS`.
    now_ms
        Time of the events (UTC, ms).

    Raises
    ------
    msgspec.DecodeError
        The body is not such a list.

    Examples
    --------
    >>> seen = b'[{"list_id":"0-7-1","row":2,"slot":0,"title_id":"t1"}]'
    >>> (one,), (again,) = impressions_of("ada", seen, 10**12), impressions_of("ada", seen, 2 * 10**12)
    >>> one.row, one.event_id == again.event_id
    (2, True)
    """
    return [
        Impression(
            event_id=_impression_id(viewer_id, one),
            viewer_id=viewer_id,
            event_time_ms=now_ms,
            device=DEVICE,
            **msgspec.structs.asdict(one),
        )
        for one in _SEEN.decode(body)
    ]


def _impression_id(viewer_id: str, one: SeenTitle) -> str:
    place = msgspec.json.encode([viewer_id, one.list_id, one.row, one.slot, one.title_id])
    return f"seen-{hashlib.blake2b(place, digest_size=16).hexdigest()}"
