"""How a worker that dies says why."""

import json
import os
from pathlib import Path

import pytest
import structlog

from streams.engine import exits
from streams.engine.partition import Partition
from tests.streams.doubles import Log, fold_spec, record, worker_context


def test_the_log_has_no_text_of_what_a_step_raised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have values of a viewer; types, files and lines are there."""
    monkeypatch.setattr(os, "_exit", lambda _: None)
    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    log = Log()
    log.append("in", 0, b"v", b"poison")
    partition = Partition(fold_spec(), 0, worker_context(log, tmp_path))
    partition.open()
    try:
        partition.process([record(0, b"v", b"poison")])
    except Exception as error:  # noqa: BLE001 - whatever it is
        exits.die(error)
    finally:
        structlog.reset_defaults()
        partition.close()
    said = capsys.readouterr().out
    (line,) = [line for line in said.splitlines() if "worker_dies" in line]
    assert "a viewer's secret" not in said
    stack = json.loads(line)["stack"].splitlines()
    assert stack[0].endswith("StepFailedError")
    assert any("doubles.py:" in frame for frame in stack)


def test_the_log_has_the_text_of_a_system_error() -> None:
    """It names a function of C code, and is all that there is to find the defect by."""
    error = SystemError("dispatcher returned a result with an exception set")
    error.__cause__ = ValueError("a viewer's secret")
    said = exits.frames_of(error)
    assert str(error) in said
    assert "secret" not in said
