"""`nearline simulate --closed-loop`: policies compared in a tiny world, with and without Kafka."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from online_models.simulation.closed_loop import POLICIES
from streams.cli import main
from streams.cli.views.closed_loop import report as page
from streams.ops.runs.closed_loop import PIPELINES

TINY = ["simulate", "--viewers", "30", "--titles", "60", "--days", "2", "--warm-up", "1", "--json", "-"]


def test_in_process_compares_all_policies_and_draws_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The JSON names every policy; the same options give the same figures; the page is well-formed."""
    report = tmp_path / "loop.html"
    assert main([*TINY, "--in-process", "--seeds", "2", "--report", str(report)]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert list(document["policies"]) == list(POLICIES)
    assert document["seeds"] == [0, 1]
    assert document["through"] == "in process"
    assert (
        document["policies"]["oracle"]["minutes"]["mean"] > document["policies"]["random"]["minutes"]["mean"]
    )
    assert document["policies"]["nearline"]["share_of_oracle"]["se"] > 0
    assert "of what the oracle gains over popularity" in captured.err
    assert "minutes over one list of 20" in " ".join(captured.err.split())
    assert document["policies"]["pages"]["share_of_oracle"] is None
    text = report.read_text()
    assert text.count("<svg ") == 4
    assert all(name in text for name in POLICIES)
    assert "http-equiv" not in text
    assert "src=" not in text
    for svg in text.split("<svg ")[1:]:
        ET.fromstring("<svg " + svg.split("</svg>")[0] + "</svg>")  # noqa: S314 - our own text
    assert page(document) == text


def test_one_world_has_no_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Null in JSON, a dash for people."""
    assert main([*TINY, "--in-process"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["policies"]["nearline"]["minutes"]["se"] is None
    assert page(document | {"policies": document["policies"]})


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.embedded
def test_viewers_act_on_what_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker's pages reach the viewers, and the other policies are what they are in process."""
    monkeypatch.chdir(tmp_path)
    assert main([*TINY, "--closed-loop"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["through"] == "embedded"
    pages = document["pages"]
    assert pages["views"] > pages["unlisted"] > 0
    assert pages["stale"] < pages["views"]  # how many fewer is the machine's affair
    assert all(document["policies"][name]["minutes"]["mean"] > 0 for name in PIPELINES)
    assert main([*TINY, "--in-process"]) == 0
    alone = json.loads(capsys.readouterr().out)
    for name in set(POLICIES) - set(PIPELINES):
        assert document["policies"][name]["minutes"] == alone["policies"][name]["minutes"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--in-process", "--warm-up", "2"], "no day is counted"),
        (["--closed-loop", "--brokers", "127.0.0.1:1"], "a cluster of its own"),
        (["--in-process", "--events", "5"], "a cluster of its own"),
        (["--in-process", "--report", "/no/such/folder/loop.html"], "cannot write"),
    ],
)
def test_impossible_wishes_are_code_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the cause and the next step."""
    assert main([*TINY, *words]) == 2
    assert said in capsys.readouterr().err
