"""Tables of insights."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from online_models.insights.folding import FoldedDemand
from online_models.insights.sorting import narrow_step, unsuccessful_searches
from schemas.insights import SearchDemand, TitleInsight, Wanted

__all__ = ["one_title", "overview", "wanted"]

RISES, FALLS = 1.05, 0.95
"""Trends above and below these are shown as rising and falling."""


Names = Callable[[str], str]
"""Returns the name of a title."""
NAMED = 3
"""Titles of a combination that are named: with more it is no longer about these titles."""


def overview(found: Iterable[TitleInsight], name_of: Names) -> Table:
    """Return a line for each title."""
    table = _table("how titles are watched", "title", "viewers", "minutes", "finished", "most leave at")
    for one in found:
        step = narrow_step(one)
        steep = f"minute {step.minute} to {step.until}" if step else "no one place"
        table.add_row(
            name_of(one.title_id),
            f"{one.viewers:,}",
            f"{one.watch_minutes:,.0f}",
            _share(one.finished, one.viewers),
            steep,
        )
    return table


def one_title(one: TitleInsight, name_of: Names) -> Group:
    """Return one title: counts, completion curve, groups."""
    acts = {
        "starts": one.starts, "again": one.rewatches, "skips": one.skips, "up": one.thumbs_up,
        "down": one.thumbs_down, "searched": one.from_search,
    }  # fmt: skip
    figures = _table(name_of(one.title_id), *acts)
    figures.add_row(*("few" if count is None else f"{count:,}" for count in acts.values()))
    curve = _table("viewers still watching", "minute", "viewers", "")
    for point in one.curve:
        share = point.viewers / one.viewers
        steep = " ←" if one.steepest and point.minute == one.steepest.until else ""
        curve.add_row(
            str(point.minute), f"{point.viewers:,}", "█" * round(30 * share) + f" {share:.0%}{steep}"
        )
    groups = _table("groups", "group", "viewers", "minutes", "finished")
    for group in (*one.countries, *one.cohorts):
        minutes = f"{group.watch_minutes:,.0f}"
        groups.add_row(group.name, f"{group.viewers:,}", minutes, _share(group.finished, group.viewers))
    return Group(figures, curve, groups)


def wanted(found: Wanted, groups: Sequence[FoldedDemand], name_of: Names) -> Iterator[Table]:
    """Yield the demand: combinations of tags, searches without success, titles by cohort."""
    yield _facets(groups, name_of)
    yield _searches(found.searches)
    table = _table("titles by cohort", "cohort", "title", "viewers", "finished")
    for cohort in found.cohorts:
        for one in cohort.titles[:3]:
            watched = f"{one.viewers:,}", _share(one.finished, one.viewers)
            table.add_row(cohort.cohort, name_of(one.title_id), *watched)
    yield table


def _facets(groups: Sequence[FoldedDemand], name_of: Names) -> Table:
    """Return a line for each combination; those that say the same are counted on its line."""
    columns = ("tags", "title", "says the same", "watched", "catalog", "excess", "titles", "trend")
    table = _table("demand", *columns)
    for group in groups:
        one = group.facet
        table.add_row(
            " & ".join(one.labels),
            ", ".join(map(name_of, group.titles)) if one.titles <= NAMED else "",
            str(len(group.restated) or ""),
            f"{one.watch_share:.1%}",
            f"{one.catalogue_share:.1%}",
            f"{one.excess:+.1%}",
            f"{one.titles:,}",
            _trend(one.trend),
        )
    return table


def _trend(trend: float | None) -> str:
    if trend is None:
        return "too early to tell"
    return f"{'↑' if trend > RISES else '↓' if trend < FALLS else '→'} {trend:.2f}"


def _searches(searches: Iterable[SearchDemand]) -> Table:
    table = _table("searches without success", "query", "searches", "no result", "watched", "failed")
    for one in searches:
        counts = ["few" if count is None else f"{count:,}" for count in (one.without_result, one.watches)]
        table.add_row(
            one.query, f"{one.searches:,}", *counts, _share(unsuccessful_searches(one), one.searches)
        )
    return table


def _share(part: int | None, whole: int) -> str:
    return "few" if part is None else f"{part / whole:.0%}"


def _table(title: str, *columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, title=title)
    for column in columns:
        table.add_column(column)
    return table
