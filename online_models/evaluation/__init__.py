"""Prequential evaluation: one pass over a stream; each event is first a test, then learned.

For each event the model ranks the watched title among **all** titles that the stream has had so far, minus
the titles of the viewer. Then it learns the event. There is no hold-out set, no training in advance and no
sampling of candidates: the figures are those of a live service.

The rules:

* a title without earlier events cannot be ranked and counts as a miss;
* a rank is the number of candidates with a strictly better score plus *half of those with an equal score*, so
  that a constant score gains nothing;
* a title that the viewer already has is no candidate, and watching it again is no test;
* the first fifth of the stream is learned but not averaged.

The modules:

* `ratings`: the input, rated titles as columns.
* `protocol`: the rules, and the stream that they make of ratings.
* `model`: the interface of an evaluated model.
* `evaluator`: the loop. `report`: its results. `metrics`: hit rate, NDCG and MRR with their errors.
* `scenarios`: hard situations made of a stream: cold-start viewers, new titles, a change of taste, dislikes.
* `goals`: the quality targets of the project.
* `recommender`: the product's recommender as an evaluated model. `baselines`: models to compare with.

Every figure is a `Rate`, with its standard error over events and its spread over seeds. A report names the
two switches that change all figures: `feedback` (low ratings are dropped, or kept as titles that the viewer
knows) and `order` (raw, or shuffled within sessions: people rate pages of titles in the order of the site,
which favours models of short memory).

>>> from online_models.evaluation.baselines import Popularity
>>> from online_models.evaluation import EvaluationProtocol, Ratings, evaluate
>>> ratings = Ratings.from_columns("abcabc", "xxxyyz", [5, 4, 5, 5, 5, 2], range(6))
>>> report = evaluate(ratings, {"popularity": Popularity()}, EvaluationProtocol(warm_up=0))
>>> report.models["popularity"].metrics.tested
2
"""

from online_models.evaluation.evaluator import evaluate
from online_models.evaluation.metrics import HISTORY_BUCKETS, RankingMetrics, Rate, measure
from online_models.evaluation.model import BlendedModel, PrequentialModel, Ranks
from online_models.evaluation.protocol import Block, EvaluationProtocol, Stream, prepare
from online_models.evaluation.ratings import Ratings
from online_models.evaluation.report import (
    Curve,
    Figures,
    ModelResult,
    Report,
    ScenarioReport,
    Weights,
    over_seeds,
    scenarios_over_seeds,
)
from online_models.evaluation.scenarios import SCENARIOS, ModelFactory

__all__ = [
    "HISTORY_BUCKETS",
    "SCENARIOS",
    "BlendedModel",
    "Block",
    "Curve",
    "EvaluationProtocol",
    "Figures",
    "ModelFactory",
    "ModelResult",
    "PrequentialModel",
    "RankingMetrics",
    "Ranks",
    "Rate",
    "Ratings",
    "Report",
    "ScenarioReport",
    "Stream",
    "Weights",
    "evaluate",
    "measure",
    "over_seeds",
    "prepare",
    "scenarios_over_seeds",
]
