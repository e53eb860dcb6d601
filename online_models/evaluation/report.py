"""What an evaluation yields: a report, ready for JSON and for pictures."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from online_models.evaluation.metrics import Metrics
from online_models.evaluation.model import Ranks
from online_models.evaluation.protocol import EvaluationProtocol

__all__ = ["CURVE_WINDOW", "Curve", "ModelResult", "Report"]

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
class ModelResult:
    """What one ranking achieved.

    Attributes
    ----------
    metrics
        Averages after the warm-up.
    curve
        The learning curve.
    every
        Only every so-manieth test was made (1: all).
    events_per_s
        Events ranked and learned per second by the model that made this ranking, all its rankings together;
        None without a clock.
    """

    metrics: Metrics
    curve: Curve
    every: int
    events_per_s: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures under the names of a report."""
        return {**self.metrics.to_dict(), "every": self.every, "events_per_s": self.events_per_s}


@dataclass(frozen=True, slots=True)
class Report:
    """A whole evaluation: the rules, the stream, and every ranking's result by name."""

    protocol: EvaluationProtocol
    events: int
    viewers: int
    titles: int
    models: dict[str, ModelResult]
    events_per_s: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON.

        Keys: ``protocol`` (the fields of `EvaluationProtocol`), ``events``, ``viewers``, ``titles`` (of the
        stream), ``events_per_s`` (of the stream through all models), and ``models.<name>`` with ``hr@10``,
        ``hr@10_se``, ``ndcg@10``, ``mrr``, ``by_history``, ``tested``, ``every``, ``events_per_s``.
        """
        return {
            "protocol": self.protocol.to_dict(),
            "events": self.events,
            "viewers": self.viewers,
            "titles": self.titles,
            "events_per_s": self.events_per_s,
            "models": {name: result.to_dict() for name, result in self.models.items()},
        }
