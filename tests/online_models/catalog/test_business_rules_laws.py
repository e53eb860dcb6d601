"""Business rules: the guards hold whatever the rules, and what means nothing is a fault."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.catalog.business_rules import rule_errors
from online_models.page.config import PageConfig
from online_models.recommender import Recommender
from online_models.tables.layout import DAY_MS
from schemas import Event, Tags, Title
from schemas.fields import ItemReason, RowKind
from schemas.rules import BusinessRule, PinRow, RuleKind
from tests.online_models.catalog.rules import rule, with_rules
from tests.online_models.page.worlds import GENRES, OPEN, T0, TITLES, any_events, described


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (rule(RuleKind.EXCLUDE), "matches nothing"),
        (rule(RuleKind.BOOST, "a"), "factor above 1"),
        (rule(RuleKind.BOOST, "a", factor=1.0), "factor above 1"),
        (rule(RuleKind.BURY, "a", factor=1.5), "factor below 1"),
        (rule(RuleKind.EXCLUDE, "a", factor=2.0), "means nothing to a exclude"),
        (rule(RuleKind.PIN, "a", "b"), "one title"),
        (rule(RuleKind.BOOST, "a", factor=2.0, slot=1), "of a pin"),
        (rule(RuleKind.EXCLUDE, "a", countries=("de",)), "no country's code"),
        (rule(RuleKind.EXCLUDE, "a", starts_at_ms=T0, ends_at_ms=T0), "ends before it starts"),
    ],
)
def test_what_means_nothing_is_a_fault(one: BusinessRule, why: str) -> None:
    """Each has its reason, and only that one."""
    (found,) = rule_errors(one)
    assert why in found


def ruled() -> st.SearchStrategy[BusinessRule]:
    """Return any rule without a fault about sixteen titles and three genres."""
    name = st.integers(0, 9).map("r{}".format)
    whom = {
        "maturity_at_most": st.sampled_from([None, None, 12]),
        "starts_at_ms": st.sampled_from([None, None, T0 + 50 * DAY_MS]),
    }
    titles = st.lists(st.sampled_from(TITLES), min_size=1, max_size=2, unique=True).map(tuple)
    tags = st.builds(Tags, genre=st.sets(st.sampled_from(GENRES), max_size=1).map(tuple))
    made = st.builds
    about = {"rule_id": name, "titles": titles, "tags": tags, **whom}
    pinned = {"titles": st.sampled_from(TITLES).map(lambda title: (title,)), "slot": st.integers(0, 4)}
    return st.one_of(
        made(BusinessRule, kind=st.just(RuleKind.BOOST), factor=st.just(20.0), **about),
        made(BusinessRule, kind=st.just(RuleKind.BURY), factor=st.just(0.05), **about),
        made(BusinessRule, kind=st.just(RuleKind.EXCLUDE), **about),
        made(
            BusinessRule, kind=st.just(RuleKind.PIN), rule_id=name, row=st.sampled_from(PinRow),
            **pinned, **whom,
        ),
    )  # fmt: skip


def forbidden(catalog: list[Title], rules: list[BusinessRule]) -> set[str]:
    """Return what rules exclude, worked out title by title."""
    newest = {title.title_id: set(title.tags.genre) for title in catalog}
    return {
        title
        for one in rules
        if one.kind is RuleKind.EXCLUDE
        for title in (*one.titles, *(name for name, genres in newest.items() if genres & {*one.tags.genre}))
    }


@given(
    st.lists(described, max_size=24),
    st.lists(any_events(), max_size=30),
    st.lists(ruled(), max_size=6, unique_by=lambda one: one.rule_id),
    st.integers(0, 200),
    st.sampled_from([OPEN, PageConfig(rows=5, visible=3), PageConfig(rows=2, least=1), PageConfig(rows=1)]),
)
def test_whatever_the_rules_the_guards_hold(
    catalog: list[Title], events: list[Event], rules: list[BusinessRule], days: int, config: PageConfig
) -> None:
    """As without rules; nothing excluded; what is pinned and may be shown is there, and alone says so."""
    model = Recommender(seed=days, page=config)
    for title in catalog:
        model.describe(title)
    model.learn_many(events)
    now, table = T0 + days * DAY_MS, model.viewers.viewers
    for viewer in ("ada", "bob", "cat", "a stranger"):
        slot = table.slot(viewer)
        limit = 255 if slot is None else int(table.arrays.limit[slot])
        country = 0 if slot is None else int(table.arrays.country[slot])
        with_rules(model)
        allowed = model.catalog.allowed(limit=limit, country=country, now_ms=now)
        mine = [
            one
            for one in rules
            if (one.maturity_at_most is None or limit <= 12) and now >= (one.starts_at_ms or 0)
        ]
        may = {model.titles.ids[row] for row in np.flatnonzero(allowed).tolist()} - forbidden(catalog, mine)
        with_rules(model, *rules)
        rows, known = model.page(viewer, now, n=5), dict(table.known(viewer))
        pinned = {one.titles[0] for one in mine if one.kind is RuleKind.PIN}
        said, in_sight = set[str](), list[str]()
        for row in rows:
            titles = [item.title_id for item in row.items]
            assert len(set(titles)) == len(titles)
            assert set(titles) <= may
            assert row.title_id is None or row.title_id in may
            assert all(known.get(title, True) for title in titles)
            if row.kind not in {RowKind.WATCH_AGAIN, RowKind.CONTINUE_WATCHING}:
                assert not set(titles) & set(known)
            said |= {i.title_id for i in row.items if (i.reason or row.reason) is ItemReason.FEATURED}
            in_sight += titles[: config.visible]
        assert len(set(in_sight)) == len(in_sight)
        assert said <= pinned
        wanted = pinned & may - set(known)
        if config.rows > 2 and len(wanted) == 1:
            assert said == wanted
