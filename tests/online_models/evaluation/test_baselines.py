"""The baselines: each against a slow and obvious version of itself."""

import re
import warnings

import numpy as np
import pytest
from river import reco

from online_models.errors import CapacityError, UnknownRankerError
from online_models.evaluation import EvaluationProtocol, Ratings, evaluate, prepare
from online_models.evaluation.baselines import (
    BASELINES,
    EASE,
    Cosine,
    IncrementalSGD,
    Popularity,
    RiverRanker,
    baseline,
    item_item,
    ranker_by_name,
)
from online_models.evaluation.baselines.factorization import bpr_step


def stream(seed: int = 5, events: int = 400, viewers: int = 12, titles: int = 30) -> Ratings:
    """Draw a skewed random stream with repeats."""
    rng = np.random.default_rng(seed)
    who = rng.integers(viewers, size=events)
    what = np.minimum(rng.geometric(0.1, events), titles)
    stars = rng.integers(1, 6, size=events).astype(float)
    return Ratings.from_columns(
        [f"v{v}" for v in who], [f"t{t}" for t in what], stars, np.arange(events) * 1000
    )


def plain_ranks(ratings: Ratings, protocol: EvaluationProtocol, half_life: float) -> list[float]:
    """Rank by decayed counts with sets and dictionaries, one event at a time."""
    prepared = prepare(ratings, protocol)
    known: dict[int, set[int]] = {}
    watched: list[tuple[int, int]] = []
    met: set[int] = set()
    ranks = []
    events = prepared.events
    for place, (viewer, title) in enumerate(
        zip(events.viewers.tolist(), events.titles.tolist(), strict=True)
    ):
        scores = dict.fromkeys(met, 0.0)
        for when, earlier in watched:
            scores[earlier] += 2.0 ** (-(place - when) / half_life)
        if prepared.tested[place] and title in met:
            mine = scores[title]
            others = [scores[j] for j in met - known.get(viewer, set()) - {title}]
            better = sum(score > mine * (1 + 1e-12) for score in others)
            ranks.append(better + 0.5 * sum(score == pytest.approx(mine, rel=1e-12) for score in others))
        if prepared.rewards[place] > 0:
            watched.append((place, title))
        met.add(title)
        known.setdefault(viewer, set()).add(title)
    return ranks


@pytest.mark.parametrize("half_life", [None, 40.0])
@pytest.mark.parametrize("feedback", ["positives", "all"])
def test_popularity_ranks_as_the_plain_version_does(half_life: float | None, feedback: str) -> None:
    """The kernel and twenty lines of dictionaries agree on every rank."""
    protocol = EvaluationProtocol(min_rating=3, feedback=feedback)  # type: ignore[arg-type]
    prepared = prepare(stream(), protocol)
    ranks = Popularity(half_life).rank_then_learn(prepared.block(0, len(prepared), prepared.tested))[:, 0]
    expected = plain_ranks(stream(), protocol, half_life or 1e18)
    assert ranks[prepared.tested & ~prepared.new].tolist() == expected
    assert np.isinf(ranks[~prepared.tested]).all()


def test_decay_forgets_old_favourites() -> None:
    """A title of long ago stands below a fresh one when counts decay, and above it when they do not."""
    who = [f"v{i}" for i in range(60)] + ["late", "late"]
    what = ["old"] * 40 + ["new"] * 20 + ["other", "new"]
    ratings = Ratings.from_columns(who, what, [5] * 62, range(62))
    prepared = prepare(ratings, EvaluationProtocol())
    block = prepared.block(0, len(prepared), prepared.tested)
    assert Popularity().rank_then_learn(block)[-1, 0] == 1
    assert Popularity(10).rank_then_learn(block)[-1, 0] == 0


def test_the_growing_gain_is_rescaled_before_it_overflows() -> None:
    """A half-life of a hundredth of an event would reach 2 ** 40,000; ranks stay right."""
    prepared = prepare(stream(), EvaluationProtocol(min_rating=1))
    ranks = Popularity(0.01).rank_then_learn(prepared.block(0, 400, prepared.tested))[prepared.tested, 0]
    assert np.isfinite(ranks[~prepared.new[prepared.tested]]).all()


def test_a_half_life_is_positive() -> None:
    """Zero would divide, and a negative one would grow."""
    with pytest.raises(ValueError, match="positive"):
        Popularity(0)


def cliques() -> Ratings:
    """Make two groups of viewers, each watching twelve of its own twenty titles."""
    rng = np.random.default_rng(1)
    rows = []
    for viewer in range(120):
        own = rng.permutation(20)[:12] + 20 * (viewer % 2)
        rows += [(f"v{viewer}", f"t{title}", when) for when, title in enumerate(own)]
    rows.sort(key=lambda row: row[2])
    return Ratings.from_columns([r[0] for r in rows], [r[1] for r in rows], [5] * len(rows), range(len(rows)))


def test_isgd_learns_a_taste_that_popularity_cannot_know() -> None:
    """Where two groups share no title, a personal model beats the count of all."""
    report = evaluate(
        cliques(), {"isgd": IncrementalSGD(factors=8, learning_rate=0.1), "popularity": Popularity()}
    )
    rates = {name: result.metrics.hit_rate.value for name, result in report.models.items()}
    assert rates["isgd"] > rates["popularity"] + 0.05


RIVER = "river.reco.FunkMF(n_factors=3, optimizer=river.optim.SGD(0.005))"


@pytest.mark.parametrize("name", [*BASELINES, RIVER])
def test_a_seed_gives_one_result_whatever_the_blocks(name: str) -> None:
    """Two models of one seed agree to the last digit: events are learned one by one."""
    protocol = EvaluationProtocol(feedback="all")
    results = [
        evaluate(stream(), {"m": baseline(name, seed=3, every=2)}, protocol, block_events=size)
        for size in (13, 500)
    ]
    assert results[0].models["m"].metrics == results[1].models["m"].metrics


@pytest.mark.parametrize("name", [*BASELINES, RIVER])
@pytest.mark.parametrize("feedback", ["positives", "all"])
def test_ranks_lie_among_the_candidates(name: str, feedback: str) -> None:
    """From 0 to the number of candidates, infinite for a title never met; a question teaches nothing."""
    prepared = prepare(stream(), EvaluationProtocol(feedback=feedback))  # type: ignore[arg-type]
    ranks = baseline(name, every=1).rank_then_learn(prepared.block(0, len(prepared), prepared.tested))[:, 0]
    met: set[int] = set()
    known: dict[int, set[int]] = {}
    pairs = zip(prepared.events.viewers.tolist(), prepared.events.titles.tolist(), strict=True)
    for place, (viewer, title) in enumerate(pairs):
        if prepared.tested[place]:
            candidates = len(met - known.get(viewer, set()))
            assert np.isinf(ranks[place]) if title not in met else 0 <= ranks[place] <= candidates - 1
        met.add(title)
        known.setdefault(viewer, set()).add(title)
    alone = prepared.tested & (np.arange(len(prepared)) % 3 == 0)
    if name != "chance":
        again = baseline(name, every=1).rank_then_learn(prepared.block(0, len(prepared), alone))[:, 0]
        assert np.array_equal(again[alone], ranks[alone])


def test_cosine_by_hand() -> None:
    """A pair with a title of one fan weighs more than with one of two: z, then y, then w."""
    who = ["a", "a", "b", "c", "c", "d", "e", "e"]
    what = ["x", "y", "y", "x2", "z", "w", "x", "x2"]
    # e likes x and x2, then one of three is asked for: y = C_xy / sqrt(n_x n_y) = 1 / sqrt(2 * 2) = .5,
    # z = C_x2z / sqrt(n_x2 n_z) = 1 / sqrt(2 * 1) = .71, w = 0
    for title, place in (("z", 0), ("y", 1), ("w", 2)):
        ratings = Ratings.from_columns([*who, "e"], [*what, title], [5] * 9, range(9))
        prepared = prepare(ratings, EvaluationProtocol())
        assert Cosine().rank_then_learn(prepared.block(0, 9, prepared.tested))[-1, 0] == place


def test_ease_by_hand() -> None:
    """G = [[2, 1], [1, 2]], penalty 1: P = [[3, -1], [-1, 3]] / 8, so B = 1/3 off the diagonal."""
    ratings = Ratings.from_columns("aabcd", "xyxyx", [5] * 5, range(5))
    model = EASE(penalty=1.0, solve_every=4)
    prepared = prepare(ratings, EvaluationProtocol())
    model.rank_then_learn(prepared.block(0, 5, prepared.tested))
    assert model._weights[:2, :2] == pytest.approx(np.array([[0, 1 / 3], [1 / 3, 0]]))


def test_ease_agrees_with_the_plain_formula() -> None:
    """Solved after 300 events, the ranks of the next 50 are those of the closed form on the whole matrix."""
    prepared = prepare(stream(events=350), EvaluationProtocol(min_rating=1))
    events = prepared.events
    ranks = EASE(10.0, 300).rank_then_learn(prepared.block(0, 350, prepared.tested))[:, 0]
    liked = np.zeros((len(events.viewer_ids), len(events.title_ids)))
    liked[events.viewers[:300], events.titles[:300]] = 1
    inverse = np.linalg.inv(liked.T @ liked + 10.0 * np.eye(liked.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    known = liked > 0
    for place in range(300, 350):
        viewer, title = events.viewers[place], events.titles[place]
        if prepared.tested[place] and not prepared.new[place]:
            scores = known[viewer] @ weights
            better = (scores > scores[title] + 1e-6) & ~known[viewer]
            assert ranks[place] == pytest.approx(better.sum(), abs=0.5)
        known[viewer, title] = True


def test_bpr_by_hand() -> None:
    """At margin 0 a step of .5 moves the biases by .25, and vectors by .25 times the taste."""
    vectors, biases = np.zeros((2, 1)), np.zeros(2)
    taste = np.array([2.0])
    bpr_step(taste, vectors, biases, 0, 1, 0.5, 0.0)
    assert biases.tolist() == [0.25, -0.25]
    assert vectors[:, 0].tolist() == [0.5, -0.5]  # .5 * sigmoid(0) * 2
    assert taste.tolist() == [2.0]  # both vectors were alike
    bpr_step(taste, vectors, biases, 0, 1, 0.5, 0.1)
    pull = 1 / (1 + np.exp(0.5 + 2.0))
    assert taste[0] == pytest.approx(2 + 0.5 * (pull * 1.0 - 0.1 * 2))
    assert biases[0] == pytest.approx(0.25 + 0.5 * (pull - 0.1 * 0.25))


def test_personal_models_beat_popularity_where_tastes_differ() -> None:
    """Two groups that share no title: whoever looks at the viewer wins."""
    models = {name: baseline(name) for name in ("bpr", "cosine", "ease", "popularity")}
    models["ease"] = EASE(solve_every=200)
    rates = {name: m.metrics.hit_rate.value for name, m in evaluate(cliques(), models).models.items()}
    assert min(rates["bpr"], rates["cosine"], rates["ease"]) > rates["popularity"] + 0.1


def test_a_matrix_has_room_for_so_many_titles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it a clear error comes before the memory runs out."""
    monkeypatch.setattr(item_item, "MOST_TITLES", 5)
    with pytest.raises(CapacityError, match="takes 5 titles at most"):
        evaluate(stream(), {"cosine": Cosine()})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("oracle", "there is no baseline oracle"),
        ("river.reco.Nothing", "river.reco.Nothing cannot be imported"),
        ("no.such.module.Thing", "no.such.module.Thing cannot be imported"),
        ("river.optim.SGD", "is no subclass of river.reco.base.Ranker"),
        ("os.system('true')", "is no subclass of river.reco.base.Ranker"),
        ("river.reco.FunkMF(n_factors=__import__('os'))", "__import__ cannot be imported"),
        ("river.reco.FunkMF(optimizer=subprocess.Popen('true'))", "is no class of river"),
        ("river.reco.FunkMF(factors=3)", "cannot be built"),
        ("river.reco.FunkMF(n_factors=x)", "is neither a literal"),
        ("river.reco.FunkMF(**{})", "each argument by name"),
        ("river.reco.(", "is not written as"),
        ("(1).x", "is no dotted name"),
    ],
)
def test_names_that_are_no_rankers_are_refused(text: str, says: str) -> None:
    """Only rankers and classes of River or of this package are called; the message names anything else."""
    with pytest.raises(UnknownRankerError, match=re.escape(says)):
        baseline(text)


def test_rankers_of_ours_take_the_test_by_name_too() -> None:
    """Any subclass of River's Ranker does, with its arguments and the run's seed."""
    config = "online_models.config.CoWatchConfig(window=7)"
    model = ranker_by_name(f"online_models.river.CoWatch({config}, title_capacity=50)", seed=4)
    assert (model.config.window, model.title_capacity, model.seed) == (7, 50, 4)
    assert ranker_by_name("river.reco.BiasedMF(seed=9)", seed=4).seed == 9


def test_river_ranks_all_that_was_met_and_learns_every_event() -> None:
    """BiasedMF predicts tested events only, and learns all."""
    model = reco.BiasedMF(seed=1)
    report = evaluate(stream(), {"river": RiverRanker(model, every=4)}, EvaluationProtocol(min_rating=1))
    every = (
        evaluate(stream(), {"p": Popularity()}, EvaluationProtocol(min_rating=1)).models["p"].metrics.tested
    )
    assert report.models["river"].metrics.tested == pytest.approx(every / 4, abs=2)
    assert model.global_mean.n == 400


def test_a_model_that_diverges_hits_nothing() -> None:
    """Predictions of NaN are misses: FunkMF with a step far too long must not stand at the top."""

    class Diverged(reco.BiasedMF):
        def predict_one(self, user: object, item: object, x: dict[str, object] | None = None) -> float:
            """Predict nothing at all."""
            return float("nan") + 0 * hash((user, item, x is None))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = evaluate(stream(), {"nan": RiverRanker(Diverged(seed=1), every=1)})
    assert report.models["nan"].metrics.hit_rate.value == 0


def test_every_is_at_least_one() -> None:
    """Testing every zeroth event means nothing."""
    with pytest.raises(ValueError, match="at least 1"):
        RiverRanker(reco.BiasedMF(), every=0)
