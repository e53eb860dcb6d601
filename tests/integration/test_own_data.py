"""From a warehouse to the first page: the commands of `deploy/own-data.md`, one after the other."""

import json
import os
import random
import re
import shlex
import shutil
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from streams.cli import main
from streams.config.settings import Settings
from streams.kafka import scan as topic_scan
from streams.ops.imports.mapping import read_mapping
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.worker_process import becomes_ready, free_port
from tests.conftest import Nearline
from tests.readmes import FENCE, ROOT
from tests.waiting import PATIENCE_S, until
from tests.warm_processes import WarmProcess

TUTORIAL = ROOT / "deploy/own-data.md"
STAY = ("nearline worker", "nearline serve")
MOVIELENS = os.environ.get("MOVIELENS")
"""Folder with ``ml-100k.inter`` and ``ml-100k.item``, as RecBole has them."""


def _blocks(language: str) -> list[str]:
    text = TUTORIAL.read_text(encoding="utf-8")
    return [body for kind, body in FENCE.findall(text) if kind == language]


def _commands() -> list[str]:
    return [line[2:] for block in _blocks("console") for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture
def shell(
    embedded: EmbeddedCluster,
    nearline: Nearline,
    topic_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator["Shell"]:
    """Give a newcomer's terminal, but for the ports and names that tests share."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "NEARLINE_BROKERS": embedded.bootstrap_servers,
        "NEARLINE_TOPIC_PREFIX": topic_prefix,
        "NEARLINE_GROUP": f"{topic_prefix}own",
        "NEARLINE_CHECK_CRCS": "false",
        "NEARLINE_HTTP_PORT": str(free_port()),
        "NEARLINE_SERVE__PORT": str(free_port()),
        "PYTHONPATH": str(ROOT),
    }.items():
        monkeypatch.setenv(name, value)
    one = Shell(tmp_path, nearline)
    yield one
    one.end()


class Shell:
    """Runs command lines: those that end in this process, those that stay as processes of their own."""

    def __init__(self, folder: Path, nearline: Nearline) -> None:
        self.folder, self.nearline = folder, nearline
        self.running: list[WarmProcess] = []

    def run(self, line: str) -> int:
        """Run a command; wait until it has ended, or is ready."""
        words = shlex.split(line)[1:]
        if line not in STAY:
            return main(words)
        self.running.append(self.nearline(*words, log=self.folder / f"{words[0]}.log"))
        port = os.environ["NEARLINE_HTTP_PORT" if words[0] == "worker" else "NEARLINE_SERVE__PORT"]
        assert becomes_ready(int(port)), (self.folder / f"{words[0]}.log").read_text()[-2000:]
        return 0

    def page(self, viewer: str) -> dict[str, Any] | None:
        """Return a viewer's page over HTTP once a worker has made it of all that is there, else None."""
        address = f"http://127.0.0.1:{os.environ['NEARLINE_SERVE__PORT']}/v1/viewers/{viewer}/home"
        try:
            with urllib.request.urlopen(address, timeout=20) as answer:
                page: dict[str, Any] = json.loads(answer.read())
        except urllib.error.URLError:
            return None
        theirs = [
            m.offset()
            for m in topic_scan.read_all(Settings.load(), topics.EVENTS)
            if m.key() == viewer.encode()
        ]
        return page if page.get("source", {}).get("offset") == theirs[-1] else None

    def end(self) -> None:
        """End what still runs."""
        for process in reversed(self.running):
            process.send_signal(signal.SIGINT)
        for process in self.running:
            process.wait(PATIENCE_S)


def _made_files(folder: Path) -> None:
    """Write the tutorial's files with more rows: two tastes, sixty titles, forty viewers."""
    draw = random.Random(7)
    titles, watches = (block.splitlines() for block in _blocks("csv"))
    titles += [
        f"t{n},Film {n},{'Comedy' if n % 2 else 'Drama|Thriller'},{80 + n},{1990 + n % 30},6"
        for n in range(60)
    ]
    watches += [
        f"v{v},t{2 * draw.randrange(30) + v % 2},2026-03-{d:02}T{draw.randrange(24):02}:00:00Z,4800,tv"
        for v in range(40)
        for d in range(1, 13)
    ]
    watches += [f"ada,t{2 * n},2026-03-{n + 2:02}T20:00:00Z,5000,tv" for n in range(8)]
    (folder / "titles.csv").write_text("\n".join(titles) + "\n")
    (folder / "watches.csv").write_text("\n".join(watches) + "\n")
    about = {"event_id": "e1", "viewer_id": "ada", "event_time_ms": 1_772_400_000_000, "title_id": "t4"}
    (folder / "events.jsonl").write_text(json.dumps({"type": "play", **about}) + "\n")


@pytest.mark.slow
@pytest.mark.embedded
def test_the_tutorial(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command does what the text says; in the end ada has a page of dramas out of own titles."""
    _made_files(shell.folder)
    for line in _commands():
        if line == "nearline doctor":
            page = until(lambda: shell.page("ada"))
        code = shell.run(line)
        said = capsys.readouterr()
        assert code == 0, f"{line}: {said.out}{said.err}"
        if line == "nearline inspect viewer ada":
            assert "Dark Water" in said.out or "t-dark-01" in said.out
    picks = next(row for row in page["rows"] if row["kind"] == "top_picks")["items"][:5]
    own = {f"t{n}" for n in range(0, 60, 2)} | {"t-dark-01"}
    assert sum(item["title_id"] in own for item in picks) >= 4


def test_the_tutorial_names_what_exists(tmp_path: Path) -> None:
    """Its mapping can be read, and its links lead somewhere."""
    (block,) = _blocks("toml")
    (tmp_path / "mapping.toml").write_text(block)
    mapping = read_mapping(tmp_path / "mapping.toml", "catalog")
    assert (mapping.maturity, mapping.options, mapping.separators) == (
        {"PG": 8},
        {"slashes": "day"},
        {"cast": ";"},
    )
    for target in re.findall(r"\]\(([^)#]+)", TUTORIAL.read_text(encoding="utf-8")):
        assert (TUTORIAL.parent / target).exists(), target


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.skipif(not MOVIELENS, reason="MOVIELENS names no folder with ml-100k.inter and ml-100k.item")
def test_movielens(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """The files as they come: recognised without a word, all rows sent, a page of films with names."""
    for name in ("ml-100k.item", "ml-100k.inter"):
        shutil.copy(Path(MOVIELENS or "") / name, shell.folder / name)
    assert shell.run("nearline topics apply") == 0
    assert (
        shell.run("nearline import catalog ml-100k.item --yes --json catalog.json") == 1
    )  # two "unkonwn" years
    assert shell.run("nearline import history ml-100k.inter --yes --json history.json") == 0
    capsys.readouterr()
    found = json.loads((shell.folder / "history.json").read_text())
    assert (found["sent"], found["titles_outside_catalog"], found["rejected"]) == (100_000, 2, 0)
    assert json.loads((shell.folder / "catalog.json").read_text())["titles"] == 1_680
    for line in STAY:
        assert shell.run(line) == 0
    page = until(lambda: shell.page("196"))
    assert next(row for row in page["rows"] if row["kind"] == "top_picks")["items"]
