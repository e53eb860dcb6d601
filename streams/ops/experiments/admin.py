"""What an experimenter does: write an experiment down, start it, stop it, roll a winner out and back.

Every change is a new record of ``experiments.v1``; whoever reads it takes it over within a second. A record
is the whole experiment, so that the topic alone says what was tried, what won and on what evidence.
"""

import time
from collections.abc import Callable

from msgspec import structs

from online_models.experiments.decision import evidence
from online_models.experiments.definition import faults
from schemas import DecodeError, topics
from schemas.codec import decode_experiment_result, encode
from schemas.experiment_results import ExperimentResult, Verdict
from schemas.experiments import Experiment, ExperimentState
from streams.config.settings import Settings
from streams.errors import ExperimentError
from streams.kafka import scan as topic_scan
from streams.kafka.produce import put
from streams.stages.experiments.definitions import read_experiments

__all__ = ["NOTICE_MS", "create", "find", "read_results", "roll_back", "roll_out", "start", "stop"]

NOTICE_MS = 5_000
"""An experiment starts so long after the word: by then every worker has heard of it, and none begins without
the others."""

Clock = Callable[[], int]


def _now_ms() -> int:
    return int(time.time() * 1000)


def create(settings: Settings, experiment: Experiment) -> Experiment:
    """Write an experiment down, as a draft.

    Raises
    ------
    ExperimentError
        It cannot be run as it is, or one of this name exists.
    """
    known = read_experiments(settings)
    if experiment.experiment_id in known:
        what = f"there is an experiment {experiment.experiment_id}, {known[experiment.experiment_id].state}"
        raise ExperimentError(what, next_step="choose another experiment_id: names are for good")
    draft = structs.replace(
        experiment, state=ExperimentState.DRAFT, winner=None, decided_at_ms=None, evidence=None
    )
    _refuse(draft, known)
    return _write(settings, draft)


def start(settings: Settings, name: str, *, now_ms: Clock = _now_ms) -> Experiment:
    """Let viewers into the arms, `NOTICE_MS` from now or when the definition says.

    Raises
    ------
    ExperimentError
        There is none of this name, it was started before, or it collides with one that runs.
    """
    known = read_experiments(settings)
    one = find(known, name)
    if one.state is not ExperimentState.DRAFT:
        what, why = f"{name} cannot be started", f"it is {one.state}"
        raise ExperimentError(what, why=why, next_step="create another one: who was in an arm remembers it")
    at = max(one.starts_at_ms or 0, now_ms() + NOTICE_MS)
    running = structs.replace(one, state=ExperimentState.RUNNING, starts_at_ms=at)
    _refuse(running, known)
    return _write(settings, running)


def stop(settings: Settings, name: str, *, now_ms: Clock = _now_ms) -> Experiment:
    """Let nobody into the arms any more; what was counted stays.

    Raises
    ------
    ExperimentError
        There is none of this name, or it does not run.
    """
    one = find(read_experiments(settings), name)
    if one.state is not ExperimentState.RUNNING:
        what = f"{name} does not run"
        raise ExperimentError(what, why=f"it is {one.state}", next_step="see `nearline experiments list`")
    ends = min(one.ends_at_ms or now_ms(), now_ms())
    started = one.starts_at_ms or 0
    return _write(
        settings, structs.replace(one, state=ExperimentState.STOPPED, ends_at_ms=max(ends, started + 1))
    )


def roll_out(
    settings: Settings, name: str, arm: str, *, by: str, now_ms: Clock = _now_ms, force: bool = False
) -> Experiment:
    """Make an arm the default of everybody outside the holdout, with the evidence as it is.

    Raises
    ------
    ExperimentError
        There is no such experiment or arm, or its split is wrong. With ``force`` missing results are no
        hindrance, a wrong split always is.
    """
    one = find(read_experiments(settings), name)
    if arm not in {each.name for each in one.arms}:
        what = f"{name} has no arm {arm}"
        raise ExperimentError(what, next_step=f"choose of {', '.join(each.name for each in one.arms)}")
    found = read_results(settings).get(name)
    if found is not None and found.verdict is Verdict.SAMPLE_RATIO:
        what, advice = (
            f"{name} is not rolled out",
            "find out which impressions are lost, then repeat it",
        )
        raise ExperimentError(what, why=found.because, next_step=advice)
    if found is None and not force:
        what = f"{name} has no results"
        raise ExperimentError(what, next_step="start `nearline experiments worker`, or say --force")
    return _write(
        settings,
        structs.replace(
            one,
            state=ExperimentState.ROLLED_OUT,
            winner=arm,
            decided_at_ms=now_ms(),
            evidence=evidence(one, found, arm, by) if found else None,
        ),
    )


def roll_back(settings: Settings, name: str, *, now_ms: Clock = _now_ms) -> Experiment:
    """Take a winner back: lists are made as before, from the next one on.

    Raises
    ------
    ExperimentError
        There is no such experiment, or it is not rolled out.
    """
    one = find(read_experiments(settings), name)
    if one.state is not ExperimentState.ROLLED_OUT:
        what = f"{name} is not rolled out"
        raise ExperimentError(what, why=f"it is {one.state}", next_step="see `nearline experiments list`")
    return _write(settings, structs.replace(one, state=ExperimentState.ROLLED_BACK, decided_at_ms=now_ms()))


def find(known: dict[str, Experiment], name: str) -> Experiment:
    """Return an experiment by its name.

    Raises
    ------
    ExperimentError
        There is none.
    """
    if name not in known:
        what = f"there is no experiment {name}"
        raise ExperimentError(
            what, why=f"there are: {', '.join(known) or 'none'}", next_step="see `nearline experiments list`"
        )
    return known[name]


def read_results(settings: Settings) -> dict[str, ExperimentResult]:
    """Read the newest results; those that cannot be read are left out."""
    parts = range(topic_scan.partitions_of(settings, topics.EXPERIMENT_RESULTS))
    out: dict[str, ExperimentResult] = {}
    for key, message in topic_scan.read_latest(settings, topics.EXPERIMENT_RESULTS, parts).items():
        try:
            out[key.decode()] = decode_experiment_result(message.value())
        except DecodeError:
            continue
    return out


def _refuse(experiment: Experiment, known: dict[str, Experiment]) -> None:
    found = faults(experiment, known.values())
    if found:
        what = f"{experiment.experiment_id} cannot be run as it is"
        raise ExperimentError(what, why="; ".join(found), next_step="correct the definition and repeat")


def _write(settings: Settings, experiment: Experiment) -> Experiment:
    put(settings, topics.EXPERIMENTS, experiment.experiment_id.encode(), encode(experiment))
    return experiment
