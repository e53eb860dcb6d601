"""`nearline inspect`: the state of a viewer, of a title, and of the stages."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.console import examples, human, write_json
from streams.cli.options import Brokers, Json, Prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Group

    from streams.config.settings import Settings

app = typer.Typer(help="Show the state of a viewer, of a title, or of the stages.")

LISTS = ("recent", "rejected", "loved", "my_list", "page", "viewer_id")
"""Fields of a viewer that have tables of their own, and the one in the heading."""
SHOWN = 15
"""Most neighbours and known titles in a table; JSON has all of them."""


@app.command(epilog=examples("nearline inspect viewer v-000123", "nearline inspect viewer v-000123 --diff"))
def viewer(
    viewer_id: Annotated[str, typer.Argument(metavar="ID", help="Viewer id, as in the events.")],
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what the newest page changed, and the event that caused it.")
    ] = False,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Show a viewer's recent titles and newest page."""
    from streams.ops.inspect import inspect_viewer

    if diff:
        _show_changes(_settings(brokers, prefix), viewer_id, json)
        return
    settings = _settings(brokers, prefix)
    found, console, named = inspect_viewer(settings, viewer_id), human(json), _names(settings)
    console.print(_facts(f"viewer {viewer_id}", found, LISTS))
    recent = [(named(one["title_id"]), "yes" if one["liked"] else "no") for one in found["recent"]]
    console.print(_table("watched or rated, newest first", ("title", "liked"), recent[:SHOWN]))
    if found["rejected"]:
        rejected = [(named(one["title_id"]), str(one["weight"]), one["at"]) for one in found["rejected"]]
        console.print(_table("recently rejected, newest first", ("title", "weight", "when"), rejected))
    if found["my_list"]:
        console.print(
            _table("my list, newest first", ("title",), [(named(one),) for one in found["my_list"]])
        )
    if found["loved"]:
        loved = [(named(one["title_id"]), str(one["weight"]), one["at"]) for one in found["loved"]]
        console.print(_table("finished and liked, newest first", ("title", "weight", "when"), loved))
    if found["page"]:
        console.print(f"page {found['page']['seq']}")
    for row in found["page"]["rows"] if found["page"] else ():
        items = [
            (
                str(place),
                named(item["title_id"]),
                f"{item['score']:.4f}",
                _why(item, row, named),
            )
            for place, item in enumerate(row["items"], 1)
        ]
        console.print(_table(row.get("title") or row["kind"], ("", "title", "score", "reason"), items))
    if not found["page"]:
        console.print("[yellow]no page yet[/]")
    write_json(json, found)


@app.command(epilog=examples("nearline inspect title t-0042"))
def title(
    title_id: Annotated[str, typer.Argument(metavar="ID", help="Title id, as in events and catalog.")],
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Show a title's counters, the titles watched together with it, and its catalog record."""
    from streams.ops.inspect import inspect_title

    settings = _settings(brokers, prefix)
    found, console, named = inspect_title(settings, title_id), human(json), _names(settings)
    console.print(_facts(f"title {title_id}", found, ("neighbours", "catalog", "title_id", "trending")))
    for seconds, count in found.get("trending", {}).items():
        console.print(f"  watches, half-life {float(seconds) / 3600:g} h: {count}")
    pairs = [(named(one["title_id"]), f"{one['weight']:.4f}") for one in found.get("neighbours", ())]
    console.print(_table("watched together with", ("title", "weight"), pairs[:SHOWN]))
    if "positives" not in found:
        console.print("[yellow]no viewer has watched it yet[/]")
    record = found["catalog"]
    console.print(_facts("catalog", record) if record else "[yellow]not in the catalog[/]")
    write_json(json, found)


@app.command(epilog=examples("nearline inspect state"))
def state(brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Show the number of rows and the applied source offset of each partition of each stage."""
    from streams.ops.inspect import inspect_state

    found = inspect_state(_settings(brokers, prefix))
    heads = ("stage", "partition", "rows", "bytes", "applied", "changed")
    rows = [tuple("" if part[head] is None else str(part[head]) for head in heads) for part in found]
    human(json).print(_table("state, from the changelogs", heads, rows))
    write_json(json, {"partitions": found})


def _show_changes(settings: "Settings", viewer_id: str, json: Json) -> None:
    """Show what a viewer's newest page changed: a line a row, with the titles that came, left and rose."""
    from streams.ops.inspect import inspect_changes

    found = inspect_changes(settings, viewer_id)
    event = found["event"] or {}
    facts = {"page": found["seq"], "previous page": found["former"] or "compacted"}
    facts |= {name: event.get(name) for name in ("type", "title_id", "event_time_ms")}
    console, named = human(json), _names(settings)
    console.print(_facts(f"viewer {viewer_id}", facts))
    rows = []
    for row in found["rows"]:
        places = ("new" if row["was"] is None else str(row["was"]), str(row["now"] or "gone"))
        rose = [f"{named(one['title_id'])} {one['was']}>{one['now']}" for one in row["moved"]]
        moves = (map(named, row["came"]), map(named, row["left"]), rose)
        titles = (", ".join([*some][:SHOWN]) for some in moves)
        rows.append((row["title"] or row["kind"], *places, *titles))
    console.print(_table("rows", ("row", "was", "now", "came", "left", "rose"), rows))
    write_json(json, found)


def _why(item: dict[str, Any], row: dict[str, Any], named: "Callable[[str], str]") -> str:
    """Return an item's reason, or its row's, and the title because of which it is there."""
    because = item.get("because")
    return " ".join(filter(None, (item.get("reason") or row.get("reason"), because and named(because))))


def _names(settings: "Settings") -> "Callable[[str], str]":
    """Return a function that returns a title's name with its id, or the id where there is no name."""
    from streams.ops.insights import names_in, read_catalog

    name_of = names_in(read_catalog(settings))
    return lambda title_id: title_id if name_of(title_id) == title_id else f"{name_of(title_id)} ({title_id})"


def _settings(brokers: str | None, prefix: str | None) -> "Settings":
    from streams.config.settings import Settings

    return Settings.load(brokers=brokers, topic_prefix=prefix)


def _facts(title: str, found: dict[str, Any], without: tuple[str, ...] = ()) -> "Group":
    """Return single values as a table of two columns."""
    rows = [(name, str(value)) for name, value in found.items() if name not in without and value is not None]
    return _table(title, ("field", "value"), rows)


def _table(title: str, heads: tuple[str, ...], rows: "Sequence[tuple[str, ...]]") -> "Group":
    """Return rows of text as a table under its title; ids are never parsed as markup."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(*heads)
    for row in rows:
        table.add_row(*map(Text, row))
    return Group(Text(title, style="bold"), table)
