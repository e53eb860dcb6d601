"""The requests to `nearline serve`: their addresses, how answers are read, and when they are repeated.

Nothing here touches a network: `streams.client.http` and `streams.client.asynchronous` send these requests
and wait between attempts.

Requests that failed for a reason that passes (no connection, 429, 502, 503, 504) are repeated, after the
pause that the server asks for, or one that doubles. Events are repeated, too: an event counts once by its id.
"""

import json
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from schemas import Event, Home, Title, Trending
from schemas.codec import decode_event, decode_home, decode_title, decode_trending, encode
from streams.errors import RequestRefusedError, ServerUnavailableError

__all__ = [
    "Answer", "Attempts", "Call", "ServedPage", "headers_of", "home", "require_address", "search", "send",
    "similar", "title", "trending",
]  # fmt: skip

T = TypeVar("T")
PASSING: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""Statuses that another attempt may not get."""
NEXT_STEPS: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "give a key that the server knows: nearline keys add",
    HTTPStatus.FORBIDDEN: "give a key with the scope that the reason names: nearline keys add",
    HTTPStatus.NOT_FOUND: "check the id, and whether its events arrive: nearline inspect viewer ID",
}
"""What to do about a refused request, by status; for the others the reason says it."""
FIRST_PAUSE_S: Final = 0.05
"""Before the second attempt; then twice as long each time, by a random factor of 1 to 2, so that clients that
failed together do not return together."""
LONGEST_PAUSE_S: Final = 5.0
"""Also where the server asks for more: a player does not wait longer for a page."""


class ServedPage(NamedTuple):
    """A page, and where it is from."""

    home: Home
    source: str
    """``stored`` (published by a worker), ``cold-start``, or ``derived`` from an expired page."""
    expired_s: int = 0
    """Seconds since the end of the page it was derived from."""


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes


class Call(NamedTuple, Generic[T]):
    """A request, and how its answer is read."""

    method: str
    path: str
    """With the query."""
    read: Callable[[Answer], T]
    """Reads an answer with a status below 400."""
    body: bytes | None = None
    may_miss: bool = False
    """Whether the answer 404 means that there is no such thing, None, and is no error."""

    def result(self, answer: Answer, address: str) -> T | None:
        """Read the final answer of the server at an address.

        Raises
        ------
        RequestRefusedError
            The server refuses the request.
        """
        if self.may_miss and answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status < HTTPStatus.BAD_REQUEST:
            return self.read(answer)
        named, detail = _problem(answer)
        what = f"{address} answers {answer.status} {named}"
        step = NEXT_STEPS.get(answer.status, "correct the request: the reason says what is wrong")
        raise RequestRefusedError(what, why=detail, status=answer.status, next_step=step)


class Attempts:
    """The attempts of one request.

    Parameters
    ----------
    most
        How many there may be.
    address
        The server, for errors.
    """

    def __init__(self, most: int, address: str) -> None:
        self._left, self._address, self._pause_s = most, address, FIRST_PAUSE_S

    def pause_s(self, answer: Answer | None, error: Exception | None = None) -> float | None:
        """Return the pause before the next attempt; None if the answer is final.

        Raises
        ------
        ServerUnavailableError
            This was the last attempt, and it failed.
        """
        if answer is not None and answer.status not in PASSING:
            return None
        self._left -= 1
        if not self._left:
            why = str(error) or type(error).__name__
            if answer is not None:
                why = f"{answer.status} {_problem(answer)[1]}"
            what = f"nearline does not answer at {self._address}"
            step = "start `nearline serve`, or check its address and /readyz"
            raise ServerUnavailableError(what, why=why, next_step=step)
        asked = answer.headers.get("retry-after", "") if answer is not None else ""
        wanted = float(asked) if asked.isdecimal() else self._pause_s * random.uniform(1, 2)  # noqa: S311 - no secret
        self._pause_s *= 2
        return min(wanted, LONGEST_PAUSE_S)


def require_address(address: str) -> None:
    """Raise `ValueError` unless this is the address of an HTTP server."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = f"{address!r} is no address of the form http://host:port"
        raise ValueError(msg)


def headers_of(key: str | None, body: bytes | None) -> dict[str, str]:
    """Return the headers of a request."""
    found = {} if key is None else {"Authorization": f"Bearer {key}"}
    return found if body is None else found | {"Content-Type": "application/json"}


def home(viewer_id: str, country: str | None, maturity: int | None, device: str | None) -> Call[ServedPage]:
    """Ask for the page of a viewer."""
    query = {"country": country, "maturity": maturity, "device": device}
    return Call("GET", _path(f"/v1/viewers/{_part(viewer_id)}/home", query), _served_page)


def search(viewer_id: str, query: str, limit: int) -> Call[list[str]]:
    """Ask for the titles that a viewer may mean by a query."""
    return Call("GET", _path(f"/v1/viewers/{_part(viewer_id)}/search", {"q": query, "limit": limit}), _ids)


def similar(title_id: str, viewer_id: str | None, limit: int) -> Call[list[str]]:
    """Ask for similar titles."""
    query = {"viewer": viewer_id, "limit": limit}
    return Call("GET", _path(f"/v1/titles/{_part(title_id)}/similar", query), _ids)


def title(title_id: str) -> Call[Title]:
    """Ask for a title of the catalog; None if there is no such title."""
    path = f"/v1/titles/{_part(title_id)}"
    return Call("GET", path, lambda answer: decode_title(answer.body), may_miss=True)


def trending(scope: str, country: str | None, maturity: int | None) -> Call[Trending]:
    """Ask for a trending list; None if there is none of this scope."""
    path = _path("/v1/trending", {"scope": scope, "country": country, "maturity": maturity})
    return Call("GET", path, lambda answer: decode_trending(answer.body), may_miss=True)


def send(event: Event) -> Call[None]:
    """Send an event; raises `DecodeError` if it breaks the contract."""
    body = encode(event)
    decode_event(body)
    return Call("POST", "/v1/events", lambda _: None, body)


def _path(path: str, query: Mapping[str, Any]) -> str:
    given = urlencode({name: value for name, value in query.items() if value is not None})
    return f"{path}?{given}" if given else path


def _part(text: str) -> str:
    """Return an id as a part of a path."""
    return quote(text, safe="")


def _served_page(answer: Answer) -> ServedPage:
    source, expired = answer.headers.get("nearline-source"), answer.headers.get("nearline-expired")
    return ServedPage(decode_home(answer.body), source or "stored", int(expired or 0))


def _ids(answer: Answer) -> list[str]:
    return [str(item["title_id"]) for item in json.loads(answer.body).get("items", ())]


def _problem(answer: Answer) -> tuple[str, str]:
    """Return title and detail of a problem document (RFC 9457); of another body its status."""
    with suppress(ValueError, TypeError, AttributeError):
        found = json.loads(answer.body)
        return str(found.get("title") or answer.status), str(found.get("detail") or "")
    return str(answer.status), ""
