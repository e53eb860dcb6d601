"""One step of learning, checked by hand on worlds of three titles."""

from collections.abc import Callable
from dataclasses import replace
from math import exp, sqrt

import numpy as np
import pytest

from online_models.catalog.catalog import Catalog
from online_models.config import ModelConfig
from online_models.feedback.reward_function import Action
from online_models.learners.most_trending import MostTrending
from online_models.learners.title_side import TitleSide
from online_models.ranking.scorer import CO_WATCH, TASTE, cowatch, sparse_scratch
from online_models.ranking.viewer_side import EventColumns, ViewerSide
from online_models.recommender import Recommender
from online_models.tables.layout import RING
from online_models.tables.titles import TitleTable

MakeBatch = Callable[..., EventColumns]
HOUR_MS = 3_600_000


def hand_made(config: ModelConfig, batch: MakeBatch) -> tuple[TitleTable, ViewerSide]:
    """Return a world in which ann has watched c, b is active, a is new, and every number is ours."""
    titles = TitleTable(config)
    viewers = ViewerSide(titles, Catalog(titles))
    titles.intern(["a", "b", "c"])
    signals, _ = viewers.observe(viewers.feedback(batch(("ann", "c"), ("bob", "b"))))
    TitleSide(titles).absorb(signals)
    arrays = titles.arrays
    arrays.out[:3] = [[1.0, 0.5], [-1.0, 2.0], [0.3, 0.3]]
    arrays.inp[:3] = [[0.4], [-0.3], [0.8]]
    arrays.bias[:3] = [0.2, 0.0, 0.1]
    arrays.acc[:3] = 0.05
    viewers.viewers.arrays.taste[0] = 0.1
    viewers.viewers.arrays.acc[0] = 0.05
    return titles, viewers


def test_one_step_of_taste_by_hand(tiny: ModelConfig, batch: MakeBatch) -> None:
    """The taste vector takes one AdaGrad step along the softmax gradient, weighted by the reward."""
    _, viewers = hand_made(tiny, batch)
    signals, _ = viewers.observe(viewers.feedback(batch(("ann", "a"), weight=2.0)))
    score_a, score_b = 0.8 * 1.0 + 0.1 * 0.5 + 0.2, 0.8 * -1.0 + 0.1 * 2.0
    g = 1.0 - exp(score_a) / (exp(score_a) + exp(score_b))
    into_history, into_taste = 2.0 * g * (1.0 - -1.0), 2.0 * g * (0.5 - 2.0)
    accumulator = 0.05 + into_taste**2
    arrays = viewers.viewers.arrays
    assert signals.x[0] == pytest.approx([0.8, 0.1])
    assert signals.gradient[0] == pytest.approx([into_history], rel=1e-5)
    assert arrays.acc[0] == pytest.approx(accumulator, rel=1e-5)
    assert arrays.taste[0, 0] == pytest.approx(0.1 + 0.3 * into_taste / sqrt(accumulator), rel=1e-5)


def test_one_step_of_titles_by_hand(tiny: ModelConfig, batch: MakeBatch) -> None:
    """Target and negative move by opposite gradients, the history's input vector by the signal's."""
    titles, viewers = hand_made(tiny, batch)
    signals, _ = viewers.observe(viewers.feedback(batch(("ann", "a"))))
    TitleSide(titles).absorb(signals)
    g = 1.0 / (1.0 + exp(1.05 - -0.6))
    square = 0.05 + g * g * (0.8**2 + 0.1**2) / 2
    step = 0.1 * g / sqrt(square)
    arrays = titles.arrays
    assert arrays.acc[0, 0] == pytest.approx(square, rel=1e-5)
    assert arrays.out[0] == pytest.approx([1.0 + step * 0.8, 0.5 + step * 0.1], rel=1e-5)
    assert arrays.out[1] == pytest.approx([-1.0 - step * 0.8, 2.0 - step * 0.1], rel=1e-5)
    assert arrays.out[2] == pytest.approx([0.3, 0.3]), "a title that the viewer has was taken as a negative"
    bias = 0.1 * g / sqrt(0.05 + g * g)
    assert arrays.bias[:3] == pytest.approx([0.2 + bias, -bias, 0.1], rel=1e-5)
    into = 2.0 * g
    assert arrays.inp[2, 0] == pytest.approx(0.8 + 0.1 * into / sqrt(0.05 + into * into), rel=1e-5)


def test_representation_is_decayed_and_normed(tiny: ModelConfig, batch: MakeBatch) -> None:
    """Two titles back count .5 to 1, over the root of the sum of squares."""
    titles, viewers = hand_made(tiny, batch)
    signals, _ = viewers.observe(viewers.feedback(batch(("ann", "a"))))
    TitleSide(titles).absorb(signals)
    titles.arrays.inp[:3] = [[0.4], [-0.3], [0.8]]
    signals, _ = viewers.observe(viewers.feedback(batch(("ann", "b"))))
    assert signals.depth[0] == 2
    assert signals.history[0, :2].tolist() == [0, 2], "newest first"
    assert signals.x[0, 0] == pytest.approx((0.4 + 0.5 * 0.8) / sqrt(1.25), rel=1e-5)


@pytest.mark.parametrize(("former", "learns"), [(0.0, False), (1e-5, True)])
def test_a_history_that_counts_nothing_teaches_nothing(
    tiny: ModelConfig, batch: MakeBatch, former: float, learns: bool
) -> None:
    """With earlier sessions at 0, input vectors stay; one that counts little is a whole representation."""
    model = Recommender(replace(tiny, reward=replace(tiny.reward, former=former)))
    model.prequential(batch(("bob", "a"), ("ann", "b"), ("bob", "c")))
    before = model.titles.arrays.inp[:4].copy()
    model.prequential(batch(("ann", "c"), at=100 * HOUR_MS))
    assert np.isfinite(model.titles.arrays.inp[:4]).all()
    assert np.array_equal(model.titles.arrays.inp[:4], before) != learns


def pair_weight(titles: TitleTable, one: int, other: int) -> float:
    """Return the weight of a title's pair with another, 0 without one."""
    near, weights = titles.neighbours(one)
    return float(weights[near == other].sum())


def test_pairs_fall_with_distance_and_go_both_ways(tiny: ModelConfig, batch: MakeBatch) -> None:
    """A watch is paired with the two titles before it, at w and w/2."""
    model = Recommender(tiny)
    model.prequential(batch(("ann", "a"), ("ann", "b"), ("ann", "c"), ("ann", "d"), weight=2.0))
    rows = {t: n for n, t in enumerate(model.titles.ids)}

    def pair(one: str, other: str) -> float:
        return pair_weight(model.titles, rows[one], rows[other])

    assert [pair("d", t) for t in "abc"] == [0.0, 1.0, 2.0]
    assert [pair(t, "d") for t in "abc"] == [0.0, 1.0, 2.0]


def test_what_is_only_known_counts_half(tiny: ModelConfig, batch: MakeBatch) -> None:
    """A neutral title in a history is half a step of the representation and half a pair."""
    model = Recommender(tiny)
    model.prequential(batch(("bob", "n"), ("ann", "c")))
    model.prequential(batch(("ann", "n"), action=Action.KNOWN))
    model.titles.arrays.inp[:2] = [[0.4], [0.8]]
    _, signals = model.learn_columns(batch(("ann", "a")), np.zeros(1, np.int32))
    assert signals.history[0, :2].tolist() == [~0, 1]
    assert signals.x[0, 0] == pytest.approx((0.5 * 0.4 + 0.5 * 0.8) / sqrt(0.5), rel=1e-5)
    assert pair_weight(model.titles, 2, 0) == pair_weight(model.titles, 0, 2) == 0.5
    assert pair_weight(model.titles, 2, 1) == 0.5, "one title further back"


def test_a_neutral_title_is_a_weak_choice(tiny: ModelConfig, batch: MakeBatch) -> None:
    """Vectors and pairs learn it with a quarter of the weight; popularity and the titles of lists stay."""
    titles, viewers = hand_made(tiny, batch)
    neutral = batch(("ann", "a"), action=Action.KNOWN)
    signals, _ = viewers.observe(viewers.feedback(neutral))
    score_a, score_b = 0.8 * 1.0 + 0.1 * 0.5 + 0.2, 0.8 * -1.0 + 0.1 * 2.0
    g = 0.25 * (1.0 - exp(score_a) / (exp(score_a) + exp(score_b)))
    assert signals.gradient[0] == pytest.approx([g * (1.0 - -1.0)], rel=1e-5)
    TitleSide(titles).absorb(signals)
    a, c = 0, 2
    arrays = titles.arrays
    assert arrays.bias[a] == pytest.approx(0.2 + 0.1 * g / sqrt(0.05 + g**2), rel=1e-5)
    assert pair_weight(titles, a, c) == pair_weight(titles, c, a) == 0.25
    assert (arrays.counts[a].tolist(), arrays.watches[a], arrays.size[1]) == ([0, 0, 1], 0.0, 2)
    again, _ = viewers.observe(viewers.feedback(neutral))
    assert (again.action[0], again.weight[0]) == (Action.NO_OP, 0.0), "new to the viewer only once"


def test_the_gradient_reaches_what_is_only_known(tiny: ModelConfig, batch: MakeBatch) -> None:
    """Input vectors of a history move by the weights that they had in the representation."""
    model = Recommender(tiny)
    model.prequential(batch(("bob", "n"), ("eve", "b"), ("ann", "c")))
    model.prequential(batch(("ann", "n"), action=Action.KNOWN))
    a = model.titles.arrays
    a.inp[:3] = [[0.4], [0.1], [0.8]]
    a.acc[:] = 0.05
    _, signals = model.learn_columns(batch(("ann", "a")), np.zeros(1, np.int32))
    part = signals.gradient[0, 0] * 0.5 / sqrt(0.5)
    step = 0.1 * part / sqrt(0.05 + part**2)
    assert a.inp[:3, 0] == pytest.approx([0.4 + step, 0.1, 0.8 + step], rel=1e-4)


def test_what_is_rejected_is_no_history(tiny: ModelConfig, batch: MakeBatch) -> None:
    """A rejected title is neither in the representation nor paired with titles liked later."""
    model = Recommender(tiny)
    model.prequential(batch(("bob", "n"), ("ann", "c")))
    model.prequential(batch(("ann", "n"), action=Action.REJECT))
    _, signals = model.learn_columns(batch(("ann", "a")), np.zeros(1, np.int32))
    assert signals.history[0, : signals.depth[0]].tolist() == [1]
    assert 2 not in model.titles.neighbours(0)[0]


def test_nothing_is_listed_because_of_what_is_only_known(tiny: ModelConfig, batch: MakeBatch) -> None:
    """The reason names neighbours of liked titles; those of a neutral one are there for taste."""
    model = Recommender(tiny)
    model.prequential(batch(("bob", "n"), ("bob", "x"), ("eve", "c"), ("eve", "y")))
    model.prequential(batch(("ann", "c")))
    model.prequential(batch(("ann", "n"), action=Action.KNOWN))
    side = model.viewers
    lists = side.rank(side.viewers.acquire(["ann"]), 10**13, 2)
    reasons = {model.titles.ids[t]: int(r) for t, r in zip(lists.title[0], lists.reason[0], strict=True)}
    assert reasons == {"x": TASTE, "y": CO_WATCH}


def test_an_earlier_session_counts_less(tiny: ModelConfig, batch: MakeBatch) -> None:
    """Half an hour of silence ends a session; titles liked before it count a fifth."""
    model = Recommender(tiny)
    model.prequential(batch(("ann", "old"), ("bob", "x")))
    model.prequential(batch(("ann", "first"), at=HOUR_MS))
    model.titles.arrays.inp[:3] = [[0.8], [0.1], [0.4]]
    _, signals = model.learn_columns(batch(("ann", "second"), at=HOUR_MS + 60_000), np.zeros(1, np.int32))
    assert (signals.depth[0], signals.session_items[0]) == (2, 1)
    assert signals.x[0, 0] == pytest.approx((0.4 + 0.2 * 0.5 * 0.8) / sqrt(1 + 0.1**2), rel=1e-5)
    assert pair_weight(model.titles, 3, 0) == 0.5, "pairs ignore sessions"


def test_before_the_first_title_of_a_session_all_count_alike(tiny: ModelConfig, batch: MakeBatch) -> None:
    """If all titles are of earlier sessions, the representation is unchanged."""
    model = Recommender(tiny)
    model.prequential(batch(("ann", "old"), ("ann", "older"), ("bob", "x")))
    model.titles.arrays.inp[:3] = [[0.8], [0.4], [0.1]]
    _, signals = model.learn_columns(batch(("ann", "new"), at=HOUR_MS), np.zeros(1, np.int32))
    assert (signals.depth[0], signals.session_items[0]) == (2, 0)
    assert signals.x[0, 0] == pytest.approx((0.4 + 0.5 * 0.8) / sqrt(1.25), rel=1e-5)


def test_a_film_is_no_silence(tiny: ModelConfig, batch: MakeBatch) -> None:
    """A stop ends a playback that began in the session, however long the film was."""
    model = Recommender(tiny)
    model.prequential(batch(("ann", "a"), ("bob", "x")))
    watched = batch(("ann", "film"), action=Action.STOPPED, at=2 * HOUR_MS)
    model.prequential(watched._replace(watched_s=[7_000.0], durations_s=[7_200.0]))
    slot = model.viewers.viewers.slot("ann")
    assert model.viewers.viewers.arrays.session_items[slot] == 2


def test_a_rejected_title_is_not_counted_in_the_session(tiny: ModelConfig, batch: MakeBatch) -> None:
    """Liked and neutral titles count, a title once, rejected ones not."""
    model = Recommender(tiny)
    model.prequential(batch(("ann", "a"), ("ann", "b"), ("ann", "a")))
    model.prequential(batch(("ann", "n"), action=Action.KNOWN, at=10_000))
    model.prequential(batch(("ann", "r"), action=Action.REJECT, at=20_000))
    assert model.viewers.viewers.arrays.session_items[0] == 3


def test_a_pause_ends_a_streak(tiny: ModelConfig, batch: MakeBatch) -> None:
    """More than two minutes from the end of one title to the next event; how long it is does not count."""
    model = Recommender(tiny)
    model.prequential(batch(("ann", "a"), ("ann", "b")))
    model.prequential(batch(("ann", "c"), at=121_000))
    a = model.viewers.viewers.arrays
    assert (a.session_items[0], a.streak_items[0]) == (3, 3)
    model.prequential(batch(("ann", "d"), at=242_000))
    assert (a.session_items[0], a.streak_items[0]) == (4, 1)
    film = batch(("ann", "film"), action=Action.STOPPED, at=242_000 + 2 * HOUR_MS)
    model.prequential(film._replace(watched_s=[7_200.0], durations_s=[7_200.0]))
    assert a.streak_items[0] == 2


@pytest.mark.parametrize(("streak", "former"), [(0, 1.0), (1, 0.1), (2, 1.0)])
def test_seeds_before_a_streak_count_a_tenth(
    tiny: ModelConfig, batch: MakeBatch, streak: int, former: float
) -> None:
    """Over the short horizon alone, and only if there is a streak. By hand: x goes with the older seed.

    Both seeds, a and b, have x or y as a neighbour of weight 1; a is one step back, which halves it.
    """
    model = Recommender(replace(tiny, cowatch=replace(tiny.cowatch, long_seeds=2, long_seed_decay=0.5)))
    model.prequential(
        batch(("bob", "a"), ("bob", "x"), ("cid", "b"), ("cid", "y"), ("ann", "a"), ("ann", "b"))
    )
    a, params = model.titles.arrays, model.titles.params
    rows = {name: model.titles.row(name) for name in "abxy"}
    a.norm[:] = 1.0
    work = sparse_scratch(params.history, a.bias.size)
    history = np.array([rows["b"], rows["a"]], np.int32)
    cowatch(a, params, history, np.int64(2), np.int64(2), np.int64(streak), work.score, work.touched)
    near, far = work.score.T.copy()
    work.score[:] = 0  # as every user leaves it
    assert near[rows["y"]] == pytest.approx(1.0)
    assert near[rows["x"]] == pytest.approx(0.5 * former)
    assert far[rows["x"]] == pytest.approx(0.5)


def test_a_new_neighbour_takes_the_weakest_place(tiny: ModelConfig, batch: MakeBatch) -> None:
    """With 16 places full, the neighbour of least weight is replaced; the new one starts at 0."""
    model = Recommender(tiny)
    for n in range(16):
        times = 1 if n == 5 else 2
        for k in range(times):
            model.prequential(batch((f"v{n}-{k}", "hub"), (f"v{n}-{k}", f"t{n}")))
    model.prequential(batch(("eve", "hub"), ("eve", "new")))
    hub, new = (model.titles.row(name) for name in ("hub", "new"))
    assert hub is not None
    assert new is not None
    names = {model.titles.ids[j] for j in model.titles.neighbours(hub)[0].tolist()}
    assert names == {f"t{n}" for n in range(16) if n != 5} | {"new"}
    assert pair_weight(model.titles, hub, new) == 1.0


def test_one_step_away_by_hand(tiny: ModelConfig, batch: MakeBatch) -> None:
    """The taste vector moves away from a rejected title, by .3 of a step, towards other likely titles."""
    keen = replace(tiny, factorization=replace(tiny.factorization, rejection=0.3))
    _, viewers = hand_made(keen, batch)
    signals, _ = viewers.observe(viewers.feedback(batch(("ann", "a"), action=Action.REJECT, weight=2.0)))
    score_a, score_b = 0.8 * 1.0 + 0.1 * 0.5 + 0.2, 0.8 * -1.0 + 0.1 * 2.0
    p_b = exp(score_b) / (exp(score_a) + exp(score_b))
    step = -0.3 * 2.0 * (0.5 - p_b * 2.0)
    accumulator = 0.05 + step**2
    arrays = viewers.viewers.arrays
    assert arrays.acc[0] == pytest.approx(accumulator, rel=1e-5)
    assert arrays.taste[0, 0] == pytest.approx(0.1 + 0.3 * step / sqrt(accumulator), rel=1e-5)
    assert signals.depth[0] == 0


def test_rejections_teach_no_taste_and_no_pairs(tiny: ModelConfig, batch: MakeBatch) -> None:
    """By default a rejection is counted and remembered, and all vectors stay unchanged."""
    model = Recommender(tiny)
    model.prequential(batch(("ann", "a"), ("ann", "b"), ("bob", "c")))
    before = [part.copy() for part in (model.titles.arrays.out, model.titles.arrays.nbr_w)]
    taste = model.viewers.viewers.arrays.taste.copy()
    model.prequential(batch(("ann", "c"), action=Action.REJECT))
    assert np.array_equal(taste, model.viewers.viewers.arrays.taste)
    assert model.titles.arrays.counts[2].tolist() == [1, 1, 0]
    assert np.array_equal(before[0], model.titles.arrays.out)
    assert np.array_equal(before[1], model.titles.arrays.nbr_w)
    assert model.viewers.viewers.known("ann") == [("a", True), ("b", True), ("c", False)]


def test_trend_decays_in_event_time(tiny: ModelConfig, batch: MakeBatch) -> None:
    """After one half-life of an hour a watch counts half; a late one counts what it would have decayed to."""
    model = Recommender(tiny)
    model.prequential(batch(("ann", "a"), at=10 * HOUR_MS))
    model.prequential(batch(("bob", "a"), at=11 * HOUR_MS))
    assert model.titles.arrays.trend[0, 0] == pytest.approx(1.5)
    model.prequential(batch(("eve", "a"), at=9 * HOUR_MS))
    assert model.titles.arrays.trend[0, 0] == pytest.approx(1.75)
    assert model.titles.arrays.trend_at[0] == 11 * HOUR_MS
    assert model.titles.arrays.trend[0, 1] == pytest.approx(1 + 2 ** (-1 / 24) + 2 ** (-2 / 24))


def test_trending_list_compares_at_one_moment(tiny: ModelConfig, batch: MakeBatch) -> None:
    """Two old watches are less than one new at a half-life of an hour, and more at a week's."""
    model = Recommender(tiny)
    model.prequential(batch(("ann", "old"), ("bob", "old"), at=0))
    model.prequential(batch(("ann", "new"), at=5 * HOUR_MS))
    newest = model.title_side.newest_ms()
    assert [t for t, _ in MostTrending(model.titles, 0, 2).top(newest)] == ["new", "old"]
    assert [t for t, _ in MostTrending(model.titles, 2, 2).top(newest)] == ["old", "new"]
    assert MostTrending(model.titles, 0, 0).top(newest) == []


def test_a_rewatch_is_a_touch(tiny: ModelConfig, batch: MakeBatch) -> None:
    """A second positive of the same title moves the trend and the touches, nothing else."""
    model = Recommender(tiny)
    model.prequential(batch(("ann", "a"), ("ann", "b")))
    out = model.titles.arrays.out.copy()
    model.prequential(batch(("ann", "a")))
    assert model.titles.arrays.counts[0].tolist() == [1, 0, 1]
    assert np.array_equal(out, model.titles.arrays.out)
    assert model.viewers.viewers.known("ann") == [("a", True), ("b", True)]


def test_ring_holds_sixteen_ids(tiny: ModelConfig, batch: MakeBatch) -> None:
    """A duplicate is seen while it is among the viewer's last 16 events, and no longer."""
    rows = [("ann", f"t{n}") for n in range(RING + 1)]
    for late, touches in ((RING - 1, 0), (RING, 1)):
        model = Recommender(tiny)
        model.prequential(batch(*rows[: late + 1], first=1))
        again = batch(("ann", "t0"), first=1)
        model.prequential(again)
        assert model.titles.arrays.counts[0].tolist() == [1, 0, touches]


def test_observe_counts_duplicates(tiny: ModelConfig, batch: MakeBatch) -> None:
    """Repeated event ids are counted, become signals of nothing, and only theirs."""
    titles = TitleTable(tiny)
    side = ViewerSide(titles, Catalog(titles))
    once = batch(("ann", "a"), ("bob", "a"), ("ann", "b"), first=7)
    side.observe(side.feedback(once))
    signals, duplicates = side.observe(side.feedback(once))
    assert duplicates == 3
    assert signals.action.tolist() == [0, 0, 0]


def test_extreme_weights_stay_finite(tiny: ModelConfig, batch: MakeBatch) -> None:
    """A weight beyond all measure is capped, one that is no number counts nothing; rows can be packed."""
    model = Recommender(tiny)
    for weight in (1e38, float("inf"), float("nan"), 1e-45, 0.0):
        model.prequential(batch(("ann", f"t{weight}"), ("bob", f"t{weight}"), weight=weight))
    packed = model.titles.pack(np.arange(len(model.titles), dtype=np.int32))
    assert packed.fixed["watches"].max() == 200.0
    assert packed.fixed["watches"].min() == 0.0
