"""The client: typed pages and events over HTTP and Kafka, against a running server and one that fails."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from schemas import DecodeError, Play, topics
from schemas.codec import decode_event, encode
from schemas.partitioner import partition_for
from streams.client import EventSender, ServeClient, http
from streams.config.settings import Settings
from streams.errors import RequestRefusedError, ServerUnavailableError
from streams.kafka import scan as topic_scan
from streams.ops.local_kafka.embedded import EmbeddedCluster
from tests.streams.serve.conftest import listening_server
from tests.streams.serve.stand import Stand, page

KEY = "k" * 16
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
    assert len(stand.events()) == 1


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
    monkeypatch.setattr(http, "FIRST_PAUSE_S", 0.0)
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
    monkeypatch.setattr(http, "FIRST_PAUSE_S", 0.0)
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
