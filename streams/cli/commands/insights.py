"""`nearline insights`: how titles are watched and what is wanted, counted, shown, exported, simulated."""

from pathlib import Path
from typing import Annotated

import typer

from online_models.insights.sorting import Order
from streams.cli.console import examples, human, interruptible, write_json
from streams.cli.options import Brokers, HttpPort, Json, Prefix, StateDir, connected, staying

app = typer.Typer(
    help="""What content teams ask: where titles lose their viewers, what is wanted, what is not there.

    `nearline insights worker` counts; no group of fewer than 20 distinct viewers is ever told."""
)

Csv = Annotated[
    str | None, typer.Option("--csv", metavar="PATH", help="Write a table as CSV; - for standard output.")
]
Most = Annotated[int, typer.Option(min=1, max=1_000, help="Lines at most.")]


@app.command(epilog=examples("nearline insights worker"))
def worker(
    *,
    brokers: Brokers = None,
    prefix: Prefix = None,
    state_dir: StateDir = None,
    http_port: HttpPort = None,
) -> None:
    """Count what is watched and wanted, and publish it, until SIGTERM; codes as of `nearline worker`.

    A process of its own, in a group of its own: it reads the events beside the workers that make lists, and
    its failure does not touch them. Start as many as there are partitions to share.
    """
    from streams.stages.insights.worker import build_insights_worker

    settings = staying(brokers, prefix, state_dir=state_dir, http_port=http_port)
    raise typer.Exit(build_insights_worker(settings).run())


@app.command(epilog=examples("nearline insights titles", "nearline insights titles tt0113277 --csv -"))
def titles(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="One title, with its curve and groups; all without it."),
    ] = None,
    *,
    limit: Most = 20,
    csv: Csv = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Show how titles are watched, those watched most first. JSON: the records of insights.titles.v1."""
    from msgspec import to_builtins

    from online_models.insights.sorting import top_titles
    from streams.cli.views.insight_tables import one_title, overview
    from streams.errors import InsightError
    from streams.ops.insights.tables import read_titles, title_csv, titles_csv

    found = read_titles(connected(brokers, prefix))
    chosen = [one for one in found if name in (None, one.title_id)]
    if name is not None and not chosen:
        what, why = f"nothing may be told of {name}", "fewer than 20 viewers watched it, or nobody counts"
        raise InsightError(what, why=why, next_step="start `nearline insights worker`")
    top = top_titles(chosen, limit)
    console = human("-" if csv == "-" else json)
    console.print(overview(top.items) if name is None else one_title(chosen[0]))
    _write(csv, titles_csv(top) if name is None else title_csv(chosen[0]))
    write_json(json, [to_builtins(one) for one in top.items])


@app.command(
    epilog=examples("nearline insights demand", "nearline insights demand --order rising --csv demand.csv")
)
def demand(
    *,
    order: Annotated[Order, typer.Option(help="Of the combinations.")] = Order.EXCESS,
    country: Annotated[
        str | None, typer.Option(metavar="CODE", help="Demand of one country, as ISO 3166-1 alpha-2.")
    ] = None,
    limit: Most = 20,
    csv: Csv = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Show what is wanted: combinations of tags, searches in vain, what serves whom.

    JSON keys: facets, searches, cohorts, each a list of records of insights.demand.v1.
    """
    from msgspec import to_builtins

    from online_models.insights.sorting import demand_of
    from streams.cli.views.insight_tables import wanted
    from streams.ops.insights.tables import demand_csv, read_demand

    found = demand_of(read_demand(connected(brokers, prefix)), order=order, country=country, limit=limit)
    console = human("-" if csv == "-" else json)
    for table in wanted(found):
        console.print(table)
    _write(csv, demand_csv(found))
    write_json(json, to_builtins(found))


@app.command(epilog=examples("nearline insights simulate", "nearline insights simulate --through kafka"))
def simulate(
    *,
    viewers: Annotated[int, typer.Option(min=100, help="Viewers of the world.")] = 600,
    titles: Annotated[int, typer.Option(min=48, help="Titles of the world.")] = 300,
    days: Annotated[int, typer.Option(min=1, help="Days in the world.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Of the world.")] = 0,
    scarce: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of its titles that one kind of story keeps.")
    ] = 0.2,
    through: Annotated[
        str, typer.Option(help="process, or a cluster with a worker: embedded, kafka (a real one).")
    ] = "embedded",
    json: Json = None,
) -> None:
    """Make one kind of story scarce in a simulated world, and see whether the demand names it.

    JSON keys: scarce (its tags), titles and wanted (before and after, shares), places (of each tag among
    those of its kind, by excess), facets and searches (as published).
    """
    from streams.cli.console import figures
    from streams.cli.views.insight_tables import wanted
    from streams.ops.insights.simulation import DemandOptions, simulated

    with interruptible():
        found = simulated(DemandOptions(viewers, titles, days, seed, scarce, through))
    for table in wanted(found.wanted):
        human(json).print(table)
    human(json).print(figures("what the world knows", found.facts()))
    write_json(json, found.to_dict())


def _write(path: str | None, text: str) -> None:
    """Write a table where it was asked for.

    Raises
    ------
    SettingsError
        The file cannot be written.
    """
    from streams.errors import SettingsError

    if path is None:
        return
    if path == "-":
        typer.echo(text, nl=False)
        return
    try:
        Path(path).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        what = f"cannot write {path}"
        raise SettingsError(what, why=error.strerror or "", next_step="give another --csv PATH") from error
