"""`nearline inspect`: what is known about a viewer, a title, and the stages' state."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.console import examples, human, write_json
from streams.cli.options import Brokers, Json, Prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Group

    from streams.config.settings import Settings
    from streams.ops.runs.event_effects import Observed

app = typer.Typer(help="Show what is known about a viewer, a title, or the stages' state.")

HELD_APART = ("recent", "rejected", "loved", "my_list", "page", "viewer_id")
"""What a viewer's table of single values leaves out."""
SHOWN = 15
"""Neighbours and known titles in a table; JSON has all."""


@app.command(epilog=examples("nearline inspect viewer v-000123", "nearline inspect viewer v-000123 --diff"))
def viewer(
    viewer_id: Annotated[str, typer.Argument(metavar="ID", help="Viewer id, as in the events.")],
    diff: Annotated[
        bool, typer.Option("--diff", help="What the newest page changed, and which event did it.")
    ] = False,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Show what a viewer watched last and the page they were given."""
    from streams.ops.inspect import inspect_viewer

    if diff:
        _show_changes(_settings(brokers, prefix), viewer_id, json)
        return
    found = inspect_viewer(_settings(brokers, prefix), viewer_id)
    console = human(json)
    console.print(_facts(f"viewer {viewer_id}", found, HELD_APART))
    recent = [(one["title_id"], "yes" if one["liked"] else "no") for one in found["recent"]]
    console.print(_table("watched or judged, newest first", ("title", "liked"), recent[:SHOWN]))
    if found["rejected"]:
        rejected = [(one["title_id"], str(one["weight"]), one["at"]) for one in found["rejected"]]
        console.print(_table("turned down of late, newest first", ("title", "weight", "when"), rejected))
    if found["my_list"]:
        console.print(_table("my list, newest first", ("title",), [(one,) for one in found["my_list"]]))
    if found["loved"]:
        loved = [(one["title_id"], str(one["weight"]), one["at"]) for one in found["loved"]]
        console.print(_table("finished and loved, newest first", ("title", "weight", "when"), loved))
    if found["page"]:
        console.print(f"page {found['page']['seq']}")
    for row in found["page"]["rows"] if found["page"] else ():
        items = [
            (
                str(place),
                item["title_id"],
                f"{item['score']:.4f}",
                item.get("reason") or row.get("reason", ""),
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
    """Show a title's counters, what is watched beside it, and its catalog record."""
    from streams.ops.inspect import inspect_title

    found = inspect_title(_settings(brokers, prefix), title_id)
    console = human(json)
    console.print(_facts(f"title {title_id}", found, ("neighbours", "catalog", "title_id", "trending")))
    for seconds, count in found.get("trending", {}).items():
        console.print(f"  watches, half-life {float(seconds) / 3600:g} h: {count}")
    pairs = [(one["title_id"], f"{one['weight']:.4f}") for one in found.get("neighbours", ())]
    console.print(_table("watched together with", ("title", "weight"), pairs[:SHOWN]))
    if "positives" not in found:
        console.print("[yellow]nobody has watched it yet[/]")
    described = found["catalog"]
    console.print(_facts("catalog", described) if described else "[yellow]not in the catalog[/]")
    write_json(json, found)


@app.command(epilog=examples("nearline inspect state"))
def state(brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Show how many rows each partition of each stage has, and up to which source offset they reach."""
    from streams.ops.inspect import inspect_state

    found = inspect_state(_settings(brokers, prefix))
    heads = ("stage", "partition", "rows", "bytes", "applied", "changed")
    rows = [tuple("" if part[head] is None else str(part[head]) for head in heads) for part in found]
    human(json).print(_table("state, as the changelogs have it", heads, rows))
    write_json(json, {"partitions": found})


@app.command(epilog=examples("nearline inspect events", "nearline inspect events --kafka --json -"))
def events(
    *,
    kafka: Annotated[
        bool,
        typer.Option("--kafka", help="On a real Apache Kafka (Java 17, Maven) instead of the embedded one."),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the world that the models learn from.")] = 0,
    json: Json = None,
) -> None:
    """Show what an event of each type changes on its viewer's page, on a cluster and a worker of its own.

    Fails if a page did something else than is documented. JSON: cases, each with type, how, documented,
    as_documented, title_id, former and seq (numbers of the pages before and after), forgotten, rows (as of
    `inspect viewer --diff`) and reasons (of titles, before and after).
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from streams.cli.console import interruptible
    from streams.ops.runs.event_effects import observe, require

    console = human(json)
    with (
        interruptible(),
        TemporaryDirectory() as folder,
        console.status("viewers watch, and things happen …"),
    ):
        found = observe(Path(folder), kafka=kafka, seed=seed)
    heads = ("event", "the page", "documented", "")
    console.print(
        _table("an event of each type, and the page after it", heads, [_case(one) for one in found])
    )
    write_json(json, {"cases": [one.document() for one in found]})
    require(found)


def _case(one: "Observed") -> tuple[str, str, str, str]:
    """Return a line of the table of events."""
    found = one.document()
    if found["forgotten"]:
        page = "deleted"
    elif found["seq"] is None:
        page = "no other one"
    else:
        lines = [_words(row, found["title_id"]) for row in found["rows"]]
        lines += [f"another reason: {len(found['reasons'])} titles"] if found["reasons"] else []
        page = "\n".join(lines)
    name = f"{one.type}\n({one.case.how})" if one.case.how else one.type
    return name, page, one.case.says, "yes" if found["as_documented"] else "NO"


def _words(row: dict[str, Any], title_id: str) -> str:
    """Say what became of a row: its places, the event's title, and how many others came, left and rose."""
    was, now = row["was"], row["now"]
    place = f"new, {now}" if was is None else f"{was} > {now or 'gone'}" if was != now else str(now)
    parts = [f"{row['title'] or row['kind']} [{place}]"]
    if now is not None and was is not None:
        parts += [
            f"{sign}{title_id}" for sign, some in (("+", row["came"]), ("-", row["left"])) if title_id in some
        ]
        counts = (len([t for t in row[name] if t != title_id]) for name in ("came", "left"))
        parts += [f"{n} {word}" for n, word in zip(counts, ("came", "left"), strict=True) if n]
        parts += [f"{len(row['moved'])} rose"] if row["moved"] else []
    return " ".join(parts)


def _show_changes(settings: "Settings", viewer_id: str, json: Json) -> None:
    """Show what a viewer's newest page changed: a line a row, with the titles that came, went and rose."""
    from streams.ops.page_changes import inspect_changes

    found = inspect_changes(settings, viewer_id)
    event = found["event"] or {}
    said = {"page": found["seq"], "page before": found["former"] or "not there any more"}
    said |= {name: event.get(name) for name in ("type", "title_id", "event_time_ms")}
    console = human(json)
    console.print(_facts(f"viewer {viewer_id}", said))
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
    return _table(title, ("what", "value"), rows)


def _table(title: str, heads: tuple[str, ...], rows: "Sequence[tuple[str, ...]]") -> "Group":
    """Return rows of text as a table under its title; what an id holds is never taken for markup."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(*heads)
    for row in rows:
        table.add_row(*map(Text, row))
    return Group(Text(title, style="bold"), table)
