"""The TypeScript client: types and methods out of the OpenAPI and AsyncAPI documents.

`python -m deploy.generate --write` writes ``deploy/clients/typescript/nearline.ts`` with it. The file beside
it, ``deploy/clients/typescript/runtime.ts``, is written by hand: requests, retries, errors, streams.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from schemas.contract_tools.asyncapi import document
from streams.config.settings import Settings
from streams.serve.mirror.mirror import Mirror
from streams.serve.server import build_app
from streams.telemetry.metrics import Metrics

FILE = Path(__file__).parent / "clients/typescript/nearline.ts"
WIDTH = 110
HEAD = """// generated: python -m deploy.generate --write
//
// Types of nearline's messages (JSON, snake_case as on the wire), and a client of `nearline serve`.

import { type Options, Transport } from './runtime.js'

export { NearlineError, type Options } from './runtime.js'
"""
NAMES = {
    "/v1/viewers/{viewer_id}/home": "home",
    "/v1/viewers/{viewer_id}/search": "search",
    "/v1/titles/{title_id}/similar": "similar",
    "/v1/titles/{title_id}": "title",
    "/v1/trending": "trending",
    "/v1/stream/viewers/{viewer_id}": "live",
    "/v1/events": "send",
    "/v1/experiments": "experiments",
    "/v1/experiments/{experiment_id}/results": "experimentResults",
    "/v1/insights/titles": "topTitles",
    "/v1/insights/titles/{title_id}": "titleInsight",
    "/v1/insights/demand": "demand",
}
"""Names of the methods; a new route needs one."""
LEFT_OUT = {"format"}
"""Parameters that ask for another format than JSON."""

Schema = Mapping[str, Any]


def typescript() -> str:
    """Return the generated file."""
    api, topics = openapi(), document()
    schemas = {**topics["components"]["schemas"], **api["components"]["schemas"]}
    parts = [HEAD, *(_declared(name, schemas[name]) for name in sorted(schemas))]
    return "\n".join([*parts, _topics(topics), _client(api)])


def openapi() -> dict[str, Any]:
    """Return the description of the HTTP interface, without a server."""
    unstarted = cast("Mirror", SimpleNamespace(settings=Settings()))
    app = build_app(unstarted, cast("Any", None), Metrics())
    return app.openapi()


def _declared(name: str, schema: Schema) -> str:
    """Declare a type."""
    note = "".join(_comment(str(schema.get("description", "")), ""))
    if schema.get("type") != "object":
        return f"{note}export type {name} = {_type(schema)}\n"
    lines = []
    for field, of in schema.get("properties", {}).items():
        mark = "" if field in schema.get("required", ()) else "?"
        lines += [*_comment(str(of.get("description", "")), "  "), f"  {field}{mark}: {_type(of)}\n"]
    return f"{note}export interface {name} {{\n{''.join(lines)}}}\n"


def _type(schema: Schema) -> str:
    """Return a schema as a type; bounds of numbers and lengths have none."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(_quoted(value) for value in schema["enum"])
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return " | ".join(dict.fromkeys(_type(one) for one in several))
    kind = schema.get("type")
    if kind == "array":
        inner = _type(schema.get("items", {}))
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"Record<string, {_type(values) if isinstance(values, dict) else 'unknown'}>"
    found = {
        "string": "string",
        "integer": "number",
        "number": "number",
        "boolean": "boolean",
        "null": "null",
    }
    return found.get(str(kind), "unknown")


def _quoted(value: object) -> str:
    """Return a literal."""
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


def _comment(text: str, indent: str) -> Iterator[str]:
    """Yield the lines of a doc comment; none for an empty text."""
    words = text.replace("*/", "* /").split()
    if not words:
        return
    lines, line = [], f"{indent}/**"
    for word in words:
        if len(line) + len(word) + 4 > WIDTH:
            lines.append(line)
            line = f"{indent} *"
        line += f" {word}"
    yield from (f"{one}\n" for one in (*lines, f"{line} */"))


def _topics(api: Schema) -> str:
    """Declare which messages each topic has."""
    lines = []
    for channel in api["channels"].values():
        names = [ref["$ref"].rpartition("/")[2] for ref in channel["messages"].values()]
        lines += [*_comment(channel.get("description", ""), "  ")]
        lines += [f"  '{channel['address']}': {' | '.join(names)}\n"]
    note = "/** The messages of each topic, by its name without a prefix. */\n"
    return f"{note}export interface Topics {{\n{''.join(lines)}}}\n"


def _client(api: Schema) -> str:
    """Declare the client: a method for each operation."""
    methods = [
        _method(path, verb, operation)
        for path, verbs in api["paths"].items()
        for verb, operation in verbs.items()
    ]
    head = "/** A client of one `nearline serve`; failed requests that may pass are repeated. */\n"
    start = "export class Nearline {\n  private readonly transport: Transport\n\n"
    start += "  constructor(options: Options) {\n    this.transport = new Transport(options)\n  }\n"
    return head + start + "".join(f"\n{method}" for method in methods) + "}\n"


def _method(path: str, verb: str, operation: Schema) -> str:
    """Write the method of an operation."""
    parameters = operation.get("parameters", [])
    places = [one["name"] for one in parameters if one["in"] == "path"]
    query = [one for one in parameters if one["in"] == "query" and one["name"] not in LEFT_OUT]
    arguments = [f"{name}: string" for name in places]
    address = re.sub(r"\{(\w+)\}", r"${encodeURIComponent(\1)}", path)
    note = "".join(_comment(operation.get("description", operation.get("summary", "")), "  "))
    good = next(answer for code, answer in operation["responses"].items() if code.startswith("2"))
    content = good["content"]
    if "text/event-stream" in content:
        given = ", ".join([*arguments, "signal?: AbortSignal"])
        return (
            f"{note}  {NAMES[path]}({given}): AsyncGenerator<Home> {{\n"
            f"    return this.transport.stream(`{address}`, signal)\n  }}\n"
        )
    body = operation.get("requestBody")
    if body:
        arguments.append(f"body: {_type(body['content']['application/json']['schema'])}")
    if query:
        fields = "; ".join(
            f"{one['name']}{'' if one.get('required') else '?'}: {_type(one['schema'])}" for one in query
        )
        needed = any(one.get("required") for one in query)
        arguments.append(f"query: {{ {fields} }}{'' if needed else ' = {}'}")
    result = _type(content["application/json"]["schema"])
    passed = ", ".join(
        [f"'{verb.upper()}'", f"`{address}`", "query" if query else "{}", *["body"] * bool(body)]
    )
    return (
        f"{note}  {NAMES[path]}({', '.join(arguments)}): Promise<{result}> {{\n"
        f"    return this.transport.request({passed})\n  }}\n"
    )
