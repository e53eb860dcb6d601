"""`nearline insights`: how titles are watched, and what viewers want that the catalog lacks."""

from pathlib import Path
from typing import Annotated

import typer

from online_models.insights.sorting import Order
from streams.cli.console import examples, human, write_json
from streams.cli.options import Brokers, HttpPort, Json, Prefix, StateDir, connected, service_settings

app = typer.Typer(
    help="""Insights for content teams: where titles lose viewers, which demand the catalog does not meet.

    `nearline insights worker` computes them; no figure of fewer than 20 distinct viewers is published."""
)

Csv = Annotated[
    str | None, typer.Option("--csv", metavar="PATH", help="Write a table as CSV; - for standard output.")
]
Most = Annotated[int, typer.Option(min=1, max=1_000, help="Most lines to show.")]


@app.command(epilog=examples("nearline insights worker"))
def worker(
    *,
    brokers: Brokers = None,
    prefix: Prefix = None,
    state_dir: StateDir = None,
    http_port: HttpPort = None,
) -> None:
    """Compute insights and publish them, until SIGTERM; exit codes of `nearline worker`.

    It is a process and a consumer group of its own: it reads the same events as the workers that make lists,
    and a failure does not affect them. Start up to one per partition.
    """
    from streams.engine.broker_wait import wait_for_broker
    from streams.stages.insights.worker import build_insights_worker

    settings = service_settings(brokers, prefix, state_dir=state_dir, http_port=http_port)
    wait_for_broker(settings)
    raise typer.Exit(build_insights_worker(settings).run())


@app.command(epilog=examples("nearline insights titles", "nearline insights titles tt0113277 --csv -"))
def titles(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="One title, with its curve and groups; without it, all."),
    ] = None,
    *,
    limit: Most = 20,
    csv: Csv = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Show how titles are watched, the most watched first. JSON: the records of insights.titles.v1."""
    from msgspec import to_builtins

    from online_models.insights.sorting import top_titles
    from streams.cli.views.insight_tables import one_title, overview
    from streams.errors import InsightError
    from streams.ops.insights import names_in, read_catalog, read_titles, title_csv, titles_csv

    settings = connected(brokers, prefix)
    found = read_titles(settings)
    chosen = [one for one in found if name in (None, one.title_id)]
    if name is not None and not chosen:
        what, why = (
            f"there are no insights of {name}",
            "fewer than 20 viewers watched it, or no insights worker runs",
        )
        raise InsightError(what, why=why, next_step="start `nearline insights worker`")
    top = top_titles(chosen, limit)
    console = human("-" if csv == "-" else json)
    name_of = names_in(read_catalog(settings))
    console.print(overview(top.items, name_of) if name is None else one_title(chosen[0], name_of))
    _write(csv, titles_csv(top) if name is None else title_csv(chosen[0]))
    write_json(json, [to_builtins(one) for one in top.items])


@app.command(
    epilog=examples("nearline insights demand", "nearline insights demand --order rising --csv demand.csv")
)
def demand(
    *,
    order: Annotated[Order, typer.Option(help="Order of the combinations of tags.")] = Order.EXCESS,
    country: Annotated[
        str | None, typer.Option(metavar="CODE", help="Demand of one country, as ISO 3166-1 alpha-2.")
    ] = None,
    limit: Most = 20,
    csv: Csv = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Show the demand: combinations of tags, searches without success, what each cohort watches.

    Combinations that say the same, such as all words for one hit, are one line under the most specific one;
    CSV and JSON have all. JSON keys: facets, searches, cohorts, each a list of records of insights.demand.v1.
    """
    from msgspec import to_builtins

    from online_models.insights.folding import folded, title_sets
    from online_models.insights.sorting import demand_of
    from streams.cli.views.insight_tables import wanted
    from streams.ops.insights import demand_csv, names_in, read_catalog, read_demand

    settings = connected(brokers, prefix)
    records, catalog = read_demand(settings), read_catalog(settings)
    found = demand_of(records, order=order, country=country, limit=limit)
    every = demand_of(records, order=order, country=country, limit=len(records)).facets
    sets = title_sets(every, ((title.title_id, title.tag_labels()) for title in catalog.values()))
    console = human("-" if csv == "-" else json)
    for table in wanted(found, folded(every, sets)[:limit], names_in(catalog)):
        console.print(table)
    _write(csv, demand_csv(found))
    write_json(json, to_builtins(found))


def _write(path: str | None, text: str) -> None:
    """Write CSV to a file or to standard output, if asked for.

    Raises
    ------
    SettingsError
        The file cannot be written.
    """
    from streams.cli.console import write_text

    if path == "-":
        typer.echo(text, nl=False)
    elif path is not None:
        write_text(Path(path), text, option="--csv")
