"""The console's page of experiments: state, results with always-valid bounds, evidence of a rollout."""

from collections.abc import Iterable
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from online_models.experiments.metrics import LOWER_IS_BETTER
from schemas.experiment_results import ExperimentResult, Lift, Verdict
from schemas.experiments import Experiment, Metric
from streams.config.settings import Settings
from streams.errors import StreamError
from streams.ops.decoded_rows import when
from streams.ops.experiments.admin import read_results
from streams.serve.api.routes import Ready
from streams.serve.web.rendering import console_page
from streams.stages.experiments.definitions import read_experiments

__all__ = ["router"]

CHART_LIMIT: Final = 0.5
"""Charts of bounds span -50 % to +50 %; bounds beyond end at the edge."""

router = APIRouter(prefix="/console/experiments", include_in_schema=False)


@router.get("")
def experiments(mirror: Ready) -> Response:
    """Show every experiment with its result."""
    try:
        with mirror.scan():
            cards, error = _cards(mirror.settings), None
    except StreamError as failed:
        cards, error = [], failed
    return console_page(
        "console_experiments.html", "/experiments", "Experiments", error=error, experiments=cards
    )


def _cards(settings: Settings) -> list[dict[str, Any]]:
    definitions, results = read_experiments(settings), read_results(settings)
    newest = sorted(definitions.values(), key=lambda one: -(one.decided_at_ms or one.starts_at_ms or 0))
    return [_card(one, results.get(one.experiment_id)) for one in newest]


def _card(one: Experiment, result: ExperimentResult | None) -> dict[str, Any]:
    """Return the template's values of an experiment."""
    return {
        "one": one,
        "result": result,
        "split_failed": result is not None and result.verdict is Verdict.SAMPLE_RATIO,
        "arms": result.arms if result else (),
        "lifts": _charted(result.lifts, one.metric) if result else [],
        "as_of": when(result.at_ms) if result else None,
    }


def _charted(lifts: Iterable[Lift], first: Metric) -> list[dict[str, Any]]:
    """Return lifts with the positions of their bounds in a chart 100 wide, the deciding metric first.

    Examples
    --------
    >>> lift = Lift(metric=Metric.COMPLETION, arm="new", relative=0.0, low=-0.25, high=2.0)
    >>> [(one["left"], one["middle"], one["width"]) for one in _charted([lift], Metric.COMPLETION)]
    [(25.0, 50.0, 75.0)]
    """
    out = []
    for one in sorted(lifts, key=lambda each: each.metric is not first):
        left, middle, right = (_position(value) for value in (one.low, one.relative, one.high))
        position = {"left": left, "middle": middle, "width": round(right - left, 1)}
        out.append({"lift": one, "tone": _tone(one), **position})
    return out


def _tone(one: Lift) -> str:
    """Return what the bounds show: `better`, `worse` or still `open`.

    Examples
    --------
    >>> _tone(Lift(metric=Metric.ABANDONMENT, arm="new", relative=-0.2, low=-0.3, high=-0.1))
    'better'
    """
    if one.low <= 0 <= one.high:
        return "open"
    return "better" if (one.low > 0) != (one.metric in LOWER_IS_BETTER) else "worse"


def _position(relative: float) -> float:
    return round(50 + 50 * max(-1.0, min(1.0, relative / CHART_LIMIT)), 1)
