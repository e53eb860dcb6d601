"""Reports of evaluations and of scenarios, ready for JSON and charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from online_models.evaluation.metrics import RankingMetrics, Rate
from online_models.evaluation.model import Ranks
from online_models.evaluation.protocol import EvaluationProtocol

__all__ = [
    "CURVE_WINDOW",
    "Curve",
    "Figures",
    "ModelResult",
    "Report",
    "ScenarioReport",
    "Weights",
    "over_seeds",
    "scenarios_over_seeds",
]


CURVE_WINDOW = 5_000
"""Tests in the moving average: the usual plot of the field (Vinagre et al.)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Moving HR@10 along the stream, warm-up included.

    Attributes
    ----------
    events
        Position in the stream, shape ``(points,)``.
    hit_rate
        HR@10 over the `CURVE_WINDOW` tests that end there, shape ``(points,)``.
    """

    events: npt.NDArray[np.int64]
    hit_rate: Ranks


@dataclass(frozen=True, slots=True)
class Weights:
    """A blend's weights along the stream.

    Attributes
    ----------
    events
        Position in the stream, shape ``(points,)``.
    by_expert
        The weights of each expert, shape ``(points, contexts)``.
    """

    events: npt.NDArray[np.int64]
    by_expert: dict[str, Ranks]

    def to_dict(self) -> dict[str, Any]:
        """Return the weights as plain values."""
        by_expert = {name: weights.tolist() for name, weights in self.by_expert.items()}
        return {"events": self.events.tolist(), "by_expert": by_expert}


@dataclass(frozen=True, slots=True)
class ModelResult:
    """The result of one ranking.

    Attributes
    ----------
    metrics
        Averages after the warm-up.
    curve
        The learning curve; of several seeds, the first one's.
    every
        Every n-th test was made (1: all).
    events_per_s
        Events ranked and learned per second by the model that made this ranking, all its rankings together;
        None without a clock.
    """

    metrics: RankingMetrics
    curve: Curve
    every: int
    events_per_s: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures under the names of a report."""
        return {**self.metrics.to_dict(), "every": self.every, "events_per_s": self.events_per_s}


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation: the rules, the stream, and the result of each ranking by name.

    Attributes
    ----------
    weights
        Weights of a model that blends; None if no model reports them.
    seeds
        Number of averaged runs; the seeds count up from the protocol's.
    """

    protocol: EvaluationProtocol
    events: int
    viewers: int
    titles: int
    models: dict[str, ModelResult]
    events_per_s: float | None
    weights: Weights | None = None
    seeds: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON.

        Keys: ``protocol`` (the fields of `EvaluationProtocol`), ``seeds``, ``events``, ``viewers`` and
        ``titles`` (of the stream), ``events_per_s`` (of the stream through all models), ``weights``
        (``events`` and ``by_expert``, or null), and ``models.<name>`` with ``hr@10``, ``ndcg@10``, ``mrr``,
        each with ``_se`` (standard error over events) and ``_spread`` (standard deviation over seeds, or
        null), ``by_history`` (the same for HR@10 in each bucket), ``tested``, ``every``, ``events_per_s``.
        """
        return {
            "protocol": self.protocol.to_dict(),
            "seeds": self.seeds,
            "events": self.events,
            "viewers": self.viewers,
            "titles": self.titles,
            "events_per_s": self.events_per_s,
            "models": {name: result.to_dict() for name, result in self.models.items()},
            "weights": self.weights.to_dict() if self.weights else None,
        }


def over_seeds(reports: Sequence[Report]) -> Report:
    """Average the reports of one evaluation under several seeds; keep curves and weights of the first."""
    first = reports[0]
    models = {
        name: replace(
            result, metrics=RankingMetrics.pooled([report.models[name].metrics for report in reports])
        )
        for name, result in first.models.items()
    }
    return replace(first, models=models, seeds=len(reports))


Figures = dict[str, dict[str, Rate]]
"""A table: figures by row name and column name."""


@dataclass(frozen=True, slots=True)
class ScenarioReport:
    """The result of a scenario.

    Attributes
    ----------
    scenario
        Its name.
    protocol
        The rules of its stream.
    facts
        Numbers that describe the scenario, such as the number of pairs; for several seeds, those of the
        first.
    models
        The figures of every model.
    seeds
        Number of averaged runs.
    """

    scenario: str
    protocol: EvaluationProtocol
    facts: Mapping[str, float]
    models: dict[str, Figures]
    seeds: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON.

        Keys: ``scenario``, ``protocol``, ``seeds``, ``facts``, and ``models.<name>.<row>.<column>``, each
        with ``_se`` and ``_spread`` as in `Report.to_dict`, and ``<column>_tested``.
        """
        models = {
            name: {row: _flat(columns) for row, columns in figures.items()}
            for name, figures in self.models.items()
        }
        return {
            "scenario": self.scenario,
            "protocol": self.protocol.to_dict(),
            "seeds": self.seeds,
            "facts": dict(self.facts),
            "models": models,
        }


def scenarios_over_seeds(reports: Sequence[ScenarioReport]) -> ScenarioReport:
    """Average the reports of one scenario under several seeds, figure by figure (`Rate.pooled`)."""
    first = reports[0]
    models = {
        name: {
            row: {
                column: Rate.pooled([report.models[name][row][column] for report in reports])
                for column in columns
            }
            for row, columns in figures.items()
        }
        for name, figures in first.models.items()
    }
    return replace(first, models=models, seeds=len(reports))


def _flat(columns: Mapping[str, Rate]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, rate in columns.items():
        flat |= rate.to_dict(name) | {f"{name}_tested": rate.tested}
    return flat
