"""Dashboard and alerts ask for metrics that exist, and the alerts go off when they should."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import ProcessCollector

from deploy.dashboard import ROWS, WINDOW, dashboard
from streams.telemetry.metrics import BulkHistogram, Metrics, SupervisorMetrics
from tests.newcomer.grafana import import_problems

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "deploy/observability"
FOREIGN = {"up"}
"""What Prometheus itself adds."""
GIVEN = {"job", "instance", "le"}
"""Labels that Prometheus and histograms add."""


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    """Read the alerts."""
    document = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def _labels() -> dict[str, set[str]]:
    """Return every series that a worker shows, with its labels."""
    found: dict[str, set[str]] = {}
    shown = Metrics().registry._collector_to_names | SupervisorMetrics().registry._collector_to_names
    for collector, names in shown.items():
        if isinstance(collector, ProcessCollector):
            names.extend(
                family.name + "_total" * (family.type == "counter") for family in collector.collect()
            )
        if isinstance(collector, BulkHistogram):
            names.extend(f"{collector._name}{part}" for part in ("_bucket", "_sum", "_count"))
        own = {*getattr(collector, "_labelnames", ()), getattr(collector, "_label", "le")}
        found.update(dict.fromkeys(names, own))
    return found


def _selectors(node: Any) -> Iterator[Any]:
    """Yield every question for a series in an expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for part in ("expr", "lhs", "rhs", "vector_selector", "param"):
        inner = getattr(node, part, None)
        if inner is not None and not isinstance(inner, str):
            yield from _selectors(inner)
    for argument in getattr(node, "args", ()):
        yield from _selectors(argument)


def _check(query: str) -> int:
    """Check an expression's metrics and the labels it chooses by; return how many series it asks for."""
    known, asked = _labels(), list(_selectors(promql_parser.parse(query.replace(WINDOW, "5m"))))
    for selector in asked:
        if selector.name not in FOREIGN:
            chosen = {matcher.name for matcher in selector.matchers.matchers}
            assert selector.name in known, f"{selector.name} is no metric: {query}"
            assert chosen - known[selector.name] - GIVEN == set(), query
    return len(asked)


def test_a_metric_that_does_not_exist_is_found() -> None:
    """The check of the other tests can fail: by name, and by label."""
    for query in ("rate(nearline_event_total[5m])", "1 - sum(nearline_lists_total{stage='viewers'})"):
        with pytest.raises(AssertionError):
            _check(query)


def test_the_dashboard_asks_for_what_there_is() -> None:
    """Every panel's and annotation's query parses, and every metric in it is registered."""
    queries = [query for _, panels in ROWS for panel in panels for query, _ in panel.queries]
    document = dashboard()
    assert sum(len(panel.get("targets", ())) for panel in document["panels"]) == len(queries)
    queries += [note["expr"] for note in document["annotations"]["list"]]
    assert all(_check(query) for query in queries)


def test_grafana_can_import_the_dashboard() -> None:
    """Nothing of another installation is in it, and every panel has what a panel has."""
    assert import_problems(dashboard()) == []
    broken = dashboard() | {"id": 7, "uid": ""}
    broken["panels"][1]["id"] = broken["panels"][0]["id"]
    assert len(import_problems(broken)) == 3


def test_the_dashboard_is_laid_out_without_overlaps() -> None:
    """No cell of the grid belongs to two panels, and ids are unique."""
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_alerts_ask_for_what_there_is(rules: list[dict[str, Any]]) -> None:
    """Every alert's expression parses, and every metric in it is registered."""
    assert len({rule["alert"] for rule in rules}) == len(rules)
    assert all(_check(rule["expr"]) for rule in rules)


def test_alerts_say_what_they_mean_and_what_to_do(rules: list[dict[str, Any]]) -> None:
    """Each has a summary, a meaning, a check and an action, a severity, and a heading in the runbook."""
    runbook = (ROOT / "deploy/README.md").read_text(encoding="utf-8")
    for rule in rules:
        assert set(rule["annotations"]) == {"summary", "meaning", "check", "action"}, rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert f"#### {rule['alert']}\n" in runbook


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
        ("check", "config", "prometheus.yml"),
    ],
    ids=["rules", "unit-tests", "config"],
)
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    """Prometheus' own tool accepts alerts and configuration, and the alerts' unit tests pass."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool (Debian: package prometheus)")
    extra = ("--syntax-only",) if "config" in arguments else ()
    command = [promtool, *arguments[:2], *extra, arguments[2]]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
