"""How far a lesson reaches, in a young and a grown world: 18 of 20 titles stay, on everybody's lists."""

import pytest

from tests.situations.lesson_reach import Reach, grown_and_young


def holds(found: Reach) -> bool:
    """Return whether nearly all pages keep 18 titles."""
    return min(found.shares()) >= 0.99


@pytest.mark.nightly
def test_a_lesson_leaves_eighteen_of_twenty_titles() -> None:
    """Measured: all of the viewer's own lists; of others 99.6 % young and all grown."""
    assert all(map(holds, grown_and_young().values()))
