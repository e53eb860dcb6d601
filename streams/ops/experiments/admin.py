"""Create, start and stop experiments; roll a winner out and back.

Every change is a new record of ``experiments.v1``; workers read it within a second. A record is the whole
experiment with its evidence, so that the topic is the complete history of decisions.
"""

from collections.abc import Callable

from msgspec import structs

from online_models.experiments.decision import evidence, undecided
from online_models.experiments.definition import problems
from schemas import DecodeError, topics
from schemas.codec import decode_experiment_result, encode
from schemas.experiment_results import ExperimentResult, Verdict
from schemas.experiments import Experiment, ExperimentState
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.errors import ExperimentError
from streams.kafka import scan as topic_scan
from streams.kafka.produce import put
from streams.stages.experiments.definitions import read_experiments

__all__ = ["NOTICE_MS", "create", "find", "read_results", "roll_back", "roll_out", "start", "stop"]

NOTICE_MS = 5_000
"""Delay of a start: by then every worker has read the record, so that all begin together."""

Clock = Callable[[], int]


def create(settings: Settings, experiment: Experiment) -> Experiment:
    """Create an experiment as a draft.

    Raises
    ------
    ExperimentError
        It is invalid, or an experiment of this name exists.
    """
    known = read_experiments(settings)
    if experiment.experiment_id in known:
        what = f"experiment {experiment.experiment_id} exists, {known[experiment.experiment_id].state}"
        raise ExperimentError(what, next_step="choose another experiment_id: an id is never used again")
    draft = structs.replace(
        experiment, state=ExperimentState.DRAFT, winner=None, decided_at_ms=None, evidence=None
    )
    _refuse(draft, known)
    return _write(settings, draft)


def start(settings: Settings, name: str, *, now_ms: Clock = now_ms) -> Experiment:
    """Start an experiment, `NOTICE_MS` from now or at the time in its definition.

    Raises
    ------
    ExperimentError
        There is none of this name, it was started before, or it conflicts with a running one.
    """
    known = read_experiments(settings)
    one = find(known, name)
    if one.state is not ExperimentState.DRAFT:
        what, why = f"{name} cannot be started", f"it is {one.state}"
        raise ExperimentError(
            what, why=why, next_step="create another one: viewers keep their experience of the arms"
        )
    at = max(one.starts_at_ms or 0, now_ms() + NOTICE_MS)
    running = structs.replace(one, state=ExperimentState.RUNNING, starts_at_ms=at)
    _refuse(running, known)
    return _write(settings, running)


def stop(settings: Settings, name: str, *, now_ms: Clock = now_ms) -> Experiment:
    """Stop an experiment; its results stay.

    Raises
    ------
    ExperimentError
        There is none of this name, or it is not running.
    """
    one = find(read_experiments(settings), name)
    if one.state is not ExperimentState.RUNNING:
        what = f"{name} is not running"
        raise ExperimentError(what, why=f"it is {one.state}", next_step="see `nearline experiments list`")
    ends = min(one.ends_at_ms or now_ms(), now_ms())
    started = one.starts_at_ms or 0
    return _write(
        settings, structs.replace(one, state=ExperimentState.STOPPED, ends_at_ms=max(ends, started + 1))
    )


def roll_out(
    settings: Settings, name: str, arm: str, *, by: str, now_ms: Clock = now_ms, force: bool = False
) -> Experiment:
    """Make an arm the default of all viewers outside the holdout, and record the current evidence.

    Raises
    ------
    ExperimentError
        There is no such experiment or arm, the arm is the default already, the results do not decide for it
        (allowed with ``force``), or the sample ratio is wrong (never allowed).
    """
    one = find(read_experiments(settings), name)
    if arm not in {each.name for each in one.arms}:
        what = f"{name} has no arm {arm}"
        raise ExperimentError(what, next_step=f"choose one of {', '.join(each.name for each in one.arms)}")
    if one.state is ExperimentState.ROLLED_OUT and one.winner == arm:
        what, advice = f"{arm} is rolled out already", "see `nearline experiments show`"
        raise ExperimentError(what, why=f"it is the default by {name}", next_step=advice)
    found = read_results(settings).get(name)
    if found is not None and found.verdict is Verdict.SAMPLE_RATIO:
        what, advice = (
            f"{name} is not rolled out",
            "find out which impressions are lost, then repeat the experiment",
        )
        raise ExperimentError(what, why=found.because, next_step=advice)
    missing = undecided(one, found, arm)
    if missing and not force:
        what, advice = (
            f"{name} does not decide for {arm}",
            "wait for its results, or confirm (--force; in the console its name)",
        )
        raise ExperimentError(what, why="; ".join(missing), next_step=advice)
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


def roll_back(settings: Settings, name: str, *, now_ms: Clock = now_ms) -> Experiment:
    """Undo a roll-out: the next lists are made as before.

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
    """Read the newest results by experiment; invalid records are left out."""
    parts = range(topic_scan.partitions_of(settings, topics.EXPERIMENT_RESULTS))
    out: dict[str, ExperimentResult] = {}
    for key, message in topic_scan.read_latest(settings, topics.EXPERIMENT_RESULTS, parts).items():
        try:
            out[key.decode()] = decode_experiment_result(message.value())
        except DecodeError:
            continue
    return out


def _refuse(experiment: Experiment, known: dict[str, Experiment]) -> None:
    found = problems(experiment, known.values())
    if found:
        what = f"{experiment.experiment_id} is invalid"
        raise ExperimentError(what, why="; ".join(found), next_step="correct the definition and repeat")


def _write(settings: Settings, experiment: Experiment) -> Experiment:
    put(settings, topics.EXPERIMENTS, experiment.experiment_id.encode(), encode(experiment))
    return experiment
