"""How good are the lists? One pass over a stream: test on each event, then learn it.

A viewer watches a title. Before the model learns of it, it is asked: of **all** titles that the stream has
shown so far, minus those this viewer already has, where did you place this one? Then it learns, and the next
event comes. Nothing is held out, nothing trained beforehand, nothing sampled: the figures are those that a
live service would have seen.

Four rules keep the figures honest:

* a title that nobody has watched yet cannot be ranked, and counts as a miss;
* a rank is the number of strictly better candidates plus *half of the equal ones*, so that a model which
  gives every title one score wins nothing;
* a title that the viewer already has is no candidate, and watching it again is no test;
* the first fifth of the stream is learned but not averaged.

`EvaluationProtocol` holds the rules, `Ratings` the stream's material, `PrequentialModel` what a model must
offer, `evaluate` runs them and returns a `Report`. `scenarios` makes situations out of a stream in which
recommenders fail (a strange viewer, a new title, a change of taste, dislikes), `goals` the project's targets.
Every figure is a `Rate`, with its standard error over events and its spread over seeds. Two switches change
every model's figures, so a report always names them: `feedback` (are low ratings dropped, or kept as titles
the viewer knows?) and `order` (raw, or shuffled within sessions: people rate pages of titles that a site laid
side by side, which flatters models of short memory).

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
