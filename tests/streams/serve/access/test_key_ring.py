"""Keys of the file and the token: what is accepted, when the file changes, and who tries wrong ones."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from streams.config.settings import ServeSettings
from streams.errors import SettingsError
from streams.ops.access_keys import Scope, add_key, read_keys, revoke_key
from streams.serve.access.key_ring import FAILURES_PER_S, KeyRing
from streams.serve.access.rate_limits import RateLimits
from streams.serve.access.sessions import session_of
from streams.serve.problems import Problem


class Clock:
    """A clock that stands still."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_key_is_stored_as_a_hash(tmp_path: Path) -> None:
    """The secret is in no file, and nobody else may read the file."""
    path = tmp_path / "etc" / "keys.json"
    secret = add_key(path, "tv-app", (Scope.WRITE_EVENTS, Scope.READ_PAGES))
    assert secret not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    (key,) = read_keys(path)
    assert (key.name, key.scopes) == ("tv-app", (Scope.READ_PAGES, Scope.WRITE_EVENTS))
    assert add_key(path, "other", (Scope.OPERATE,)) != secret
    assert [found.name for found in path.parent.iterdir()] == ["keys.json"]


def test_what_is_wrong_with_a_key_is_said(tmp_path: Path) -> None:
    """Names that are taken or not valid, no scope, files that are none."""
    path = tmp_path / "keys.json"
    add_key(path, "a", (Scope.OPERATE,))
    for name in ("a", "token", "A", "", "x" * 33):
        with pytest.raises(SettingsError, match="another name"):
            add_key(path, name, (Scope.OPERATE,))
    with pytest.raises(SettingsError, match="no scope"):
        add_key(path, "b", ())
    with pytest.raises(SettingsError, match="there are: a"):
        revoke_key(path, "b")
    path.write_text('{"keys":[{"name":"a"}]}')
    for act in (lambda: read_keys(path), lambda: KeyRing(ServeSettings(keys=path))):
        with pytest.raises(SettingsError, match="no file of keys"):
            act()
    with pytest.raises(SettingsError, match="nearline keys add"):
        KeyRing(ServeSettings(keys=tmp_path / "none.json"))


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A new key opens and a revoked one closes, its sessions, too; a broken file changes nothing."""
    path, clock = tmp_path / "keys.json", Clock()
    first = add_key(path, "first", (Scope.OPERATE,)).encode()
    ring = KeyRing(ServeSettings(keys=path), clock)
    assert not ring.is_open
    key = ring.admit("a", first)
    assert key is not None
    session = session_of(key)
    second = add_key(path, "second", (Scope.READ_PAGES,)).encode()
    assert ring.admit("b", second) is None
    clock.now += 1.0
    found = ring.admit("b", second)
    assert found is not None
    assert found.name == "second"
    path.write_text("broken")
    clock.now += 1.0
    assert ring.admit("a", first) == key
    assert ring.of_session(session) == key
    path.unlink()
    add_key(path, "first", (Scope.OPERATE,))  # of the same name, with another secret
    clock.now += 1.0
    assert ring.admit("a", first) is None
    assert ring.of_session(session) is None
    assert ring.of_session({}) is None


def test_wrong_keys_are_throttled_and_known_ones_are_not(tmp_path: Path) -> None:
    """An address that guesses is not told when it is right; who used a key before goes on."""
    path = tmp_path / "keys.json"
    known, other = (add_key(path, name, (Scope.OPERATE,)).encode() for name in ("known", "other"))
    ring = KeyRing(ServeSettings(keys=path))
    ring.failures = RateLimits(1e-3)
    assert ring.admit("a", known) is not None
    assert ring.admit("a", b"guess") is None
    for secret in (b"guess", other):
        with pytest.raises(Problem) as refused:
            ring.admit("a", secret)
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")
    assert ring.admit("a", known) is not None
    assert ring.admit("b", other) is not None
    assert FAILURES_PER_S >= 1


def test_the_token_is_a_key_with_all_scopes(tmp_path: Path) -> None:
    """With and without a file; without either, the server is open."""
    serve = ServeSettings(token=SecretStr("a-token-of-" + "sixteen"))
    key = KeyRing(serve).admit("a", b"a-token-of-sixteen")
    assert key is not None
    assert (key.name, set(key.scopes)) == ("token", set(Scope))
    assert KeyRing(serve).admit("a", b"") is None
    path = tmp_path / "keys.json"
    secret = add_key(path, "other", (Scope.OPERATE,)).encode()
    both = KeyRing(serve.model_copy(update={"keys": path}))
    assert both.admit("a", secret) is not None
    assert both.admit("a", b"a-token-of-sixteen") == key
    assert KeyRing(ServeSettings()).is_open
