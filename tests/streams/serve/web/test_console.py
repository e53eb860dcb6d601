"""The console as HTML: one viewer, one title, trending, dead letters, topics, the model."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest
from fastapi.testclient import TestClient

from schemas import DeadLetter, DecodeError, Rate, Reason, topics
from schemas.codec import decode_event, encode
from schemas.pages import Source
from streams.kafka import scan as topic_scan
from streams.serve.mirror.mirror import SCANS
from streams.stages.wire.partition_rows import BLEND
from tests.streams.serve.conftest import served
from tests.streams.serve.stand import Stand
from tests.streams.steps import T0, Line, watch

BROWSER = {"Accept": "text/html"}
GOOD = b'{"type":"play","event_id":"e9","viewer_id":"ada","event_time_ms":1700000000000,"title_id":"tide"}'


def live(stand: Stand) -> None:
    """Let Ada watch one title and turn another down, and write what both stages make of it."""
    line = Line()
    down = Rate(event_id="r", viewer_id="ada", event_time_ms=T0 + 5, title_id="engine", stars=1.0)
    for batch in (
        [watch(f"v{n}", t, n) for n in range(4) for t in ("tide", "engine")],
        [watch("ada", "tide", 9), down],
    ):
        outcome = line.step(line.records(batch))
        for key, value in outcome.rows:
            stand.put(topics.VIEWER_STATE, key.decode(), value)
        for key, value in (row for one in line.learn(outcome) for row in one.rows):
            stand.put(topics.TITLE_MODEL, key.decode(), value)

    key, value = BLEND.row(np.array([0.5, 2.0, 0.25, 0.125, 0.0]))
    stand.put(topics.VIEWER_STATE, key.decode(), value)


def reject(stand: Stand, value: bytes) -> None:
    """Write a dead letter."""
    error = DecodeError(Reason.OUT_OF_RANGE, "watched_s", "expected `float` >= 0.0")
    source = Source(topic="viewing.events.v1", partition=2, offset=41)
    letter = DeadLetter.of(error, stage="viewers", source=source, key=b"ada", value=value, time_ms=T0)
    stand.put(topics.DEAD_LETTERS, "ada", encode(letter))


@pytest.fixture(scope="module")
def console(shared_stand: Stand) -> Iterator[TestClient]:
    """Give a client of a server on a cluster where something has happened."""
    live(shared_stand)
    reject(shared_stand, b'{"<b>":1}')
    with served(shared_stand, model=False) as client:
        yield client


def test_a_few_requests_read_topics_and_others_never_wait(
    console: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They get 503, and everything else is answered: none of the server's threads waits for a topic."""
    mirror = console.app.state.mirror
    with ExitStack() as held:
        for _ in range(SCANS):
            held.enter_context(mirror.scan())
        for path in (
            "/console/rules", "/console/preview", "/console/viewers?id=ada", "/console/titles?id=tide",
            "/console/dead-letters",
            "/console/topics", "/console/model", "/console/experiments", "/v1/experiments",
        ):  # fmt: skip
            refused = console.get(path)
            assert (path, refused.status_code, refused.headers["retry-after"]) == (path, 503, "2")
        assert console.get("/v1/viewers/ada/search?q=tide").status_code == 200
        assert console.get("/console/viewers").status_code == 200
    read = []
    real = topic_scan.read
    monkeypatch.setattr(topic_scan, "read", lambda *given: read.append(given[1]) or real(*given))
    assert console.get("/console/viewers?id=ada").status_code == 200
    assert topics.VIEWER_STATE in read
    assert topics.HOME not in read  # the page is on the server's own disk


def test_it_shows_what_is_known(console: TestClient, shared_stand: Stand) -> None:
    """Each page, one after the other, of one cluster."""
    viewer = console.get("/console/viewers?id=ada").text
    assert re.search(r"Paper Tide.*?liked.*?Recently rejected.*?Copper Engine", viewer, re.DOTALL)
    assert re.search(r"Taste.*?Drama", viewer, re.DOTALL)
    assert re.search(r"Why this page.*?Top picks for you.*?Fits your taste", viewer, re.DOTALL)
    assert "no state of viewer nobody" in console.get("/console/viewers?id=nobody").text
    assert "/console/viewers?id=ada" in console.get("/console/viewers").text

    title = console.get("/console/titles?id=tide").text
    assert re.search(r"Paper Tide.*?watches.*?Watched by the same people.*?Copper Engine", title, re.DOTALL)
    assert "Copper Engine" in console.get("/console/titles?id=coper").text
    assert "No title has this id" in console.get("/console/titles?id=zzzz").text

    assert "Paper Tide" in console.get("/console/trending").text
    assert "There is no trending list" in console.get("/console/trending?scope=genre:x").text
    assert "viewing.events.v1" in console.get("/console/topics").text
    model = console.get("/console/model").text
    assert shared_stand.settings.model.fingerprint() in model
    assert re.search(
        r"co-watch, short</td><td class=\"number\">2.000.*?factorization.*?0.500.*?Every constant",
        model,
        re.DOTALL,
    )
    assert "No worker answers" in model
    pulse = console.get("/console/pulse").text
    assert "No worker answers" in pulse
    assert "0 /s" not in pulse
    assert "0 records" not in pulse
    assert "POST /v1/events" in console.get("/docs").text


def test_a_dead_letter_is_shown_and_sent_again_once_it_is_an_event(
    console: TestClient, shared_stand: Stand
) -> None:
    """Its value is text, never markup; what still is no event is refused with the reason."""
    text = console.get("/console/dead-letters").text
    assert "out_of_range" in text
    assert "viewing.events.v1/2 at 41" in text
    assert "&#34;&lt;b&gt;&#34;" in text
    assert "<b>&#34;" not in text
    wrong = console.post("/console/dead-letters", data={"value": '{"type":"play"}'}, headers=BROWSER)
    assert wrong.status_code == 422
    assert "still not an event: missing_field" in wrong.text
    again = console.post("/console/dead-letters", data={"value": GOOD.decode()}, follow_redirects=False)
    assert again.headers["location"] == "/console/dead-letters"
    (message,) = shared_stand.events()
    assert message.key() == b"ada"
    assert message.value() == GOOD
    assert decode_event(message.value()).event_id == "e9"


def test_a_browser_is_shown_a_page_where_something_is_wrong(console: TestClient) -> None:
    """Htmx gets a word for its corner; programmes get the document, and so does everybody under /v1."""
    page = console.get("/nothing", headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Not Found" in page.text
    word = console.post("/watch/ada/act", data={}, headers=BROWSER | {"HX-Request": "true"})
    assert (word.status_code, word.headers["hx-retarget"]) == (422, "#toasts")
    assert word.text.startswith('<p class="toast bad">')
    assert console.get("/nothing").headers["content-type"] == "application/problem+json"
    assert console.get("/v1/nothing", headers=BROWSER).headers["content-type"] == "application/problem+json"
