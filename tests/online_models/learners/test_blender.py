"""A choice and what it teaches the blend's weights."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from online_models import ModelConfig, Recommender
from online_models.config import BlendConfig
from online_models.feedback.impression_counts import choice_set
from online_models.learners.blender import MAX_WEIGHT, learn_choice, learn_weights
from online_models.learners.factorization import next_stamp, scratch
from online_models.tables.feedback_layout import SHOWN
from online_models.tables.history import mark_known
from online_models.tables.layout import F4
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import ViewerTable
from schemas import Event, Impression, Play, Rate, Stop, Thumb

T0 = 10**12
CONTEXT = 4
NO_ROW = -1


def table(rivals: int = 30, rate: float = 0.1) -> TitleTable:
    """Make three titles that somebody watched, with log-shares that a hand can add up."""
    out = TitleTable(ModelConfig(blend=BlendConfig(rate=rate, rivals=rivals)))
    out.intern(["a", "b", "c"])
    out.arrays.active[:3] = [0, 1, 2]
    out.arrays.size[1] = 3
    out.arrays.prior[:3, 0] = [0.0, 2.0, 0.0]
    out.arrays.prior[:3, 1] = [4.0, 0.0, 0.0]
    return out


def features(titles: TitleTable, *blend: float) -> F4:
    """Score the titles: the blend as given, then factorization and both co-watches."""
    out = np.zeros((6, titles.arrays.bias.size), np.float32)
    out[0, :3] = blend
    out[1:4, :3] = [[1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [8.0, 0.0, 0.0]]
    return out


def weights() -> np.ndarray:
    """Weights that differ; the short co-watch is off."""
    out = np.zeros((13, 5))
    out[0] = [0.5, 0.0, 0.3, 0.2, 0.1]
    return out


@pytest.mark.parametrize("odds", [1.0, 2.5])
def test_one_step_by_hand(odds: float) -> None:
    """Of a (chance 3/4) and b (1/4), b is chosen: each feature less the expected one, times rate and odds."""
    titles, moved = table(), weights()
    score = features(titles, np.log(3.0), 0.0, 99.0)
    among = np.array([0, NO_ROW, 1], np.int32)
    learn_choice(titles.arrays, titles.params, moved, CONTEXT, 1, among, odds, score)
    step = (
        0.1 * odds * np.array([2 - 1.25, 0, -5, 2 - 0.5, -3])
    )  # 0 - 6 of the long co-watch is bounded at -5
    step[1] = 0  # an expert that is off stays off
    assert np.allclose(moved[0] - weights()[0], step, atol=1e-6)
    assert np.allclose(moved[1 + CONTEXT], step, atol=1e-6)
    others = np.delete(np.arange(13), [0, 1 + CONTEXT])
    assert np.array_equal(moved[others], weights()[others])


def test_only_the_best_scored_are_rivals() -> None:
    """Among two rivals the third title teaches nothing and is nobody's rival; nor is a known one."""
    titles = table(rivals=2)
    viewers = ViewerTable(titles.config, titles, slots=1).arrays
    work = scratch(titles.arrays, titles.params)
    score = features(titles, np.log(3.0), 0.0, -9.0)
    moved, stamp = weights(), next_stamp(work)

    def learn(target: int) -> None:
        learn_weights(titles.arrays, viewers, titles.params, moved, CONTEXT, 0, target, stamp, work, score)

    learn(2)
    assert np.array_equal(moved, weights()), "not among the best two"
    learn(1)
    by_hand = weights()
    learn_choice(titles.arrays, titles.params, by_hand, CONTEXT, 1, np.array([0, 1], np.int32), 1.0, score)
    assert np.array_equal(moved, by_hand)
    work.mark[0] = stamp
    learn(2)
    assert not np.array_equal(moved, by_hand), "with the first known, the third is one of the best two"


def test_weights_stay_within_bounds() -> None:
    """Whatever is chosen, however often."""
    titles, moved = table(rate=1.0), weights()
    score, both = features(titles, 0.0, 0.0, 0.0), np.array([0, 1], np.int32)
    for _ in range(20):
        learn_choice(titles.arrays, titles.params, moved, CONTEXT, 0, both, 10.0, score)
    assert np.abs(moved).max() == MAX_WEIGHT


def about(n: int, title: str, viewer: str = "ann") -> dict[str, Any]:
    """Name an event."""
    return {"event_id": f"e{n}", "viewer_id": viewer, "event_time_ms": T0 + 1_000 * n, "title_id": title}


def seen(n: int, title: str, page: str, propensity: float | None = None) -> Impression:
    """See a title on a list."""
    return Impression(**about(n, title), list_id=page, row=0, slot=n, propensity=propensity)


def stopped(n: int, title: str) -> Stop:
    """Watch most of a title."""
    return Stop(**about(n, title), watched_s=3_000.0, position_s=3_000.0, duration_s=3_600.0)


def others() -> list[Event]:
    """Let others like everything, and ann one title, so that there is something to be tested against."""
    liked = [Rate(**about(n, t, "bob"), thumb=Thumb.UP) for n, t in enumerate("abcdefg")]
    return [*liked, Rate(**about(8, "a"), thumb=Thumb.UP)]


EVENING: list[Event] = [
    seen(11, "g", "yesterday's"), seen(12, "b", "today's", 0.25), seen(13, "c", "today's", 0.01),
    seen(14, "d", "today's"), seen(15, "a", "today's"), Play(**about(16, "b")), stopped(17, "b"),
]  # fmt: skip
"""Ann sees two lists and watches b out of the second."""


def learned(events: Sequence[Event], *cuts: int) -> np.ndarray:
    """Return the weights after events, learned in as many batches as are cut off."""
    model = Recommender(tested=1.0)
    model.learn_many(others())
    for start, stop in pairwise((0, *cuts, len(events))):
        model.learn_many(events[start:stop])
    return model.viewers.blending.weights.copy()


def seen_with(model: Recommender, title: str) -> tuple[float, list[str]]:
    """Return the odds of ann's choice of a title, and among which titles it was."""
    titles, table = model.titles, model.viewers.viewers
    slot, work = table.slot("ann"), scratch(titles.arrays, titles.params)
    stamp, out = next_stamp(work), np.empty(SHOWN + 1, np.int32)
    mark_known(table.arrays, slot, work.mark, stamp)
    row = titles.row(title)
    odds = choice_set(titles.arrays, table.arrays, slot, row, stamp, work, out)
    return odds, sorted(titles.ids[t] for t in out if t >= 0)


def test_the_rivals_of_a_chosen_title() -> None:
    """What else was seen of the same list and is not known; the odds are those of the title itself."""
    model = Recommender()
    model.learn_many([*others(), *EVENING[:-2]])
    assert seen_with(model, "b")[0] == 0, "not chosen yet"
    model.learn_one(EVENING[-2])
    assert seen_with(model, "b") == (4.0, ["b", "c", "d"])
    assert seen_with(model, "c")[0] == 0
    model.learn_many([seen(18, "c", "third", 0.01), seen(19, "d", "third"), Play(**about(20, "c"))])
    assert seen_with(model, "c") == (10.0, ["c", "d"]), "odds are bounded"
    model.learn_many([seen(21, "e", "fourth"), Play(**about(22, "e"))])
    assert seen_with(model, "e")[0] == 0, "nothing else was seen of the list"
    by_itself = Play(**about(24, "f"), autoplay=True)
    model.learn_many([seen(23, "f", "fifth"), seen(25, "g", "fifth"), by_itself])
    assert seen_with(model, "f")[0] == 0, "nobody chose it"


def test_the_blend_learns_from_the_list() -> None:
    """Exactly once, however the events are cut into batches; another list is another choice."""
    once = learned(EVENING)
    assert not np.array_equal(once, learned(EVENING[-2:])), "without impressions: among all"
    assert np.array_equal(once, learned(EVENING, 3, 6))
    assert np.array_equal(once, learned([*EVENING, *EVENING[2:]]))
    assert not np.array_equal(once, learned([seen(12, "b", "today's"), *EVENING[2:]])), "other odds"


def test_without_impressions_of_it_nothing_changes() -> None:
    """A title that was chosen out of no list teaches what it did, bit for bit."""
    assert np.array_equal(learned([EVENING[0], EVENING[2], *EVENING[-2:]]), learned(EVENING[-2:]))
