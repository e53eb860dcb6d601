"""Schedules: what a file may say, and that a seed decides everything."""

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.load import Mix
from tests.chaos.schedule import FOLDER, Planned, Schedule, ScheduleError, draw, parse, read


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.toml")), ids=lambda file: file.stem)
def test_ours_can_be_read(file: Path) -> None:
    """Each of them, by name; what it says about the load is understood."""
    schedule = read(file.stem, FAULTS)
    assert schedule.faults
    assert Mix(**schedule.load).rate > 0


def test_the_default_has_every_fault_in_fifty_cycles() -> None:
    """Whatever the seed."""
    schedule = read("default", FAULTS)
    assert {one.fault for one in schedule.faults} == FAULTS.keys()
    for seed in range(20):
        assert {one.fault for one in draw(schedule, 50, seed)} == FAULTS.keys()


def test_a_seed_is_a_schedule() -> None:
    """The same seed gives the same faults in the same order, another one others."""
    schedule = read("default", FAULTS)
    assert draw(schedule, 50, 7) == draw(schedule, 50, 7)
    assert draw(schedule, 50, 7) != draw(schedule, 50, 8)
    assert draw(schedule, 5, 7) == draw(schedule, 5, 7)


def test_few_cycles_have_no_repeats() -> None:
    """As long as there are others."""
    drawn = draw(read("default", FAULTS), 10, 3)
    assert len({str(one) for one in drawn}) == 10


def test_weights_decide_what_comes_again() -> None:
    """A line with nine times the weight comes about nine times as often."""
    schedule = Schedule("s", (Planned("often", 9.0), Planned("seldom", 1.0)))
    count = Counter(one.fault for one in draw(schedule, 1_000, 1))
    assert 850 < count["often"] < 950


def test_an_order_is_kept() -> None:
    """Without shuffling the lines come as they stand, again and again."""
    schedule = parse('shuffle = false\n[[fault]]\nname = "a"\n[[fault]]\nname = "b"', {"a": 0, "b": 0})
    assert [one.fault for one in draw(schedule, 5, 1)] == ["a", "b", "a", "b", "a"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is not a schedule"),
        ("fault = []", "needs a fault"),
        ('[[fault]]\nname = "explode"', "explode; there are kill"),
        ('[[fault]]\nplace = "x"', "is not a schedule"),
        ('[[fault]]\nname = "kill"\nweight = 0', "every weight above 0"),
        ('[[fault]]\nname = "kill"\nweight = "much"', "is not a schedule"),
        ('colour = 1\n[[fault]]\nname = "kill"', "is not a schedule"),
        ("[[", "is not a schedule"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, what: str) -> None:
    """With what is wrong and what there is."""
    with pytest.raises(ScheduleError, match=what):
        parse(text, {"kill": None})


def test_a_missing_file_names_ours() -> None:
    """Somebody who mistypes a name is shown the names."""
    with pytest.raises(ScheduleError, match="ours are ci, default, sabotage"):
        read("defualt", FAULTS)
