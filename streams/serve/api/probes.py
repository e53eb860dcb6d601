"""Whether the server lives and is ready, and its metrics: for orchestrators and Prometheus."""

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from streams.serve.mirror.mirror import Mirror
from streams.telemetry.metrics import Metrics

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def livez() -> Response:
    """Answer, which is all that there is to say."""
    return PlainTextResponse("alive\n")


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Say 200 once every topic was read to its end; before, a line for each that is not, and 503."""
    mirror: Mirror = request.app.state.mirror
    lines = mirror.waiting()
    return PlainTextResponse("".join(f"{line}\n" for line in lines or ["ready"]), 503 if lines else 200)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return the metrics in Prometheus' text format."""
    own: Metrics = request.app.state.metrics
    mirror: Mirror = request.app.state.mirror
    own.http_streams.set(mirror.hub.open)
    return Response(own.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")
