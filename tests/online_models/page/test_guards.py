"""Pages: what is never on them, whatever happened."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from online_models.catalog.catalog import country_code
from online_models.page.build import build
from online_models.page.config import PageConfig
from online_models.recommender import Recommender
from online_models.tables.layout import DAY_MS
from schemas import Event, Title
from schemas.fields import RowKind
from tests.online_models.page.worlds import (
    OPEN,
    T0,
    any_events,
    described,
    put_segments,
    titles_of,
    watched_there,
)


@given(
    st.lists(described, max_size=24),
    st.lists(any_events(), max_size=40),
    st.lists(watched_there, max_size=24),
    st.integers(0, 200),
    st.sampled_from([OPEN, PageConfig(rows=5, visible=3), PageConfig(least=1, rows=14, visible=4)]),
)
def test_whatever_happened_the_guards_hold(
    catalog: list[Title],
    events: list[Event],
    watched: list[tuple[str, str, float]],
    days: int,
    config: PageConfig,
) -> None:
    """No finished, rejected, unavailable or too mature titles; none visible twice."""
    model = Recommender(seed=days, page=config)
    for title in catalog:
        model.describe(title)
    model.learn_many(events)
    put_segments(model, watched)
    now = T0 + days * DAY_MS
    table = model.viewers.viewers
    for viewer in ("ada", "bob", "cat", "a stranger"):
        rows = model.page(viewer, now, n=5)
        assert rows == model.page(viewer, now, n=5)
        slot = table.slot(viewer)
        limit, country = (
            (255, 0) if slot is None else (int(table.arrays.limit[slot]), int(table.arrays.country[slot]))
        )
        allowed = model.catalog.allowed(limit=limit, country=country, now_ms=now)
        may = {model.titles.ids[row] for row in np.flatnonzero(allowed).tolist()}
        assert country in {0, country_code("IN"), country_code("US")}
        known = dict(table.known(viewer))
        in_sight: list[str] = []
        assert len(rows) <= config.rows
        there = {title for title, where, _ in watched if country_code(where) == country}
        assert set(titles_of(rows, RowKind.TRENDING_IN_COUNTRY)) <= there
        for row in rows:
            titles = [item.title_id for item in row.items]
            assert 1 <= len(titles) <= 5
            assert len(set(titles)) == len(titles)
            assert set(titles) <= may
            assert row.title_id is None or row.title_id in may
            assert all(known.get(title, True) for title in titles)  # turned down, whatever the row
            if row.kind not in {RowKind.WATCH_AGAIN, RowKind.CONTINUE_WATCHING}:
                assert not set(titles) & set(known)
            in_sight += titles[: config.visible]
        assert len(set(in_sight)) == len(in_sight)
        if slot is not None:
            pages = build(model.viewers, model.catalog_index, np.array([slot], np.int32), now, 5)
            since = model.catalog.facts.available_since(len(model.titles))
            for row in pages.alert[0][pages.alert[0] >= 0].tolist():
                assert model.titles.ids[row] in may - set(known)
                assert now - 14 * DAY_MS < since[row] <= now
            labels = {model.catalog.tag_names[tag] for tag in pages.category[0].tolist() if tag >= 0}
            left = [row for row in np.flatnonzero(allowed).tolist() if model.titles.ids[row] not in known]
            _, tags = model.catalog.tags_of(np.array(left, np.int64))
            assert labels <= {model.catalog.tag_names[tag] for tag in tags.tolist()}


@given(st.lists(described, max_size=24), st.lists(any_events(), max_size=30))
def test_what_is_finished_is_not_gone_on_with(catalog: list[Title], events: list[Event]) -> None:
    """Continue watching holds only titles whose interaction state is started and not done."""
    model = Recommender(page=OPEN)
    for title in catalog:
        model.describe(title)
    model.learn_many(events)
    a = model.viewers.viewers.arrays
    for viewer in ("ada", "bob", "cat"):
        slot = model.viewers.viewers.slot(viewer)
        for title in titles_of(model.page(viewer, T0), RowKind.CONTINUE_WATCHING):
            (place,) = np.flatnonzero(a.interaction_title[slot] == model.titles.row(title)).tolist()
            flags = int(a.interaction[slot, place]["flags"])
            assert flags & 8
            assert not flags & 2
