"""The client: typed pages and events over HTTP and Kafka, against a running server and one that fails."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from schemas import DecodeError, Play, topics
from schemas.codec import decode_event, encode
from schemas.partitioner import partition_for
from streams.client import (
    AsyncEventSender,
    AsyncPageReader,
    AsyncServeClient,
    EventSender,
    PageReader,
    PublishedPage,
    ServeClient,
    calls,
)
from streams.config.settings import Settings
from streams.errors import RequestRefusedError, ServerUnavailableError
from streams.kafka import scan as topic_scan
from streams.kafka.clients import producer
from streams.ops.local_kafka.embedded import EmbeddedCluster
from tests.streams.serve.conftest import listening_server
from tests.streams.serve.stand import Stand, page
from tests.waiting import PATIENCE_S

KEY = "k" * 16
BRIEF = {"session.timeout.ms": "6000"}
"""How long the embedded broker waits for a reader that has left its group."""
PLAY = Play(event_id="e1", viewer_id="ada", event_time_ms=1_764_015_324_000, title_id="tide")
WRONG = Play(event_id="e1", viewer_id="ada", event_time_ms=1_764_015_324, title_id="tide")
"""Its time is in seconds, which msgspec does not mind."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Stand]]:
    """Give a filled server, and what is behind it."""
    with listening_server(tmp_path_factory.mktemp("client")) as found:
        yield found


def test_pages_lists_and_titles_are_typed(served: tuple[str, Stand]) -> None:
    """A stored page, one for a stranger, titles and lists; what is not there is None."""
    with ServeClient(served[0]) as client:
        found = client.home("ada")
        assert (found.home, found.source, found.expired_s) == (page("ada", 1, "engine", "tide"), "stored", 0)
        stranger = client.home("nobody/else?", maturity=12)
        assert stranger.source == "cold-start"
        assert stranger.home.viewer_id == "nobody/else?"
        assert "engine" not in {item.title_id for row in stranger.home.rows for item in row.items}
        title, trending = client.title("tide"), client.trending("genre:Drama")
        assert title is not None
        assert title.name == "Paper Tide"
        assert trending is not None
        assert trending.items[0].title_id == "tide"
        assert (client.title("absent"), client.trending("genre:None")) == (None, None)
        assert client.search("ada", "paper")[0] == "tide"
        assert client.search("ada", "zzzzzzzz") == []
        assert client.similar("tide", viewer_id="ada")[0] == "engine"


def test_events_are_checked_and_sent(served: tuple[str, Stand]) -> None:
    """A good one is on the topic when the call returns; a wrong one never leaves."""
    address, stand = served
    with ServeClient(address) as client:
        client.send(PLAY)
        assert decode_event(stand.events()[-1].value()) == PLAY
        with pytest.raises(DecodeError, match="event_time_ms"):
            client.send(WRONG)
    assert {decode_event(one.value()) for one in stand.events()} == {PLAY}  # sent again if the answer is late


def test_what_the_server_refuses_says_why(tmp_path: Path) -> None:
    """Without a key: the status, and the server's own words."""
    with listening_server(tmp_path, token=KEY) as (address, _):
        with ServeClient(address) as client, pytest.raises(RequestRefusedError) as refusal:
            client.home("ada")
        assert refusal.value.status == 401
        assert refusal.value.why
        with ServeClient(address, key=KEY) as client:
            assert client.home("ada").source == "stored"


class Failing(BaseHTTPRequestHandler):
    """A server whose first answers are failures."""

    protocol_version = "HTTP/1.1"
    failures: ClassVar[list[int]] = []
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Fail as planned: 0 hangs up; then answer with a page."""
        self.asked.append(self.path)
        status = self.failures.pop(0) if self.failures else 200
        if not status:
            self.close_connection = True
            return
        body = encode(page("ada", 1, "tide")) if status == 200 else b"<html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def _failing(*failures: int) -> Iterator[str]:
    Failing.failures[:], Failing.asked[:] = failures, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Failing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("failures", [(503,), (429, 502), (0, 504)])
def test_what_passes_is_asked_again(failures: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Overload, a proxy without a server, a connection that is gone."""
    monkeypatch.setattr(calls, "FIRST_PAUSE_S", 0.0)
    with _failing(*failures) as address, ServeClient(address) as client:
        assert client.home("ada").home.seq == 1
        assert Failing.asked == ["/v1/viewers/ada/home"] * (len(failures) + 1)


def test_what_does_not_pass_is_asked_once() -> None:
    """A refusal stays one; the body need not be a problem document."""
    with _failing(403) as address, ServeClient(address) as client:
        with pytest.raises(RequestRefusedError, match="403"):
            client.home("ada")
        assert len(Failing.asked) == 1


def test_attempts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the address and the last failure."""
    monkeypatch.setattr(calls, "FIRST_PAUSE_S", 0.0)
    with _failing(503, 503, 503, 503) as address, ServeClient(address, attempts=2) as client:
        with pytest.raises(ServerUnavailableError, match=f"{address}: 503"):
            client.home("ada")
        assert len(Failing.asked) == 2
    with ServeClient(address) as client, pytest.raises(ServerUnavailableError, match="refused"):
        client.home("ada")
    with pytest.raises(ValueError, match="no address"):
        ServeClient("127.0.0.1:8080")


def test_events_to_kafka_have_javas_partition(embedded: EmbeddedCluster, topic_prefix: str) -> None:
    """Whatever properties the caller gives; of a call with a wrong event nothing is sent."""
    name = f"{topic_prefix}{topics.EVENTS}"
    embedded.create([name])
    play = [Play(event_id=f"e{n}", viewer_id=f"v{n}", event_time_ms=10**12, title_id="t") for n in range(50)]
    wrong = {"partitioner": "random"}
    with EventSender(embedded.bootstrap_servers, topic_prefix=topic_prefix, properties=wrong) as events:
        events.send(play)
        with pytest.raises(DecodeError):
            events.send([play[0], WRONG])
    settings = Settings.load(brokers=embedded.bootstrap_servers, topic_prefix=topic_prefix)
    found = list(topic_scan.read_all(settings, topics.EVENTS))
    assert len(found) == 50
    for message in found:
        key = message.key() or b""
        assert key == decode_event(message.value()).viewer_id.encode()
        assert message.partition() == partition_for(key, 4)


async def test_the_asynchronous_client_returns_the_same(served: tuple[str, Stand]) -> None:
    """Every request of the one client, with the answer of the other; tasks share one client."""
    address, stand = served
    with ServeClient(address) as one:
        async with AsyncServeClient(f"{address}/") as two:
            assert await two.home("ada") == one.home("ada")
            assert (await two.home("nobody/else?", maturity=12)).home.viewer_id == "nobody/else?"
            assert await two.title("tide") == one.title("tide") is not None
            assert await two.trending("genre:Drama") == one.trending("genre:Drama")
            assert (await two.title("absent"), await two.trending("genre:None")) == (None, None)
            assert await two.search("ada", "paper & tide") == one.search("ada", "paper & tide")
            assert await two.similar("tide", viewer_id="ada") == one.similar("tide", viewer_id="ada")
            homes = await asyncio.gather(*(two.home("ada") for _ in range(8)))
            assert {found.home.seq for found in homes} == {1}
            before = len(stand.events())
            await two.send(PLAY)
            assert decode_event(stand.events()[-1].value()) == PLAY
            with pytest.raises(DecodeError, match="event_time_ms"):
                await two.send(WRONG)
            assert len(stand.events()) == before + 1
            await two.close()
            assert (await two.home("ada")).home.seq == 1


async def test_the_asynchronous_client_repeats_and_refuses_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """What passes is asked again, what does not is asked once, and attempts are bounded."""
    monkeypatch.setattr(calls, "FIRST_PAUSE_S", 0.0)
    with _failing(0, 429, 504) as address:
        async with AsyncServeClient(address, attempts=4) as client:
            assert (await client.home("ada")).home.seq == 1
        assert len(Failing.asked) == 4
    with _failing(403) as address:
        async with AsyncServeClient(address) as client:
            with pytest.raises(RequestRefusedError, match="403"):
                await client.home("ada")
        assert len(Failing.asked) == 1
    with _failing(503, 503) as address:
        async with AsyncServeClient(address, attempts=2) as client:
            with pytest.raises(ServerUnavailableError, match=f"{address}: 503"):
                await client.home("ada")
    async with AsyncServeClient(address) as client:
        with pytest.raises(ServerUnavailableError):
            await client.home("ada")
    with pytest.raises(ValueError, match="no address"):
        AsyncServeClient("127.0.0.1:8080")


async def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that the caller allows, not after aiohttp's five minutes."""
    monkeypatch.setattr(calls, "FIRST_PAUSE_S", 0.0)
    silent = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with (
        silent,
        AsyncServeClient(
            f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}", timeout_s=0.05, attempts=2
        ) as client,
    ):
        with pytest.raises(ServerUnavailableError):
            await client.home("ada")


async def test_asynchronous_events_have_javas_partition(embedded: EmbeddedCluster, topic_prefix: str) -> None:
    """In the order of a viewer's calls; the end of the context waits for the brokers."""
    embedded.create([f"{topic_prefix}{topics.EVENTS}"])
    play = [
        Play(event_id=f"e{n}", viewer_id=f"v{n % 9}", event_time_ms=10**12, title_id="t") for n in range(50)
    ]
    async with AsyncEventSender(embedded.bootstrap_servers, topic_prefix=topic_prefix) as events:
        for n in range(0, 50, 5):
            await events.send(play[n : n + 5])
        with pytest.raises(DecodeError):
            await events.send([play[0], WRONG])
        await events.flush()
    settings = Settings.load(brokers=embedded.bootstrap_servers, topic_prefix=topic_prefix)
    found = list(topic_scan.read_all(settings, topics.EVENTS))
    for viewer in {one.viewer_id for one in play}:
        of_viewer = [message for message in found if message.key() == viewer.encode()]
        sent = [one.event_id for one in play if one.viewer_id == viewer]
        assert [decode_event(message.value()).event_id for message in of_viewer] == sent
        assert {message.partition() for message in of_viewer} == {partition_for(viewer.encode(), 4)}


def _published(embedded: EmbeddedCluster, name: str) -> None:
    """Publish three pages of ada and one of bob, and forget him."""
    embedded.create([name])
    writer = producer(embedded.bootstrap_servers)
    for seq in (1, 2, 3):
        writer.produce(name, encode(page("ada", seq, "tide")), "ada")
    writer.produce(name, encode(page("bob", 1, "tide")), "bob")
    writer.produce(name, None, "bob")
    assert writer.flush(10) == 0


def _polled(reader: PageReader, count: int) -> list[list[PublishedPage]]:
    """Poll until so many pages have come; return them by call."""
    found: list[list[PublishedPage]] = []
    deadline = time.monotonic() + PATIENCE_S
    while sum(map(len, found)) < count and time.monotonic() < deadline:
        found.append(reader.poll(0.2))
    return found


def test_pages_come_from_kafka_at_least_once(embedded: EmbeddedCluster, topic_prefix: str) -> None:
    """In the order of each viewer; those of the last call again after an exception, and none after that."""
    _published(embedded, f"{topic_prefix}{topics.HOME}")
    where = {"brokers": embedded.bootstrap_servers, "topic_prefix": topic_prefix, "properties": BRIEF}
    reader = PageReader("pages", **where)
    *earlier, last = _polled(reader, 5)
    reader.__exit__(RuntimeError, RuntimeError(), None)
    every = [one for pages in (*earlier, last) for one in pages]
    assert [one.home.seq for one in every if one.viewer_id == "ada" and one.home] == [1, 2, 3]
    assert [one.home and one.home.seq for one in every if one.viewer_id == "bob"] == [1, None]
    with PageReader("pages", **where) as reader:
        again = [one for pages in _polled(reader, len(last)) for one in pages]
    assert sorted(last, key=lambda one: one.viewer_id) == sorted(again, key=lambda one: one.viewer_id)
    with PageReader("pages", **where) as reader:
        assert reader.poll(2.0) == []


async def test_pages_come_from_kafka_to_an_event_loop(embedded: EmbeddedCluster, topic_prefix: str) -> None:
    """One by one; what the program has not asked for comes again."""
    _published(embedded, f"{topic_prefix}{topics.HOME}")
    where = {"brokers": embedded.bootstrap_servers, "topic_prefix": topic_prefix, "properties": BRIEF}
    for _ in range(2):
        async with AsyncPageReader("loop", **where) as pages, asyncio.timeout(PATIENCE_S):
            found = [await anext(pages) for _ in range(2)]
        assert {one.viewer_id for one in found} <= {"ada", "bob"}
