"""Reference pages of the documentation site, written out of the code: settings, commands, HTTP, tables."""

import inspect
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer import Context

from deploy.generate import SECTIONS
from streams.cli import COMMANDS, build
from streams.config.settings import Settings
from streams.config.variables import OPEN_GROUPS, variable
from streams.ops.runs.worker_process import make_topics, own_cluster
from streams.serve.api.posting import EventPoster
from streams.serve.mirror.mirror import Mirror
from streams.serve.server import build_app
from streams.telemetry.metrics import Metrics

__all__ = ["PAGES"]

SCALARS = (bool, int, float, str)
"""Types of defaults that a table shows as they are."""


def settings() -> str:
    """Write all settings with variable, default and meaning."""
    head = (
        "# Settings\n\n"
        "Each is a variable of the environment; an option of the same meaning on the command line wins. "
        "`nearline config show` prints the effective values and where they come from. A variable that "
        "begins with `NEARLINE_` and is none of these is an error.\n\n"
    )
    parts = [head, _settings_of(Settings, ())]
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            parts += [
                f"\n## {name}\n\n{_sentence(field.annotation)}\n\n",
                _settings_of(field.annotation, (name,)),
            ]
    kafka, registry = OPEN_GROUPS
    parts.append(
        f"\n## kafka\n\n`{kafka}…` is any property of librdkafka, with underscores for dots: "
        f"`{kafka}SECURITY_PROTOCOL=SASL_SSL`.\n\n"
        f"## schema_registry\n\n`{registry}…` is any property of Confluent's client of a registry, in the "
        f"same way: `{registry}URL=https://registry:8081`.\n\n"
        "## model\n\n`NEARLINE_MODEL__…` is a hyper-parameter of the models: all of them, with bounds and "
        "the source of each default, are in the [Python interface](python/models.md).\n"
    )
    return "".join(parts)


def _settings_of(model: type[BaseModel], path: tuple[str, ...]) -> str:
    lines = ["| variable | default | meaning |\n| --- | --- | --- |\n"]
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            continue
        meaning = " ".join((field.description or "").split())
        lines.append(f"| `{variable((*path, name))}` | {_default(field)} | {_cell(meaning)} |\n")
    return "".join(lines)


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined or value is None or value in ("", (), {}):
        return ""
    if isinstance(value, (*SCALARS, Path)):
        return f"`{value}`"
    return f"`{', '.join(map(str, value))}`" if isinstance(value, tuple) else ""


def commands() -> str:
    """Write all commands with their arguments and options."""
    root = build()
    examples = {command.name: command.examples for command in COMMANDS}
    head = (
        "# Commands\n\n`--help` of a command says the same. `--json PATH` writes the result as JSON, `-` to "
        "standard output, without any other output. [Exit codes](operators.md#exit-codes) are the same for "
        "all.\n"
    )
    parts = [head]
    for name, command in _below(root):
        one = Context(command, info_name=f"nearline {name}")
        depth = "##" if " " not in name else "###"
        parts.append(f"\n{depth} nearline {name}\n\n{_help(command)}\n\n")
        if not hasattr(command, "commands"):
            parts += [f"```text\n{_usage(command, one)}\n```\n\n", *_parameters(command, one)]
        if shown := examples.get(name):
            parts.append("```console\n" + "".join(f"$ {line}\n" for line in shown) + "```\n")
    return "".join(parts)


def _below(group: Any, above: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer's own click
    for name, command in getattr(group, "commands", {}).items():
        if not command.hidden:
            yield f"{above}{name}", command
            yield from _below(command, f"{above}{name} ")


def _help(command: Any) -> str:  # noqa: ANN401 - as above
    """Return a command's help without the markup of the terminal and without examples."""
    text = inspect.cleandoc(command.help or "").split("\f")[0]
    return re.sub(r"\[/?(?:bold|dim|cyan)\]", "", text).replace("<", "&lt;")


def _usage(command: Any, context: Context) -> str:  # noqa: ANN401 - as above
    return " ".join([context.info_name or "", *command.collect_usage_pieces(context)])


def _parameters(command: Any, context: Context) -> Iterator[str]:  # noqa: ANN401 - as above
    rows = [one.get_help_record(context) for one in command.params if not _is_common(one)]
    if known := [row for row in rows if row is not None]:
        yield "| option | meaning |\n| --- | --- |\n"
        for names, meaning in known:
            yield f"| `{names}` | {_cell(meaning)} |\n"  # Markdown leaves alone what is in backticks
        yield "\n"


def _is_common(one: Any) -> bool:  # noqa: ANN401 - as above
    return one.name in {"help", "install_completion", "show_completion"}


def http() -> str:
    """Write the paths of the HTTP interface, out of its OpenAPI document."""
    with (
        tempfile.TemporaryDirectory() as folder,
        own_cluster(Path(folder), "documentation", kafka=False) as given,
    ):
        make_topics(given)  # a server asks for its topics when it is made
        document = build_app(Mirror(given, Metrics()), EventPoster(given), Metrics()).openapi()
    parts = [
        (
            f"# HTTP interface\n\n{document['info']['description']}\n\n`nearline serve` shows this page at "
            "`/docs` and the whole document at `/openapi.json` (OpenAPI 3.1).\n"
        )
    ]
    for path, verbs in document["paths"].items():
        for verb, one in verbs.items():
            parts.append(f"\n## {verb.upper()} {path}\n\n{inspect.cleandoc(one.get('description', ''))}\n\n")
            parts += _http_parameters(one.get("parameters", []))
            parts.append("| status | answer |\n| --- | --- |\n")
            parts += [
                f"| {status} | {_cell(answer['description'])} |\n"
                for status, answer in one["responses"].items()
            ]
    return "".join(parts)


def _http_parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    if parameters:
        yield "| parameter | in | meaning |\n| --- | --- | --- |\n"
        for one in parameters:
            name = f"**`{one['name']}`**" if one.get("required") else f"`{one['name']}`"
            yield f"| {name} | {one['in']} | {_cell(one.get('description', ''))} |\n"
        yield "\n"


def messages() -> str:
    """Write topics, events, and the words of pages."""
    return (
        "# Messages\n\nHow to use them is in [the wire contract](../how-to/messages.md).\n\n"
        f"## Events\n\nRequired fields are bold; all have those of `ViewingEvent`.\n\n"
        f"{SECTIONS['events']()}\n"
        f"## What an event does to a page\n\n{SECTIONS['effects']()}\n"
        f"## Words of a page\n\n{SECTIONS['list-words']()}\n"
        f"## Dead letters\n\n{SECTIONS['dead-letters']()}\n"
    )


def _sentence(described: type) -> str:
    return inspect.cleandoc(described.__doc__ or "").split("\n\n")[0]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/settings.md": settings,
    "reference/commands.md": commands,
    "reference/http.md": http,
    "reference/messages.md": messages,
}
"""The pages by their place in the site."""
