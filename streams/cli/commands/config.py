"""`nearline config`: the effective settings and their sources."""

import re

import typer

from streams.cli.console import examples, human, write_json
from streams.cli.options import Json

app = typer.Typer(help="Show the effective settings.")

SECRET = re.compile(r"password|secret|token|jaas|oauthbearer\.config", re.IGNORECASE)
"""Settings whose name matches are masked."""


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
        shown = "********" if SECRET.search(name) and value else value
        field = Settings.model_fields[path[0]]
        meaning = field.description or "" if len(path) == 1 else ""
        origin = "[dim]default[/]" if source == "default" else source
        table.add_row(name, escape(str(shown)), origin, escape(meaning))
        document[name] = {"value": shown, "source": source, "variable": variable(path)}
    human(json).print(table)
    write_json(json, document)
