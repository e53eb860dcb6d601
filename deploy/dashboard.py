"""The Grafana dashboard as a table of panels; `python -m deploy.generate --write` makes the JSON of it."""

from dataclasses import dataclass
from typing import Any

WINDOW = "$__rate_interval"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
FRESH = f'sum by (le) (rate(nearline_freshness_seconds_bucket{{throttled="false"}}[{WINDOW}]))'
HELD_BACK = FRESH.replace("false", "true")
WAY = f"sum by (le, part) (rate(nearline_freshness_part_seconds_bucket[{WINDOW}]))"
IN_TIME = f'sum(rate(nearline_freshness_seconds_bucket{{throttled="false",le="1.0"}}[{WINDOW}]))'
MADE_AT_ONCE = f'sum(rate(nearline_freshness_seconds_count{{throttled="false"}}[{WINDOW}]))'
DELAY = f"histogram_quantile(0.99, sum by (le, stage) (rate(nearline_commit_delay_seconds_bucket[{WINDOW}])))"
HITS = "sum by (model) (increase(nearline_prequential_hits_total[1h]))"
TESTED = "sum by (model) (increase(nearline_prequential_tested_total[1h]))"
REJECTED = f"(sum(rate(nearline_dead_letters_total[{WINDOW}])) or vector(0))"
EVENTS = f'sum(rate(nearline_events_total{{stage="viewers"}}[{WINDOW}]))'
PARTS = f"histogram_quantile(0.99, sum by (le, stage, step) (rate(nearline_batch_seconds_bucket[{WINDOW}])))"
ANSWERS = (
    f"histogram_quantile(0.99, sum by (le, route) (rate(nearline_http_request_seconds_bucket[{WINDOW}])))"
)
BATCH = (
    f"sum by (stage) (rate(nearline_batch_events_sum[{WINDOW}]))"
    f" / sum by (stage) (rate(nearline_batch_events_count[{WINDOW}]))"
)
DISK_USED = "max(1 - nearline_disk_free_bytes / nearline_disk_bytes)"
COLUMNS = 24
"""Width of Grafana's grid."""
GREEN_TO_RED = ("green", "yellow", "red")
RED_TO_GREEN = ("red", "yellow", "green")


@dataclass(frozen=True)
class Panel:
    """One panel: heading, questions to Prometheus with their legends, unit, kind, limits of the colours."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    steps: tuple[float, float] | None = None
    colours: tuple[str, str, str] = GREEN_TO_RED
    text: str = ""


def _stat(title: str, query: str, unit: str, steps: tuple[float, float], **more: Any) -> Panel:  # noqa: ANN401
    return Panel(title, ((query, ""),), unit, "stat", steps, **more)


def _lines(title: str, *queries: tuple[str, str], unit: str = "short", text: str = "") -> Panel:
    return Panel(title, queries, unit, text=text)


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Is it well?",
        (
            _stat("Freshness, median", f"histogram_quantile(0.5, {FRESH})", "s", (0.1, 1.0)),
            _stat("Freshness, p99", f"histogram_quantile(0.99, {FRESH})", "s", (0.5, 1.0)),
            _stat("Lag", "sum(nearline_consumer_lag_records)", "short", (1_000, 10_000)),
            _stat("Rejected events", f"{REJECTED} / {EVENTS}", "percentunit", (0.001, 0.01)),
            _stat(
                "Hit rate ÷ that of popularity",
                'sum(increase(nearline_prequential_hits_total{model="blend"}[1h]))'
                ' / sum(increase(nearline_prequential_hits_total{model="popularity"}[1h]))',
                "short",
                (1.0, 1.2),
                colours=RED_TO_GREEN,
            ),
            _stat("Fullest disk", DISK_USED, "percentunit", (0.7, 0.85)),
        ),
    ),
    (
        "Rate, errors, duration",
        (
            _lines(
                "Events",
                (f"sum by (stage, outcome) (rate(nearline_events_total[{WINDOW}]))", "{{stage}} {{outcome}}"),
                unit="cps",
            ),
            _lines(
                "Pages",
                (f"sum(rate(nearline_lists_total[{WINDOW}]))", "pages"),
                (
                    f"sum(rate(nearline_pages_flushed_total[{WINDOW}]))",
                    "of these, delayed by the page throttle",
                ),
                ("sum(nearline_pages_pending)", "still pending"),
                (f"sum(rate(nearline_alerts_total[{WINDOW}]))", "alerts"),
                unit="cps",
            ),
            _lines(
                "Parts of a batch, p99",
                (PARTS, "{{stage}} {{step}}"),
                unit="s",
            ),
            _lines(
                "Records per batch",
                (BATCH, "{{stage}}"),
            ),
        ),
    ),
    (
        "Freshness",
        (
            Panel(
                "From an event's record to the commit of its page",
                ((f"sum by (le) (increase(nearline_freshness_seconds_bucket[{WINDOW}]))", "{{le}}"),),
                "s",
                "heatmap",
                text="Pages that the page throttle held back are the band up to its interval.",
            ),
            _lines(
                "Pages, p99",
                (f"histogram_quantile(0.99, {FRESH})", "made at once"),
                (f"histogram_quantile(0.99, {HELD_BACK})", "held back by the page throttle"),
                unit="s",
                text="With traces on, a dot is an exemplar: the trace of one page.",
            ),
            _lines(
                "Where the time of a page goes, p99",
                (f"histogram_quantile(0.99, {WAY})", "{{part}}"),
                unit="s",
                text="topic: until it was fetched; queue: until its batch began; throttle: held back.",
            ),
            _lines(
                "Made at once within a second (objective: 99 %)",
                (f"{IN_TIME} / {MADE_AT_ONCE}", "share"),
                unit="percentunit",
            ),
            _lines(
                "Lag of the title model from which pages are ranked",
                ("max(nearline_replica_age_events)", "oldest replica"),
                text="Records not yet replicated. 5,000 cost a sixth of the hit rate, 500 little (measured).",
            ),
        ),
    ),
    (
        "Lag and rebalances",
        (
            _lines(
                "From a record's timestamp to its commit, p99",
                (DELAY, "{{stage}}"),
                unit="s",
                text="Of all records, whether or not they cause a page.",
            ),
            _lines(
                "Records not yet applied",
                ("sum by (stage, partition) (nearline_consumer_lag_records)", "{{stage}} {{partition}}"),
            ),
            _lines("Fetched records in the queue", ("sum by (stage) (nearline_queued_records)", "{{stage}}")),
            _lines(
                "Partitions, processes of one worker",
                ("sum by (stage, state) (nearline_partitions)", "{{stage}} {{state}}"),
                ("sum by (state) (nearline_processes)", "processes {{state}}"),
            ),
            _lines(
                "Records to restore",
                ("sum by (stage) (nearline_restore_remaining_records)", "{{stage}}"),
                ("sum by (table) (nearline_replica_remaining_records)", "replica of {{table}}"),
            ),
        ),
    ),
    (
        "Quality",
        (
            _lines(
                "Prequential HR@10, last hour",
                (f"{HITS} / {TESTED}", "{{model}}"),
                unit="percentunit",
                text="Popularity is the baseline: a blend below it reduces quality.",
            ),
            _lines(
                "Feedback signals learned",
                (f"sum(rate(nearline_learned_total[{WINDOW}]))", "signals"),
                unit="cps",
            ),
            _lines("Publishing version", ("max by (version) (nearline_publishes)", "version {{version}}")),
            _lines(
                "External rankers (NEARLINE_MODEL__GUESTS)",
                (f"sum(rate(nearline_guest_seconds_total[{WINDOW}]))", "cores that they take"),
                (
                    f"sum(rate(nearline_guest_lists_skipped_total[{WINDOW}]))",
                    "lists a second without them, for want of time",
                ),
            ),
        ),
    ),
    (
        "The read interface",
        (
            _lines(
                "Requests",
                (f"sum by (code) (rate(nearline_http_requests_total[{WINDOW}]))", "{{code}}"),
                unit="cps",
            ),
            _lines(
                "Response time, p99",
                (ANSWERS, "{{route}}"),
                unit="s",
                text="The objective is 5 ms for a page.",
            ),
            _lines(
                "Live streams",
                ("sum(nearline_http_streams)", "open"),
                (
                    f"sum by (reason) (rate(nearline_http_connections_closed_total[{WINDOW}]))",
                    "closed, {{reason}}",
                ),
                text="Closed: idle connections that were too slow, or too many, a second.",
            ),
        ),
    ),
    (
        "Utilisation, saturation",
        (
            _lines(
                "CPU",
                (f"rate(process_cpu_seconds_total[{WINDOW}])", "{{job}} {{instance}} {{process}}"),
                unit="percentunit",
                text="100 % is one core; a worker learns and ranks in NEARLINE_THREADS threads.",
            ),
            _lines(
                "Memory",
                ("process_resident_memory_bytes", "{{job}} {{instance}} {{process}}"),
                ("sum by (job, instance) (nearline_state_memory_bytes)", "{{job}} {{instance}} databases"),
                unit="bytes",
            ),
            _lines("Disk used", (DISK_USED, "fullest"), unit="percentunit"),
            _lines(
                "Viewers and titles in memory",
                ("sum by (stage) (nearline_state_cache_slots)", "{{stage}}"),
                ("max(nearline_replica_rows)", "titles in the replica"),
            ),
        ),
    ),
    (
        "Failures",
        (
            _lines(
                "Dead letters",
                (f"sum by (reason) (rate(nearline_dead_letters_total[{WINDOW}]))", "{{reason}}"),
                unit="cps",
            ),
            _lines(
                "Lost to retention, rewound, rebuilt",
                ("sum by (stage) (increase(nearline_gap_records_total[1h]))", "{{stage}} records lost"),
                ("sum by (stage) (increase(nearline_rewinds_total[1h]))", "{{stage}} slices rewound"),
                ("sum by (stage) (increase(nearline_state_rebuilds_total[1h]))", "{{stage}} rebuilt"),
            ),
            _lines("Time without progress", ("max(nearline_stalled_seconds)", "longest"), unit="s"),
            _lines(
                "Invalid experiments and rules",
                ('max by (topic) (nearline_definitions{state="left_out"})', "{{topic}}"),
                text="Records that cannot be decoded or used; the log of the worker has the reason.",
            ),
        ),
    ),
)
"""Top to bottom: first what a glance needs, last what an incident needs."""


def dashboard() -> dict[str, Any]:
    """Return the document that Grafana imports."""
    return {
        "uid": "nearline",
        "title": "nearline",
        "tags": ["nearline"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_source_variable()]},
        "annotations": {"list": [_drift()]},
        "panels": _panels(),
    }


def _source_variable() -> dict[str, Any]:
    chosen = {"text": "Prometheus", "value": "nearline-prometheus"}
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "current": chosen, "hide": 2}


def _drift() -> dict[str, Any]:
    """Mark in every panel when the hit rate or the share of likes has changed."""
    return {
        "name": "hit rate or share of likes changed",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "orange",
        "expr": "sum by (series) (increase(nearline_drift_detected_total[1m])) > 0",
    }


def _panels() -> list[dict[str, Any]]:
    """Lay the rows out on the grid, panels of a row equally wide."""
    found: list[dict[str, Any]] = []
    y = 0
    for heading, panels in ROWS:
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        found.append({"id": len(found) + 1, "type": "row", "title": heading, "gridPos": place, "panels": []})
        width, height = COLUMNS // len(panels), 4 if panels[0].kind == "stat" else 8
        for number, panel in enumerate(panels):
            place = {"x": number * width, "y": y + 1, "w": width, "h": height}
            found.append({"id": len(found) + 1, "gridPos": place, **_panel(panel)})
        y += 1 + height
    return found


def _panel(panel: Panel) -> dict[str, Any]:
    form = {"format": "heatmap"} if panel.kind == "heatmap" else {}
    targets = [
        {
            "refId": "ABCDEF"[n],
            "expr": query,
            "legendFormat": legend,
            "datasource": SOURCE,
            "exemplar": "nearline_freshness_seconds_bucket" in query and panel.kind == "timeseries",
            **form,
        }
        for n, (query, legend) in enumerate(panel.queries)
    ]
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    options: dict[str, Any] = {}
    if panel.steps:
        limits = (None, *panel.steps)
        steps = [{"color": c, "value": v} for c, v in zip(panel.colours, limits, strict=True)]
        defaults |= {"thresholds": {"mode": "absolute", "steps": steps}, "noValue": "-"}
        last = {"calcs": ["lastNotNull"]}
        options = {"colorMode": "background", "graphMode": "area", "reduceOptions": last}
    elif panel.kind == "heatmap":
        defaults = {}
        options = {"calculate": False, "yAxis": {"unit": panel.unit}, "color": {"scheme": "Oranges"}}
    elif panel.kind == "timeseries":
        defaults["custom"] = {"lineWidth": 1, "fillOpacity": 10, "showPoints": "never"}
        options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
    }
