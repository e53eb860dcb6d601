"""The page that `nearline evaluate --report` writes: one HTML file, pictures inside, nothing to fetch."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from online_models.evaluation import HISTORY_BUCKETS, Report, ScenarioReport
from online_models.evaluation.goals import GOALS, Goal
from streams.cli import evaluate_pictures as pictures
from streams.cli.evaluate_tables import SCORES, cell, rules, scenario_tables, score_rows
from streams.cli.pictures import STYLE

__all__ = ["page"]

TOLD: Final = {
    "taste-switch": "Viewers take over the accounts of others who have ended. HR@10 on the same events, by "
    "the new viewer's earlier events: with the former owner's history (switched), without it (fresh), and "
    "the share of the two. The former owner's titles are no candidates any more, which makes switched a "
    "little easier.",
    "cold-viewer": "HR@10 by the viewer's earlier events, from the very first event on (0: a stranger).",
    "cold-title": "A fifth of the titles is launched midway: in the catalogue, with tags, without an event."
    " HR@10 on their first ten events, by the title's earlier events, among all titles of the catalogue.",
    "dislikes": "Share of the rejected titles that stood in the viewer's top 10 a moment before (disliked), "
    "HR@10 (liked), the ratio of the two; with rejections learned as such (told), and only as titles that "
    "the viewer knows (ignored); kept: HR@10 told over ignored.",
}
"""What each scenario measures."""


def page(name: str, results: Sequence[Report | ScenarioReport]) -> str:
    """Return the page.

    Parameters
    ----------
    name
        What the stream is called.
    results
        What was measured.
    """
    sections = [
        section
        for result in results
        for section in (_stream(result) if isinstance(result, Report) else _scenario(result))
    ]
    body = "".join(f"<h2>{title}</h2>\n{content}\n" for title, content in sections)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>nearline: {escape(name)}</title><style>{STYLE}</style></head>\n<body>"
        f"<h1>Test, then learn: {escape(name)}</h1>\n"
        f'<p class="note">At each positive event all titles met so far minus the viewer\'s own are ranked, '
        f"then it is learned. A title never met is a miss; ties count half; the first fifth of the stream is "
        f"not averaged. ± is the standard error over events; of several seeds, the deviation over them "
        f"follows.</p>\n{body}</body></html>\n"
    )


def _stream(report: Report) -> Iterator[tuple[str, str]]:
    facts = f"{report.events:,} events, {report.viewers:,} viewers, {report.titles:,} titles"
    yield "Scores", f"<p>{facts}; {escape(rules(report))}.</p>{_table(SCORES, score_rows(report))}"
    yield "HR@10 by model", pictures.bars(report)
    yield "HR@10 along the stream", pictures.curves(report)
    history = [
        (
            name,
            *(
                cell(found, 3) if (found := model.metrics.by_history.get(key)) else "-"
                for key in HISTORY_BUCKETS
            ),
        )
        for name, model in report.models.items()
    ]
    table = _table(("model", *HISTORY_BUCKETS), history)
    yield "HR@10 by length of the viewer's history", pictures.histories(report) + table
    if report.weights is not None:
        yield "Weights of the blend", pictures.weights(report)


def _scenario(report: ScenarioReport) -> Iterator[tuple[str, str]]:
    facts = ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in report.facts.items())
    tables = []
    for header, rows in scenario_tables(report):
        drawn = pictures.scenario(report, header[0]) if len(header) > 3 else ""  # noqa: PLR2004 - two points are no line
        tables.append(drawn + _table(header, rows))
    text = f'<p class="note">{TOLD[report.scenario]}</p><p>{escape(rules(report))}; {facts}.</p>'
    targets = "".join(f"<li>{_target(goal)}</li>" for goal in GOALS if goal.run == report.scenario)
    yield report.scenario, text + "".join(tables) + f"<p>Targets on MovieLens-100K:</p><ul>{targets}</ul>"


def _target(goal: Goal) -> str:
    sign = "" if callable(goal.target) else f": {'at most' if goal.at_most else 'at least'} {goal.target:g}"
    return escape(goal.name) + sign


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>\n" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody></table></div>'
