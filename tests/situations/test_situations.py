"""A person against a worker: what the page does in every situation."""

from pathlib import Path

import pytest

from schemas.events import EVENT_TYPES
from tests.situations.battery import TABLE, Measured, measure, read_recorded, rendered
from tests.situations.situations import SITUATIONS

ELSEWHERE = {"forget", "history"}
"""Types whose effect is no number: `deploy.event_effects` has them."""


def test_every_type_of_event_has_a_situation() -> None:
    """Bounds are bounds, and no situation is there twice."""
    assert {one.event for one in SITUATIONS} | ELSEWHERE == set(EVENT_TYPES)
    assert all(one.low <= one.high for one in SITUATIONS)
    assert len({(one.name, one.counted) for one in SITUATIONS}) == len(SITUATIONS)


def test_the_table_is_what_was_recorded() -> None:
    """Written by ``python -m tests.situations --write``; each situation that is said to be reached was."""
    recorded = read_recorded()
    assert TABLE.read_text("utf-8") == rendered(recorded)
    after = [
        Measured(one, numbers["after"])
        for one, numbers in zip(SITUATIONS, recorded.values(), strict=True)
        if one.reached
    ]
    assert [one.situation.name for one in after if not one.holds] == []


def _missed(found: list[Measured]) -> list[str]:
    return [
        f"{one.situation.event}: {one.situation.name}: {one.number:g}"
        for one in found
        if one.situation.reached and not one.holds
    ]


@pytest.mark.slow
@pytest.mark.embedded
def test_the_page_does_what_it_must(tmp_path: Path) -> None:
    """Of every situation, on one worker."""
    assert _missed(measure(tmp_path)) == []


@pytest.mark.slow
@pytest.mark.kafka
def test_the_page_does_what_it_must_on_a_real_broker(tmp_path: Path) -> None:
    """The same through transactions, consumer groups and compaction."""
    assert _missed(measure(tmp_path, kafka=True)) == []
