"""The prequential test: its figures, and what it refuses."""

import itertools

import numpy as np
import pytest

from online_models.evaluation import (
    Block,
    EvaluationProtocol,
    Ranks,
    Rate,
    Ratings,
    evaluate,
    measure,
    over_seeds,
)
from online_models.evaluation.baselines import Chance, Popularity
from tests.online_models.evaluation.prequential import uniform


class Fixed:
    """A model that gives every tested event the same rank, and remembers what it was shown."""

    every = 1

    def __init__(self, *ranks: float, columns: tuple[str, ...] = ("",)) -> None:
        self.columns = columns
        self.blocks: list[Block] = []
        self._ranks = ranks

    def rank_then_learn(self, block: Block) -> Ranks:
        """Answer with the fixed ranks."""
        self.blocks.append(block)
        return np.tile(np.array(self._ranks), (len(block), 1))


class Level:
    """A model that scores every title alike."""

    every = 1
    columns = ("",)

    def __init__(self) -> None:
        self._met: set[int] = set()
        self._known: dict[int, set[int]] = {}

    def rank_then_learn(self, block: Block) -> Ranks:
        """Rank half-way down the candidates: all but the target are level with it."""
        ranks = []
        for viewer, title in zip(block.viewers.tolist(), block.titles.tolist(), strict=True):
            known = self._known.setdefault(viewer, set())
            ranks.append((len(self._met - known) - 1) / 2 if title in self._met else np.inf)
            known.add(title)
            self._met.add(title)
        return np.array(ranks)[:, None]


def test_metrics_by_hand() -> None:
    """Ranks 0, 1, 10 and a miss: HR 2/4, NDCG (1 + 1/log2 3)/4, MRR (1 + 1/2 + 1/11)/4."""
    measured = measure(np.array([0, 1, 10, np.inf]), np.array([1, 2, 3, 64], np.int32))
    assert measured.hit_rate == Rate(0.5, 0.25, 4)
    assert measured.ndcg.value == pytest.approx((1 + 1 / np.log2(3)) / 4)
    assert measured.mrr.value == pytest.approx((1 + 1 / 2 + 1 / 11) / 4)
    rates = {name: (rate.value, rate.tested) for name, rate in measured.by_history.items()}
    assert rates == {"1": (1.0, 1), "2-3": (0.5, 2), "64+": (0.0, 1)}


def test_nothing_tested_is_nothing_claimed() -> None:
    """An empty average is null in a report, not 0 and not NaN."""
    report = evaluate(
        Ratings.from_columns("ab", "xy", [5, 5], [1, 2]), {"popularity": Popularity()}
    ).to_dict()
    assert report["models"]["popularity"]["hr@10"] is None
    assert report["models"]["popularity"]["tested"] == 0


def test_the_warm_up_is_learned_but_not_averaged() -> None:
    """Of ten events the first two are learned and unaveraged: eight tests are left."""
    ratings = Ratings.from_columns("a" * 10, "abcdefghij", [5] * 10, range(10))
    model = Fixed(0)
    report = evaluate(ratings, {"fixed": model}, EvaluationProtocol(warm_up=0.2))
    assert report.models["fixed"].metrics.tested == 8
    assert sum(len(block) for block in model.blocks) == 10


def test_a_title_new_to_the_stream_is_a_miss_whatever_the_model_says() -> None:
    """A rank of 0 for a title that nobody has watched yet earns nothing."""
    ratings = Ratings.from_columns("a" * 10, "abcdefghij", [5] * 10, range(10))
    assert evaluate(ratings, {"fixed": Fixed(0)}).models["fixed"].metrics.hit_rate.value == 0


def test_a_model_that_scores_every_title_alike_wins_nothing() -> None:
    """Ties count half: a constant stands in the middle of its 81 to 100 candidates, never in the top 10."""
    report = evaluate(uniform(200, 100, 20), {"level": Level()})
    assert report.models["level"].metrics.hit_rate.value == 0
    assert report.models["level"].metrics.mrr.value == pytest.approx(2 / 91, rel=0.05)


def test_chance_scores_ten_over_the_number_of_candidates() -> None:
    """A random order of 81 to 96 candidates (89 on average after the warm-up) hits 10 / 89 of the time."""
    metrics = evaluate(uniform(200, 100, 20), {"chance": Chance()}).models["chance"].metrics
    assert metrics.hit_rate.value == pytest.approx(10 / 89, abs=3 * metrics.hit_rate.error)


def test_the_size_of_blocks_changes_nothing() -> None:
    """Handing over one event at a time gives the figures of handing over all at once."""
    ratings = uniform(20, 50, 10)
    reports = [
        evaluate(ratings, {"popularity": Popularity(50)}, block_events=size).models["popularity"].metrics
        for size in (1, 7, 1000)
    ]
    assert reports[0] == reports[1] == reports[2]


def test_columns_become_models_and_may_not_collide() -> None:
    """A model with two rankings reports both by name; a name taken twice is refused."""
    ratings = uniform(5, 20, 5)
    report = evaluate(ratings, {"two": Fixed(0, 50, columns=("blend", "cowatch"))})
    assert list(report.models) == ["blend", "cowatch"]
    assert report.models["cowatch"].metrics.hit_rate.value == 0
    with pytest.raises(ValueError, match="blend"):
        evaluate(ratings, {"blend": Fixed(0), "other": Fixed(0, columns=("blend",))})


@pytest.mark.parametrize("rank", [-1.0, np.nan])
def test_a_tested_event_without_a_rank_is_refused(rank: float) -> None:
    """A model that skips a test, or diverges to NaN, must not be averaged as a hit."""
    with pytest.raises(ValueError, match="is a test"):
        evaluate(uniform(5, 20, 5), {"fixed": Fixed(rank)})


def test_a_slow_model_is_tested_on_every_third_event_with_its_error() -> None:
    """Fewer tests, all events learned, and the standard error of the smaller number."""
    model = Fixed(0)
    model.every = 3
    ratings = uniform(10, 40, 12)
    full, third = (evaluate(ratings, {"m": m}).models["m"] for m in (Fixed(0), model))
    assert third.metrics.tested == pytest.approx(full.metrics.tested / 3, abs=1)
    assert third.to_dict()["every"] == 3
    assert sum(len(block) for block in model.blocks) == 120


def test_speed_and_progress_are_reported() -> None:
    """The clock is the caller's; progress ends at the last event."""
    ticks = itertools.count()
    calls: list[tuple[str, int, int]] = []
    report = evaluate(
        uniform(5, 20, 5),
        {"fixed": Fixed(0)},
        clock=lambda: float(next(ticks)),
        progress=lambda *args: calls.append(args),
        block_events=10,
    )
    assert report.events_per_s == 25
    assert report.models["fixed"].events_per_s == 25
    assert calls == [("fixed", 10, 25), ("fixed", 20, 25), ("fixed", 25, 25)]


def test_the_curve_moves_along_the_stream() -> None:
    """Every point of the learning curve is a mean of hits, at a rising position, the last at the end."""
    curve = evaluate(uniform(30, 60, 10), {"popularity": Popularity()}).models["popularity"].curve
    assert np.all(np.diff(curve.events) > 0)
    assert np.all((curve.hit_rate >= 0) & (curve.hit_rate <= 1))
    assert curve.events[-1] == 299


def test_an_empty_stream_is_evaluated_to_nothing() -> None:
    """No events, no figures, no error."""
    report = evaluate(Ratings.from_columns([], [], [], []), {"popularity": Popularity(), "chance": Chance()})
    assert report.events == 0
    assert report.models["chance"].metrics.tested == 0


class Trusting(Fixed):
    """A model that tells how much it trusts two experts: more of the first after each block."""

    def blend_weights(self) -> dict[str, np.ndarray]:
        """Return the number of blocks seen in two contexts, and a constant."""
        seen = float(len(self.blocks))
        return {"first": np.array([seen, 10 * seen]), "second": np.array([0.5, 0.5])}


def test_weights_are_looked_at_after_every_block() -> None:
    """A blend's weights by event and context; a model that tells none leaves none."""
    report = evaluate(uniform(5, 20, 5), {"m": Trusting(0)}, block_events=10)
    assert report.weights is not None
    assert report.weights.events.tolist() == [10, 20, 25]
    assert report.weights.by_expert["first"].tolist() == [[1, 10], [2, 20], [3, 30]]
    assert report.to_dict()["weights"]["by_expert"]["second"] == [[0.5, 0.5]] * 3
    assert evaluate(uniform(5, 20, 5), {"m": Fixed(0)}).to_dict()["weights"] is None


def test_figures_of_several_seeds_are_averaged_with_their_spread() -> None:
    """Two runs that hit always and never: .5, a spread of root .5, the error of a single run."""
    ratings = uniform(5, 20, 5)
    reports = [evaluate(ratings, {"m": Fixed(rank)}) for rank in (0, 50)]
    pooled = over_seeds(reports)
    rate = pooled.models["m"].metrics.hit_rate
    assert (rate.value, rate.error, rate.spread) == (
        pytest.approx(reports[0].models["m"].metrics.hit_rate.value / 2),
        pytest.approx(reports[0].models["m"].metrics.hit_rate.error / 2),
        pytest.approx(reports[0].models["m"].metrics.hit_rate.value * 0.5**0.5),
    )
    assert pooled.seeds == 2
    assert pooled.to_dict()["models"]["m"]["hr@10_spread"] == rate.spread
    assert over_seeds(reports[:1]) == reports[0]


def test_a_ratio_of_paired_events_knows_what_both_share() -> None:
    """A ratio of 1 of equal columns has no error; of independent ones it has."""
    hit = np.array([1.0, 0.0, 1.0, 0.0])
    assert Rate.paired(hit, hit) == Rate(1.0, 0.0, 4)
    assert Rate.paired(hit, hit[::-1]).error == pytest.approx(1.0)
    assert np.isnan(Rate.paired(hit, np.zeros(4)).value)
    assert np.isnan(Rate.mean(np.zeros(0)).value)
