"""The checks in front of every request, without a cluster."""

import json
import time
from base64 import b64encode
from unittest import mock

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from itsdangerous import TimestampSigner
from pydantic import SecretStr

from schemas.codec import MAX_EVENT_BYTES
from streams.config.settings import ServeSettings, Settings
from streams.errors import SettingsError
from streams.ops.access_keys import secret_hash
from streams.serve import problems
from streams.serve.access.key_ring import KeyRing
from streams.serve.access.middleware import AccessControl
from streams.serve.access.rate_limits import ADDRESSES, RateLimits
from streams.serve.access.sessions import LASTS_S
from streams.serve.server import check_access
from streams.telemetry.metrics import Metrics

TOKEN = "a-token-of-" + "sixteen"


def _client(settings: ServeSettings, url: str = "http://127.0.0.1:8080") -> TestClient:
    """Put an application that returns the length of its request body behind the checks."""
    app = FastAPI()
    problems.install(app)

    @app.api_route("/echo", methods=["GET", "POST"])
    async def echo(request: Request) -> int:
        return len(await request.body())

    @app.get("/readyz")
    async def readyz() -> str:
        return "ready"

    app.add_middleware(AccessControl, settings=settings, keys=KeyRing(settings), metrics=Metrics())
    return TestClient(app, base_url=url)


def _session(token: str, *, age_s: int = 0) -> str:
    """Sign a session cookie as if it was given some seconds ago."""
    signer = TimestampSigner(token)
    with mock.patch.object(signer, "get_timestamp", return_value=int(time.time()) - age_s):
        return signer.sign(
            b64encode(json.dumps({"name": "token", "key": secret_hash(TOKEN.encode())}).encode())
        ).decode()


@pytest.mark.parametrize("name", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "localhost"])
def test_without_a_token_loopbacks_names_are_answered(name: str) -> None:
    """With any port."""
    assert _client(ServeSettings()).get("/echo", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize("name", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", ""])
def test_without_a_token_other_names_are_not(name: str) -> None:
    """A page that rebinds its own name to this machine reads nothing."""
    answer = _client(ServeSettings()).get("/echo", headers={"Host": name})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer {TOKEN}"])
def test_a_request_with_the_token_is_answered(given: str) -> None:
    """Under any name."""
    client = _client(ServeSettings(token=SecretStr(TOKEN)), "http://tv.example")
    assert client.get("/echo", headers={"Authorization": given}).status_code == 200


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer x", f"Bearer {TOKEN}x", TOKEN, f"Digest {TOKEN}"])
def test_a_request_without_the_token_is_refused(given: str) -> None:
    """Except for the probes, which have no token."""
    client = _client(ServeSettings(token=SecretStr(TOKEN)))
    answer = client.get("/echo", headers={"Authorization": given} if given else {})
    assert answer.status_code == 401
    assert "Bearer" in answer.headers["www-authenticate"]
    assert client.get("/readyz").status_code == 200


def test_a_browser_is_redirected_to_the_form() -> None:
    """With the page that it asked for; an open page reloads when its session has ended."""
    client = _client(ServeSettings(token=SecretStr(TOKEN)))
    asks = {"Accept": "text/html"}
    answer = client.get("/echo?q=a&b=c", headers=asks, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fecho%3Fq%3Da%26b%3Dc")
    answer = client.post("/echo", headers=asks, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F")
    answer = client.get("/echo", headers=asks | {"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-refresh"]) == (401, "true")


def test_a_cookie_authenticates_and_changes_nothing_from_another_origin() -> None:
    """It must be signed with this token and not expired; a request without its origin is refused."""
    client = _client(ServeSettings(token=SecretStr(TOKEN)))
    good, old = _session(TOKEN), _session(TOKEN, age_s=LASTS_S + 1)
    data, begun, signature = good.split(".")
    _, later, _ = _session(TOKEN, age_s=-60).split(".")
    for wrong in (
        "",
        "x",
        ".",
        old,
        _session("another-token-of-sixteen"),
        _session(""),
        f"{data}.{later}.{signature}",
        f"{b64encode(b'{}').decode()}.{begun}.{signature}",
        f"{data}.{begun}.",
        "1.é",
    ):
        headers = {"Cookie": f"nearline={wrong}".encode("latin-1")}
        assert client.get("/echo", headers=headers).status_code == 401
    mine = {"Cookie": f"theme=dark; nearline={good}"}
    assert client.get("/echo", headers=mine).status_code == 200
    assert client.post("/echo", headers=mine).status_code == 403
    assert client.post("/echo", headers=mine | {"Origin": "https://evil.example"}).status_code == 403
    assert client.post("/echo", headers=mine | {"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/echo", headers=mine | {"Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert client.post("/echo", headers=mine | {"Origin": "http://127.0.0.1:8080"}).status_code == 200
    assert client.post("/echo", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_without_a_token_no_cookie_opens_anything() -> None:
    """Least of all one that is signed with an empty key."""
    client = _client(ServeSettings())
    cookie = {"Cookie": f"nearline={_session('')}", "Host": "tv.example"}
    assert client.get("/echo", headers=cookie).status_code == 421


def test_other_origins_change_nothing_unless_they_are_listed() -> None:
    """What they may read is up to CORS."""
    own, other = "http://127.0.0.1:8080", "https://tv.example"
    closed, open_ = _client(ServeSettings()), _client(ServeSettings(origins=(other,)))
    assert closed.post("/echo", headers={"Origin": other}).status_code == 403
    assert closed.post("/echo", headers={"Origin": "null"}).status_code == 403
    assert closed.post("/echo", headers={"Origin": own}).status_code == 200
    assert closed.post("/echo").status_code == 200
    assert open_.post("/echo", headers={"Origin": other}).status_code == 200


def test_a_body_is_bounded_with_and_without_its_length() -> None:
    """The largest event fits; a byte more does not, also in pieces."""
    client = _client(ServeSettings())
    assert client.post("/echo", content=b"x" * MAX_EVENT_BYTES).json() == MAX_EVENT_BYTES
    assert client.post("/echo", content=b"x" * (MAX_EVENT_BYTES + 1)).status_code == 413
    pieces = (b"x" * 1_000 for _ in range(MAX_EVENT_BYTES // 1_000 + 1))
    assert client.post("/echo", content=pieces).status_code == 413
    assert client.post("/echo", content=b"x", headers={"Content-Length": "a"}).status_code == 413


def test_the_rate_of_an_address_is_limited() -> None:
    """Requests beyond the rate get 429."""
    client = _client(ServeSettings(rate=1e-3))
    assert [client.get("/echo").status_code for _ in range(2)] == [200, 429]


def test_addresses_are_remembered_up_to_a_bound() -> None:
    """Memory stays bounded, and each address has its own rate."""
    rates = RateLimits(0.001)
    assert all(rates.allows(str(n)) for n in range(ADDRESSES + 100))
    assert len(rates) == ADDRESSES
    assert not rates.allows(str(ADDRESSES + 99))


def test_every_answer_says_what_a_browser_may_do() -> None:
    """Refusals, too."""
    client = _client(ServeSettings())
    for headers in ({}, {"Host": "evil.example"}):
        given = client.get("/echo", headers=headers).headers
        assert given["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in given["content-security-policy"]


def test_beyond_loopback_a_token_is_needed() -> None:
    """Before anything listens; the error says which variable."""
    check_access(Settings(serve=ServeSettings(host="::1")))
    anywhere = "0.0.0.0"  # noqa: S104 - that it is refused is the point
    check_access(Settings(serve=ServeSettings(host=anywhere, token=SecretStr(TOKEN))))
    for host in (anywhere, "::", "tv.example"):
        with pytest.raises(SettingsError, match="NEARLINE_SERVE__TOKEN"):
            check_access(Settings(serve=ServeSettings(host=host)))


def test_the_token_is_in_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of the settings nor of what is wrong with them."""
    monkeypatch.setenv("NEARLINE_SERVE__TOKEN", TOKEN)
    settings = Settings.load()
    assert settings.serve.token is not None
    assert TOKEN not in repr(settings)
    monkeypatch.setenv("NEARLINE_SERVE__TOKEN", "short")
    with pytest.raises(SettingsError) as error:
        Settings.load()
    assert "short" not in str(error.value).replace("shorter", "")
