"""Experiments for people and programs: what runs, what it came to, what was rolled out on what evidence.

Definitions and results are read from their two small topics when somebody asks.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from online_models.experiments.metrics import LOWER_IS_BETTER
from schemas.codec import encode
from schemas.experiment_results import ExperimentResult, Lift, Verdict
from schemas.experiments import Experiment, ExperimentState, Metric
from streams.config.settings import Settings
from streams.errors import StreamError
from streams.ops.decoded_rows import when
from streams.ops.experiments.admin import read_results
from streams.serve.api.description import answers
from streams.serve.api.lists import Experiments
from streams.serve.api.problems import Problem, ProblemKind
from streams.serve.api.routes import TEXT, Ready, made
from streams.serve.web.console import shown
from streams.stages.experiments.definitions import read_experiments

__all__ = ["api", "router"]

T = TypeVar("T")
ExperimentId = Annotated[str, Path(min_length=1, max_length=64, pattern=TEXT, description="The experiment.")]

BROADEST: Final = 0.5
"""Bounds are drawn from -50 % to +50 %; what is beyond ends at the edge."""

State = Annotated[ExperimentState | None, Query(description="Only those in this state.")]

router = APIRouter(prefix="/console/experiments", include_in_schema=False)
api = APIRouter(prefix="/v1/experiments", tags=["experiments"])


@api.get("", responses=answers("Experiments", kinds=(), status=200))
def every(mirror: Ready, state: State = None) -> Response:
    """Return every experiment as it is defined now, with its state and any winner that was rolled out."""
    known = sorted(_read(read_experiments, mirror.settings).items())
    found = tuple(one for _, one in known if state in (None, one.state))
    return made(encode(Experiments(experiments=found)), "derived")


@api.get("/{experiment_id:path}/results", responses=answers("ExperimentResult", kinds=(), status=200))
def results(experiment_id: ExperimentId, mirror: Ready) -> Response:
    """Return what an experiment came to so far: arms, lifts with always-valid bounds, the verdict."""
    found = _read(read_results, mirror.settings).get(experiment_id)
    if found is None:
        raise Problem(ProblemKind.NOT_FOUND, "nothing was counted of such an experiment (yet)")
    return made(encode(found), "derived")


def _read(topic: Callable[[Settings], T], settings: Settings) -> T:
    """Read a topic whole.

    Raises
    ------
    Problem
        It cannot be read.
    """
    try:
        return topic(settings)
    except StreamError:
        why = "the experiments' topics cannot be read: `nearline doctor` says why"
        raise Problem(ProblemKind.UNAVAILABLE, why, headers={"Retry-After": "5"}) from None


@router.get("")
def experiments(mirror: Ready) -> Response:
    """Show every experiment with its result."""
    values: dict[str, Any] = {"found": []}
    try:
        values["found"] = _found(mirror.settings)
    except StreamError as error:
        values["trouble"] = error
    return shown("console_experiments.html", "/experiments", "Experiments", **values)


def _found(settings: Settings) -> list[dict[str, Any]]:
    known, results = read_experiments(settings), read_results(settings)
    newest = sorted(known.values(), key=lambda one: -(one.decided_at_ms or one.starts_at_ms or 0))
    return [_card(one, results.get(one.experiment_id)) for one in newest]


def _card(one: Experiment, result: ExperimentResult | None) -> dict[str, Any]:
    """Return what the template says of an experiment."""
    return {
        "one": one,
        "result": result,
        "trouble": result is not None and result.verdict is Verdict.SAMPLE_RATIO,
        "arms": result.arms if result else (),
        "lifts": _drawn(result.lifts, one.metric) if result else [],
        "as_of": when(result.at_ms) if result else None,
    }


def _drawn(lifts: Iterable[Lift], first: Metric) -> list[dict[str, Any]]:
    """Return lifts with where their bounds lie in a drawing 100 wide, the deciding metric first.

    Examples
    --------
    >>> lift = Lift(metric=Metric.COMPLETION, arm="new", relative=0.0, low=-0.25, high=2.0)
    >>> [(one["left"], one["middle"], one["width"]) for one in _drawn([lift], Metric.COMPLETION)]
    [(25.0, 50.0, 75.0)]
    """
    out = []
    for one in sorted(lifts, key=lambda each: each.metric is not first):
        left, middle, right = (_place(value) for value in (one.low, one.relative, one.high))
        place = {"left": left, "middle": middle, "width": round(right - left, 1)}
        out.append({"lift": one, "tone": _tone(one), **place})
    return out


def _tone(one: Lift) -> str:
    """Say what the bounds show.

    Examples
    --------
    >>> _tone(Lift(metric=Metric.ABANDONMENT, arm="new", relative=-0.2, low=-0.3, high=-0.1))
    'better'
    """
    if one.low <= 0 <= one.high:
        return "open"
    return "better" if (one.low > 0) != (one.metric in LOWER_IS_BETTER) else "worse"


def _place(relative: float) -> float:
    return round(50 + 50 * max(-1.0, min(1.0, relative / BROADEST)), 1)
