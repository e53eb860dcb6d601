"""How far a lesson reaches, in a young and a grown world: 18 of 20 titles stay, on everybody's lists."""

from pathlib import Path

import pytest

from tests.situations.lesson_reach import Reach, grown_and_young, grown_and_young_on_a_worker


def holds(found: Reach) -> bool:
    """Return whether nearly all pages keep 18 titles."""
    return min(found.shares()) >= 0.99


@pytest.mark.nightly
def test_a_lesson_leaves_eighteen_of_twenty_titles() -> None:
    """Measured: all of the viewer's own lists; of others 99.6 % young and all grown."""
    assert all(map(holds, grown_and_young().values()))


@pytest.mark.nightly
@pytest.mark.kafka
def test_a_lesson_leaves_eighteen_of_twenty_top_picks_of_a_worker(tmp_path: Path) -> None:
    """On a real broker: the page of an event, and the page that is made once its lesson is back."""
    assert all(map(holds, grown_and_young_on_a_worker(tmp_path, kafka=True).values()))
