"""What every command shares: where text goes, how errors look, which code they end with."""

import json
from pathlib import Path

import pytest

from streams import errors
from streams.cli.console import ExitCode, human, present, write_json
from streams.errors import BrokerUnreachableError, SettingsError, StreamError


def test_json_dash_leaves_standard_output_to_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    """With `-` the document is all of standard output, and text for humans is on standard error."""
    human("-").print("for humans")
    write_json("-", {"rate": float("nan"), "path": Path("x")})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"rate": None, "path": "x"}
    assert captured.err == "for humans\n"


def test_json_path_gets_the_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a path the file holds the document, and text for humans is on standard output."""
    target = tmp_path / "result.json"
    human(str(target)).print("for humans")
    write_json(str(target), {"events": 3})
    assert json.loads(target.read_bytes()) == {"events": 3}
    assert capsys.readouterr().out == "for humans\n"


def test_json_is_written_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the option nothing is written."""
    write_json(None, {"events": 3})
    assert capsys.readouterr().out == ""


def test_json_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    """A path in a folder that is not there is the user's mistake."""
    with pytest.raises(SettingsError, match="cannot write"):
        write_json(str(tmp_path / "absent" / "result.json"), {})


def test_error_shows_what_why_and_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    """The three parts stand below each other on standard error, brackets in them are no markup."""
    error = BrokerUnreachableError("no [broker]", why="closed", next_step="start one")
    assert present(error, debug=False) is ExitCode.UNREACHABLE
    captured = capsys.readouterr()
    assert captured.err.split("\n")[:3] == ["error: no [broker]", "  why: closed", " next: start one"]
    assert captured.out == ""


def test_unforeseen_error_says_that_it_is_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug ends with code 1 and asks for a report, without a traceback."""
    assert present(ZeroDivisionError("division by zero"), debug=False) is ExitCode.FAILED
    text = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in text
    assert "--debug" in text
    assert "Traceback" not in text


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """With --debug the whole traceback comes first."""
    try:
        raise SettingsError("what")  # noqa: EM101, TRY301 - the traceback is the point
    except SettingsError as error:
        present(error, debug=True)
    assert capsys.readouterr().err.startswith("Traceback (most recent call last)")


def test_every_error_has_a_documented_exit_code() -> None:
    """No error class leaves with a code that ExitCode does not name."""
    classes = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, StreamError)
    ]
    assert len(classes) > 5
    assert {kind.exit_code for kind in classes} <= set(ExitCode)


def test_every_error_is_in_the_tree() -> None:
    """The drawing at the head of the module names every class below it."""
    classes = [
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
    ]
    assert [name for name in classes if name not in (errors.__doc__ or "")] == []
