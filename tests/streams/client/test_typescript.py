"""The TypeScript client: compiles in strict mode, and does what it says against a running server."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.typescript import FILE
from schemas import Play
from schemas.codec import decode_event
from tests.streams.serve.conftest import listening_server

HERE = Path(__file__).parent
PATIENCE_S = 240
"""Of a busy machine: npm fetches the compiler, tsc reads 1,500 lines."""


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the client and the program that uses it."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}")
    folder = tmp_path_factory.mktemp("typescript")
    shutil.copytree(FILE.parent, folder, dirs_exist_ok=True)
    shutil.copy(HERE / "use_client.ts", folder)
    _run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
    # the program names `process` and `console`, whose types are in a package of their own
    (folder / "globals.d.ts").write_text("declare const process: { argv: string[] }\n")
    _run(["npx", "tsc"], folder)
    return folder


@pytest.mark.nightly
@pytest.mark.slow
def test_the_typescript_client_against_a_server(built: Path, tmp_path: Path) -> None:
    """Pages, lists, titles, events, the live stream, and what the server refuses."""
    with listening_server(tmp_path) as (address, stand):
        found = json.loads(_run(["node", "dist/use_client.js", address], built))
        events = [decode_event(message.value()) for message in stand.events()]
    assert found == {
        "home": ["engine", "tide"],
        "kinds": ["top_picks"],
        "stranger": "nobody/else?",
        "coldStart": True,
        "title": "Paper Tide",
        "trending": "tide",
        "search": "tide",
        "similar": "engine",
        "accepted": "ts-1",
        "refused": [422, True],
        "absent": 404,
        "live": "0-1-1",
    }
    assert [one.event_id for one in events if isinstance(one, Play)] == ["ts-1"]
