"""`curl` of every endpoint, one after the other."""

import json
import time

from tests.newcomer.record import Record

__all__ = ["ask_all"]


def ask_all(record: Record, server: str, viewer: str) -> None:
    """Ask everything that the server's own description names, and hold the paths against it."""
    record.head(
        "Every endpoint",
        "Status and the beginning of each answer; no experiment runs yet, and nobody counts for insights.",
    )
    described = set(json.loads(record.run(f"curl -s {server}/openapi.json", shown=""))["paths"])
    home = json.loads(record.run(f"curl -s {server}/v1/viewers/{viewer}/home", shown=""))
    title = home["rows"][0]["items"][0]["title_id"]
    event = {
        "type": "rate",
        "event_id": f"curl-{time.time_ns()}",
        "viewer_id": viewer,
        "event_time_ms": time.time_ns() // 1_000_000,
        "title_id": title,
        "thumb": "up",
    }
    asked = {
        "/v1/viewers/{viewer_id}/home": f"/v1/viewers/{viewer}/home",
        "/v1/viewers/{viewer_id}/search": f"/v1/viewers/{viewer}/search?q=the&limit=2",
        "/v1/titles/{title_id}": f"/v1/titles/{title}",
        "/v1/titles/{title_id}/similar": f"/v1/titles/{title}/similar?limit=2",
        "/v1/trending": "/v1/trending",
        "/v1/experiments": "/v1/experiments",
        "/v1/experiments/{experiment_id}/results": "/v1/experiments/none-yet/results",
        "/v1/insights/titles": "/v1/insights/titles?limit=2",
        "/v1/insights/titles/{title_id}": f"/v1/insights/titles/{title}",
        "/v1/insights/demand": "/v1/insights/demand?limit=2",
        "/livez": "/livez",
        "/readyz": "/readyz",
        "/metrics": "/metrics",
    }
    for path in asked.values():
        _ask(record, f"curl -si {server}{path}")
    _ask(record, f"curl -si -H 'Content-Type: application/json' -d '{json.dumps(event)}' {server}/v1/events")
    _ask(record, f"curl -siN --max-time 2 {server}/v1/stream/viewers/{viewer}", code=28)
    left = {path.replace(":path", "") for path in described}
    left -= {*asked, "/v1/events", "/v1/stream/viewers/{viewer_id}"}
    assert not left, f"nobody asked {left}"


def _ask(record: Record, command: str, *, code: int = 0) -> None:
    """Ask, and write down the status, what kind of answer it is, and its beginning."""
    answer = record.run(command, shown="", code=code)
    head, _, body = answer.replace("\r", "").partition("\n\n")
    status, *fields = head.splitlines()
    said = [line for line in fields if line.lower().startswith(("content-type", "etag", "nearline-source"))]
    record.printed(command, "\n".join([status, *said, *body.splitlines()[:5]]))
