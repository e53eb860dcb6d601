"""`nearline demo`: it runs by itself, its JSON is all there is on standard output, and ctrl-C ends it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.cli import main
from tests.waiting import PATIENCE_S

PROGRAM = "import sys; from streams.cli import main; sys.exit(main(sys.argv[1:]))"
KEYS = {
    "events", "lists", "dead_letters", "events_per_s", "lists_per_s", "freshness_ms", "held_back_ms", "hr@10",
    "first_list_s",
    "page",
}  # fmt: skip


def _start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    """Start the demo in a folder of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "demo", "--json", "-", *words],
        cwd=folder,
        env=os.environ | {"COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _check(document: dict[str, Any]) -> None:
    """Hold the document against what is documented."""
    assert set(document) >= KEYS
    assert document["events"] == document["sent"] > 0
    assert document["lists"] > 0
    assert document["dead_letters"] == 0
    assert document["events_per_s"] > 0
    assert document["lists_per_s"] > 0
    assert 0 < document["freshness_ms"]["p50"] <= document["freshness_ms"]["p99"]
    assert set(document["hr@10"]) == {"blend", "popularity"}
    assert all(0 <= rate <= 1 for rate in document["hr@10"].values())
    assert document["first_list_s"] > 0


def _leftovers(folder: Path) -> Iterator[int]:
    """Yield the processes that still work in a folder."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").resolve() == folder.resolve():
                yield int(entry.name)
        except OSError:
            continue


@pytest.mark.slow
@pytest.mark.embedded
def test_it_ends_by_itself_with_its_json_on_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code 0, the documented keys, nothing else on standard output, unbroken lines for people beside it."""
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--json", "-", "--seconds", "3"]) == 0
    out, said = capsys.readouterr()
    _check(json.loads(out))
    lines = [row for row in said.splitlines() if "events/s" in row]
    assert len(lines) >= 2
    assert all("hit@10" in row and ("viewer-" in row or "no list yet" in row) for row in lines)
    assert "nearline demo --kafka" in said
    assert f"the pages are at {json.loads(out)['page']}" in said
    assert set(_leftovers(tmp_path)) == {os.getpid()}


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.nightly
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_with_a_summary(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C: code 0, everything sent is answered, and no worker stays behind."""
    child = _start(tmp_path)
    assert child.stderr is not None
    while "events/s" not in child.stderr.readline():
        assert child.poll() is None
    child.send_signal(number)
    out, said = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 0, said
    _check(json.loads(out))
    assert not list(_leftovers(tmp_path))


@pytest.mark.parametrize(
    "words", [["--seconds", "0"], ["--rate", "0"], ["--viewers", "1"], ["--titles", "1"]]
)
def test_impossible_wishes_are_code_2(words: list[str]) -> None:
    """Before anything is started."""
    assert main(["demo", *words]) == 2
