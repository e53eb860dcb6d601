"""The clients for programs with an event loop: the same requests, events and errors, awaited."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from schemas import Event, Title, Trending
from streams.client import calls
from streams.client.calls import Answer, Attempts, Call, ServedPage
from streams.client.kafka import EventSender
from streams.client.pages import PageReader, PublishedPage

if TYPE_CHECKING:
    import aiohttp

__all__ = ["AsyncEventSender", "AsyncPageReader", "AsyncServeClient"]

T = TypeVar("T")


class AsyncServeClient:
    """A client of one server, for one event loop. Tasks may share it; each request has a connection.

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
    >>> async def shelves(viewer_id: str) -> list[str]:
    ...     async with AsyncServeClient("http://127.0.0.1:8080", key="…") as client:
    ...         page = await client.home(viewer_id)
    ...     return [row.title or row.kind for row in page.home.rows]
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
        self._address, self._key = address.rstrip("/"), key
        self._timeout_s, self._attempts = timeout_s, attempts
        self._session: aiohttp.ClientSession | None = None

    async def home(
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
        return await self._require(calls.home(viewer_id, country, maturity, device))

    async def search(self, viewer_id: str, query: str, *, limit: int = 20) -> list[str]:
        """Return the ids of the titles that a viewer may mean by a query, the best first."""
        return await self._require(calls.search(viewer_id, query, limit))

    async def similar(self, title_id: str, *, viewer_id: str | None = None, limit: int = 20) -> list[str]:
        """Return the ids of similar titles, under the limits of a viewer if one is named."""
        return await self._require(calls.similar(title_id, viewer_id, limit))

    async def title(self, title_id: str) -> Title | None:
        """Return a title of the catalog; None if there is no such title."""
        return await self._run(calls.title(title_id))

    async def trending(
        self, scope: str = "global", *, country: str | None = None, maturity: int | None = None
    ) -> Trending | None:
        """Return a trending list; None if there is none of this scope."""
        return await self._run(calls.trending(scope, country, maturity))

    async def send(self, event: Event) -> None:
        """Send an event; returns when the brokers have it.

        Raises
        ------
        DecodeError
            The event breaks the contract; it is not sent.
        RequestRefusedError, ServerUnavailableError
            As of every request.
        """
        await self._run(calls.send(event))

    async def close(self) -> None:
        """Close the connections; the next request opens another."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _require(self, call: Call[T]) -> T:
        found = await self._run(call)
        assert found is not None  # noqa: S101 - of these calls 404 is an error
        return found

    async def _run(self, call: Call[T]) -> T | None:
        """Make a request, with attempts as long as its failure may pass."""
        import aiohttp  # noqa: PLC0415 - a program without an event loop needs none of it

        attempts = Attempts(self._attempts, self._address)
        while True:
            answer, failure = None, None
            try:
                answer = await self._once(call.method, call.path, call.body)
            except (OSError, TimeoutError, aiohttp.ClientError) as error:
                failure = error
            pause_s = attempts.pause_s(answer, failure)
            if pause_s is None and answer is not None:
                return call.result(answer, self._address)
            await asyncio.sleep(pause_s or 0.0)

    async def _once(self, method: str, path: str, body: bytes | None) -> Answer:
        from yarl import URL  # noqa: PLC0415 - as aiohttp

        url = URL(self._address + path, encoded=True)  # a slash in an id is not one of the path
        headers = calls.headers_of(self._key, body)
        async with self._opened().request(method, url, data=body, headers=headers) as answer:
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, found, await answer.read())

    def _opened(self) -> "aiohttp.ClientSession":
        """Return the session of this event loop."""
        import aiohttp  # noqa: PLC0415 - as above

        if self._session is None:
            timeout = aiohttp.ClientTimeout(sock_connect=self._timeout_s, sock_read=self._timeout_s)
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class AsyncEventSender:
    """Sends viewing events to Kafka, as `EventSender` does; the waiting is done in a thread.

    An asynchronous context manager: its end waits for all acknowledgements. Events of one task are sent in
    the order of its calls.

    Parameters
    ----------
    brokers, topic_prefix, properties
        As of `EventSender`.

    Examples
    --------
    >>> from schemas import Play
    >>> async def watched(viewer_id: str, title_id: str, at_ms: int) -> None:
    ...     play = Play(event_id="e1", viewer_id=viewer_id, event_time_ms=at_ms, title_id=title_id)
    ...     async with AsyncEventSender("127.0.0.1:19092") as events:
    ...         await events.send([play])
    """

    def __init__(
        self,
        brokers: str | None = None,
        *,
        topic_prefix: str | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self._sender = EventSender(brokers, topic_prefix=topic_prefix, properties=properties)
        self._turn = asyncio.Lock()

    async def send(self, events: Iterable[Event]) -> None:
        """Send events, in this order; waits while the driver's queue is full.

        Raises
        ------
        DecodeError
            An event breaks the contract; none of these events is sent.
        DeliveryError
            An event of this or an earlier call was not delivered.
        """
        whole = list(events)
        async with self._turn:
            await asyncio.to_thread(self._sender.send, whole)

    async def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until all events are acknowledged.

        Raises
        ------
        DeliveryError
            One was not delivered, or not acknowledged in time.
        """
        async with self._turn:
            await asyncio.to_thread(self._sender.flush, timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._turn:
            await asyncio.to_thread(self._sender.__exit__, kind, error, trace)


class AsyncPageReader:
    """Reads pages from Kafka, as `PageReader` does; the waiting is done in a thread.

    An asynchronous context manager, and an asynchronous iterator over pages that never ends. A page counts as
    processed when a later one is asked for.

    Parameters
    ----------
    group, brokers, topic_prefix, properties
        As of `PageReader`.

    Examples
    --------
    >>> async def follow(viewer_id: str) -> None:
    ...     async with AsyncPageReader("follower", "127.0.0.1:19092") as pages:
    ...         async for page in pages:
    ...             if page.viewer_id == viewer_id:
    ...                 print(page.home)
    """

    def __init__(
        self,
        group: str,
        brokers: str | None = None,
        *,
        topic_prefix: str | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self._reader = PageReader(group, brokers, topic_prefix=topic_prefix, properties=properties)
        self._turn = asyncio.Lock()
        self._read: Iterator[PublishedPage] = iter(())

    async def poll(self, timeout_s: float = 1.0) -> list[PublishedPage]:
        """Return the next pages; none if none is published in time; raises as `PageReader.poll`."""
        async with self._turn:
            return await asyncio.to_thread(self._reader.poll, timeout_s)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PublishedPage:
        while (page := next(self._read, None)) is None:
            self._read = iter(await self.poll())
        return page

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        whole = kind is None and next(self._read, None) is None
        async with self._turn:
            if whole:
                await asyncio.to_thread(self._reader.__exit__, None, None, None)
            else:  # pages that nobody asked for come again
                await asyncio.to_thread(self._reader.close)
