"""`nearline rules`: create, list, show, start, stop and remove business rules."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.console import examples, human, write_json
from streams.cli.options import Brokers, Json, Prefix, connected, read_file

if TYPE_CHECKING:
    from rich.table import Table

    from schemas.rules import BusinessRule

app = typer.Typer(
    help="""Boost, bury, pin or exclude titles, for some viewers and a time.

    Workers apply a rule at once, without a restart, to a viewer's next page. Guards take precedence over
    every rule: maturity, availability, country, watched and rejected titles."""
)


class _Kind(StrEnum):
    """As `schemas.rules.RuleKind`, which would make `--help` slow."""

    BOOST = "boost"
    BURY = "bury"
    PIN = "pin"
    EXCLUDE = "exclude"


class _Row(StrEnum):
    """As `schemas.rules.PinRow`."""

    FEATURED = "featured"
    TOP_PICKS = "top_picks"


Name = Annotated[str, typer.Argument(metavar="ID", help="The rule's rule_id.")]
When = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], help="In UTC.")
]


@app.command(
    epilog=examples(
        "nearline rules create launch --kind pin --title t-paper-tide --row featured --until 2026-12-01",
        "nearline rules create diwali --kind boost --tag genre:Drama --factor 2 --country IN",
        "nearline rules create gone --kind exclude --title t-1 --title t-2 --note 'rights withdrawn'",
        "nearline rules create children --kind exclude --tag genre:Horror --maturity 12",
        "nearline rules create --file rule.json --replace",
    )
)
def create(
    name: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The rule's rule_id, if not in FILE.")
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The rule as JSON (contracts/rule.v1.schema.json)."),
    ] = None,
    kind: Annotated[_Kind | None, typer.Option(help="Kind of the rule.")] = None,
    title: Annotated[list[str] | None, typer.Option(metavar="ID", help="A title; may be repeated.")] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND:VALUE",
            help="Titles with this tag; of several tags of one kind any one, of different kinds one of each.",
        ),
    ] = None,
    factor: Annotated[
        float | None, typer.Option(help="Factor of the odds: a boost above 1, a bury below 1.")
    ] = None,
    row: Annotated[_Row | None, typer.Option(help="Row of a pin.")] = None,
    slot: Annotated[int | None, typer.Option(help="Slot of a pin in the row, from 0.")] = None,
    country: Annotated[
        list[str] | None, typer.Option(metavar="CC", help="Only viewers in this country; may be repeated.")
    ] = None,
    maturity: Annotated[
        int | None, typer.Option(help="Only profiles with a maturity limit of at most this age.")
    ] = None,
    since: When = None,
    until: When = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Reason, for other operators.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a rule of this id.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Accept titles that the catalog does not have (yet).")
    ] = False,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Create a rule; an invalid one is refused with all reasons. JSON: the record."""
    from msgspec import to_builtins
    from msgspec.json import encode

    from streams.ops.actions import create_rule
    from streams.ops.audit import Operator
    from streams.ops.definitions import rule_of, tags_of

    if file is not None:
        rule = rule_of(read_file(file), source=str(file))
    else:
        options: dict[str, Any] = {
            "rule_id": name, "kind": kind, "titles": title, "tags": tags_of(tag or ()), "factor": factor,
            "row": row, "slot": slot, "countries": country, "maturity_at_most": maturity,
            "starts_at_ms": _ms(since), "ends_at_ms": _ms(until), "note": note,
        }  # fmt: skip
        given = {field: value for field, value in options.items() if value not in (None, [], {})}
        rule = rule_of(encode(given), source="what the options say")
    settings = connected(brokers, prefix)
    made = create_rule(settings, Operator.of_command(), rule, replace=replace, known_titles=not force)
    human(json).print(f"[bold]{made.rule_id}[/] applies from the next pages on")
    write_json(json, to_builtins(made))


@app.command(name="list", epilog=examples("nearline rules list", "nearline rules list --json -"))
def list_all(*, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """List all rules. JSON: the records."""
    from msgspec import to_builtins

    from streams.stages.rules import read_rules

    found = read_rules(connected(brokers, prefix))
    rules = [one for _, one in sorted(found.items())]
    human(json).print(_overview(rules) if rules else "no rule yet: `nearline rules create`")
    write_json(json, [to_builtins(one) for one in rules])


@app.command(epilog=examples("nearline rules show diwali"))
def show(name: Name, *, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Show one rule, and why it is ignored if it is invalid. JSON keys: rule, faults."""
    from msgspec import to_builtins
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from online_models.catalog.business_rules import rule_errors
    from streams.stages.rules import find, read_rules

    rule = find(read_rules(connected(brokers, prefix)), name)
    table = Table(box=SIMPLE_HEAD, show_header=False, title=rule.rule_id)
    for field, value in to_builtins(rule).items():
        table.add_row(field, _when(value) if field.endswith("_at_ms") else _text(value))
    human(json).print(table)
    for why in rule_errors(rule):
        human(json).print(f"[red]ignored[/]: {why}")
    write_json(json, {"rule": to_builtins(rule), "faults": rule_errors(rule)})


@app.command(epilog=examples("nearline rules start diwali"))
def start(name: Name, *, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Let a rule that begins later, or that has ended, apply from now on. JSON: the record."""
    from msgspec import to_builtins

    from streams.ops.actions import start_rule
    from streams.ops.audit import Operator

    made = start_rule(connected(brokers, prefix), Operator.of_command(), name)
    human(json).print(f"[bold]{name}[/] applies from the next pages on")
    write_json(json, to_builtins(made))


@app.command(epilog=examples("nearline rules stop diwali"))
def stop(name: Name, *, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """End a rule now; it stays, and can be started again. JSON: the record."""
    from msgspec import to_builtins

    from streams.ops.actions import stop_rule
    from streams.ops.audit import Operator

    made = stop_rule(connected(brokers, prefix), Operator.of_command(), name)
    human(json).print(f"[bold]{name}[/] no longer applies from the next pages on")
    write_json(json, to_builtins(made))


@app.command(epilog=examples("nearline rules remove diwali"))
def remove(name: Name, *, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Remove a rule: the next pages are made without it. JSON key: removed."""
    from streams.ops.actions import remove_rule
    from streams.ops.audit import Operator

    remove_rule(connected(brokers, prefix), Operator.of_command(), name)
    human(json).print(f"[bold]{name}[/] no longer applies from the next pages on")
    write_json(json, {"removed": name})


def _ms(when: datetime | None) -> int | None:
    from datetime import UTC

    return None if when is None else int(when.replace(tzinfo=UTC).timestamp() * 1000)


def _overview(rules: "list[BusinessRule]") -> "Table":
    from rich.table import Table

    table = Table("rule", "does", "to", "for", "from", "until", "note")
    for one in rules:
        what = f"{one.kind} {one.factor:g}" if one.factor else str(one.kind)
        if one.row is not None:
            what += f" {one.row} {one.slot or 0}"
        to = _text([*one.titles, *(" or ".join(labels) for labels in one.tags.labels_by_kind())])
        whom = _text([*one.countries, *([f"≤ {one.maturity_at_most}"] if one.maturity_at_most else [])])
        times = (_when(one.starts_at_ms), _when(one.ends_at_ms))
        table.add_row(one.rule_id, what, to, whom or "all", *times, one.note or "")
    return table


def _text(value: object) -> str:
    if isinstance(value, dict):
        return " · ".join(f"{key}: {_text(one)}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _when(at_ms: int | None) -> str:
    from streams.cli.views.experiment_tables import when

    return when(at_ms)
