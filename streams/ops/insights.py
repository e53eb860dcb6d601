"""Read insights from their topics, and format them as CSV.

``nearline serve`` and ``nearline insights`` share this, so that both give the same answers.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from online_models.insights.sorting import DemandRecord
from schemas import DecodeError, Title, topics
from schemas.codec import decode_demand, decode_title, decode_title_insight
from schemas.insights import TitleInsight, TopTitles, Wanted
from streams.config.settings import Settings
from streams.kafka import scan as topic_scan

__all__ = ["demand_csv", "names_in", "read_catalog", "read_demand", "read_titles", "title_csv", "titles_csv"]

Cell = str | int | float | None
T = TypeVar("T")


def read_titles(settings: Settings) -> list[TitleInsight]:
    """Read the insights of titles; raises as `streams.kafka.scan.read_all`."""
    found = {
        message.key(): message.value() for message in topic_scan.read_all(settings, topics.INSIGHTS_TITLES)
    }
    return [one for value in found.values() if (one := _decoded(decode_title_insight, value))]


def read_demand(settings: Settings) -> list[DemandRecord]:
    """Read the demand; raises as `streams.kafka.scan.read_all`."""
    found = {
        message.key(): message.value() for message in topic_scan.read_all(settings, topics.INSIGHTS_DEMAND)
    }
    return [one for value in found.values() if (one := _decoded(decode_demand, value))]


def read_catalog(settings: Settings) -> dict[str, Title]:
    """Read the titles, for their names and tags; raises as `streams.kafka.scan.read_all`."""
    found = {message.key(): message.value() for message in topic_scan.read_all(settings, topics.CATALOG)}
    titles = (one for value in found.values() if (one := _decoded(decode_title, value)))
    return {title.title_id: title for title in titles}


def names_in(catalog: Mapping[str, Title]) -> Callable[[str], str]:
    """Return a function that returns the name of a title; its id where it has none.

    Examples
    --------
    >>> name_of = names_in({"t": Title(title_id="t", name="Paper Tide")})
    >>> name_of("t"), name_of("u")
    ('Paper Tide', 'u')
    """
    return lambda title_id: (catalog[title_id].name or title_id) if title_id in catalog else title_id


def titles_csv(found: TopTitles) -> str:
    """Return a CSV line for each title."""
    names = (
        "title_id", "viewers", "starts", "watch_minutes", "finished", "steepest_minute", "steepest_until",
        "steepest_viewers", "rewatches", "skips", "thumbs_up", "thumbs_down", "from_search",
    )  # fmt: skip
    return _csv(names, (_title_line(one) for one in found.items))


def title_csv(one: TitleInsight) -> str:
    r"""Return CSV lines of one title: its totals, the points of its curve, its countries and cohorts.

    Examples
    --------
    >>> from schemas.insights import CurvePoint
    >>> curve = (CurvePoint(minute=0, viewers=20),)
    >>> found = TitleInsight(
    ...     title_id="t", at_ms=10**12, viewers=20, starts=21, watch_minutes=9.0, curve=curve
    ... )
    >>> print(title_csv(found).replace("\r", ""))
    part,name,viewers,starts,watch_minutes,finished
    title,t,20,21,9.0,
    minute,0,20,,,
    <BLANKLINE>
    """
    lines: list[Sequence[Cell]] = [
        ("title", one.title_id, one.viewers, one.starts, one.watch_minutes, one.finished),
        *(("minute", point.minute, point.viewers, None, None, None) for point in one.curve),
    ]
    for part, groups in (("country", one.countries), ("cohort", one.cohorts)):
        lines += [(part, g.name, g.viewers, g.starts, g.watch_minutes, g.finished) for g in groups]
    return _csv(("part", "name", "viewers", "starts", "watch_minutes", "finished"), lines)


def demand_csv(found: Wanted) -> str:
    """Return a CSV line for each combination of tags, each query, and each title of a cohort."""
    names = (
        "type", "name", "country", "watch_minutes", "error_minutes", "watch_share", "titles",
        "catalogue_share", "excess", "trend", "searches", "without_result", "watches", "title_id", "viewers",
        "finished",
    )  # fmt: skip
    lines: list[Sequence[Cell]] = [
        (
            *("facets", " & ".join(one.labels), one.country, one.watch_minutes, one.error_minutes),
            *(one.watch_share, one.titles, one.catalogue_share, one.excess, one.trend),
        )
        for one in found.facets
    ]
    none = (None,) * 8
    lines += [("search", s.query, *none, s.searches, s.without_result, s.watches) for s in found.searches]
    for cohort in found.cohorts:
        for one in cohort.titles:
            watched = (one.watch_minutes, one.error_minutes, *(None,) * 8)
            lines.append(("cohort", cohort.cohort, None, *watched, one.title_id, one.viewers, one.finished))
    return _csv(names, ([*line, *[None] * (len(names) - len(line))] for line in lines))


def _title_line(one: TitleInsight) -> Sequence[Cell]:
    step = one.steepest
    steepest = (step.minute, step.until, step.viewers) if step else (None, None, None)
    return (
        *(one.title_id, one.viewers, one.starts, one.watch_minutes, one.finished, *steepest),
        *(one.rewatches, one.skips, one.thumbs_up, one.thumbs_down, one.from_search),
    )


def _csv(names: Sequence[str], lines: Iterable[Sequence[Cell]]) -> str:
    """Return a table as CSV (RFC 4180); texts that a spreadsheet would take for formulas are quoted."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_escaped(cell) for cell in line] for line in lines)
    return text.getvalue()


def _escaped(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t" and cell else cell


def _decoded(decode: Callable[[bytes | None], T], value: bytes | None) -> T | None:
    """Decode a record; None for a tombstone and for an invalid record."""
    if value is None:
        return None
    try:
        return decode(value)
    except DecodeError:
        return None
