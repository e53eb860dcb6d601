"""What a viewer saw on the page, as `impression` events: exposures, artwork and experiments learn from them.

The page tells of each title once a list; an impression's id follows from where it was seen, so that a page
that is loaded again, or a request that is repeated, counts once.
"""

import asyncio
import hashlib
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.responses import Response

from schemas.codec import decode_event, encode
from schemas.errors import DecodeError
from schemas.events import Impression
from schemas.fields import Id, Index, Label, Propensity, RowKind
from streams.serve.api.posting import EventPoster
from streams.serve.api.problems import Problem, ProblemKind
from streams.serve.api.routes import Ready, ViewerId
from streams.serve.mirror.mirror import now_ms
from streams.serve.web.actions import DEVICE

__all__ = ["Seen", "impressions_of", "router"]

MOST: Final = 40
"""In one request, as `seen.js` has it: with the longest ids they are 17 kB, which the gate lets through."""

router = APIRouter(include_in_schema=False)


class Seen(Struct, frozen=True, kw_only=True, gc=False):
    """A title that was in view, and where it stood; fields as those of the event."""

    list_id: Id
    row: Index
    slot: Index
    title_id: Id
    artwork: Id | None = None
    arm: Label | None = None
    row_kind: RowKind | None = None
    propensity: Propensity | None = None
    artwork_propensity: Propensity | None = None


_SEEN: Final = msgspec.json.Decoder(Annotated[list[Seen], Meta(max_length=MOST)])


def impressions_of(viewer_id: str, body: bytes, now_ms: int) -> list[Impression]:
    """Return the events of what a page says was seen.

    Parameters
    ----------
    viewer_id
        Whose page.
    body
        JSON: a list of :class:`Seen`, 40 at most.
    now_ms
        When (UTC, ms).

    Raises
    ------
    msgspec.DecodeError
        The page says something else.

    Examples
    --------
    >>> seen = b'[{"list_id":"0-7-1","row":2,"slot":0,"title_id":"t1"}]'
    >>> (one,), (again,) = impressions_of("ada", seen, 10**12), impressions_of("ada", seen, 2 * 10**12)
    >>> one.row, one.event_id == again.event_id
    (2, True)
    """
    return [
        Impression(
            event_id=_name(viewer_id, one),
            viewer_id=viewer_id,
            event_time_ms=now_ms,
            device=DEVICE,
            **msgspec.structs.asdict(one),
        )
        for one in _SEEN.decode(body)
    ]


@router.post("/watch/{viewer_id:path}/seen")
async def seen(viewer_id: ViewerId, request: Request, _: Ready) -> Response:
    """Take what was seen; answered once the brokers have it."""
    try:
        told = [encode(one) for one in impressions_of(viewer_id, await request.body(), now_ms())]
        for value in told:
            decode_event(value)
    except (msgspec.DecodeError, UnicodeDecodeError, DecodeError):
        detail = f"send a JSON list of {MOST} titles at most that were seen, with list_id, row and slot"
        raise Problem(ProblemKind.INVALID, detail) from None
    poster: EventPoster = request.app.state.poster
    await asyncio.gather(*(poster.put(viewer_id, value) for value in told))
    return Response(status_code=204)


def _name(viewer_id: str, one: Seen) -> str:
    """Return an id that is the same whenever this was seen."""
    said = msgspec.json.encode([viewer_id, one.list_id, one.row, one.slot, one.title_id])
    return f"seen-{hashlib.blake2b(said, digest_size=16).hexdigest()}"
