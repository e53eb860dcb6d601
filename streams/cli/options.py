"""Options that several commands share, and the settings that they lead to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.config.settings import Settings

Brokers = Annotated[
    str | None,
    typer.Option(
        "--brokers",
        metavar="HOST:PORT,…",
        help="Kafka brokers. [dim]Setting NEARLINE_BROKERS, default 127.0.0.1:19092.[/]",
    ),
]
Prefix = Annotated[
    str | None,
    typer.Option(
        "--prefix", metavar="TEXT", help="Prefix of every topic name. [dim]Setting NEARLINE_TOPIC_PREFIX.[/]"
    ),
]
StateDir = Annotated[
    Path | None,
    typer.Option("--state-dir", metavar="FOLDER", help="Folder of this worker's local databases."),
]
HttpPort = Annotated[
    int | None, typer.Option("--http-port", min=0, max=65_535, help="Port of /livez, /readyz, /metrics.")
]
Json = Annotated[
    str | None,
    typer.Option("--json", metavar="PATH", help="Write the result as JSON; - for standard output."),
]


def connected(brokers: str | None, prefix: str | None, **more: object) -> "Settings":
    """Return the settings with these overrides, after a broker has answered.

    Raises
    ------
    SettingsError
        A setting is invalid.
    BrokerUnreachableError, AccessError
        No broker answers, or it denies access.
    """
    from streams.config.settings import Settings
    from streams.kafka.clients import require_broker

    settings = Settings.load(brokers=brokers, topic_prefix=prefix, **more)
    require_broker(settings)
    return settings


def service_settings(brokers: str | None, prefix: str | None, **more: object) -> "Settings":
    """Return the settings of a long-running command with these overrides, and configure its log.

    Raises
    ------
    SettingsError
        A setting is invalid.
    """
    from streams.config.settings import Settings
    from streams.telemetry.logging import configure

    settings = Settings.load(brokers=brokers, topic_prefix=prefix, **more)
    configure(settings.log_level, settings.log_format, process=settings.process_number)
    return settings


def read_file(file: Path) -> bytes:
    """Return the bytes of a definition.

    Raises
    ------
    SettingsError
        The file cannot be read.
    """
    from streams.errors import SettingsError

    try:
        return file.read_bytes()
    except OSError as error:
        what = f"cannot read {file}"
        raise SettingsError(what, why=error.strerror or "", next_step="give another FILE") from None
