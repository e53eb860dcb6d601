"""Options that several commands share, and the settings that they lead to."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from msgspec import Struct

    from streams.config.settings import Settings

One = TypeVar("One")

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
    configure(settings.log_level, settings.log_format)
    return settings


def definition_of(
    file: Path,
    decode: Callable[[bytes | None], One],
    kind: type["Struct"],
    example: str,
    **defaults: str,
) -> One:
    """Read a definition from a file.

    Parameters
    ----------
    file
        JSON.
    decode
        Its codec.
    kind
        What it defines.
    example
        File name of an example in the contracts.
    defaults
        Fields that the file need not have.

    Raises
    ------
    SettingsError
        The file cannot be read, or is no valid definition; the text has every reason.
    """
    import msgspec

    from schemas import DecodeError
    from schemas.diagnosis import defects
    from streams.errors import SettingsError

    document: object = None
    try:
        data = file.read_bytes()
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            document = msgspec.json.decode(data)
        if isinstance(document, dict):
            document = defaults | document
            data = msgspec.json.encode(document)
        return decode(data)
    except OSError as error:
        what = f"cannot read {file}"
        raise SettingsError(what, why=error.strerror or "", next_step="give another FILE") from None
    except DecodeError as error:
        found = [str(one) for one in defects(kind, document)] if isinstance(document, dict) else []
        what, advice = f"{file} is no valid {_words(kind)}", f"see schemas/contracts/examples/{example}"
        raise SettingsError(what, why="; ".join(found) or str(error), next_step=advice) from None


def _words(kind: type["Struct"]) -> str:
    """Return the name of a struct in words: of `BusinessRule` business rule."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind.__name__).strip()
