"""Tables of figures: what a scenario measures of each model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from online_models.evaluation.protocol import EvaluationProtocol
from online_models.evaluation.rate import Rate

__all__ = ["Figures", "ScenarioReport", "scenarios_over_seeds"]

Figures = dict[str, dict[str, Rate]]
"""A table: rows by name, figures by the name of their column."""


@dataclass(frozen=True, slots=True)
class ScenarioReport:
    """What a scenario measured.

    Attributes
    ----------
    scenario
        Its name.
    protocol
        The rules of its stream.
    facts
        Numbers that describe the scenario itself, such as the pairs made; of several seeds, the first one's.
    models
        The figures of every model.
    seeds
        Runs averaged.
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
