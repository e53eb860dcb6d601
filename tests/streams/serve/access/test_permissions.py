"""Each key against each route of the application, and what a key may post."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from schemas import Forget, Stop, topics
from schemas.audit import AuditAction
from schemas.codec import decode_audit, encode
from streams.config.settings import ServeSettings
from streams.ops.access_keys import Scope, add_key, revoke_key
from streams.serve.access.permissions import scopes_of
from streams.serve.access.rate_limits import RateLimits
from tests.streams.serve.conftest import served
from tests.streams.serve.stand import Stand
from tests.streams.steps import T0

EXAMPLES = {"viewer_id:path": "ada", "title_id:path": "tide", "experiment_id:path": "e", "rule_id:path": "r"}
FREE = {"/livez", "/readyz", "/login", "/logout"}
EXPECTED = {
    Scope.READ_PAGES: ("GET /v1/viewers/{viewer_id:path}/home", "GET /watch/{viewer_id:path}", "GET /"),
    Scope.WRITE_EVENTS: ("POST /v1/events", "POST /watch/{viewer_id:path}/act"),
    Scope.READ_INSIGHTS: ("GET /v1/insights/titles", "GET /v1/experiments", "GET /console/insights"),
    Scope.OPERATE: ("GET /console/viewers", "GET /console/dead-letters", "POST /console/dead-letters"),
    Scope.FORGET: ("POST /v1/events",),
}
"""Some routes of each scope, written down once more."""


@pytest.fixture
def keys(stand: Stand, tmp_path: Path) -> Iterator[tuple[TestClient, dict[Scope, str], Path]]:
    """Give a server with a key for each scope."""
    path = tmp_path / "keys.json"
    secrets = {scope: add_key(path, scope.replace(":", "-"), (scope,)) for scope in Scope}
    serve = ServeSettings(keys=path)
    stand.settings = stand.settings.model_copy(update={"serve": serve})
    with served(stand) as client:
        yield client, secrets, path


def _routes(client: TestClient) -> list[tuple[str, str]]:
    """Return method and path of every route of the application."""
    routes = [route for route in client.app.routes if isinstance(route, APIRoute)]
    return [(method, route.path) for route in routes for method in sorted(route.methods)]


def _as(secret: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}", **more}


def test_each_key_opens_the_routes_of_its_scope_and_no_other(
    keys: tuple[TestClient, dict[Scope, str], Path],
) -> None:
    """A route that the permissions do not list is open to no key, so a new one without scopes fails here."""
    client, secrets, _ = keys
    for method, path in _routes(client):
        address = re.sub(r"{(.*?)}", lambda name: EXAMPLES[name[1]], path)
        allowed = scopes_of(method, path)
        assert allowed is None or allowed, f"{method} {path} is in no entry of PERMISSIONS"
        assert (allowed is None) == (path in FREE)
        if "/stream/" in path or path.endswith("/live"):
            continue  # they do not end; the next test has them
        for scope, secret in secrets.items():
            status = client.request(method, address, headers=_as(secret), follow_redirects=False).status_code
            is_open = allowed is None or scope in allowed
            assert (status != 403) is is_open, (method, path, scope, status)
            assert status != 401 or path == "/login"
        if allowed is not None:
            assert client.request(method, address).status_code == 401


def test_the_table_says_what_was_agreed(keys: tuple[TestClient, dict[Scope, str], Path]) -> None:
    """Some routes of each scope; live streams are pages."""
    client, secrets, _ = keys
    for scope, routes in EXPECTED.items():
        for route in routes:
            assert scope in (scopes_of(*route.split(" ", 1)) or ())
    for path in ("/v1/stream/viewers/ada", "/watch/ada/live"):
        assert client.get(path, headers=_as(secrets[Scope.OPERATE])).status_code == 403
    assert scopes_of("GET", "/v1/stream/viewers/{viewer_id:path}") == {Scope.READ_PAGES}
    for route in ("GET /v1/viewers/{viewer_id:path}/home", "GET /watch/{viewer_id:path}"):
        assert scopes_of(*route.split(" ", 1)) == {Scope.READ_PAGES}


def test_a_key_posts_the_events_of_its_scope(keys: tuple[TestClient, dict[Scope, str], Path]) -> None:
    """Who writes events has nobody forgotten, and the other way round; also of what is sent again."""
    client, secrets, _ = keys
    forget = encode(Forget(event_id="f", viewer_id="ada", event_time_ms=T0))
    stop = encode(
        Stop(
            event_id="s",
            viewer_id="ada",
            event_time_ms=T0,
            title_id="tide",
            watched_s=1,
            position_s=1,
            duration_s=9,
        )
    )
    kind = {"Content-Type": "application/json"}
    for scope, value, status in (
        (Scope.WRITE_EVENTS, stop, 202),
        (Scope.WRITE_EVENTS, forget, 403),
        (Scope.FORGET, forget, 202),
        (Scope.FORGET, stop, 403),
    ):
        answer = client.post("/v1/events", content=value, headers=_as(secrets[scope]) | kind)
        assert answer.status_code == status
        assert status == 202 or "scope" in answer.json()["detail"]
        assert answer.json().get("known") is (True if (scope, status) == (Scope.FORGET, 202) else None)
    nobody = encode(Forget(event_id="g", viewer_id="nobody", event_time_ms=T0))
    answer = client.post("/v1/events", content=nobody, headers=_as(secrets[Scope.FORGET]) | kind)
    assert answer.json() == {"event_id": "g", "known": False}
    for value, status in ((stop, 303), (forget, 403)):
        answer = client.post(
            "/console/dead-letters",
            data={"value": value.decode()},
            headers=_as(secrets[Scope.OPERATE]),
            follow_redirects=False,
        )
        assert answer.status_code == status


def test_who_signs_in_has_the_scopes_of_the_key(keys: tuple[TestClient, dict[Scope, str], Path]) -> None:
    """Pages that the key does not open are not linked; the session ends with the key."""
    client, secrets, path = keys
    client.headers.update({"Accept": "text/html", "Origin": "http://127.0.0.1"})
    assert (
        client.post(
            "/login", data={"token": secrets[Scope.READ_INSIGHTS], "next": "/console/insights"}
        ).status_code
        == 200
    )
    page = client.get("/console/insights")
    assert page.status_code == 200
    assert "/console/viewers" not in page.text
    assert 'href="/"' not in page.text.partition("</header>")[0].partition("<nav")[2]
    assert "/console/experiments" in page.text
    refused = client.get("/console/viewers?id=ada")
    assert refused.status_code == 403
    assert "operate" in refused.text
    assert client.get("/v1/viewers/ada/home").status_code == 403
    revoke_key(path, "read-insights")
    client.app.state.keys._checked = -1.0
    assert client.get("/console/insights").url.path == "/login"


def test_the_audit_log_says_who_did_what(
    keys: tuple[TestClient, dict[Scope, str], Path], stand: Stand
) -> None:
    """By the name of the key; of who is forgotten it has the event, not the viewer."""
    client, secrets, _ = keys
    origin = {"Origin": "http://127.0.0.1"}
    play = (
        b'{"type":"play","event_id":"e9","viewer_id":"v-9","event_time_ms":1700000000000,"title_id":"tide"}'
    )
    forget = encode(Forget(event_id="f-1", viewer_id="v-9", event_time_ms=T0))
    kind = {"Content-Type": "application/json"}
    for scope, start in ((Scope.OPERATE, "/console"), (Scope.READ_INSIGHTS, "/console/insights")):
        data = {"token": secrets[scope]}
        answer = client.post("/login", data=data, headers=origin, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, start)
        client.cookies.clear()
    client.post("/console/dead-letters", data={"value": play.decode()}, headers=_as(secrets[Scope.OPERATE]))
    assert (
        client.post("/v1/events", content=forget, headers=_as(secrets[Scope.FORGET]) | kind).status_code
        == 202
    )
    client.post("/v1/events", content=play, headers=_as(secrets[Scope.WRITE_EVENTS]) | kind)
    found = stand.records(topics.AUDIT)
    assert {(one.actor, one.action, one.subject) for one in (decode_audit(m.value()) for m in found)} == {
        ("operate", AuditAction.SIGN_IN, "testclient"),
        ("read-insights", AuditAction.SIGN_IN, "testclient"),
        ("operate", AuditAction.RESEND, "e9"),
        ("forget", AuditAction.FORGET, "f-1"),
    }
    assert len(found) == 4
    assert all(b"v-9" not in (message.value() or b"") for message in found)


def test_a_key_has_a_rate_of_its_own(keys: tuple[TestClient, dict[Scope, str], Path]) -> None:
    """Wherever its requests come from."""
    client, _, path = keys
    slow = add_key(path, "slow", (Scope.READ_PAGES,), rate=1e-3)
    client.app.state.keys._checked = -1.0
    answers = [client.get("/v1/trending", headers=_as(slow)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "key slow" in answers[1].json()["detail"]


def test_wrong_keys_get_429_after_a_few(keys: tuple[TestClient, dict[Scope, str], Path]) -> None:
    """As a bearer and in the form alike."""
    client, secrets, _ = keys
    client.app.state.keys.failures = RateLimits(1e-3)
    assert client.get("/v1/trending", headers=_as("guess")).status_code == 401
    assert client.get("/v1/trending", headers=_as("guess")).status_code == 429
    assert client.get("/v1/trending", headers=_as(secrets[Scope.READ_PAGES])).status_code == 429
    origin = {"Origin": "http://127.0.0.1"}
    assert client.post("/login", data={"token": "guess"}, headers=origin).status_code == 429
