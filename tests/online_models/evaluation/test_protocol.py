"""What the prequential test reads: columns, which ratings count, and in which order."""

import itertools

import numpy as np
import pytest

from online_models.evaluation import EvaluationProtocol, Ratings, prepare
from tests.online_models.evaluation.prequential import uniform

HOUR_MS = 3_600_000


def test_columns_are_sorted_by_time_and_ties_keep_the_order_of_the_file() -> None:
    """Equal times must not be reordered: the file's order is the only one there is."""
    ratings = Ratings.from_columns("abcd", "wxyz", [1, 2, 3, 4], [5, 1, 5, 1])
    assert ratings.ratings.tolist() == [2, 4, 1, 3]
    assert ratings.viewer_ids == ("b", "d", "a", "c")
    assert ratings.viewers.tolist() == [0, 1, 2, 3]


def test_columns_of_unequal_length_are_refused() -> None:
    """A column that is too short must not be read as a shorter stream."""
    with pytest.raises(ValueError, match="one length, not 2, 2, 1, 2"):
        Ratings.from_columns("ab", "xy", [1], [1, 2])


def test_positives_drop_lower_ratings_and_their_histories() -> None:
    """With positives only, a viewer's low rating is no earlier event and no known title."""
    ratings = Ratings.from_columns("aab", "xyy", [3, 4, 5], [1, 2, 3])
    stream = prepare(ratings, EvaluationProtocol())
    assert len(stream) == 2
    assert stream.history.tolist() == [0, 0]
    assert not stream.tested.any()


def test_all_feedback_keeps_lower_ratings_untested() -> None:
    """With all feedback, a low rating counts as history and as a rejection from 2 stars down."""
    ratings = Ratings.from_columns("aaaa", "wxyz", [2, 3, 4, 1], [1, 2, 3, 4])
    stream = prepare(ratings, EvaluationProtocol(feedback="all"))
    assert stream.rewards.tolist() == [-1, 0, 1, -1]
    assert stream.tested.tolist() == [False, False, True, False]
    assert stream.history.tolist() == [0, 1, 2, 3]


def test_a_rating_that_is_positive_is_never_a_rejection() -> None:
    """Where 1 star already counts as positive, nothing is rejected."""
    ratings = Ratings.from_columns("aa", "xy", [1, 5], [1, 2])
    assert prepare(ratings, EvaluationProtocol(min_rating=1, feedback="all")).rewards.tolist() == [1, 1]


def test_a_title_that_the_viewer_has_is_no_test() -> None:
    """Watching a title again cannot be predicted by a list that leaves known titles out."""
    stream = prepare(Ratings.from_columns("aaa", "xxy", [5, 5, 5], [1, 2, 3]), EvaluationProtocol())
    assert stream.tested.tolist() == [False, False, True]


def test_the_limit_counts_events_of_the_stream() -> None:
    """A limit of two keeps two positives, however many lower ratings lie between them."""
    ratings = Ratings.from_columns("aaaa", "wxyz", [5, 1, 5, 5], [1, 2, 3, 4])
    assert prepare(ratings, EvaluationProtocol(limit=2)).events.times.tolist() == [1, 3]


def test_shuffling_permutes_inside_sessions_only() -> None:
    """Each session keeps its viewer, its times and its set of titles; only who comes when changes."""
    times = [i * 60_000 for i in range(40)] + [50 * HOUR_MS + i * 60_000 for i in range(40)]
    titles = [f"t{i}" for i in range(80)]
    ratings = Ratings.from_columns(["a", "b"] * 40, titles, [5.0] * 80, times)
    shuffled = prepare(ratings, EvaluationProtocol(order="shuffled")).events
    assert shuffled.times.tolist() == ratings.times.tolist()
    assert shuffled.viewers.tolist() == ratings.viewers.tolist()
    assert shuffled.titles.tolist() != ratings.titles.tolist()
    for viewer, half in itertools.product((0, 1), (slice(0, 40), slice(40, 80))):
        mine = shuffled.viewers[half] == viewer
        assert sorted(shuffled.titles[half][mine]) == sorted(ratings.titles[half][mine])


def test_the_gap_ends_a_session() -> None:
    """Events exactly one gap apart stay where they are."""
    ratings = Ratings.from_columns("a" * 30, [f"t{i}" for i in range(30)], [5] * 30, np.arange(30) * HOUR_MS)
    shuffled = prepare(ratings, EvaluationProtocol(order="shuffled")).events
    assert shuffled.titles.tolist() == ratings.titles.tolist()


def test_shuffling_follows_the_seed() -> None:
    """One seed gives one order, another seed another."""
    ratings = uniform(5, 30, 20)
    orders = [
        prepare(ratings, EvaluationProtocol(order="shuffled", seed=seed)).events.titles.tolist()
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("wrong", [{"warm_up": 1.0}, {"limit": 0}, {"order": "random"}, {"feedback": "some"}])
def test_a_protocol_out_of_bounds_is_refused(wrong: dict[str, object]) -> None:
    """A misspelt switch must not fall back on another protocol."""
    with pytest.raises(ValueError, match="not"):
        EvaluationProtocol(**wrong)  # type: ignore[arg-type]
