"""The baselines: each against a slow and obvious version of itself."""

import warnings

import numpy as np
import pytest
from river import reco

from online_models.baselines import Chance, IncrementalSGD, Popularity, RiverRanker
from online_models.evaluation import EvaluationProtocol, PrequentialModel, Ratings, evaluate, prepare


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
    assert report.models["isgd"].metrics.hit_rate > report.models["popularity"].metrics.hit_rate + 0.05


@pytest.mark.parametrize("model", [IncrementalSGD, Chance])
def test_a_seed_gives_one_result(model: type[PrequentialModel]) -> None:
    """Two models of one seed agree to the last digit, whatever the blocks."""
    results = [
        evaluate(stream(), {"m": model()}, block_events=size).models["m"].metrics for size in (13, 500)
    ]
    assert results[0] == results[1]


def test_river_ranks_all_that_was_met_and_learns_every_event() -> None:
    """BiasedMF is asked for tested events alone, but told of all."""
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
    assert report.models["nan"].metrics.hit_rate == 0


def test_every_is_at_least_one() -> None:
    """Testing every zeroth event means nothing."""
    with pytest.raises(ValueError, match="at least 1"):
        RiverRanker(reco.BiasedMF(), every=0)
