"""Log lines: one format for all, JSON off a terminal, nothing of a viewer in them."""

import io
import json
import logging
from typing import Any

import pytest
import structlog

from streams.telemetry.logging import configure


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Read JSON lines."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_own_and_foreign_lines_have_one_format() -> None:
    """A structlog line and a standard library line carry the same fields."""
    stream = io.StringIO()
    configure(stream=stream)
    structlog.get_logger("streams.engine.stage").info("committed", offset=7)
    logging.getLogger("librdkafka").warning("no route to %s", "broker")
    own, foreign = _lines(stream)
    assert own | {"timestamp": ""} == {
        "event": "committed",
        "offset": 7,
        "logger": "streams.engine.stage",
        "level": "info",
        "timestamp": "",
    }
    assert (foreign["event"], foreign["logger"], foreign["level"]) == (
        "no route to broker",
        "librdkafka",
        "warning",
    )
    assert own["timestamp"].endswith("Z")


def test_a_process_of_several_says_its_number() -> None:
    """On each line, foreign ones included: all write to one stream."""
    stream = io.StringIO()
    configure(stream=stream, process=3)
    structlog.get_logger("streams.engine.stage").info("committed")
    logging.getLogger("librdkafka").warning("no route")
    assert [line["process"] for line in _lines(stream)] == [3, 3]


def test_viewers_values_are_withheld() -> None:
    """Fields that can hold what a viewer did are replaced, wherever the line came from."""
    stream = io.StringIO()
    configure(stream=stream)
    structlog.get_logger().warning("rejected", viewer_id="v-1", query="secret wish", offset=3)
    assert "v-1" not in stream.getvalue()
    assert "secret wish" not in stream.getvalue()
    assert _lines(stream)[0]["offset"] == 3


def test_level_and_chatty_libraries() -> None:
    """Lines below the level are dropped; foreign informational lines too, unless debugging."""
    quiet, all_of_it = io.StringIO(), io.StringIO()
    configure("info", stream=quiet)
    structlog.get_logger("ours").debug("detail")
    logging.getLogger("faust").info("banner")
    configure("debug", stream=all_of_it)
    structlog.get_logger("ours").debug("detail")
    logging.getLogger("faust").info("banner")
    assert quiet.getvalue() == ""
    assert [line["event"] for line in _lines(all_of_it)] == ["detail", "banner"]


def test_an_exception_is_part_of_its_line() -> None:
    """A traceback stays inside the JSON line."""
    stream = io.StringIO()
    configure(stream=stream)
    try:
        1 / 0  # noqa: B018 - raises
    except ZeroDivisionError:
        structlog.get_logger().exception("failed")
    (line,) = _lines(stream)
    assert "ZeroDivisionError" in line["exception"]


def test_console_format_is_for_people() -> None:
    """The console format is no JSON and shows the fields."""
    stream = io.StringIO()
    configure(form="console", stream=stream)
    structlog.get_logger().info("committed", offset=7)
    assert "offset=7" in stream.getvalue()


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_shows_no_variables(form: str) -> None:
    """Neither form prints what the failing frame held; both name the error and the line it came from."""
    stream = io.StringIO()
    configure(form=form, stream=stream)
    try:
        _fail_on("s3cret-" + str(40 + 2))
    except ZeroDivisionError:
        structlog.get_logger().exception("failed")
        logging.getLogger("faust").exception("failed, too")
    text = stream.getvalue()
    assert text.count("ZeroDivisionError: division by zero") == 2
    assert "in _fail_on" in text
    assert "s3cret-42" not in text


def _fail_on(wish: str) -> float:
    """Fail while a variable holds what nobody may read."""
    return len(wish) / (len(wish) - len(wish))


def test_drivers_say_one_line_each_half_a_minute() -> None:
    """However much they have to say while a broker is away; of others every line is shown."""
    stream = io.StringIO()
    configure(stream=stream)
    for number in range(500):
        logging.getLogger("librdkafka").error("connection %d refused", number)
        logging.getLogger("aiokafka.conn").error("connection %d refused", number)
        structlog.get_logger("streams.engine").info("said", number=number)
    said = [line["logger"] for line in _lines(stream)]
    assert [said.count(name) for name in ("librdkafka", "aiokafka.conn", "streams.engine")] == [1, 1, 500]


def test_everything_is_shown_when_debugging() -> None:
    """Whoever looks for a fault of a driver sees all of it."""
    stream = io.StringIO()
    configure("debug", stream=stream)
    for number in range(5):
        logging.getLogger("librdkafka").error("connection %d refused", number)
    assert len(_lines(stream)) == 5
