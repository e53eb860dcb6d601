"""`nearline events check`: what a worker would refuse is said before it is sent, line by line."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import DecodeError
from schemas.codec import decode_event
from schemas.diagnosis import event_defects
from schemas.events import EVENT_TYPES
from streams.cli import main

HEAD = {"event_id": "e1", "viewer_id": "ada", "event_time_ms": 1_764_015_324_000}
EXAMPLES = Path(__file__).resolve().parents[3] / "schemas/contracts/examples"


def _check(tmp_path: Path, capsys: pytest.CaptureFixture[str], *events: Any, code: int) -> dict[str, Any]:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in events))
    assert main(["events", "check", str(path), "--json", "-"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_valid_events_are_counted_by_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Code 0; empty lines are no events."""
    play = {"type": "play", "title_id": "t1", **HEAD}
    found = _check(tmp_path, capsys, play, "", {**play, "type": "skip", "event_id": "e2"}, code=0)
    assert (found["valid"], found["invalid"]) == (2, 0)
    assert found["types"] == {"play": 1, "skip": 1}
    assert found["findings"] == []


@pytest.mark.parametrize(
    ("event", "findings"),
    [
        ({**HEAD, "type": "stopp", "title_id": "t"}, [("type", "nearest: stop")]),
        (
            {**HEAD, "type": "rate", "titleId": "t", "thumb": "Up!"},
            [("title_id", "there is a field titleId"), ("thumb", "one of up, down, double_up; nearest: up")],
        ),
        (
            {**HEAD, "type": "stop", "title_id": "t", "watched_s": -1, "position_s": "9", "cause": "exit"},
            [
                ("watched_s", ">= 0"),
                ("position_s", "`float`, got `str`"),
                ("cause", "ended, exited, next, timeout, error, unknown; nearest: exited"),
            ],
        ),
        ({**HEAD, "type": "rate", "title_id": "t"}, [(None, "exactly one of `thumb` and `stars`")]),
        (
            {**HEAD, "type": "play", "title_id": "t", "event_time_ms": 1_764_015_324},
            [("event_time_ms", "seconds: 1764015324000")],
        ),
        (
            {**HEAD, "type": "play", "title_id": "t", "event_time_ms": 1_764_015_324_000_000},
            [("event_time_ms", "microseconds: 1764015324000")],
        ),
        ({**HEAD, "type": "play", "title_id": "a\tb"}, [("title_id", "no control characters")]),
        ({**HEAD, "type": "play", "title_id": "t", "country": "de"}, [("country", "two capitals")]),
        ({**HEAD, "type": "preferences", "genres": ["x", 7]}, [("genres[1]", "`str`, got `int`")]),
        ([1, 2], [(None, "one JSON object")]),
        ("{no json", [(None, "JSON")]),
    ],
)
def test_every_wrong_field_is_named_with_what_is_allowed(
    event: Any, findings: list[tuple[str | None, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All defects of a line, not the first one only."""
    good = {"type": "play", "title_id": "t1", **HEAD}
    found = _check(tmp_path, capsys, good, event, code=1)
    assert (found["valid"], found["invalid"]) == (1, 1)
    assert {one["line"] for one in found["findings"]} == {2}
    assert [one["field"] for one in found["findings"]] == [field for field, _ in findings]
    for one, (_, words) in zip(found["findings"], findings, strict=True):
        assert words in one["message"]


def test_what_is_perhaps_not_meant_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A repeated id, a time ahead of the clock, a field that is nearly one of the contract: code 0."""
    play = {"type": "play", "title_id": "t1", **HEAD}
    later = {**play, "event_id": "e2", "event_time_ms": 4_000_000_000_000}
    found = _check(tmp_path, capsys, play, play, later, {**play, "event_id": "e3", "position": 7}, code=0)
    assert found["warnings"] == {"repeated_id": 1, "future": 1, "unknown_field": 1}
    assert [one["line"] for one in found["findings"]] == [2, 3, 4]
    assert "position_s" in found["findings"][2]["message"]


def test_standard_input_is_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With - a producer's output is checked."""
    text = io.TextIOWrapper(io.BytesIO(json.dumps({"type": "skip", **HEAD}).encode()))
    monkeypatch.setattr("sys.stdin", text)
    assert main(["events", "check", "-"]) == 1
    assert "line 1: title_id: expected the required field" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The cause and the next step."""
    assert main(["events", "check", str(tmp_path / "absent")]) == 2
    assert " next: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "path",
    sorted(path for path in EXAMPLES.glob("*.v1.*.json") if path.name.split(".")[0] in EVENT_TYPES),
    ids=lambda path: path.name,
)
def test_it_agrees_with_the_contract(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What must pass passes, what must fail fails and has a finding."""
    code = 1 if ".fail" in path.name else 0
    (tmp_path / "one.jsonl").write_bytes(path.read_bytes().strip().replace(b"\n", b" "))
    assert main(["events", "check", str(tmp_path / "one.jsonl"), "--json", "-"]) == code
    found = json.loads(capsys.readouterr().out)
    assert bool([one for one in found["findings"] if one["severity"] == "error"]) == bool(code)


_VALUES = st.none() | st.booleans() | st.integers(-5, 2 * 10**12) | st.floats(-1, 9) | st.text(max_size=5)
_FIELDS = (
    *HEAD,
    *("title_id", "watched_s", "position_s", "stars", "thumb", "cause", "action", "genres", "liked", "row"),
    *("slot", "list_id", "country", "schema_version", "known_as", "query", "result_count"),
)


@given(
    st.sampled_from(sorted(EVENT_TYPES)),
    st.dictionaries(st.sampled_from(_FIELDS), _VALUES | st.lists(_VALUES, max_size=2)),
)
def test_defects_are_found_where_the_decoder_refuses(kind: str, fields: dict[str, Any]) -> None:
    """An event without defects passes the decoder, but for what only the decoder sees; others fail."""
    document = {**HEAD, "title_id": "t", "type": kind, **fields}
    found = list(event_defects(document))
    refused = ""
    try:
        decode_event(json.dumps(document).encode())
    except DecodeError as error:
        refused = error.message
    assert bool(found) == bool(refused) or "control" in refused or "capitals" in refused
