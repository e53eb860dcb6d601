"""`nearline serve`: home pages, search and the console over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import Brokers, Prefix, service_settings


def serve(
    *,
    brokers: Brokers = None,
    prefix: Prefix = None,
    state_dir: Annotated[
        Path | None,
        typer.Option("--state-dir", metavar="FOLDER", help="Folder of this server's local databases."),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; beyond loopback NEARLINE_SERVE__TOKEN is needed."),
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port; 0 takes any free one.")] = None,
) -> None:
    """Serve home pages, trending, similar titles, search and live updates over HTTP, and take events.

    Exit codes: 0 stopped by a signal, 2 invalid setting, 3 no broker.
    """
    from streams.serve.server import run

    settings = service_settings(brokers, prefix, state_dir=state_dir)
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"serve": settings.serve.model_copy(update=given)})
    raise typer.Exit(run(settings))
