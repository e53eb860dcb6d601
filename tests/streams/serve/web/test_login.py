"""Signing in and out, by requests: the form, the cookie, and the end of a session."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from streams.config.settings import ServeSettings
from streams.serve.access.rate_limits import RateLimits
from tests.streams.serve.conftest import served
from tests.streams.serve.stand import Stand

TOKEN = "a-token-of-" + "sixteen"


@pytest.fixture(scope="module")
def server(shared_stand: Stand) -> Iterator[TestClient]:
    """Give a client of a server with a token."""
    serve = ServeSettings(token=SecretStr(TOKEN))
    shared_stand.settings = shared_stand.settings.model_copy(update={"serve": serve})
    with served(shared_stand) as client:
        client.headers.update({"Accept": "text/html", "Origin": "http://127.0.0.1"})
        yield client


@pytest.fixture
def guarded(server: TestClient) -> TestClient:
    """Give a browser's client that has not signed in, and may be wrong as often as it likes."""
    server.cookies.clear()
    keys = server.app.state.keys
    keys.failures = RateLimits(0.0)
    keys._used.clear()  # who has given the right key may go on
    return server


def test_the_token_opens_and_signing_out_closes(guarded: TestClient) -> None:
    """The form leads back to where the browser was going; buttons work; afterwards nothing does."""
    asked = guarded.get("/watch/ada?q=tide")
    assert asked.url.path == "/login"
    assert 'name="next" value="/watch/ada?q=tide"' in asked.text
    assert "Sign out" not in asked.text
    assert guarded.get("/static/nearline.css").status_code == 200
    answer = guarded.post(
        "/login", data={"token": TOKEN, "next": "/watch/ada?q=tide"}, follow_redirects=False
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/watch/ada?q=tide")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    assert TOKEN not in cookie
    assert "Sign out" in guarded.get("/watch/ada").text
    assert guarded.get("/login?next=/console", follow_redirects=False).headers["location"] == "/console"
    pressed = {"title_id": "tide", "action": "up"}
    assert guarded.post("/watch/ada/act", data=pressed).status_code == 200
    assert (
        guarded.post("/watch/ada/act", data=pressed, headers={"Origin": "http://evil.example"}).status_code
        == 403
    )
    left = guarded.post("/logout", follow_redirects=False)
    assert (left.status_code, left.headers["location"]) == (303, "/login")
    assert guarded.get("/watch/ada").url.path == "/login"


def test_a_wrong_token_gets_a_message_and_no_cookie(guarded: TestClient) -> None:
    """Another token, none, and a way out of this server; behind TLS the cookie never leaves it."""
    for wrong in ({"token": "x"}, {}, {"token": ""}, {"token": "é"}):
        answer = guarded.post("/login", data=wrong)
        assert answer.status_code == 401
        assert "NEARLINE_SERVE__TOKEN" in answer.text
        assert "set-cookie" not in answer.headers
    for out in ("//evil.example", "https://evil.example", "/\\evil.example"):
        answer = guarded.post("/login", data={"token": TOKEN, "next": out}, follow_redirects=False)
        assert answer.headers["location"] == "/"
    foreign = {"Origin": "https://evil.example"}
    assert guarded.post("/login", data={"token": TOKEN}, headers=foreign).status_code == 403
    tls = {"Origin": "https://tv.example", "Host": "tv.example"}
    answer = guarded.post("/login", data={"token": TOKEN}, headers=tls, follow_redirects=False)
    assert "secure" in answer.headers["set-cookie"].lower()


def test_attempts_are_limited(guarded: TestClient) -> None:
    """Also with the right token, so that guessing learns nothing."""
    guarded.app.state.keys.failures = RateLimits(1e-6)
    assert guarded.post("/login", data={"token": "x"}).status_code == 401
    assert guarded.post("/login", data={"token": TOKEN}).status_code == 429


def test_without_a_token_there_is_nothing_to_sign_in_to(reader: TestClient) -> None:
    """The form leads on."""
    answer = reader.get("/login?next=/console", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    for given in ("", TOKEN):
        assert reader.post("/login", data={"token": given}).status_code == 401
