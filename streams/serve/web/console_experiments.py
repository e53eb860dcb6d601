"""The console's page of experiments: state, results with always-valid bounds, and what an operator may do."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path
from starlette.responses import Response

from online_models.experiments.decision import undecided
from online_models.experiments.metrics import LOWER_IS_BETTER
from schemas.experiment_results import ExperimentResult, Lift, Verdict
from schemas.experiments import Experiment, ExperimentKind, ExperimentState, Metric, Ranking
from streams.errors import SettingsError, StreamError
from streams.ops import actions
from streams.ops.decoded_rows import when
from streams.ops.definitions import experiment_of
from streams.ops.experiments.admin import read_results
from streams.serve.api.routes import Ready
from streams.serve.mirror.mirror import Mirror
from streams.serve.web.forms import Fields, Form, Who, acted, number_of, page_of_actions, shown
from streams.stages.experiments.definitions import read_experiments

__all__ = ["router"]

CHART_LIMIT: Final = 0.5
"""Charts of bounds span -50 % to +50 %; bounds beyond end at the edge."""
ARMS: Final = 3
"""Arms of the form; a definition with more is made with the command."""
HERE: Final = "/console/experiments"

router = APIRouter(prefix=HERE, include_in_schema=False)
Name = Annotated[str, Path(min_length=1, max_length=64)]


@router.get("")
def experiments(mirror: Ready) -> Response:
    """Show every experiment with its result."""
    return _page(mirror)


@router.post("")
def create(mirror: Ready, form: Form, who: Who) -> Response:
    """Create an experiment as a draft; what is wrong is said above the form, which keeps what was typed."""
    try:
        given = experiment_of(_document(form), source="this definition")
        made = actions.create_experiment(mirror.settings, who, given)
    except StreamError as error:
        return _page(mirror, error, form)
    return shown(HERE, made.experiment_id)


@router.post("/{experiment_id:path}/start")
def start(experiment_id: Name, mirror: Ready, who: Who) -> Response:
    """Start an experiment."""
    return _done(mirror, experiment_id, lambda: actions.start_experiment(mirror.settings, who, experiment_id))


@router.post("/{experiment_id:path}/stop")
def stop(experiment_id: Name, mirror: Ready, who: Who) -> Response:
    """Stop an experiment."""
    return _done(mirror, experiment_id, lambda: actions.stop_experiment(mirror.settings, who, experiment_id))


@router.post("/{experiment_id:path}/roll-out")
def roll_out(experiment_id: Name, mirror: Ready, form: Form, who: Who) -> Response:
    """Make an arm the default; without a decision the experiment's name has to be typed."""
    confirmed = form["confirm"] == experiment_id
    if form["confirm"] and not confirmed:
        what, why = f"{experiment_id} is not rolled out", "the name that was typed is another one"
        return _page(mirror, SettingsError(what, why=why, next_step="type it exactly, or leave it empty"))
    return _done(
        mirror,
        experiment_id,
        lambda: actions.roll_out(
            mirror.settings, who, experiment_id, form["arm"], why=form["why"] or who.name, confirmed=confirmed
        ),
    )


@router.post("/{experiment_id:path}/roll-back")
def roll_back(experiment_id: Name, mirror: Ready, who: Who) -> Response:
    """Undo a roll-out."""
    return _done(mirror, experiment_id, lambda: actions.roll_back(mirror.settings, who, experiment_id))


def _done(mirror: Mirror, name: str, act: Callable[[], Experiment]) -> Response:
    return acted(HERE, name, act, lambda error: _page(mirror, error))


def _page(mirror: Mirror, refused: StreamError | None = None, form: Fields | None = None) -> Response:
    place = ("console_experiments.html", "/experiments", "Experiments")
    lists = {"kinds": list(ExperimentKind), "metrics": list(Metric), "rankings": list(Ranking)}
    return page_of_actions(place, lambda: _cards(mirror), refused, form, arms=range(ARMS), **lists)


def _document(form: Fields) -> bytes:
    """Return the definition that a form has, as JSON."""
    if form["json"]:
        return form["json"].encode()
    columns = (form.each(name) for name in ("arm", "share", "ranking", "changes"))
    arms = [_arm(*row) for row in zip(*columns, strict=False) if row[0]]
    rule = {name: number_of(form[name]) for name in ("min_days", "min_viewers") if form[name]}
    document: dict[str, Any] = {"experiment_id": form["experiment_id"], "arms": arms, "rule": rule}
    document |= {name: form[name] for name in ("about", "kind", "metric") if form[name]}
    if form["holdout"]:
        document["holdout"] = number_of(form["holdout"], percent=True)
    return msgspec.json.encode(document)


def _arm(name: str, share: str, ranking: str, changes: str) -> dict[str, Any]:
    """Return an arm.

    Raises
    ------
    SettingsError
        Its changes are no JSON object.
    """
    try:
        treatment = msgspec.json.decode(changes, type=dict[str, Any]) if changes else {}
    except msgspec.MsgspecError:
        what = f"the other changes of arm {name} are no JSON object"
        raise SettingsError(what, next_step='write them as {"rows": 4}') from None
    if ranking:
        treatment["ranking"] = ranking
    arm: dict[str, Any] = {"name": name, "share": number_of(share, percent=True)}
    return arm | ({"treatment": treatment} if treatment else {})


def _cards(mirror: Mirror) -> list[dict[str, Any]]:
    with mirror.scan():
        definitions, results = read_experiments(mirror.settings), read_results(mirror.settings)
    newest = sorted(definitions.values(), key=lambda one: -(one.decided_at_ms or one.starts_at_ms or 0))
    return [_card(one, results.get(one.experiment_id)) for one in newest]


def _card(one: Experiment, result: ExperimentResult | None) -> dict[str, Any]:
    """Return the template's values of an experiment."""
    split_failed = result is not None and result.verdict is Verdict.SAMPLE_RATIO
    missing = {arm.name: undecided(one, result, arm.name) for arm in one.arms}
    return {
        "one": one,
        "result": result,
        "split_failed": split_failed,
        "arms": result.arms if result else (),
        "lifts": _charted(result.lifts, one.metric) if result else [],
        "as_of": when(result.at_ms) if result else None,
        "steps": _steps(one, split_failed=split_failed),
        "missing": _common(missing),
        "best": next((name for name, found in missing.items() if not found), one.arms[-1].name),
    }


def _common(missing: Mapping[str, list[str]]) -> list[str]:
    """Return what is missing for the roll-out of any arm; empty if one of them is decided for."""
    each = list(missing.values())
    return each[-1] if all(each) else []


def _steps(one: Experiment, *, split_failed: bool) -> list[str]:
    """Return what may be done to an experiment in its state."""
    state = one.state
    out = ["start"] if state is ExperimentState.DRAFT else []
    out += ["stop"] if state is ExperimentState.RUNNING else []
    out += ["roll-back"] if state is ExperimentState.ROLLED_OUT else []
    return out if split_failed else [*out, "roll-out"]


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
