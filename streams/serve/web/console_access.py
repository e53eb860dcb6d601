"""The console's page of access: keys and what they open, and what operators did or were refused."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from schemas import DecodeError, topics
from schemas.audit import AuditAction, AuditRecord
from schemas.codec import decode_audit
from streams.config.settings import Settings
from streams.errors import StreamError
from streams.kafka import scan as topic_scan
from streams.ops.access_keys import Scope
from streams.ops.decoded_rows import when
from streams.serve.access.key_ring import KeyRing
from streams.serve.access.permissions import scopes_of
from streams.serve.api.routes import Ready
from streams.serve.web.rendering import console_page

__all__ = ["router", "trail"]

RECORDS: Final = 200
"""Records of the audit log that are shown; the topic has those of a year."""
OPENS: Final = (
    ("pages of viewers, search, trending lists", "GET /watch/{viewer_id:path}"),
    ("events of viewers, buttons of their pages", "POST /watch/{viewer_id:path}/act"),
    ("insights, experiments, rules, titles, trending in the console", "GET /console/experiments"),
    ("state of viewers, previews, dead letters, topics, model, keys, audit log", "GET /console/access"),
    ("create, start, stop, roll out and roll back experiments", "POST /console/experiments"),
    ("create, start, stop and remove rules", "POST /console/rules"),
    ("send a dead letter again", "POST /console/dead-letters"),
)
"""What people do, and a route that stands for it."""
FORGETS: Final = ("have a viewer forgotten", (Scope.FORGET,))
"""It is posted as an event, but needs a scope of its own."""
SUBJECTS: Final = {
    AuditAction.RULE_WRITE: "/console/rules#",
    AuditAction.RULE_START: "/console/rules#",
    AuditAction.RULE_STOP: "/console/rules#",
    **{action: "/console/experiments#" for action in AuditAction if action.startswith("experiment.")},
}
"""Pages that have the subject of an action."""

router = APIRouter(prefix="/console/access", include_in_schema=False)


@router.get("")
def access(mirror: Ready, request: Request) -> Response:
    """Show the keys, what each scope opens, and the newest records of the audit log."""
    keys: KeyRing = request.app.state.keys
    error, records = None, []
    try:
        with mirror.scan():
            records = trail(mirror.settings)
    except StreamError as failed:
        error = failed
    return console_page(
        "console_access.html",
        "/access",
        "Access",
        error=error,
        me=request.user.display_name,
        mine=sorted(request.auth.scopes),
        is_open_to_all=keys.is_open,
        keys=[(key, when(key.created_at_ms)) for key in keys.all_keys()],
        scopes=list(Scope),
        opens=[*((what, _scopes(route)) for what, route in OPENS), FORGETS],
        records=[(one, when(one.at_ms), _page_of(one)) for one in records],
    )


def trail(settings: Settings, most: int = RECORDS) -> list[AuditRecord]:
    """Return the newest records of the audit log, newest first; those that cannot be decoded are left out.

    Raises
    ------
    StreamError
        The broker does not answer, or there is no such topic.
    """
    found = []
    for message in topic_scan.tail(settings, topics.AUDIT, most):
        try:
            found.append(decode_audit(message.value()))
        except DecodeError:
            continue
    return sorted(found, key=lambda one: -one.at_ms)[:most]


def _scopes(route: str) -> tuple[Any, ...]:
    method, path = route.split(" ", 1)
    return tuple(sorted(scopes_of(method, path) or ()))


def _page_of(one: AuditRecord) -> str:
    """Return the page of the console that has a record's subject; empty for none."""
    return SUBJECTS.get(one.action, "")
