"""`nearline doctor`: the commonest mistakes, looked for one by one."""

from typing import TYPE_CHECKING

import typer

from streams.cli.console import ExitCode, human, write_json
from streams.cli.options import Brokers, Json, Prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from streams.ops.findings import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red", "unknown": "dim"}
"""How a check's end is shown."""


def doctor(brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Look for the commonest mistakes. Code 1 when something does not work; warnings alone are code 0.

    Settings, state folder, databases, worker, metrics, server, Java and Maven; then broker, topics,
    partitioner of the producers, lag, clocks, catalog, dead letters, and whether the topics reach back to
    the state. With --json: `ok`, and `checks` with `name`, `status` (ok, warn, fail or unknown), `cause` and
    `next_step`.
    """
    found = _examined(brokers, prefix)
    well = all(finding.status.value != "fail" for finding in found)
    human(json).print(_table(found))
    write_json(json, {"ok": well, "checks": found})
    if not well:
        raise typer.Exit(ExitCode.FAILED)


def _examined(brokers: str | None, prefix: str | None) -> "list[Finding]":
    """Make every check; with wrong settings none can be made but the one that says so."""
    from streams.config.settings import Settings
    from streams.errors import SettingsError
    from streams.ops.cluster_checks import CLUSTER_CHECKS
    from streams.ops.findings import Finding, Patient, Status, examine, name_of
    from streams.ops.machine_checks import MACHINE_CHECKS

    try:
        settings = Settings.load(brokers=brokers, topic_prefix=prefix)
    except SettingsError as error:
        cause = f"{error.what}: {error.why}" if error.why else error.what
        return [Finding(Status.FAIL, cause, error.next_step, "settings")]
    patient = Patient(settings)
    found = examine(patient, (*MACHINE_CHECKS, *CLUSTER_CHECKS[:1]))
    if found[-1].status is Status.FAIL:
        silent = [Finding(Status.UNKNOWN, "no broker answers", "", name_of(c)) for c in CLUSTER_CHECKS[1:]]
        return [*found, *silent]
    return [*found, *examine(patient, CLUSTER_CHECKS[1:])]


def _table(found: "Sequence[Finding]") -> "Table":
    """Return findings as a table; what was seen is never taken for markup."""
    from rich.table import Table
    from rich.text import Text

    table = Table("check", "", "what was seen, and what to do")
    for one in found:
        status = Text(one.status.value, style=COLOURS[one.status.value])
        advice = f"\nnext: {one.next_step}" if one.next_step else ""
        table.add_row(one.name, status, Text.assemble(one.cause, (advice, "cyan")))
    return table
