"""What people and machines are shown of a run."""

from collections.abc import Sequence
from typing import Any

from tests.chaos.driver import Result
from tests.chaos.load import Delivered
from tests.chaos.schedule import Schedule
from tests.chaos.verdict import quantile

HEAD = (
    f"{'cycle':>5}  {'fault':<38} {'of':<44} {'recovery s':>10} {'lost':>5} {'doubled':>7} {'different':>9}"
)
OBJECTIVE_S = 15.0
"""Recovery at the 95th percentile, beyond the session's timeout (issue 4)."""


def row(result: Result) -> str:
    """Return a line of the table.

    Examples
    --------
    >>> row(Result(3, "kill", "w1", 7.25))
    '    3  kill   w1   7.2   0   0   0'
    """
    finding = result.finding
    recovery = (
        "skipped" if result.skipped else "-" if result.recovery_s is None else f"{result.recovery_s:.1f}"
    )
    return (
        f"{result.cycle:>5}  {result.fault:<38.38} {(result.skipped or result.detail):<44.44} {recovery:>10} "
        f"{len(finding.lost):>5} {len(finding.doubled):>7} {len(finding.different):>9}"
    )


def document(
    results: Sequence[Result], delivered: Delivered, schedule: Schedule, *, seed: int, command: str
) -> dict[str, Any]:
    """Return the whole run as JSON takes it."""
    times = [one.recovery_s for one in results if one.recovery_s is not None]
    p95 = quantile(times, 0.95)
    objective = OBJECTIVE_S + schedule.session_timeout_s
    clean = all(one.finding.clean for one in results)
    return {
        "schedule": schedule.name,
        "seed": seed,
        "command": command,
        "cycles": [one.document() for one in results],
        "events": delivered.records,
        "rejected": len(delivered.bad),
        "lost": sum(len(one.finding.lost) for one in results),
        "doubled": sum(len(one.finding.doubled) for one in results),
        "different": sum(len(one.finding.different) for one in results),
        "skipped": sum(bool(one.skipped) for one in results),
        "recovery_s": {"p50": quantile(times, 0.5), "p95": p95, "objective_p95": objective},
        "exact": clean,
        "in_time": p95 is None or p95 <= objective,
    }


def summary(run: dict[str, Any]) -> str:
    """Return the last lines: the sums, the verdict, and how to see it again."""
    recovery, slow = run["recovery_s"], "" if run["in_time"] else ", but too slow"
    sums = ", ".join(f"{run[what]} {what}" for what in ("lost", "doubled", "different", "skipped"))
    p50, p95, objective = (_s(recovery[name]) for name in ("p50", "p95", "objective_p95"))
    events = f"{run['events']} events ({run['rejected']} to be rejected)"
    lines = [
        f"{len(run['cycles'])} comparisons, {events}: {sums}",
        f"recovery p50 {p50}, p95 {p95} (objective {objective})",
        f"verdict: {'exact' if run['exact'] else 'NOT EXACT'}{slow}",
    ]
    unclean = [one for one in run["cycles"] if one["findings"]]
    for one in unclean:
        lines += [
            f"  cycle {one['cycle']}, {one['fault']} ({one['detail']}):",
            *(f"    {t}" for t in one["findings"]),
        ]
    lines.append(f"seed {run['seed']}; again: {run['command']}")
    return "\n".join(lines)


def _s(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"
