"""The proof of equality: it is the same twice, it leaves nothing out, and it sees a difference."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from schemas import Reason, topics
from schemas.events import EVENT_TYPES
from schemas.fields import ItemReason, RowKind
from schemas.topics import TOPICS
from tests.equality.recording import EVENTS, differences, record

FEW = 2_000
RECORDED = Path(__file__).with_name("recorded.json")
NEVER = {Reason.UNKNOWN_TITLE}
"""Not used by default."""
OF_OPERATORS = {topics.MODEL_VERSIONS, topics.AUDIT}
"""No stage writes these topics."""
OF_CROWDS = {RowKind.TRENDING_IN_COUNTRY, RowKind.PEOPLE_LIKE_YOU, ItemReason.COUNTRY, ItemReason.COHORT}
"""Take more watches than a short run has."""


@pytest.fixture(scope="module")
def few() -> dict[str, Any]:
    """Give what comes out of a short run."""
    return record(FEW)


def _topics(document: dict[str, Any]) -> set[str]:
    """Return the topics that have records."""
    return {name for one in document["installations"].values() for name in one["streams"] if name in TOPICS}


def _occurs(document: dict[str, Any]) -> dict[str, set[str]]:
    """Return what occurs, by what it is."""
    return {
        name: {kind for kind, count in counts.items() if count}
        for name, counts in document["coverage"].items()
    }


@pytest.mark.nightly
def test_twice_the_same(few: dict[str, Any]) -> None:
    """A second run in the same process has the same hashes, down to every block."""
    assert record(FEW) == few
    assert [*differences(few, few)] == []


def test_a_short_run_exercises_almost_everything(few: dict[str, Any]) -> None:
    """Every event, every reason against a record, all rows but those that take a crowd."""
    occurs = _occurs(few)
    assert occurs["events"] == {kind.__name__ for kind in EVENT_TYPES.values()}
    assert occurs["dead letters"] == {*Reason} - NEVER
    assert occurs["rows"] >= {*RowKind} - OF_CROWDS
    assert occurs["reasons"] >= {*ItemReason} - OF_CROWDS
    assert _topics(few) >= {*TOPICS} - OF_OPERATORS - {topics.INSIGHTS_TITLES}


def test_the_recorded_run_exercises_everything() -> None:
    """So does the file; the register of versions alone is nobody's output."""
    document = json.loads(RECORDED.read_text(encoding="utf-8"))
    occurs = _occurs(document)
    assert document["about"]["events"] == EVENTS
    assert occurs["events"] == {kind.__name__ for kind in EVENT_TYPES.values()}
    assert occurs["dead letters"] == {*Reason} - NEVER
    assert (occurs["rows"], occurs["reasons"]) == ({*RowKind}, {*ItemReason})
    assert occurs["results"] >= {"collecting", "open", "winner"}
    assert _topics(document) == {*TOPICS} - OF_OPERATORS


def test_a_difference_is_seen_and_located(few: dict[str, Any]) -> None:
    """Where it is first; bytes of internal records only if formats may not differ, contents always."""
    now = deepcopy(few)
    streams = now["installations"]["pages"]["streams"]
    labels = [name for name in streams if name.startswith(f"{topics.VIEWER_STATE} #02 ")]
    for name in (topics.VIEWER_STATE, topics.HOME, *labels):
        streams[name]["total"] = "another"
        streams[name]["blocks"][1] = "another"
    found = [*differences(few, now)]
    assert len(found) == 3
    assert all("1 of 2 blocks of 1000 events differ, the first is 1" in line for line in found)
    found = [*differences(few, now, formats=True)]
    assert [line.split(" #")[0].split(": ")[1] for line in found] == [topics.HOME, topics.VIEWER_STATE]


def test_labels_are_for_people(few: dict[str, Any]) -> None:
    """A part of a row may be called something else."""
    now = deepcopy(few)
    streams = now["installations"]["pages"]["streams"]
    (label,) = [name for name in streams if name.startswith(f"{topics.VIEWER_STATE} #02 ")]
    streams[f"{topics.VIEWER_STATE} #02 another word"] = streams.pop(label)
    assert [*differences(few, now)] == []
