"""`nearline rules`: write a business rule down, see which there are, take one away."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.console import examples, human, write_json
from streams.cli.options import Brokers, Json, Prefix, connected, definition_of

if TYPE_CHECKING:
    from rich.table import Table

    from schemas.rules import BusinessRule

app = typer.Typer(
    help="""Lift, lower, pin or exclude titles for some viewers and some time.

    Workers hear of a rule at once, without a restart; a viewer's next page is made under it. Guards win over
    every rule: maturity, window, country, what was watched or turned down."""
)


class _Kind(StrEnum):
    """As `schemas.rules.RuleKind`, which takes longer to load than `--help` may."""

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
    name: Annotated[str | None, typer.Argument(metavar="[ID]", help="Its name, if not in FILE.")] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The rule as JSON (contracts/rule.v1.schema.json)."),
    ] = None,
    kind: Annotated[_Kind | None, typer.Option(help="What it does.")] = None,
    title: Annotated[list[str] | None, typer.Option(metavar="ID", help="A title; repeat it.")] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND:VALUE",
            help="Titles with this tag; of one kind any of them, of several kinds one of each.",
        ),
    ] = None,
    factor: Annotated[
        float | None, typer.Option(help="Odds are multiplied by it: a boost above 1, a bury below 1.")
    ] = None,
    row: Annotated[_Row | None, typer.Option(help="Where a pin goes.")] = None,
    slot: Annotated[int | None, typer.Option(help="A pin's place in the row, from 0.")] = None,
    country: Annotated[list[str] | None, typer.Option(metavar="CC", help="Viewers there.")] = None,
    maturity: Annotated[
        int | None, typer.Option(help="Children's profiles alone: with a limit of at most so many years.")
    ] = None,
    since: When = None,
    until: When = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for those who come after.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of one of this name.")] = False,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Write a rule down; one that means nothing is refused with every reason. JSON: the record."""
    from msgspec import to_builtins

    from streams.stages.rules import create as write

    if file is not None:
        rule = _of_file(file)
    else:
        rule = _of_options(
            rule_id=name, kind=kind, titles=title, tags=_tags(tag or ()), factor=factor, row=row, slot=slot,
            countries=country, maturity_at_most=maturity, starts_at_ms=_ms(since), ends_at_ms=_ms(until),
            note=note,
        )  # fmt: skip
    made = write(connected(brokers, prefix), rule, replace=replace)
    human(json).print(f"[bold]{made.rule_id}[/] holds from the next pages on")
    write_json(json, to_builtins(made))


@app.command(name="list", epilog=examples("nearline rules list", "nearline rules list --json -"))
def list_all(*, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Show every rule. JSON: the records."""
    from msgspec import to_builtins

    from streams.stages.rules import read_rules

    found = read_rules(connected(brokers, prefix))
    rules = [one for _, one in sorted(found.items())]
    human(json).print(_overview(rules) if rules else "no rule yet: `nearline rules create`")
    write_json(json, [to_builtins(one) for one in rules])


@app.command(epilog=examples("nearline rules show diwali"))
def show(name: Name, *, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Show one rule, and why it is left out if it is. JSON keys: rule, faults."""
    from msgspec import to_builtins
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from online_models.catalog.business_rules import faults
    from streams.stages.rules import find, read_rules

    rule = find(read_rules(connected(brokers, prefix)), name)
    table = Table(box=SIMPLE_HEAD, show_header=False, title=rule.rule_id)
    for field, value in to_builtins(rule).items():
        table.add_row(field, _when(value) if field.endswith("_at_ms") else _said(value))
    human(json).print(table)
    for why in faults(rule):
        human(json).print(f"[red]left out[/]: {why}")
    write_json(json, {"rule": to_builtins(rule), "faults": faults(rule)})


@app.command(epilog=examples("nearline rules remove diwali"))
def remove(name: Name, *, brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Take a rule away: the next pages are made without it. JSON key: removed."""
    from streams.stages.rules import remove as strike

    strike(connected(brokers, prefix), name)
    human(json).print(f"[bold]{name}[/] is gone from the next pages on")
    write_json(json, {"removed": name})


def _of_file(file: Path) -> "BusinessRule":
    """Read a rule; a field that rules do not have is refused, as without it the rule would concern more."""
    from msgspec.json import decode

    from schemas.catalog import Tags
    from schemas.codec import decode_rule
    from schemas.rules import BusinessRule
    from streams.errors import SettingsError

    rule = definition_of(file, decode_rule, "rule", "rule.v1.boost.pass.json")
    said = decode(file.read_bytes())
    unknown = {*said} - {*BusinessRule.__struct_fields__} | {*said.get("tags", ())} - {
        *Tags.__struct_fields__
    }
    if unknown:
        what, why = f"{file} says what no rule has", ", ".join(sorted(unknown))
        raise SettingsError(what, why=why, next_step="see contracts/rule.v1.schema.json")
    return rule


def _of_options(**said: Any) -> "BusinessRule":  # noqa: ANN401 - as many types as options
    """Make a rule of what was said, under the contract's bounds."""
    from msgspec.json import encode

    from schemas import DecodeError
    from schemas.codec import decode_rule
    from streams.errors import SettingsError

    try:
        return decode_rule(
            encode({name: value for name, value in said.items() if value not in (None, [], {})})
        )
    except DecodeError as error:
        what, advice = "this is no rule", "see `nearline rules create --help`"
        raise SettingsError(what, why=str(error), next_step=advice) from None


def _tags(said: "list[str] | tuple[()]") -> dict[str, list[str]]:
    """Put ``kind:value`` by kind; refuse a kind that titles do not have."""
    from schemas.catalog import Tags
    from streams.errors import SettingsError

    out: dict[str, list[str]] = {}
    for one in said:
        kind, _, value = one.partition(":")
        if kind not in Tags.__struct_fields__ or not value:
            what, why = f"{one!r} is no tag", f"KIND is one of {', '.join(Tags.__struct_fields__)}"
            raise SettingsError(what, why=why, next_step="say for example --tag genre:Drama")
        out.setdefault(kind, []).append(value)
    return out


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
        to = _said([*one.titles, *(" or ".join(labels) for labels in one.tags.labels_by_kind())])
        whom = _said([*one.countries, *([f"≤ {one.maturity_at_most}"] if one.maturity_at_most else [])])
        times = (_when(one.starts_at_ms), _when(one.ends_at_ms))
        table.add_row(one.rule_id, what, to, whom or "all", *times, one.note or "")
    return table


def _said(value: object) -> str:
    if isinstance(value, dict):
        return " · ".join(f"{key}: {_said(one)}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _when(at_ms: int | None) -> str:
    from streams.cli.views.experiment_tables import when

    return when(at_ms)
