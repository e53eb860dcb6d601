"""The client of `nearline serve`: pages, lists and titles as structs, and events."""

import http.client
import threading
import time
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

from schemas import Event, Title, Trending
from streams.client import calls
from streams.client.calls import Answer, Attempts, Call, ServedPage

__all__ = ["ServeClient"]

T = TypeVar("T")


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
        calls.require_address(address)
        parts = urlsplit(address)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
        self._address, self._path = address, parts.path.rstrip("/")
        self._key, self._attempts = key, attempts
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
        return self._require(calls.home(viewer_id, country, maturity, device))

    def search(self, viewer_id: str, query: str, *, limit: int = 20) -> list[str]:
        """Return the ids of the titles that a viewer may mean by a query, the best first."""
        return self._require(calls.search(viewer_id, query, limit))

    def similar(self, title_id: str, *, viewer_id: str | None = None, limit: int = 20) -> list[str]:
        """Return the ids of similar titles, under the limits of a viewer if one is named."""
        return self._require(calls.similar(title_id, viewer_id, limit))

    def title(self, title_id: str) -> Title | None:
        """Return a title of the catalog; None if there is no such title."""
        return self._run(calls.title(title_id))

    def trending(
        self, scope: str = "global", *, country: str | None = None, maturity: int | None = None
    ) -> Trending | None:
        """Return a trending list; None if there is none of this scope."""
        return self._run(calls.trending(scope, country, maturity))

    def send(self, event: Event) -> None:
        """Send an event; returns when the brokers have it.

        Raises
        ------
        DecodeError
            The event breaks the contract; it is not sent.
        RequestRefusedError, ServerUnavailableError
            As of every request.
        """
        self._run(calls.send(event))

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def _require(self, call: Call[T]) -> T:
        found = self._run(call)
        assert found is not None  # noqa: S101 - of these calls 404 is an error
        return found

    def _run(self, call: Call[T]) -> T | None:
        """Make a request, with attempts as long as its failure may pass."""
        attempts = Attempts(self._attempts, self._address)
        while True:
            answer, failure = None, None
            try:
                answer = self._once(call.method, call.path, call.body)
            except (OSError, http.client.HTTPException) as error:
                failure = error
            pause_s = attempts.pause_s(answer, failure)
            if pause_s is None and answer is not None:
                return call.result(answer, self._address)
            time.sleep(pause_s or 0.0)

    def _once(self, method: str, path: str, body: bytes | None) -> Answer:
        with self._lock:
            try:
                self._connection.request(method, self._path + path, body, calls.headers_of(self._key, body))
                answer = self._connection.getresponse()
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(answer.status, headers, answer.read())
            except (OSError, http.client.HTTPException):
                self._connection.close()  # whatever is left of it; a new one is opened by the next attempt
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
