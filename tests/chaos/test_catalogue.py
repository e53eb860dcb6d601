"""README.md's table of the fault catalog: all rows are there, and what it names exists."""

import re
from pathlib import Path

from tests.chaos.faults import FAULTS

README = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
CATALOGUE = README.partition("## The fault catalog")[2]
TESTS = Path(__file__).parents[1]
ROWS = dict(re.findall(r"^\| (\d+) \| (.*) \|$", CATALOGUE, re.MULTILINE))


def _tests_there_are() -> set[str]:
    """Return file::name of every test function below tests/."""
    return {
        f"{file.name}::{name}"
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


def test_all_rows_are_there() -> None:
    """The catalog has 88, and each says something."""
    assert [int(number) for number in ROWS] == list(range(1, 89))
    assert all(len(text.split("|")) == 2 and text.split("|")[1].strip() for text in ROWS.values())


def test_every_test_that_is_named_exists() -> None:
    """A test that is renamed is renamed here, too."""
    named = set(re.findall(r"`(test_\w+\.py::test_\w+)`", README))
    assert len(named) > 50
    assert named - _tests_there_are() == set()


def test_every_fault_that_is_named_exists() -> None:
    """And every fault is in the list of faults."""
    assert set(re.findall(r"`chaos:([a-z_]+)`", CATALOGUE)) <= FAULTS.keys()
    listed = set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE))
    assert listed == FAULTS.keys()
