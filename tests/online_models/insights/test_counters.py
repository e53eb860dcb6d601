"""What insights count with, in bounded memory: space-saving, crowds, curves, fading sums."""

from collections import Counter as Tally
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.insights.counters import FAST_MS, DecayedSum, SpaceSaving
from online_models.insights.curves import FINISHED, MINUTES, Point, curve, steepest
from online_models.learners.k_anonymity import LEAST, DistinctViewers, disclosable_part

STREAM = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 9)), max_size=60)


@given(STREAM, st.integers(1, 5))
def test_space_saving_keeps_its_bounds(stream: list[tuple[str, int]], capacity: int) -> None:
    """Counts are at most `error` too high, never too low; the heavy are there; nothing is lost in the sum."""
    top: SpaceSaving[None] = SpaceSaving(capacity, lambda: None)
    truth: Tally[str] = Tally()
    for key, weight in stream:
        top.add(key, float(weight))
        truth[key] += weight
    total = sum(truth.values())
    assert len(top) <= capacity
    assert sum(one.count for one in top.counters.values()) == total
    for key, one in top.counters.items():
        assert one.least <= truth[key] <= one.count
        assert one.error <= total / capacity
    assert {key for key, weight in truth.items() if weight > total / capacity} <= set(top.counters)


@given(STREAM, STREAM, st.integers(1, 5))
def test_space_saving_goes_on_where_it_was_kept(before: Any, behind: Any, capacity: int) -> None:
    """Taken over from what was kept, in any order, it says what it had said without."""
    one: SpaceSaving[None] = SpaceSaving(capacity, lambda: None)
    for key, weight in before:
        one.add(key, float(weight))
    other: SpaceSaving[None] = SpaceSaving(capacity, lambda: None)
    other.load(sorted(one.counters.items(), reverse=True))
    for key, weight in behind:
        assert one.add(key, float(weight)) == other.add(key, float(weight))
    assert one.top(9) == other.top(9)


@given(st.lists(st.integers(0, 40)), st.lists(st.integers(0, 40)))
def test_a_crowd_counts_to_twenty_exactly(first: list[int], second: list[int]) -> None:
    """As many as a set has, up to twenty; and two crowds together are the crowd of both."""
    one, other, both = DistinctViewers(), DistinctViewers(), DistinctViewers()
    one.add(first)
    other.add(second)
    both.add([*first, *second])
    assert len(one) == min(LEAST, len(set(first)))
    one.take(other)
    assert (len(one), one.enough) == (len(both), both.enough)


@given(st.integers(0, 200), st.integers(0, 200))
def test_what_is_told_of_a_part_gives_no_few_away(part: int, whole: int) -> None:
    """Neither the part nor what is left of the whole is a group of 1 to 19."""
    found = disclosable_part(part, whole)
    if found is not None:
        assert LEAST <= found <= part <= whole
        assert whole - found == 0 or whole - found >= LEAST


def test_the_curve_by_hand() -> None:
    """100 viewers: 25 left in the second minute, 30 at an hour, 5 more later, 40 finished."""
    places = [0] * (MINUTES + 1)
    places[1], places[60], places[70], places[FINISHED] = 25, 30, 5, 40
    points = curve(places)
    assert points == [Point(0, 100), Point(2, 75), Point(61, 45)]
    assert steepest(points) == (Point(0, 100), Point(2, 75))


@given(st.lists(st.tuples(st.integers(0, MINUTES), st.integers(0, 30)), max_size=40))
def test_a_curve_falls_in_steps_of_twenty(some: list[tuple[int, int]]) -> None:
    """Each point is the true number of who got there; steps and what is left hold twenty or nobody."""
    places = [0] * (MINUTES + 1)
    for place, viewers in some:
        places[place] += viewers
    points = curve(places)
    assert points[0] == Point(0, sum(places))
    assert all(point.viewers == sum(places[point.minute :]) for point in points)
    assert all(before.viewers - after.viewers >= LEAST for before, after in pairwise(points))
    assert len(points) == 1 or points[-1].viewers == 0 or points[-1].viewers >= LEAST


@given(st.lists(st.tuples(st.integers(0, 10**10), st.floats(0, 1e6)), max_size=20))
def test_a_fading_sum_does_not_care_about_order(some: list[tuple[int, float]]) -> None:
    """Late or in time, each part has faded by its age."""
    now = max((at for at, _ in some), default=0)
    sums = []
    for order in (some, some[::-1]):
        fading = DecayedSum()
        for at, amount in order:
            fading.add(amount, at, FAST_MS)
        sums.append(fading.at(now, FAST_MS))
    assert sums[0] == pytest.approx(sums[1])
    assert sums[0] == pytest.approx(sum(amount * 0.5 ** ((now - at) / FAST_MS) for at, amount in some))
