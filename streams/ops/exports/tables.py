"""The tables of an export: their columns, and records as their rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from schemas.events import Impression
from schemas.insights import CohortDemand, FacetDemand, SearchDemand, TitleInsight
from schemas.pages import Home

__all__ = [
    "CURVES", "DEMAND", "EXPOSURES", "FORGOTTEN", "GROUPS", "PAGES", "TITLES", "Row", "curve_rows",
    "demand_rows", "exposure_row", "group_rows", "page_rows", "table", "title_row",
]  # fmt: skip

Row = tuple[Any, ...]
"""Values in the order of a table's columns."""
Rule = Callable[[str], str | None]
"""Makes of a viewer's id what leaves."""

_TIME: Final = pa.timestamp("ms", tz="UTC")
_TEXT: Final = pa.string()
_WORD: Final = pa.dictionary(pa.int32(), pa.string())

PAGES: Final = pa.schema(
    [
        ("viewer_id", _TEXT), ("list_id", _TEXT), ("seq", pa.int64()), ("generated_at", _TIME),
        ("expires_at", _TIME),
        ("model_version", _WORD), ("language", _WORD), ("country", _WORD), ("arms", pa.list_(pa.string())),
        ("row", pa.int16()), ("row_kind", _WORD), ("slot", pa.int16()), ("title_id", _TEXT), ("score",
        pa.float32()),
        ("reason", _WORD), ("because", _TEXT), ("artwork", _TEXT), ("trailer", _TEXT), ("arm", _WORD),
        ("propensity", pa.float64()),
    ]
)  # fmt: skip
"""A row for each title on a page."""

EXPOSURES: Final = pa.schema(
    [
        ("event_id", _TEXT), ("viewer_id", _TEXT), ("at", _TIME), ("list_id", _TEXT), ("row", pa.int32()),
        ("row_kind", _WORD), ("slot", pa.int32()), ("title_id", _TEXT), ("artwork", _TEXT), ("arm", _WORD),
        ("propensity", pa.float64()), ("artwork_propensity", pa.float64()), ("device", _WORD), ("country",
        _WORD),
    ]
)  # fmt: skip
"""A row for each impression."""

FORGOTTEN: Final = pa.schema([("viewer_id", _TEXT), ("at", _TIME)])
"""Viewers who are to be deleted from the warehouse, too, in what is older."""

TITLES: Final = pa.schema(
    [
        ("title_id", _TEXT), ("at", _TIME), ("viewers", pa.int64()), ("starts", pa.int64()),
        ("watch_minutes", pa.float64()), ("finished", pa.int64()), ("rewatches", pa.int64()), ("skips",
        pa.int64()),
        ("thumbs_up", pa.int64()), ("thumbs_down", pa.int64()), ("from_search", pa.int64()),
    ]
)  # fmt: skip
"""A row for each title with insights."""

CURVES: Final = pa.schema([("title_id", _TEXT), ("minute", pa.int32()), ("viewers", pa.int64())])
"""A row for each point of a completion curve."""

GROUPS: Final = pa.schema(
    [
        ("title_id", _TEXT), ("kind", _WORD), ("name", _TEXT), ("viewers", pa.int64()), ("starts",
        pa.int64()),
        ("watch_minutes", pa.float64()), ("finished", pa.int64()), ("error_starts", pa.int64()),
    ]
)  # fmt: skip
"""A row for each country and cohort of a title."""

DEMAND: Final = pa.schema(
    [
        ("type", _WORD), ("key", _TEXT), ("labels", pa.list_(pa.string())), ("country", _WORD), ("at", _TIME),
        ("watch_minutes", pa.float64()), ("error_minutes", pa.float64()), ("watch_share", pa.float64()),
        ("titles", pa.int64()), ("catalogue_share", pa.float64()), ("excess", pa.float64()), ("trend",
        pa.float64()),
        ("query", _TEXT), ("searches", pa.int64()), ("error_searches", pa.float64()), ("without_result",
        pa.int64()),
        ("watches", pa.int64()), ("cohort", _TEXT), ("title_id", _TEXT), ("viewers", pa.int64()),
        ("finished", pa.int64()),
    ]
)  # fmt: skip
"""A row for each combination of tags, each query, and each title of a cohort."""


def page_rows(home: Home, rule: Rule) -> list[Row]:
    """Return the titles on a page."""
    arms = [f"{arm.experiment_id}/{arm.arm}" for arm in home.arms]
    head = (
        rule(home.viewer_id), home.list_id, home.seq, home.generated_at_ms, home.expires_at_ms,
        home.model_version,
        home.language, home.country, arms,
    )  # fmt: skip
    return [
        (
            *head, number, row.kind.value, slot, item.title_id, item.score,
            (item.reason or row.reason or None), item.because, item.artwork, item.trailer, item.arm,
            item.propensity,
        )
        for number, row in enumerate(home.rows)
        for slot, item in enumerate(row.items)
    ]  # fmt: skip


def exposure_row(event: Impression, rule: Rule) -> Row:
    """Return an impression."""
    kind = None if event.row_kind is None else event.row_kind.value
    return (
        event.event_id, rule(event.viewer_id), event.event_time_ms, event.list_id, event.row, kind,
        event.slot,
        event.title_id, event.artwork, event.arm, event.propensity, event.artwork_propensity, event.device,
        event.country,
    )  # fmt: skip


def title_row(one: TitleInsight) -> Row:
    """Return the totals of a title."""
    return _named(TITLES, one, at=one.at_ms)


def curve_rows(one: TitleInsight) -> list[Row]:
    """Return the completion curve of a title."""
    return [(one.title_id, point.minute, point.viewers) for point in one.curve]


def group_rows(one: TitleInsight) -> list[Row]:
    """Return the countries and cohorts of a title."""
    return [
        _named(GROUPS, group, title_id=one.title_id, kind=kind)
        for kind, groups in (("country", one.countries), ("cohort", one.cohorts))
        for group in groups
    ]


def demand_rows(one: FacetDemand | SearchDemand | CohortDemand) -> list[Row]:
    """Return a record of demand; of a cohort, a row for each of its titles."""
    if isinstance(one, FacetDemand):
        return [_named(DEMAND, one, type="facets", at=one.at_ms)]
    if isinstance(one, SearchDemand):
        return [_named(DEMAND, one, type="search", at=one.at_ms)]
    return [
        _named(DEMAND, title, type="cohort", key=one.key, cohort=one.cohort, at=one.at_ms)
        for title in one.titles
    ]


def _named(schema: pa.Schema, struct: object, **more: object) -> Row:
    """Return a row of the fields that have a column's name."""
    return tuple(more.get(name, getattr(struct, name, None)) for name in schema.names)


def table(schema: pa.Schema, rows: Iterable[Row], metadata: Mapping[str, str]) -> pa.Table:
    """Return rows as a table.

    Parameters
    ----------
    schema
        Columns.
    rows
        Values in the order of the columns.
    metadata
        Kept in the file.
    """
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(schema.names)
    arrays = [_array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema.with_metadata(dict(metadata)))


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return a column; pyarrow makes no dictionaries out of words itself."""
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode().cast(kind)
    return pa.array(values, kind)
