"""How far a lesson reaches, in a young and a grown world: 18 of 20 titles stay, on everybody's lists."""

import pytest

from online_models.simulation import World
from streams.config.settings import Settings
from tests.situations.lesson_reach import Reach, grown_and_young, reach
from tests.streams.steps import Line

WANTED = 34
"""Lessons until popularity, written for all titles at a time, changed four titles of two pages at once."""


def holds(found: Reach) -> bool:
    """Return whether nearly all pages keep 18 titles."""
    return min(found.shares()) >= 0.99


def test_a_lesson_moves_at_most_two_of_twenty_titles_of_others() -> None:
    """The first lessons of a service, when each is a large part of all that is known."""
    world = World(seed=3, viewers=60, titles=120)
    line = Line(Settings(prequential_share=0.0, page_interval_s=0.0))
    line.put(*world.titles)
    assert min(reach(line, world.events(), wanted=WANTED).others) >= 18


@pytest.mark.nightly
def test_a_lesson_leaves_eighteen_of_twenty_titles() -> None:
    """Measured: all of the viewer's own lists; of others 99.6 % young and all grown."""
    assert all(map(holds, grown_and_young().values()))
