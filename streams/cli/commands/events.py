"""`nearline events`: tools for producers of events."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.console import ExitCode, examples, figures, human, write_json
from streams.cli.options import Json

app = typer.Typer(help="Tools for producers of viewing events.")

MOST_FINDINGS = 1_000
"""Findings in the JSON document, and by default on the screen: the first ones; the summary counts all."""


@app.command(
    epilog=examples(
        "nearline events check events.jsonl",
        "my-producer --dry-run | nearline events check -",
        "nearline events check events.jsonl --most 20 --json report.json",
    )
)
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="Events, one JSON object a line.")],
    *,
    most: Annotated[int, typer.Option(min=0, help="Findings that are shown.")] = 20,
    json: Json = None,
) -> None:
    """Check events as a worker does, before they are sent; needs no broker.

    Each line is decoded by the workers' own decoder. Of a line that it refuses, every wrong field is shown
    with what is allowed and nearest. Warnings are events that are taken, but perhaps not as they are meant:
    a repeated id, a time ahead of the clock, a field that resembles one of the contract. Code 1 if a line is
    no event.

    JSON keys: valid, invalid, types, errors and warnings (counts by reason), findings (line, severity,
    reason, field, message).
    """
    from streams.clock import now_ms
    from streams.errors import SettingsError
    from streams.ops.event_check import EventCheck

    console, checks, kept = human(json), EventCheck(now_ms()), []
    try:
        with nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as lines:
            for number, found in enumerate(checks.lines(lines)):
                if number < most:
                    field = f" {found.field}:" if found.field else ""
                    colour = "red" if found.severity == "error" else "yellow"
                    console.print(f"[{colour}]{found.severity}[/] line {found.line}:", end="")
                    console.print(f"{field} {found.message}", markup=False, soft_wrap=True)
                if number < MOST_FINDINGS:
                    kept.append(found._asdict())
    except OSError as error:
        what = f"cannot read {file}"
        raise SettingsError(what, why=error.strerror or "", next_step="give another FILE, or - ") from None
    left = checks.reasons.total() - min(most, checks.reasons.total())
    if left:
        console.print(f"[dim]… and {left:,} more; --most N shows more[/]")
    document = checks.document()
    console.print(figures("nearline events check", document))
    write_json(json, {**document, "findings": kept})
    if checks.invalid:
        raise typer.Exit(ExitCode.FAILED)
