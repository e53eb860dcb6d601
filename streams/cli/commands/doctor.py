"""`nearline doctor`: check an installation for the most common mistakes."""

from typing import TYPE_CHECKING

import typer

from streams.cli.console import ExitCode, human, write_json
from streams.cli.options import Brokers, Json, Prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from streams.ops.doctor import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red", "unknown": "dim"}
"""Colour of each status."""


def doctor(brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Check for the most common mistakes. Code 1 if a check fails; warnings alone are code 0.

    Checks settings, state folder, databases, worker, metrics, server, Java and Maven; then broker, topics,
    the producers' partitioner, lag, clocks, catalog, dead letters, and whether the topics reach back to the
    state. JSON keys: ok, checks (each with name, status: ok, warn, fail or unknown, cause, next_step).
    """
    found = _examined(brokers, prefix)
    ok = all(finding.status.value != "fail" for finding in found)
    human(json).print(_table(found))
    write_json(json, {"ok": ok, "checks": found})
    if not ok:
        raise typer.Exit(ExitCode.FAILED)


def _examined(brokers: str | None, prefix: str | None) -> "list[Finding]":
    """Make every check; checks that need valid settings or a broker are skipped without these."""
    from streams.config.settings import Settings
    from streams.errors import SettingsError
    from streams.ops.doctor import (
        CLUSTER_CHECKS,
        MACHINE_CHECKS,
        Finding,
        Installation,
        Status,
        examine,
        name_of,
    )

    try:
        settings = Settings.load(brokers=brokers, topic_prefix=prefix)
    except SettingsError as error:
        cause = f"{error.what}: {error.why}" if error.why else error.what
        return [Finding(Status.FAIL, cause, error.next_step, "settings")]
    installation = Installation(settings)
    found = examine(installation, (*MACHINE_CHECKS, *CLUSTER_CHECKS[:1]))
    if found[-1].status is Status.FAIL:
        skipped = [Finding(Status.UNKNOWN, "no broker answers", "", name_of(c)) for c in CLUSTER_CHECKS[1:]]
        return [*found, *skipped]
    return [*found, *examine(installation, CLUSTER_CHECKS[1:])]


def _table(found: "Sequence[Finding]") -> "Table":
    """Return findings as a table; their texts are never parsed as markup."""
    from rich.table import Table
    from rich.text import Text

    table = Table("check", "", "finding, and next step")
    for one in found:
        status = Text(one.status.value, style=COLOURS[one.status.value])
        advice = f"\nnext: {one.next_step}" if one.next_step else ""
        table.add_row(one.name, status, Text.assemble(one.cause, (advice, "cyan")))
    return table
