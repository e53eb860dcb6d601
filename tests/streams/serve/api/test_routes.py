"""The interface, asked as a client would, on the embedded cluster."""

import json
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from msgspec import structs
from structlog.testing import capture_logs

from schemas import topics
from schemas.codec import decode_home, encode
from schemas.partitioner import partition_for
from streams.clock import now_ms
from streams.kafka.clients import KafkaError, KafkaException
from streams.serve.api.posting import EventPoster
from streams.serve.mirror.mirror import TABLES
from streams.serve.server import build_app
from tests.streams.serve.stand import Stand, page, trending
from tests.waiting import until

EVENT = {
    "type": "play",
    "event_id": "e1",
    "viewer_id": "ada",
    "event_time_ms": 1_700_000_000_000,
    "title_id": "tide",
}


def test_a_page_is_returned_byte_for_byte_with_a_validator(reader: TestClient) -> None:
    """What was published is what is read; a client that has it gets 304."""
    answer = reader.get("/v1/viewers/ada/home")
    assert answer.status_code == 200
    assert answer.content == encode(page("ada", 1, "engine", "tide"))
    assert answer.headers["nearline-source"] == "stored"
    etag = answer.headers["etag"]
    for given in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = reader.get("/v1/viewers/ada/home", headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
    assert reader.get("/v1/viewers/ada/home", headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_shortcut_answers_as_the_route_does(reader: TestClient) -> None:
    """A parameter makes the request go the long way: same bytes, same headers."""
    short, long = reader.get("/v1/viewers/ada/home"), reader.get("/v1/viewers/ada/home?country=DE")
    assert (short.content, dict(short.headers)) == (long.content, dict(long.headers))
    headers = {"If-None-Match": short.headers["etag"]}
    short = reader.get("/v1/viewers/ada/home", headers=headers)
    long = reader.get("/v1/viewers/ada/home?country=DE", headers=headers)
    assert (short.status_code, dict(short.headers)) == (long.status_code, dict(long.headers))
    assert reader.get("/v1/viewers//home").status_code == 422


def test_of_an_expired_page_the_titles_are_returned_that_may_be_shown_now(
    client: TestClient, stand: Stand
) -> None:
    """Under its own limits, with how long it is past its end; a stream and the fast path have it no more."""
    old = page("eve", 7, "gone", "engine", "tide", expires_at_ms=1_700_086_400_000)
    stand.put(topics.HOME, "eve", encode(structs.replace(old, maturity=12)))
    until(lambda: client.get("/v1/viewers/eve/home").headers["nearline-source"] == "derived")
    for query in ("", "?maturity=16"):
        answer = client.get(f"/v1/viewers/eve/home{query}")
        found = decode_home(answer.content)
        assert [item.title_id for row in found.rows for item in row.items] == ["tide"]
        assert (found.seq, found.list_id) == (old.seq, old.list_id)
        assert found.expires_at_ms > now_ms()
        assert int(answer.headers["nearline-expired"]) > 86_400
        assert "etag" not in answer.headers
    assert client.app.state.mirror.valid_page("eve") is None
    shown = client.get("/watch/eve").text
    assert "Paper Tide" in shown
    assert "Gone Already" not in shown


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["tide", "engine"]),
        ("?maturity=12", ["tide"]),
        ("?country=DE", ["tide", "engine", "coast"]),
        ("?country=DE&maturity=0", ["tide", "coast"]),
        ("?country=FR", ["engine", "tide"]),
        ("?country=IT", ["tide", "engine"]),
        ("?device=smart_tv", ["engine"]),
        ("?device=smart_tv&country=IT", ["engine"]),
        ("?device=tv&country=FR", ["engine", "tide"]),
        ("?device=tv&maturity=12", ["tide"]),
        ("?device=phone", ["tide", "engine"]),
        ("?device=fridge", ["tide", "engine"]),
    ],
)
def test_a_cold_start_viewer_gets_what_is_trending_under_the_guards(
    reader: TestClient, query: str, titles: list[str]
) -> None:
    """Marked with `cold_start`: never a title outside of window, country or maturity."""
    answer = reader.get(f"/v1/viewers/nobody/home{query}")
    document = answer.json()
    assert document["cold_start"] is True
    assert answer.headers["nearline-source"] == "cold-start"
    home = decode_home(answer.content)
    assert (home.viewer_id, home.seq) == ("nobody", 0)
    assert [(row.kind, [item.title_id for item in row.items]) for row in home.rows] == [
        ("trending_now", titles)
    ]


def test_lists_of_titles(reader: TestClient) -> None:
    """Neighbours by likeness, under the guards; a title's own record; what is unknown is a 404."""
    alike = reader.get("/v1/titles/tide/similar").json()
    assert [item["title_id"] for item in alike["items"]] == ["engine"]
    assert alike["items"][0]["score"] == pytest.approx(6.0 * (9 * 4) ** -0.45, abs=1e-5)
    alike = reader.get("/v1/titles/tide/similar?country=DE&limit=1&maturity=3").json()
    assert [item["title_id"] for item in alike["items"]] == ["coast"]
    assert reader.get("/v1/titles/engine/similar").json()["items"] == []
    assert reader.get("/v1/titles/tide").json()["name"] == "Paper Tide"
    for path in ("/v1/titles/none/similar", "/v1/titles/none", "/v1/trending?scope=genre:None"):
        answer = reader.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:nearline:problem:not-found"


def test_trending_lists_are_guarded(reader: TestClient) -> None:
    """Whole ones come byte for byte with a validator; of others, what may be shown there and to that age."""
    whole = reader.get("/v1/trending?scope=genre:Drama")
    assert whole.content == encode(trending("tide", scope="genre:Drama"))
    given = {"If-None-Match": whole.headers["etag"]}
    assert reader.get("/v1/trending?scope=genre:Drama", headers=given).status_code == 304
    for query, shown in (
        ("", ["tide", "engine"]),
        ("?country=DE", ["tide", "engine", "coast"]),
        ("?maturity=12", ["tide"]),
        ("?scope=country:FR&maturity=12", ["tide"]),
        ("?scope=country:IT", []),
    ):
        answer = reader.get(f"/v1/trending{query}")
        assert answer.headers["nearline-source"] == "derived"
        assert [item["title_id"] for item in answer.json()["items"]] == shown


def test_a_search_puts_the_viewers_own_first_among_equals(reader: TestClient) -> None:
    """Typing errors are tolerated, guards apply, and if nothing matches there are suggestions."""
    assert [i["title_id"] for i in reader.get("/v1/viewers/ada/search?q=papre+tide").json()["items"]] == [
        "tide"
    ]
    found = reader.get("/v1/viewers/ada/search", params={"q": "copper", "maturity": 12}).json()
    assert found == {"query": "copper", "items": [], "suggestions": ["tide"]}
    assert reader.get("/v1/viewers/ada/search?q=zzzz").json()["suggestions"] == ["engine", "tide"]
    assert reader.get("/v1/viewers/ada/search").status_code == 422


def test_a_misspelt_search_is_asked_back(reader: TestClient) -> None:
    """Whether it found something or not; nothing is named that the viewer may not see."""
    find = "/v1/viewers/ada/search"
    assert reader.get(find, params={"q": "papre tide"}).json()["did_you_mean"] == "paper tide"
    found = reader.get(find, params={"q": "enginnnes"}).json()
    assert found == {
        "query": "enginnnes",
        "items": [],
        "suggestions": ["engine", "tide"],
        "did_you_mean": "engine",
    }
    forbidden = reader.get(find, params={"q": "enginnnes", "maturity": 12}).json()
    assert forbidden == {"query": "enginnnes", "items": [], "suggestions": ["tide"]}
    assert "did_you_mean" not in reader.get(find, params={"q": "pap"}).json()


def test_an_event_is_on_its_topic_before_it_is_accepted(client: TestClient, stand: Stand) -> None:
    """Byte for byte, keyed by the viewer, where Java puts it; a repeated one is accepted again.

    What is no event, or does not say that it is JSON, is never produced. An id may come as a header.
    """
    body = json.dumps(EVENT | {"later": "kept"}).encode()
    for _ in range(2):
        answer = client.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()) == (202, {"event_id": "e1"})
    nameless = {name: value for name, value in EVENT.items() if name != "event_id"}
    answer = client.post("/v1/events", json=nameless, headers={"ce-id": "c-7"})
    assert (answer.status_code, answer.json()) == (202, {"event_id": "c-7"})
    assert client.post("/v1/events", content=body).status_code == 415
    assert client.post("/v1/events", json=nameless).status_code == 422
    found = stand.events()
    assert [(m.key(), m.value()) for m in found[:2]] == [(b"ada", body)] * 2
    assert [m.headers() for m in found] == [None, None, [("ce_id", b"c-7")]]
    assert {m.partition() for m in found} == {partition_for(b"ada", 4)}


@pytest.mark.parametrize(
    ("body", "kind", "status", "field"),
    [
        (b"{", "invalid-event", 422, None),
        (b"", "invalid-event", 422, None),
        (json.dumps(EVENT | {"title_id": ""}).encode(), "invalid-event", 422, "title_id"),
        (json.dumps(EVENT | {"type": "nothing"}).encode(), "invalid-event", 422, "type"),
        (b" " * 20_000, "too-large", 413, None),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(
    reader: TestClient, body: bytes, kind: str, status: int, field: str | None
) -> None:
    """The problem names the field at fault, never its value."""
    answer = reader.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
    document = answer.json()
    assert (answer.status_code, document["type"]) == (status, f"urn:nearline:problem:{kind}")
    assert document.get("field") == field


@pytest.mark.parametrize(
    ("genres", "status", "detail"),
    [
        (["comedies", "DRAMA"], 202, None),
        ([], 202, None),
        (["Comedy", "Comdy"], 422, "no title of the catalog has genre 2: the nearest is 'Comedy'"),
        (["Opera"], 422, "no title of the catalog has genre 1: there are Comedy, Drama"),
    ],
)
def test_a_genre_that_the_catalog_does_not_have_is_refused(
    client: TestClient, genres: list[str], status: int, detail: str | None
) -> None:
    """With the nearest one that it has; other spellings of one are the same genre."""
    about = {"type": "preferences", "event_id": "p", "viewer_id": "ada", "event_time_ms": 10**12}
    answer = client.post("/v1/events", json=about | {"genres": genres})
    assert answer.status_code == status
    if detail is not None:
        assert (answer.json()["detail"], answer.json()["field"]) == (detail, "genres")


def test_problems_are_documents_whatever_was_wrong(reader: TestClient) -> None:
    """Unknown addresses, methods and parameters; no parameter's value is repeated."""
    for method, path, status in (
        ("GET", "/v1/nothing", 404),
        ("DELETE", "/v1/events", 405),
        ("GET", "/v1/viewers/ada/home?maturity=secret", 422),
        ("GET", "/v1/viewers/" + "x" * 65 + "/home", 422),
    ):
        answer = reader.request(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
        assert "secret" not in answer.text


def test_ids_may_hold_anything_a_contract_allows(reader: TestClient) -> None:
    """Slashes, spaces and other scripts, percent-encoded."""
    for viewer in ("a/b", "ada lovelace", "観る人"):
        assert reader.get(f"/v1/viewers/{quote(viewer, safe='')}/home").json()["viewer_id"] == viewer


def test_it_says_how_it_is(reader: TestClient) -> None:
    """Probes, metrics with bounded labels, and what the interface is."""
    assert reader.get("/livez").text == "alive\n"
    assert reader.get("/readyz").text == "ready\n"
    reader.get("/v1/viewers/ada/home")
    text = reader.get("/metrics").text
    assert 'nearline_http_requests_total{code="200",route="/v1/viewers/{viewer_id:path}/home"}' in text
    assert "ada" not in text
    document = reader.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {"Home", "Event", "Problem"} <= set(document["components"]["schemas"])
    assert "/v1/viewers/{viewer_id}/home" in document["paths"]


def test_nothing_is_served_before_it_has_caught_up(stand: Stand) -> None:
    """Readers get 503, a reason and when to come again; probes say how far it is."""
    app = build_app(stand.mirror(), EventPoster(stand.settings), stand.metrics)
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.get("/v1/viewers/ada/home")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "recs.home.v1" in answer.json()["detail"]
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert len(ready.text.splitlines()) == len(TABLES) + 1  # and the rules
        assert client.get("/livez").status_code == 200


def test_a_broker_that_is_away_makes_it_not_ready(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason; pages are served all the same, and so says the probe that asks about them alone."""
    watch = client.app.state.mirror._watch  # type: ignore[attr-defined]
    monkeypatch.setattr(watch, "_client", _Away())
    with capture_logs() as lines:
        watch.check()
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert "no Kafka broker answers at" in ready.text
        assert client.get("/readyz?reads=true").text == "ready\n"
        assert client.get("/v1/viewers/ada/home").status_code == 200
        monkeypatch.undo()
        watch.check()
    assert client.get("/readyz").text == "ready\n"
    assert [line["event"] for line in lines] == ["broker_gone", "broker_back"]


class _Away:
    """Stands in for a client whose broker is away."""

    def list_topics(self, *_: object, **__: object) -> None:
        """Do not answer."""
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))


def test_a_new_page_replaces_the_old_one(client: TestClient, stand: Stand) -> None:
    """Soon after it was published; after a tombstone the viewer has a cold start."""
    for wanted in (encode(page("ada", 2, "tide")), None):
        stand.put(topics.HOME, "ada", wanted)
        for _ in range(500):
            answer = client.get("/v1/viewers/ada/home")
            if answer.content == wanted or (wanted is None and answer.json().get("cold_start")):
                break
        else:
            pytest.fail("the new page was not served")


def test_a_stored_page_that_breaks_the_contract_is_none(stand: Stand, client: TestClient) -> None:
    """Its viewer is one without a page; nothing is an error of the server."""
    good = encode(page("ada", 2, "tide"))
    in_seconds = good.replace(b'"generated_at_ms":1700000000000', b'"generated_at_ms":1700000000')
    assert in_seconds != good
    stand.put(topics.HOME, "ada", in_seconds)
    until(lambda: client.get("/v1/viewers/ada/home").headers["nearline-source"] == "cold-start")
    paths = ("/v1/viewers/ada/search?q=tide", "/v1/titles/tide/similar?viewer=ada", "/watch/ada")
    assert {path: client.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)
