"""Generate documents for operators: ``python -m deploy.generate`` compares, ``--write`` writes.

The Grafana dashboard, from `deploy.dashboard`, and what the Helm chart copies; the TypeScript client, from
`deploy.typescript`; topics and users for Strimzi, from `deploy.strimzi`; alerts for the Prometheus operator,
from ``alerts.yml``; the inventory of modules (``deploy/modules.md``), from their docstrings; the version in
the names of our image, from `pyproject.toml`; and sections of the READMEs, between ``<!-- generated: NAME
-->`` and ``<!-- end -->``, from `SECTIONS`.
"""

import argparse
import ast
import importlib
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path

import msgspec
import yaml

import online_models
import schemas
import streams
from deploy.dashboard import dashboard
from deploy.event_effects import every_case
from deploy.release import PLACES, version, with_version
from deploy.strimzi import as_yaml, topic_documents, user_documents
from deploy.typescript import FILE as TYPESCRIPT
from deploy.typescript import typescript
from online_models.errors import ModelError
from schemas.errors import Reason, SchemaError
from schemas.events import EVENT_TYPES, ViewingEvent
from schemas.fields import ItemReason, RowKind
from schemas.topics import TOPICS
from streams.errors import BrokerError, StreamError
from streams.ops.doctor import CLUSTER_CHECKS, MACHINE_CHECKS, name_of
from streams.telemetry import metrics

ROOT = Path(__file__).resolve().parents[1]
READMES = (
    "README.md",
    "deploy/README.md",
    "deploy/reference.md",
    "schemas/README.md",
    "online_models/README.md",
)
DASHBOARD = ROOT / "deploy/observability/grafana/dashboards/nearline.json"
ALERTS = ROOT / "deploy/observability/alerts.yml"
RULES = ROOT / "deploy/observability/rules.yaml"
STRIMZI = ROOT / "deploy/kubernetes/strimzi"
CHART = ROOT / "deploy/helm/nearline/files"
"""Files that the Helm chart carries, since a chart reads none outside of its folder."""
MODULES = ROOT / "deploy/modules.md"
SECTION = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
NOT_RAISED = {BrokerError}
"""Base classes that only handlers name."""


def all_errors() -> list[type[Exception]]:
    """Return every error class that can be raised, those of the packages' errors modules first."""
    for package in (schemas, online_models, streams):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    roots: tuple[type[Exception], ...] = (StreamError, ModelError, SchemaError)
    return [
        found
        for root in roots
        for found in sorted(_below(root), key=lambda error: _place(error, root))
        if found not in NOT_RAISED
    ]


def advice(error: type[Exception]) -> tuple[str, str]:
    """Return the meaning of an error and what to do: the two halves of its docstring's first sentence."""
    first = (error.__doc__ or "").strip().split("\n\n")[0]
    cause, _, step = " ".join(first.split()).rstrip(".").partition(": ")
    return cause, step


def _place(error: type[Exception], root: type[Exception]) -> tuple[bool, str, int]:
    """Return where a class stands in the source, whatever was imported first."""
    return error.__module__ != root.__module__, error.__module__, inspect.getsourcelines(error)[1]


def _below(error: type[Exception]) -> Iterator[type[Exception]]:
    for child in error.__subclasses__():
        if child.__module__.split(".")[0] in {"schemas", "online_models", "streams"}:
            yield child
            yield from _below(child)


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _alerts() -> str:
    """Write a paragraph for each alert, under a heading that the alert's link leads to."""
    parts: list[str] = []
    for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            said = rule["annotations"]
            parts += [f"#### {rule['alert']}", "", f"*{rule['labels']['severity']}*, {_patience(rule)}", ""]
            parts += [f"* **Meaning.** {said['meaning']}", f"* **Check.** {said['check']}"]
            parts += [f"* **Do.** {said['action']}", ""]
    return "\n".join([*parts[:-1], ""])


def _patience(rule: dict[str, str]) -> str:
    return f"after {rule['for']}" if "for" in rule else "at once"


def _errors() -> str:
    rows = []
    for error in all_errors():
        code = str(error.exit_code) if issubclass(error, StreamError) else ""
        cause, step = advice(error)
        rows.append((f"`{error.__name__}`", code, cause, step))
    return _table(("error", "exit code", "meaning", "do"), rows)


def _dead_letters() -> str:
    """Write the reasons of dead letters."""
    rows = ((f"`{word}`", text) for word, text in _texts(Reason))
    return _table(("reason", "meaning, and who does what"), rows)


def _texts(words: type[StrEnum]) -> list[tuple[str, str]]:
    """Return the words of a closed set with the texts that stand below them in the source."""
    tree = ast.parse(Path(inspect.getfile(words)).read_text(encoding="utf-8"))
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == words.__name__)
    texts = [
        " ".join(str(node.value.value).split())
        for node in found.body[1:]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    return list(zip((word.value for word in words), texts, strict=True))


def _metrics() -> str:
    rows = re.findall(
        r"^(\w+) +(counter|gauge|histogram) +([a-z, ]*?) {2,}(\S.*)$", metrics.__doc__ or "", re.MULTILINE
    )
    return _table(
        ("metric", "type", "labels", "meaning"),
        ((f"`nearline_{name}`", kind, labels, text) for name, kind, labels, text in rows),
    )


def _topics() -> str:
    rows = []
    for spec in TOPICS.values():
        kept = "newest of each key" if spec.cleanup == "compact" else f"{spec.retention_ms // 86_400_000} d"
        who = f"{spec.written_by} (internal)" if spec.internal else spec.written_by
        rows.append((f"`{spec.name}`", spec.key, spec.value, kept, who))
    return _table(("topic", "key", "value", "kept", "written by"), rows)


def _events() -> str:
    """Write the events with the fields of each, required ones first and bold."""
    shared = {field.encode_name for field in msgspec.structs.fields(ViewingEvent)}
    rows = []
    for name, event in EVENT_TYPES.items():
        own = [field for field in msgspec.structs.fields(event) if field.encode_name not in shared]
        needed = [f"**{field.encode_name}**" for field in own if field.required]
        fields = ", ".join((*needed, *(field.encode_name for field in own if not field.required)))
        rows.append((f"`{name}`", (event.__doc__ or "").splitlines()[0].rstrip("."), fields))
    return _table(("type", "what happened", "fields of its own"), rows)


def _effects() -> str:
    """Write what an event of each type does to its viewer's page."""
    rows = ((f"`{name}`" + (f", {case.how}" if case.how else ""), case.says) for name, case in every_case())
    return _table(("event", "on the viewer's next page"), rows)


def _list_words() -> str:
    """Write the kinds of rows and the reasons, with the texts that stand below them in the source."""
    rows = [(f"`{word}`", "row", text) for word, text in _texts(RowKind)]
    return _table(
        ("word", "of a", "meaning"), rows + [(f"`{w}`", "reason", t) for w, t in _texts(ItemReason)]
    )


def _checks() -> str:
    checks = (*MACHINE_CHECKS, *CLUSTER_CHECKS)
    rows = ((name_of(check), (check.__doc__ or "").splitlines()[0]) for check in checks)
    return _table(("check", "what it does"), rows)


SECTIONS: dict[str, Callable[[], str]] = {
    "alerts": _alerts,
    "errors": _errors,
    "dead-letters": _dead_letters,
    "metrics": _metrics,
    "topics": _topics,
    "checks": _checks,
    "events": _events,
    "effects": _effects,
    "list-words": _list_words,
}
"""What can stand between the marks, by name."""


def _rules() -> dict[str, object]:
    """Return the alerts as the Prometheus operator takes them."""
    head = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "nearline"},
    }
    return head | {"spec": yaml.safe_load(ALERTS.read_text(encoding="utf-8"))}


def _modules() -> str:
    """Return the inventory: every module of the packages with the first line of its docstring."""
    parts = ["# Modules", "", "Generated: `python -m deploy.generate --write`."]
    for package in ("schemas", "online_models", "streams"):
        rooms: dict[Path, list[tuple[str, str]]] = {}
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name == "__main__.py":
                continue
            text = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
            name = path.name if path.name != "__init__.py" else f"{path.parent.name}/"
            rooms.setdefault(path.parent, []).append((f"`{name}`", " ".join(text.split())))
        for room, rows in rooms.items():
            parts += [
                "",
                f"## {room.relative_to(ROOT).as_posix()}",
                "",
                _table(("module", "content"), rows).rstrip(),
            ]
    return "\n".join([*parts, ""])


def _yaml(documents: Iterable[object]) -> str:
    return "# generated: python -m deploy.generate --write\n" + as_yaml(documents)


def generated() -> dict[Path, str]:
    """Return every file that is generated, or has generated parts, with the text that it should have."""
    picture = json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"
    found = {
        DASHBOARD: picture,
        CHART / "dashboard.json": picture,
        CHART / "alerts.yml": ALERTS.read_text(encoding="utf-8"),
        RULES: _yaml([_rules()]),
        MODULES: _modules(),
        TYPESCRIPT: typescript(),
        STRIMZI / "topics.yaml": _yaml(topic_documents()),
        STRIMZI / "users.yaml": _yaml(user_documents()),
    }
    for path in (ROOT / name for name in PLACES):
        found[path] = with_version(path.read_text(encoding="utf-8"), version())
    for name in READMES:
        path = ROOT / name
        if path.exists():
            text = path.read_text(encoding="utf-8")
            found[path] = SECTION.sub(lambda part: part[1] + SECTIONS[part[2]]() + part[3], text)
    return found


def main() -> int:
    """Compare or write; return 1 when something differs and is not written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write what differs")
    write = parser.parse_args().write
    differ = [
        path
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in differ:
        sys.stdout.write(f"{'wrote' if write else 'differs'}: {path.relative_to(ROOT)}\n")
        if write:
            path.write_text(generated()[path], encoding="utf-8")
    return int(bool(differ) and not write)


if __name__ == "__main__":
    sys.exit(main())
