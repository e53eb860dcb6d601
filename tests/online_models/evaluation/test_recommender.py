"""The product's recommender under the test, on a world whose tastes are known to be learnable."""

import numpy as np
import pytest

from online_models.evaluation import EvaluationProtocol, Ratings, Report, evaluate, prepare
from online_models.evaluation.baselines import Popularity
from online_models.evaluation.recommender import RecommenderModel
from online_models.recommender import COLUMNS, Recommender
from online_models.simulation import World
from schemas.events import Stop


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    """Give what 80 simulated viewers watched, with the share watched as stars."""
    stops = [event for event in World(seed=6, viewers=80, titles=200).take(20_000) if isinstance(event, Stop)]
    return Ratings.from_columns(
        [stop.viewer_id for stop in stops],
        [stop.title_id for stop in stops],
        [5 * stop.watched_s / (stop.duration_s or 1) for stop in stops],
        [stop.event_time_ms for stop in stops],
    )


def run(ratings: Ratings, protocol: EvaluationProtocol, block_events: int = 2_000) -> Report:
    """Evaluate a fresh recommender beside popularity."""
    model = RecommenderModel(Recommender(seed=2), ratings.viewer_ids, ratings.title_ids, ["popularity"])
    models = {"nearline": model, "popularity": Popularity()}
    return evaluate(ratings, models, protocol, block_events=block_events)


@pytest.mark.parametrize("feedback", ["positives", "all"])
def test_a_personal_blend_beats_popularity_in_the_simulated_world(ratings: Ratings, feedback: str) -> None:
    """Tastes decide in that world: who learns them hits far more often than who counts."""
    report = run(ratings, EvaluationProtocol(min_rating=2.5, feedback=feedback))  # type: ignore[arg-type]
    rates = {name: result.metrics.hit_rate.value for name, result in report.models.items()}
    assert rates["blend"] > 1.4 * rates["popularity"]
    assert rates.keys() == {*COLUMNS}


def test_blocks_change_no_rank(ratings: Ratings) -> None:
    """Events handed over 50 at a time are ranked as those handed over 2,000 at a time."""
    protocol = EvaluationProtocol(min_rating=2.5, limit=500)
    few, many = (run(ratings, protocol, size).models["blend"].metrics for size in (50, 2_000))
    assert few == many


def test_every_test_gets_a_rank_and_nothing_else_does(ratings: Ratings) -> None:
    """The kernel tests what the protocol says: -1 elsewhere, infinity for titles that are new."""
    stream = prepare(ratings, EvaluationProtocol(min_rating=2.5, feedback="all", limit=1_500))
    model = RecommenderModel(Recommender(seed=2), ratings.viewer_ids, ratings.title_ids)
    ranks = model.rank_then_learn(stream.block(0, len(stream), stream.tested))
    assert np.array_equal(ranks[:, 0] >= 0, stream.tested)
    assert np.isinf(ranks[stream.tested & stream.new]).all()
