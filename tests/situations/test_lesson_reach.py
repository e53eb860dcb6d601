"""How far a lesson reaches, in a young and a grown world: 18 of 20 titles stay, on everybody's lists."""

import pytest

from tests.situations.lesson_reach import grown_and_young


@pytest.mark.nightly
def test_a_lesson_leaves_eighteen_of_twenty_titles() -> None:
    """Measured: all of the viewer's own lists; of others 99.6 % young and all grown."""
    for found in grown_and_young().values():
        own, others = found.shares()
        assert own >= 0.99
        assert others >= 0.99
