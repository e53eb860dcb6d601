"""Tables of experiments and their results."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import to_builtins

from schemas.experiment_results import ArmResult, ExperimentResult, Preference, Verdict
from schemas.experiments import Experiment, Metric

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from online_models.experiments.off_policy import OffPolicy

__all__ = ["definition", "estimates", "outcome", "overview", "when"]

_STYLE = {Verdict.WINNER: "green", Verdict.SAMPLE_RATIO: "red", Verdict.GUARDRAIL: "yellow"}


def overview(experiments: Iterable[Experiment]) -> "Table":
    """Return a line for each experiment."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table("experiment", "state", "arms", "metric", "start", "winner", box=SIMPLE_HEAD)
    for one in sorted(experiments, key=lambda each: each.experiment_id):
        arms = " · ".join(f"{arm.name} {arm.share:.0%}" for arm in one.arms)
        table.add_row(
            one.experiment_id, one.state, arms, one.metric, when(one.starts_at_ms), one.winner or "-"
        )
    return table


def definition(experiment: Experiment) -> "Table":
    """Return the fields of an experiment; fields with default values are omitted."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_header=False, title=experiment.experiment_id)
    for name, value in to_builtins(experiment).items():
        if name == "arms":
            for arm in value:
                what = (
                    ", ".join(f"{key} {text}" for key, text in arm.get("treatment", {}).items())
                    or "no change"
                )
                table.add_row(f"arm {arm['name']}", f"{arm['share']:.2%}: {what}")
        elif isinstance(value, dict):
            table.add_row(name, " · ".join(f"{key} {_plain(one)}" for key, one in value.items()))
        else:
            table.add_row(name, when(value) if name.endswith("_at_ms") else str(value))
    return table


def _plain(value: object) -> str:
    """Format a field's value; floating-point numbers with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def outcome(result: ExperimentResult, known: Mapping[str, Mapping[Metric, float]] | None = None) -> "Group":
    """Return a result: arms, lifts, verdict.

    Parameters
    ----------
    result
        The published result.
    known
        Lifts of the second arm known from a simulation, by heading.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table

    arms = Table("arm", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title=result.experiment_id)
    for heading in ("share", "viewers", "shown", "minutes", "done", "left", "diversity"):
        arms.add_column(heading, justify="right", no_wrap=True)
    for arm in result.arms:
        starts = max(1, arm.starts)
        counts = (arm.viewers, arm.impressions, round(arm.watch_minutes))
        shares = (f"{arm.completions / starts:.1%}", f"{arm.abandoned / starts:.1%}")
        share = f"{arm.share:.1%}"
        arms.add_row(arm.arm, share, *(f"{count:,}" for count in counts), *shares, _diversity(arm))
    style = _STYLE.get(result.verdict, "bold")
    words = f"[{style}]{result.verdict}[/]: {result.because}"
    split = (
        f"[dim]split p {result.sample_ratio_p:.3g}, crossed {result.crossed}, as of {when(result.at_ms)}[/]"
    )
    if (mine := result.preference) is not None:
        return Group(arms, _preferred(mine), words, split)
    if not result.lifts:
        return Group(arms, words, split)
    lifts = _lifts(result, {heading: found for heading, found in (known or {}).items() if found})
    return Group(arms, lifts, words, split)


def _preferred(mine: Preference) -> "Table":
    """Return the preferred ranker of an interleaving experiment."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    low, high = ("-" if bound is None else f"{bound:+.3f}" for bound in (mine.low, mine.high))
    table = Table("preferred", "viewers", "preference", "from", "to", box=SIMPLE_HEAD)
    table.add_row(mine.arm, f"{mine.viewers:,}", f"{mine.mean:+.3f}", low, high)
    return table


def _lifts(result: ExperimentResult, known: Mapping[str, Mapping[Metric, float]]) -> "Table":
    """Return a line for each lift, with known lifts next to the bounds."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    several = not known  # known lifts are those of the second arm
    lifts = Table("metric", *(["arm"] if several else []), box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("lift", "from", "to", *known, "var. left"):
        lifts.add_column(heading, justify="right", no_wrap=True)
    for one in result.lifts:
        lift = (one.relative, one.low, one.high, *(found.get(one.metric) for found in known.values()))
        names = (one.metric, one.arm) if several else (one.metric,)
        lifts.add_row(*names, *map(_percent, lift), f"{one.variance_left:.0%}")
    return lifts


def _percent(lift: float | None) -> str:
    """Format a lift with about three digits.

    Examples
    --------
    >>> _percent(0.1234), _percent(-0.0123), _percent(None)
    ('+12.3%', '-1.23%', '-')
    """
    small = 0.1
    return "-" if lift is None else f"{lift:+.1%}" if abs(lift) >= small else f"{lift:+.2%}"


def _diversity(arm: ArmResult) -> str:
    """Format an arm's list diversity with half the width of its bounds."""
    one = next((value for value in arm.metrics if value.metric is Metric.LIST_DIVERSITY), None)
    if one is None:
        return "-"
    return f"{one.value:.3f}" + ("" if one.high is None else f" ± {one.high - one.adjusted:.3f}")


def estimates(found: "Mapping[str, OffPolicy]") -> "Table":
    """Return off-policy estimates, a line for each estimator."""
    from rich.table import Table

    table = Table("estimator", "value", "from", "to", "decisions")
    for name, one in found.items():
        table.add_row(name, f"{one.value:.4g}", f"{one.low:.4g}", f"{one.high:.4g}", f"{one.decisions:,.0f}")
    return table


def when(at_ms: int | None) -> str:
    """Format a time in UTC; a dash for None."""
    return "-" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
