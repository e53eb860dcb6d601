"""Options that several commands have in common: one name, one meaning, one text."""

from pathlib import Path
from typing import Annotated

import typer

Brokers = Annotated[
    str | None,
    typer.Option(
        "--brokers",
        metavar="HOST:PORT,…",
        help="Where Kafka is. [dim]Setting NEARLINE_BROKERS, default 127.0.0.1:19092.[/]",
    ),
]
Prefix = Annotated[
    str | None,
    typer.Option(
        "--prefix", metavar="TEXT", help="Put before every topic name. [dim]Setting NEARLINE_TOPIC_PREFIX.[/]"
    ),
]
StateDir = Annotated[
    Path | None, typer.Option("--state-dir", metavar="FOLDER", help="Local databases of this worker.")
]
HttpPort = Annotated[
    int | None, typer.Option("--http-port", min=0, max=65_535, help="Port of /livez, /readyz, /metrics.")
]
Json = Annotated[
    str | None,
    typer.Option("--json", metavar="PATH", help="Write the result as JSON; - for standard output."),
]
