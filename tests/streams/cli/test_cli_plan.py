"""`nearline plan`: what it shows, asks for and refuses."""

import json
from pathlib import Path

import pytest

from streams.cli import main
from streams.ops.plan import calibrate as calibration
from streams.ops.plan.calibrate import WorkerRun, solve
from streams.ops.plan.constants import SHIPPED, Constants


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no calibration of this machine be found."""
    monkeypatch.chdir(tmp_path)


def test_a_plan_as_tables_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Every figure has a range, every input a line of what more of it takes."""
    words = ["--viewers", "20M", "--titles", "300k", "--events", "80k/s", "--p99", "250ms"]
    assert main(["plan", *words, "--prices", "core=25,memory=3,disk=0.1", "--json", "-"]) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert document["demand"]["events_per_s"] == 80_000
    assert document["low"]["workers"] < document["usual"]["workers"] < document["high"]["workers"]
    assert {"viewers", "titles", "events_per_s", "p99_ms"} <= set(document["twice"])
    assert "a month" in said.err
    assert SHIPPED.machine in document["machine"]


def test_a_simulation_of_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    """It has the plan's workers and partitions, and the outcome by second."""
    assert main(["plan", "--events", "500/s", "--simulate", "steady", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["installation"]["workers"] >= 2
    assert len(document["outcome"]["p99_ms"]) == 60


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--events", "many"], "no amount"),
        (["--p99", "250"], "no time"),
        (["--p99", "5ms"], "not reachable"),
        (["--simulate", "flood"], "no scenario"),
        (["--prices", "gold=1"], "no prices"),
        (["--constants", "nowhere.json"], "no constants"),
    ],
)
def test_what_it_refuses(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names it."""
    assert main(["plan", *words]) == 2
    assert said in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_a_calibration_is_kept_and_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was measured replaces the shipped constants; runs and models are measured once each."""
    runs = {
        "burst": WorkerRun(2.4, 10, 40_000, 30_000, 8, 0, 40.0),
        "slow": WorkerRun(1.2, 12, 4_800, 4_800, 240, 0, 12.0),
        "pages": WorkerRun(9.0, 10, 40_000, 30_000, 8, 0, 40.0),
    }
    monkeypatch.setattr(calibration, "_models", lambda titles: (titles / 2_000, titles / 1_000))
    monkeypatch.setattr(calibration, "_worker", lambda folder, *_, **__: runs[folder.name])
    assert main(["plan", "--calibrate"]) == 0
    kept = Constants.read(Path(".nearline/plan.json"))
    assert kept.learn.at(10_000, 0) == pytest.approx(5.0)
    assert kept.commit_ms.usual == 12.0
    assert kept.event_us.usual == pytest.approx(solve(runs, 5.0, 10.0)["event_us"], rel=0.01)
    assert kept.learn.at(1_000_000, 0) > kept.learn.at(
        50_000, 0
    )  # the shipped growth, from what was measured
    capsys.readouterr()
    assert main(["plan", "--json", "-"]) == 0
    assert "embedded" in json.loads(capsys.readouterr().out)["machine"]
