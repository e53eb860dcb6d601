"""The console's page of business rules: what applies, to which titles and viewers, and what may be done."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path
from starlette.responses import Response

from online_models.catalog.business_rules import in_force, rule_errors
from schemas.rules import BusinessRule, PinRow, RuleKind
from streams.clock import now_ms
from streams.errors import SettingsError, StreamError
from streams.ops import actions
from streams.ops.decoded_rows import when
from streams.ops.definitions import rule_of, tags_of
from streams.serve.api.routes import Ready
from streams.serve.mirror.mirror import Mirror
from streams.serve.web.forms import Fields, Form, Who, acted, number_of, page_of_actions, shown
from streams.serve.web.views import name_of
from streams.stages.rules import read_rules

__all__ = ["router", "rule_from"]

HERE: Final = "/console/rules"
NEAR: Final = 5
"""Titles that are looked at when a name is typed instead of an id."""

router = APIRouter(prefix=HERE, include_in_schema=False)
Name = Annotated[str, Path(min_length=1, max_length=64)]


@router.get("")
def rules(mirror: Ready) -> Response:
    """Show every rule."""
    return _page(mirror)


@router.post("")
def create(mirror: Ready, form: Form, who: Who) -> Response:
    """Create a rule; what is wrong is said above the form, which keeps what was typed."""
    try:
        rule = rule_from(mirror, form)
        made = actions.create_rule(
            mirror.settings,
            who,
            rule,
            replace=bool(form["replace"]),
            known_titles=not form["later"],
        )
    except StreamError as error:
        return _page(mirror, error, form)
    return shown(HERE, made.rule_id)


@router.post("/{rule_id:path}/start")
def start(rule_id: Name, mirror: Ready, who: Who) -> Response:
    """Let a rule apply from now on."""
    return _done(mirror, rule_id, lambda: actions.start_rule(mirror.settings, who, rule_id))


@router.post("/{rule_id:path}/stop")
def stop(rule_id: Name, mirror: Ready, who: Who) -> Response:
    """Let a rule apply no longer."""
    return _done(mirror, rule_id, lambda: actions.stop_rule(mirror.settings, who, rule_id))


@router.post("/{rule_id:path}/remove")
def remove(rule_id: Name, mirror: Ready, form: Form, who: Who) -> Response:
    """Remove a rule; its name has to be typed, since it cannot be had back."""
    if form["confirm"] != rule_id:
        what = f"{rule_id} is not removed"
        error = SettingsError(what, why="its name was not typed", next_step="type it, or stop the rule")
        return _page(mirror, error)
    return _done(mirror, rule_id, lambda: actions.remove_rule(mirror.settings, who, rule_id))


def rule_from(mirror: Mirror, form: Fields) -> BusinessRule:
    """Return the rule that a form has; a title may be named instead of its id.

    Raises
    ------
    SettingsError
        It is not valid; the text has every reason.
    """
    fields: dict[str, Any] = {
        "rule_id": form["rule_id"], "kind": form["kind"], "note": form["note"], "row": form["row"],
        "titles": [_title_id(mirror, one) for one in form.listed("titles")],
        "tags": tags_of(form.listed("tags")),
        "countries": [one.upper() for one in form.listed("countries")],
        "starts_at_ms": _moment(form["since"]), "ends_at_ms": _moment(form["until"]),
    }  # fmt: skip
    numbers = {"factor": "factor", "slot": "slot", "maturity_at_most": "maturity"}
    fields |= {name: number_of(form[typed]) for name, typed in numbers.items() if form[typed]}
    given = {name: value for name, value in fields.items() if value not in ("", None, [], {})}
    return rule_of(msgspec.json.encode(given), source="this rule")


def _title_id(mirror: Mirror, typed: str) -> str:
    """Return the id of a title that is named by id, or by a name that one title has."""
    if typed in mirror.titles:
        return typed
    found = [mirror.title(hit.title_id) for hit in mirror.titles.find(typed, NEAR)]
    named = [one.title_id for one in found if name_of(one).casefold() == typed.casefold()]
    return named[0] if len(named) == 1 else typed


def _moment(typed: str) -> int | None:
    """Return a time from a field of the type `datetime-local`, in UTC.

    Raises
    ------
    SettingsError
        It is no time.
    """
    if not typed:
        return None
    try:
        return int(datetime.fromisoformat(typed).replace(tzinfo=UTC).timestamp() * 1_000)
    except ValueError:
        what = f"{typed!r} is no time"
        raise SettingsError(what, next_step="write it as 2026-12-24T20:00, in UTC") from None


def _done(mirror: Mirror, name: str, act: Callable[[], object]) -> Response:
    return acted(HERE, name, act, lambda error: _page(mirror, error))


def _page(mirror: Mirror, refused: StreamError | None = None, form: Fields | None = None) -> Response:
    place = ("console_rules.html", "/rules", "Rules")
    lists = {"kinds": list(RuleKind), "rows": list(PinRow)}
    return page_of_actions(place, lambda: _cards(mirror), refused, form, **lists)


def _cards(mirror: Mirror) -> list[dict[str, Any]]:
    with mirror.scan():
        known = read_rules(mirror.settings)
    return [_card(mirror, one) for _, one in sorted(known.items())]


def _card(mirror: Mirror, one: BusinessRule) -> dict[str, Any]:
    """Return the template's values of a rule."""
    now, faults = now_ms(), rule_errors(one)
    state = "applies" if in_force(one, now) else "ended"
    if one.starts_at_ms is not None and one.starts_at_ms > now:
        state = "begins later"
    return {
        "one": one,
        "faults": faults,
        "state": "ignored" if faults else state,
        "titles": [(title_id, name_of(mirror.title(title_id))) for title_id in one.titles],
        "tags": [" or ".join(labels) for labels in one.tags.labels_by_kind()],
        "since": when(one.starts_at_ms or 0),
        "until": when(one.ends_at_ms or 0),
    }
