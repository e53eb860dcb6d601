"""The quality targets of the project, and the runs that measure them.

Published figures and peers under the same test on MovieLens-100K: popularity .086, ISGD .059, BPR .141-.146,
all-history cosine .150, EASE re-solved .152 (>= 4 stars, positives, raw order).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from online_models.evaluation.metrics import Rate
from online_models.evaluation.protocol import EvaluationProtocol
from online_models.evaluation.report import Report, ScenarioReport

__all__ = ["GOALS", "RUNS", "Goal", "GoalResult", "Result", "evaluate_goals"]

Result = Report | ScenarioReport

RUNS: Final[dict[str, tuple[str, EvaluationProtocol]]] = {
    "raw": ("stream", EvaluationProtocol()),
    "shuffled": ("stream", EvaluationProtocol(order="shuffled")),
    "all raw": ("stream", EvaluationProtocol(feedback="all")),
    "all shuffled": ("stream", EvaluationProtocol(feedback="all", order="shuffled")),
    "fives": ("stream", EvaluationProtocol(min_rating=5.0)),
    "cold-viewer": ("cold-viewer", EvaluationProtocol()),
    "taste-switch": ("taste-switch", EvaluationProtocol()),
    "dislikes": ("dislikes", EvaluationProtocol(feedback="all")),
    "cold-title": ("cold-title", EvaluationProtocol()),
}
"""The runs by name: a scenario and a protocol."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and its target.

    Attributes
    ----------
    name
        Name for people.
    run
        Name of the run.
    read
        Reads the figure from the result.
    target
        The bound, or a function that reads it from the result.
    at_most
        Whether the bound is an upper bound.
    """

    name: str
    run: str
    read: Callable[[Result], Rate]
    target: float | Callable[[Result], Rate]
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class GoalResult:
    """The figure and the target of a goal."""

    goal: Goal
    figure: Rate
    target: float

    @property
    def met(self) -> bool:
        """Whether the target is reached; a target read from the result must be exceeded."""
        if callable(self.goal.target):
            return self.figure.value > self.target
        return self.figure.value <= self.target if self.goal.at_most else self.figure.value >= self.target


def _hit_rate(result: Result) -> Rate:
    assert isinstance(result, Report)  # noqa: S101 - the table below pairs goals with their runs
    return result.models["blend"].metrics.hit_rate


def _figure(row: str, column: str, model: str = "blend") -> Callable[[Result], Rate]:
    def read(result: Result) -> Rate:
        assert isinstance(result, ScenarioReport)  # noqa: S101 - as above
        return result.models[model][row][column]

    return read


def _lost(result: Result) -> Rate:
    kept = _figure("learned", "kept")(result)
    return Rate(1 - kept.value, kept.error, kept.tested, kept.spread)


GOALS: Final = (
    Goal("HR@10, >= 4 stars, positives, raw", "raw", _hit_rate, 0.218),
    Goal("HR@10, >= 4 stars, positives, shuffled", "shuffled", _hit_rate, 0.157),
    Goal("HR@10, >= 4 stars, all feedback, raw", "all raw", _hit_rate, 0.262),
    Goal("HR@10, >= 4 stars, all feedback, shuffled", "all shuffled", _hit_rate, 0.180),
    Goal("HR@10, 5 stars, positives, raw", "fives", _hit_rate, 0.19),
    Goal("HR@10 of a viewer with one event", "cold-viewer", _figure("1", "hr@10"), 0.38),
    Goal(
        "taste switch, events 1-2: share of a fresh account's", "taste-switch", _figure("1-2", "share"), 0.8
    ),
    Goal(
        "taste switch, events 3-5: share of a fresh account's", "taste-switch", _figure("3-5", "share"), 1.0
    ),
    Goal("disliked in top 10 / liked in top 10", "dislikes", _figure("learned", "ratio"), 0.42, at_most=True),
    Goal("recall lost by learning dislikes", "dislikes", _lost, 0.02, at_most=True),
    Goal(
        "HR@10 on a new title's first ten events, above popularity's",
        "cold-title",
        _figure("0-9", "hr@10"),
        _figure("0-9", "hr@10", "popularity"),
    ),
    Goal(
        "HR@10 on a new title's very first event, above popularity's",
        "cold-title",
        _figure("0", "hr@10"),
        _figure("0", "hr@10", "popularity"),
    ),
)
"""The targets on MovieLens-100K."""


def evaluate_goals(results: Mapping[str, Result]) -> list[GoalResult]:
    """Read the figure and target of every goal from the results of the runs."""
    found = []
    for goal in GOALS:
        result = results[goal.run]
        target = goal.target(result).value if callable(goal.target) else goal.target
        found.append(GoalResult(goal, goal.read(result), target))
    return found
