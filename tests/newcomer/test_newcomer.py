"""The newcomer's run: the doctor names every mistake; nightly, the whole of it, as it is written down."""

import shutil
from pathlib import Path

import pytest

from streams.config.settings import Settings
from streams.ops.local_kafka.cluster import KafkaCluster
from tests.newcomer.__main__ import main
from tests.newcomer.broken import BROKEN, Broken, diagnose
from tests.newcomer.record import Record, StepFailedError

TOOLS = ("chromium", "chromedriver", "go", "java", "curl")


@pytest.mark.slow
@pytest.mark.parametrize("one", BROKEN, ids=[one.check for one in BROKEN])
def test_the_doctor_names_every_mistake(kafka: KafkaCluster, topic_prefix: str, one: Broken) -> None:
    """On a set-up that is broken on purpose: not well, with a cause, and a next step."""
    settings = Settings.load(brokers=kafka.bootstrap_servers, topic_prefix=topic_prefix)
    found = diagnose(one, settings)
    assert found.status == ("fail" if one.code else "warn")
    assert found.cause
    assert found.next_step


@pytest.mark.nightly
@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}")
def test_the_first_hour_goes_as_it_is_written_down(tmp_path: Path) -> None:
    """In this environment: every step, into a record of its own."""
    assert main(["--here", "--demo", "5", "--out", str(tmp_path)]) == 0
    text = (tmp_path / "README.md").read_text()
    assert text.count("\n## ") == 7
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", "before.jpg", "after.jpg"}
    assert str(Path.home()) not in text


def test_a_record_says_what_was_run_and_keeps_this_machine_to_itself(tmp_path: Path) -> None:
    """Shortened where it says so; a command that ends otherwise ends the run."""
    record = Record(tmp_path, aliases={str(tmp_path): "~/nearline"})
    record.run("printf '\\033[1mone\\033[0m\\ntwo\\nthree\\n'", lines=2)
    record.run("pwd")
    assert record.lines[2:5] == ["one", "two", "… 1 more lines"]
    assert "~/nearline" in record.lines
    record.table(("a", "b"), [("x|y", 1)])
    assert "| x\\|y | 1 |" in record.lines
    with pytest.raises(StepFailedError, match="code 1"):
        record.run("false")
