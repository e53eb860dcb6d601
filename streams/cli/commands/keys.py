"""`nearline keys`: make, list and revoke the API keys of `nearline serve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import examples, human, write_json
from streams.cli.options import Json
from streams.ops.access_keys import Scope

if TYPE_CHECKING:
    from streams.ops.access_keys import AccessKey

app = typer.Typer(
    help="""Make, list and revoke API keys of `nearline serve`, in the file that NEARLINE_SERVE__KEYS names.

    Servers read the file again within a second after it changed. It has hashes of the keys, never a key."""
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Who has the key; stands in the audit log.")]
File = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="File of keys. [dim]Setting NEARLINE_SERVE__KEYS.[/]"),
]


@app.command(
    epilog=examples(
        "nearline keys add tv-app --scope read:pages --scope write:events",
        "nearline keys add content-team --scope read:insights --rate 20",
        "nearline keys add privacy-desk --scope forget --file /etc/nearline/keys.json",
    )
)
def add(
    name: Name,
    *,
    scope: Annotated[
        list[Scope],
        typer.Option("--scope", metavar="SCOPE", help=f"One of {', '.join(Scope)}; may be repeated."),
    ],
    rate: Annotated[
        float, typer.Option(min=0.0, help="Most requests per second; 0: NEARLINE_SERVE__RATE.")
    ] = 0.0,
    file: File = None,
    json: Json = None,
) -> None:
    """Make a key and print its secret, which is stored nowhere: keep it."""
    from streams.ops.access_keys import add_key

    secret = add_key(_path(file), name, tuple(scope), rate=rate)
    console = human(json)
    console.print(f"key {name}; the server accepts it within a second, and it is not shown again:")
    console.print(secret, highlight=False, markup=False, soft_wrap=True)
    write_json(json, {"name": name, "secret": secret, "scopes": sorted(set(scope))})


@app.command("list", epilog=examples("nearline keys list", "nearline keys list --json -"))
def list_keys(file: File = None, json: Json = None) -> None:
    """List keys and their scopes."""
    from rich.table import Table

    from streams.ops.access_keys import read_keys
    from streams.ops.decoded_rows import when

    keys = read_keys(_path(file))
    table = Table("key", "scopes", "requests/s", "made")
    for key in keys:
        table.add_row(
            key.name, " ".join(key.scopes), f"{key.rate:g}" if key.rate else "-", when(key.created_at_ms)
        )
    human(json).print(table)
    write_json(json, [_document(key) for key in keys])


@app.command(epilog=examples("nearline keys revoke tv-app"))
def revoke(name: Name, *, file: File = None) -> None:
    """Revoke a key: within a second it opens nothing, and its sessions end."""
    from streams.ops.access_keys import revoke_key

    revoke_key(_path(file), name)
    human(None).print(f"key {name} is revoked")


def _document(key: "AccessKey") -> dict[str, object]:
    return {
        "name": key.name,
        "scopes": list(key.scopes),
        "rate": key.rate,
        "created_at_ms": key.created_at_ms,
    }


def _path(file: Path | None) -> Path:
    """Return the file of keys.

    Raises
    ------
    SettingsError
        Neither the option nor the setting names one.
    """
    from streams.config.settings import Settings
    from streams.errors import SettingsError

    path = file or Settings.load().serve.keys
    if path is None:
        advice = "give --file FILE, or set NEARLINE_SERVE__KEYS as for the server"
        raise SettingsError("there is no file of keys", why="nothing names one", next_step=advice)  # noqa: EM101
    return path
