"""`nearline config`: the effective settings and their sources."""

import re

import typer

from streams.cli.console import examples, human, write_json
from streams.cli.options import Json

app = typer.Typer(help="Show the effective settings.")

SECRET = re.compile(r"password|secret|token", re.IGNORECASE)
"""Settings whose name matches are masked."""
HARMLESS = re.compile(
    r"schema_registry\.(url|timeout|max\.retries)"
    r"|kafka\.(acks|client\.(id|rack)|compression\.\w+|debug|security\.protocol|sasl\.mechanisms?|sasl\.username"
    r"|[\w.]+\.(algorithm|bytes|kb|location|messages|ms|type))"
)
"""Properties of Confluent's clients that are shown; others may be keys, certificates or passwords."""
IN_URL = re.compile(r"//[^/@\s]+@")
"""User and password in a URL."""


@app.callback()
def group() -> None:
    """Show the effective settings."""


@app.command(epilog=examples("nearline config show", "NEARLINE_THREADS=1 nearline config show --json -"))
def show(json: Json = None) -> None:
    """Print every setting, its value, and the source of the value; secrets are masked."""
    from rich.markup import escape
    from rich.table import Table

    from streams.config.settings import Settings
    from streams.config.variables import leaves, variable

    settings = Settings.load()
    table = Table("setting", "value", "from", "meaning")
    document = {}
    for path, value in leaves(settings):
        name, source = ".".join(path), settings.source(path)
        shown = _masked(name, value)
        field = Settings.model_fields[path[0]]
        meaning = field.description or "" if len(path) == 1 else ""
        origin = "[dim]default[/]" if source == "default" else source
        table.add_row(name, escape(str(shown)), origin, escape(meaning))
        document[name] = {"value": shown, "source": source, "variable": variable(path)}
    human(json).print(table)
    write_json(json, document)


def _masked(name: str, value: object) -> object:
    """Return a value as it may be shown.

    Examples
    --------
    >>> _masked("schema_registry.basic.auth.user.info", "me:mine")
    '********'
    >>> _masked("kafka.sasl.mechanism", "PLAIN"), _masked("kafka.ssl.key.pem", "-----BEGIN")
    ('PLAIN', '********')
    >>> _masked("serve.workers", ("http://me:mine@w:8000/metrics",)), _masked("serve.token", None)
    (('http://********@w:8000/metrics',), None)
    """
    if value and (
        SECRET.search(name)
        or (name.startswith(("kafka.", "schema_registry.")) and not HARMLESS.fullmatch(name))
    ):
        return "********"
    if isinstance(value, str):
        return IN_URL.sub("//********@", value)
    return tuple(_masked(name, one) for one in value) if isinstance(value, tuple) else value
