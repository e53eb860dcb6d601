"""`nearline keys`: make, list and revoke."""

import json
from pathlib import Path

import pytest

from streams.cli import main
from streams.config.settings import ServeSettings
from streams.serve.access.key_ring import KeyRing


def test_a_key_is_made_listed_and_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its secret is shown once; the file is the setting's, or the option's."""
    path = tmp_path / "keys.json"
    monkeypatch.setenv("NEARLINE_SERVE__KEYS", str(path))
    given = ["keys", "add", "tv-app", "--scope", "read:pages", "--scope", "write:events", "--rate", "20"]
    assert main(given) == 0
    secret = capsys.readouterr().out.split()[-1]
    assert KeyRing(ServeSettings(keys=path)).admit("a", secret.encode()) is not None
    assert main(["keys", "list", "--json", "-"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["scopes"], listed["rate"]) == (
        "tv-app",
        ["read:pages", "write:events"],
        20.0,
    )
    assert main(["keys", "list"]) == 0
    assert secret not in capsys.readouterr().out
    assert main(["keys", "revoke", "tv-app", "--file", str(path)]) == 0
    assert main(["keys", "revoke", "tv-app"]) == 2
    assert "nearline keys list" in capsys.readouterr().err
    assert main(["keys", "add", "x", "--scope", "everything"]) == 2
    monkeypatch.delenv("NEARLINE_SERVE__KEYS")
    assert main(["keys", "list"]) == 2
    assert "--file" in capsys.readouterr().err
