"""The client of `nearline serve`: pages, lists and titles as structs, and events.

Requests that failed for a reason that passes (no connection, 429, 502, 503, 504) are repeated, after the
pause that the server asks for, or one that doubles. Events are repeated, too: an event counts once by its id.
"""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from schemas import Event, Home, Title, Trending
from schemas.codec import decode_event, decode_home, decode_title, decode_trending, encode
from streams.errors import RequestRefusedError, ServerUnavailableError

__all__ = ["ServeClient", "ServedPage"]

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


class _Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class ServeClient:
    """A client of one server. Threads may share it; they take turns.

    Parameters
    ----------
    address
        Of the server, as http://host:port or https://host:port, perhaps with a path in front of ``/v1``.
    key
        API key (`nearline keys add`); None where the server needs none.
    timeout_s
        Longest wait for a connection, and for each part of an answer.
    attempts
        Most attempts of a request.

    Examples
    --------
    >>> with ServeClient("http://127.0.0.1:8080", key="…") as client:  # doctest: +SKIP
    ...     page = client.home("ada")
    ...     [item.title_id for item in page.home.rows[0].items]
    """

    def __init__(
        self,
        address: str = "http://127.0.0.1:8080",
        *,
        key: str | None = None,
        timeout_s: float = 2.0,
        attempts: int = 3,
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = f"{address!r} is no address of the form http://host:port"
            raise ValueError(msg)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)
        self._address, self._path, self._attempts = address, parts.path.rstrip("/"), attempts
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._lock = threading.Lock()

    def home(
        self,
        viewer_id: str,
        *,
        country: str | None = None,
        maturity: int | None = None,
        device: str | None = None,
    ) -> ServedPage:
        """Return the page of a viewer; without one, a page of what is trending, under these limits.

        Raises
        ------
        RequestRefusedError, ServerUnavailableError
            As of every request.
        """
        query = {"country": country, "maturity": maturity, "device": device}
        answer = self._get(f"/v1/viewers/{_part(viewer_id)}/home", query)
        source, expired = answer.headers["Nearline-Source"], answer.headers["Nearline-Expired"]
        return ServedPage(decode_home(answer.body), source or "stored", int(expired or 0))

    def search(self, viewer_id: str, query: str, *, limit: int = 20) -> list[str]:
        """Return the ids of the titles that a viewer may mean by a query, the best first."""
        answer = self._get(f"/v1/viewers/{_part(viewer_id)}/search", {"q": query, "limit": limit})
        return _title_ids(answer.body)

    def similar(self, title_id: str, *, viewer_id: str | None = None, limit: int = 20) -> list[str]:
        """Return the ids of similar titles, under the limits of a viewer if one is named."""
        answer = self._get(f"/v1/titles/{_part(title_id)}/similar", {"viewer": viewer_id, "limit": limit})
        return _title_ids(answer.body)

    def title(self, title_id: str) -> Title | None:
        """Return a title of the catalog; None if there is no such title."""
        return self._found(f"/v1/titles/{_part(title_id)}", {}, decode_title)

    def trending(
        self, scope: str = "global", *, country: str | None = None, maturity: int | None = None
    ) -> Trending | None:
        """Return a trending list; None if there is none of this scope."""
        query = {"scope": scope, "country": country, "maturity": maturity}
        return self._found("/v1/trending", query, decode_trending)

    def send(self, event: Event) -> None:
        """Send an event; returns when the brokers have it.

        Raises
        ------
        DecodeError
            The event breaks the contract; it is not sent.
        RequestRefusedError, ServerUnavailableError
            As of every request.
        """
        body = encode(event)
        decode_event(body)
        self._request("POST", "/v1/events", body)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def _found(self, path: str, query: dict[str, Any], decode: Callable[[bytes], T]) -> T | None:
        try:
            return decode(self._get(path, query).body)
        except RequestRefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _get(self, path: str, query: dict[str, Any]) -> _Answer:
        given = urlencode({name: value for name, value in query.items() if value is not None})
        return self._request("GET", f"{path}?{given}" if given else path)

    def _request(self, method: str, path: str, body: bytes | None = None) -> _Answer:
        """Make a request, with attempts as long as its failure may pass."""
        pause_s, why, answer = FIRST_PAUSE_S, "", None
        for attempt in range(1, self._attempts + 1):
            try:
                answer = self._once(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                answer, why = None, str(error) or type(error).__name__
            if answer is not None and answer.status not in PASSING:
                return _accepted(answer, self._address)
            if attempt < self._attempts:
                asked = answer.headers["Retry-After"] if answer is not None else None
                wanted = float(asked) if asked and asked.isdecimal() else pause_s * random.uniform(1, 2)  # noqa: S311 - no secret
                time.sleep(min(wanted, LONGEST_PAUSE_S))
                pause_s *= 2
        if answer is not None:
            why = f"{answer.status} {_problem(answer)[1]}"
        what = f"nearline does not answer at {self._address}"
        step = "start `nearline serve`, or check its address and /readyz"
        raise ServerUnavailableError(what, why=why, next_step=step)

    def _once(self, method: str, path: str, body: bytes | None) -> _Answer:
        headers = self._headers | ({"Content-Type": "application/json"} if body is not None else {})
        with self._lock:
            try:
                self._connection.request(method, self._path + path, body, headers)
                answer = self._connection.getresponse()
                return _Answer(answer.status, answer.headers, answer.read())
            except (OSError, http.client.HTTPException):
                self._connection.close()  # whatever is left of it; a new one is opened by the next attempt
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _part(text: str) -> str:
    """Return an id as a part of a path."""
    return quote(text, safe="")


def _title_ids(body: bytes) -> list[str]:
    return [str(item["title_id"]) for item in json.loads(body).get("items", ())]


def _problem(answer: _Answer) -> tuple[str, str]:
    """Return title and detail of a problem document (RFC 9457); of another body its reason phrase."""
    with suppress(ValueError, TypeError, AttributeError):
        found = json.loads(answer.body)
        return str(found.get("title") or answer.status), str(found.get("detail") or "")
    return str(answer.status), ""


def _accepted(answer: _Answer, address: str) -> _Answer:
    if answer.status < HTTPStatus.BAD_REQUEST:
        return answer
    title, detail = _problem(answer)
    what = f"{address} answers {answer.status} {title}"
    step = NEXT_STEPS.get(answer.status, "correct the request: the reason says what is wrong")
    raise RequestRefusedError(what, why=detail, status=answer.status, next_step=step)
