"""`nearline inspect`: the state of a viewer, of a title, and of the stages."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.console import examples, human, write_json
from streams.cli.options import Brokers, Json, Prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    found = inspect_viewer(_settings(brokers, prefix), viewer_id)
    console = human(json)
    console.print(_facts(f"viewer {viewer_id}", found, LISTS))
    recent = [(one["title_id"], "yes" if one["liked"] else "no") for one in found["recent"]]
    console.print(_table("watched or rated, newest first", ("title", "liked"), recent[:SHOWN]))
    if found["rejected"]:
        rejected = [(one["title_id"], str(one["weight"]), one["at"]) for one in found["rejected"]]
        console.print(_table("recently rejected, newest first", ("title", "weight", "when"), rejected))
    if found["my_list"]:
        console.print(_table("my list, newest first", ("title",), [(one,) for one in found["my_list"]]))
    if found["loved"]:
        loved = [(one["title_id"], str(one["weight"]), one["at"]) for one in found["loved"]]
        console.print(_table("finished and liked, newest first", ("title", "weight", "when"), loved))
    if found["page"]:
        console.print(f"page {found['page']['seq']}")
    for row in found["page"]["rows"] if found["page"] else ():
        items = [
            (
                str(place),
                item["title_id"],
                f"{item['score']:.4f}",
                " ".join(filter(None, (item.get("reason") or row.get("reason"), item.get("because")))),
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

    found = inspect_title(_settings(brokers, prefix), title_id)
    console = human(json)
    console.print(_facts(f"title {title_id}", found, ("neighbours", "catalog", "title_id", "trending")))
    for seconds, count in found.get("trending", {}).items():
        console.print(f"  watches, half-life {float(seconds) / 3600:g} h: {count}")
    pairs = [(one["title_id"], f"{one['weight']:.4f}") for one in found.get("neighbours", ())]
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
    console = human(json)
    console.print(_facts(f"viewer {viewer_id}", facts))
    rows = []
    for row in found["rows"]:
        places = ("new" if row["was"] is None else str(row["was"]), str(row["now"] or "gone"))
        rose = [f"{one['title_id']} {one['was']}>{one['now']}" for one in row["moved"]]
        titles = (" ".join(some[:SHOWN]) for some in (row["came"], row["left"], rose))
        rows.append((row["title"] or row["kind"], *places, *titles))
    console.print(_table("rows", ("row", "was", "now", "came", "left", "rose"), rows))
    write_json(json, found)


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
