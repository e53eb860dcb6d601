"""Options that several commands have in common: one name, one meaning, one text; and what becomes of them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from streams.config.settings import Settings

One = TypeVar("One")

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


def connected(brokers: str | None, prefix: str | None, **more: object) -> "Settings":
    """Return the settings with the given ones among them, once a broker answers.

    Raises
    ------
    SettingsError
        A setting is wrong.
    BrokerUnreachableError, AccessError
        No broker answers, or it refuses us.
    """
    from streams.config.settings import Settings
    from streams.kafka.clients import require_broker

    settings = Settings.load(brokers=brokers, topic_prefix=prefix, **more)
    require_broker(settings)
    return settings


def staying(brokers: str | None, prefix: str | None, **more: object) -> "Settings":
    """Return the settings of a command that stays until it is told to stop, with its log set up as they say.

    Raises
    ------
    SettingsError
        A setting is wrong.
    """
    from streams.config.settings import Settings
    from streams.telemetry.logging import configure

    settings = Settings.load(brokers=brokers, topic_prefix=prefix, **more)
    configure(settings.log_level, settings.log_format)
    return settings


def definition_of(file: Path, decode: Callable[[bytes | None], One], word: str, example: str) -> One:
    """Read a definition from a file.

    Parameters
    ----------
    file
        JSON.
    decode
        Its codec.
    word
        What it is called.
    example
        One among the contracts' examples.

    Raises
    ------
    SettingsError
        The file cannot be read, or is none.
    """
    from schemas import DecodeError
    from streams.errors import SettingsError

    try:
        return decode(file.read_bytes())
    except OSError as error:
        what = f"cannot read {file}"
        raise SettingsError(what, why=error.strerror or "", next_step="give another FILE") from None
    except DecodeError as error:
        what, advice = f"{file} is no {word}", f"see contracts/examples/{example}"
        raise SettingsError(what, why=str(error), next_step=advice) from None
