"""Whether a dashboard is what Grafana's import takes (dashboard JSON model, Grafana 12)."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["import_problems", "shape"]

OLDEST_SCHEMA = 36
"""`schemaVersion` from which on no migration touches panels or data sources (Grafana 9)."""
PANEL = ("id", "type", "title", "gridPos")
"""What every panel has."""


def shape(document: Mapping[str, Any]) -> Sequence[tuple[str, object]]:
    """Return what an import looks at, each with what it finds."""
    panels = document["panels"]
    sources = [one["name"] for one in document["templating"]["list"] if one["type"] == "datasource"]
    return (
        ("title, uid", f"{document['title']}, {document['uid']}"),
        ("no id of another installation", document.get("id") is None),
        ("schema version", document["schemaVersion"]),
        ("panels, rows among them", f"{len(panels)}, {sum(one['type'] == 'row' for one in panels)}"),
        ("queries", sum(len(one.get("targets", ())) for one in panels)),
        ("data source is chosen at import, by variable", ", ".join(sources)),
    )


def import_problems(document: Mapping[str, Any]) -> list[str]:
    """Return what an import would refuse, or would show broken; nothing when it is well.

    Examples
    --------
    >>> import_problems({"title": "", "panels": [], "templating": {"list": []}})[:2]
    ['no title', 'no uid']
    """
    problems = [f"no {name}" for name in ("title", "uid") if not document.get(name)]
    if document.get("id") is not None:
        problems.append("an id: it would replace another dashboard")
    if document.get("schemaVersion", 0) < OLDEST_SCHEMA:
        problems.append("an old schemaVersion: panels would be migrated")
    variables = {f"${{{one['name']}}}" for one in document["templating"]["list"]}
    numbers = [panel.get("id") for panel in document["panels"]]
    if len(set(numbers)) != len(numbers):
        problems.append("panels with the same id")
    for panel in document["panels"]:
        name = panel.get("title") or panel.get("id")
        problems += [f"panel {name}: no {key}" for key in PANEL if key not in panel]
        for part in [panel, *panel.get("targets", ())]:
            uid = part.get("datasource", {}).get("uid", "")
            if uid.startswith("$") and uid not in variables:
                problems.append(f"panel {name}: a data source that nobody defines")
            if uid and not uid.startswith(("$", "-")):
                problems.append(f"panel {name}: a data source of another installation")
    return problems
