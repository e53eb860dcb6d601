"""Experiments for programs: definitions and results, read from their topics on request."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from schemas.codec import encode
from schemas.experiments import ExperimentState
from streams.config.settings import Settings
from streams.errors import StreamError
from streams.ops.experiments.admin import read_results
from streams.serve.api.description import answers
from streams.serve.api.lists import Experiments
from streams.serve.api.routes import TEXT, Ready, made
from streams.serve.mirror.mirror import Mirror
from streams.serve.problems import Problem, ProblemKind
from streams.stages.experiments.definitions import read_experiments

__all__ = ["router"]

T = TypeVar("T")
ExperimentId = Annotated[str, Path(min_length=1, max_length=64, pattern=TEXT, description="The experiment.")]
State = Annotated[ExperimentState | None, Query(description="Only experiments in this state.")]

router = APIRouter(prefix="/v1/experiments", tags=["experiments"])


@router.get("", responses=answers("Experiments", kinds=(), status=200))
def every(mirror: Ready, state: State = None) -> Response:
    """Return the current definition of every experiment, with its state and any winner."""
    experiments = sorted(_read(read_experiments, mirror).items())
    found = tuple(one for _, one in experiments if state in (None, one.state))
    return made(encode(Experiments(experiments=found)), "derived")


@router.get("/{experiment_id:path}/results", responses=answers("ExperimentResult", kinds=(), status=200))
def results(experiment_id: ExperimentId, mirror: Ready) -> Response:
    """Return the results of an experiment so far: arms, lifts with always-valid bounds, the verdict."""
    found = _read(read_results, mirror).get(experiment_id)
    if found is None:
        raise Problem(ProblemKind.NOT_FOUND, "nothing was counted of such an experiment (yet)")
    return made(encode(found), "derived")


def _read(topic: Callable[[Settings], T], mirror: Mirror) -> T:
    """Read a whole topic.

    Raises
    ------
    Problem
        It cannot be read, or too many requests read topics: 503.
    """
    try:
        with mirror.scan():
            return topic(mirror.settings)
    except StreamError:
        why = "the experiments' topics cannot be read: `nearline doctor` says why"
        raise Problem(ProblemKind.UNAVAILABLE, why, headers={"Retry-After": "5"}) from None
