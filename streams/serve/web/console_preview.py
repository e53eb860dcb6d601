"""The console's page of previews: a viewer's page as it is, and as it would be under an arm or a rule."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from online_models.catalog.languages import DEFAULT, language_code, language_of
from online_models.page.messages import messages
from schemas.experiments import Experiment
from schemas.pages import Home
from schemas.rules import BusinessRule
from streams.errors import StreamError
from streams.ops.experiments.admin import find as find_experiment
from streams.ops.preview import InForce, previews, under_arm, under_rule, without_rule
from streams.serve.api.routes import Ready
from streams.serve.mirror.mirror import Mirror
from streams.serve.web.console_rules import rule_from
from streams.serve.web.forms import Form, status_of
from streams.serve.web.rendering import console_page
from streams.serve.web.views import card_of, heading, name_of, reason
from streams.stages.experiments.definitions import read_experiments
from streams.stages.rules import find as find_rule
from streams.stages.rules import read_rules

__all__ = ["router"]

TITLES: Final = 10
"""Titles of a row that are compared: what a wide screen shows without scrolling."""

router = APIRouter(prefix="/console/preview", include_in_schema=False)
Given = Annotated[str, Query(max_length=160)]


@router.get("")
def preview(mirror: Ready, viewer: Given = "", arm: Given = "", rule: Given = "") -> Response:
    """Show a viewer's page as it would be made now; beside it, under an arm (`experiment/arm`) or a rule."""
    return _page(mirror, viewer=viewer, arm=arm, rule=rule)


@router.post("")
def preview_of_new_rule(mirror: Ready, form: Form) -> Response:
    """Show a viewer's page under a rule that is not yet created."""
    try:
        rule = rule_from(mirror, form)
    except StreamError as error:
        return _page(mirror, viewer=form["viewer"], refused=error)
    return _page(mirror, viewer=form["viewer"], new=rule)


def _page(
    mirror: Mirror,
    *,
    viewer: str,
    arm: str = "",
    rule: str = "",
    new: BusinessRule | None = None,
    refused: StreamError | None = None,
) -> Response:
    values: dict[str, Any] = {
        "viewer": viewer,
        "arm": arm,
        "rule": rule,
        "arms": [],
        "rules": [],
        "rows": None,
    }
    error = refused
    try:
        with mirror.scan():
            known, rules = read_experiments(mirror.settings), read_rules(mirror.settings)
            names = [(one.experiment_id, each.name) for one in known.values() for each in one.arms]
            values |= {"arms": ["/".join(pair) for pair in sorted(names)], "rules": sorted(rules)}
            now = InForce(tuple(known.values()), tuple(rules.values()))
            if viewer and error is None:
                ways = _ways(
                    now, known, rules, arm=arm, rule=new or (find_rule(rules, rule) if rule else None)
                )
                homes = previews(mirror.settings, viewer, [way for _, way in ways])
                values |= {"rows": _compared(mirror, homes), "sides": [name for name, _ in ways]}
    except StreamError as failed:
        error = error or failed
    response = console_page("console_preview.html", "/preview", "Preview", error=error, **values)
    if error is not None:
        response.status_code = status_of(error)
    return response


def _ways(
    now: InForce,
    known: dict[str, Experiment],
    rules: dict[str, BusinessRule],
    *,
    arm: str,
    rule: BusinessRule | None,
) -> list[tuple[str, InForce]]:
    """Return what is compared: names of the sides, and what is in force on each."""
    if arm:
        experiment_id, _, name = arm.rpartition("/")
        return [("now", now), (f"under {arm}", under_arm(now, find_experiment(known, experiment_id), name))]
    if rule is None:
        return [("now", now)]
    before = f"without {rule.rule_id}" if rule.rule_id in rules else "now"
    return [
        (before, without_rule(now, rule.rule_id)),
        (f"under {rule.rule_id}", under_rule(now, rule)),
    ]


def _compared(mirror: Mirror, homes: list[Home | None]) -> list[dict[str, Any]]:
    """Return the pages row by row, in the order of the last one, and whether they have the same titles."""
    pages = [_rows(mirror, home) for home in homes]
    headings = list(dict.fromkeys(heading for page in reversed(pages) for heading in page))
    rows = []
    for one in headings:
        sides = [page.get(one, []) for page in pages]
        ids = [[card.title_id for card, _ in side] for side in sides]
        rows.append({"heading": one, "sides": sides, "changed": len(set(map(tuple, ids))) > 1, "ids": ids})
    return rows


def _rows(mirror: Mirror, home: Home | None) -> dict[str, list[Any]]:
    """Return the titles of a page by heading, each with its reason."""
    if home is None:
        return {}
    said = messages(language_of(language_code([home.language or DEFAULT])))
    return {
        heading(row, name_of(mirror.title(row.title_id)) if row.title_id else ""): [
            (card_of(mirror.title(item.title_id)), reason(mirror, said, row, item))
            for item in row.items[:TITLES]
        ]
        for row in home.rows
    }
