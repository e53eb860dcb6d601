"""Exploration: the last title of some lists is drawn, and the list has its probability."""

import numpy as np
import pytest

from online_models import Recommender
from online_models.page.config import PageConfig
from online_models.tables.codes import EXPLORED, NOT_DRAWN
from online_models.tables.layout import DAY_MS, I4, Lists
from schemas import Rate, Title
from schemas.catalog import Availability

TITLES, LENGTH, VIEWERS = 40, 10, 600
NOW = 500 * DAY_MS
FORBIDDEN = {f"t{n}" for n in range(5)}
"""Their licence has ended."""


@pytest.fixture(scope="module")
def model() -> Recommender:
    """Forty titles, five of them not to be shown; everybody has rated one of the others."""
    out = Recommender(seed=3)
    ended, ids = Availability(end_ms=NOW - DAY_MS), [f"t{n}" for n in range(TITLES)]
    out.catalog.put_all(
        [Title(title_id=one, availability=ended if one in FORBIDDEN else Availability()) for one in ids]
    )
    out.learn_many(
        Rate(event_id=f"e{n}", viewer_id=f"v{n}", event_time_ms=NOW + n, title_id=f"t{5 + n % 35}", stars=4)
        for n in range(VIEWERS)
    )
    return out


def everyone(model: Recommender) -> I4:
    """Return the slots of all viewers."""
    return model.viewers.viewers.acquire([f"v{n}" for n in range(VIEWERS)])


def ranked(model: Recommender, share: float, now_ms: int = NOW + VIEWERS) -> Lists:
    """Return the lists of all viewers."""
    return model.viewers.rank(everyone(model), now_ms, LENGTH, drawn=share)


def test_only_the_last_title_is_drawn_out_of_what_else_may_be_shown(model: Recommender) -> None:
    """34 titles are allowed and not known, ten are listed: 24 are left to draw from."""
    plain, drawn = ranked(model, 0.0), ranked(model, 1.0)
    assert (plain.drawn == 0).all()
    assert (drawn.drawn == TITLES - len(FORBIDDEN) - 1 - LENGTH).all()
    assert (plain.title[:, :-1] == drawn.title[:, :-1]).all()
    assert (drawn.reason[:, -1] == EXPLORED).all()
    ids, slots = model.titles.ids, everyone(model).tolist()
    for n in range(VIEWERS):
        last = ids[drawn.title[n, -1]]
        assert last not in {ids[t] for t in plain.title[n].tolist()} | FORBIDDEN | {f"t{5 + n % 35}"}
        score = model.viewers.ranker.score(slots[n], NOW + VIEWERS)
        assert drawn.score[n, -1] == pytest.approx(score[drawn.title[n, -1]], abs=1e-4)


def test_a_share_of_lists_explores_and_stays_so_for_a_day(model: Recommender) -> None:
    """A fifth of the lists, the same ones all day, others on the next day; the rest is marked."""
    lists = ranked(model, 0.2)
    some = lists.drawn != NOT_DRAWN
    assert 0.14 < some.mean() < 0.26  # 3.7 standard errors
    assert (lists.title[~some] == ranked(model, 0.0).title[~some]).all()
    later = ranked(model, 0.2, NOW + DAY_MS - 1)
    assert (later.drawn == lists.drawn).all()
    assert (later.title[some, -1] == lists.title[some, -1]).mean() > 0.9  # scores move: others may be listed
    assert (ranked(model, 0.2, NOW + DAY_MS).drawn != lists.drawn).any()


def test_every_title_is_as_likely(model: Recommender) -> None:
    """Over sixty days: of what a viewer can be given, each title as often as the others."""
    slots, times, chances = everyone(model)[:50], np.zeros(TITLES), np.zeros(TITLES)
    allowed = np.tile(np.arange(TITLES) >= len(FORBIDDEN), (slots.size, 1))
    allowed[np.arange(slots.size), 5 + np.arange(slots.size) % 35] = False
    for day in range(60):
        at = NOW + day * DAY_MS
        plain, drawn = (model.viewers.rank(slots, at, LENGTH, drawn=share) for share in (0.0, 1.0))
        times += np.bincount(drawn.title[:, -1], minlength=TITLES)
        left = allowed.copy()
        np.put_along_axis(left, plain.title, values=False, axis=1)
        chances += (left / left.sum(axis=1, keepdims=True)).sum(axis=0)
    there = chances > 0
    assert times[~there].sum() == 0
    chi_square = float(((times - chances)[there] ** 2 / chances[there]).sum())
    assert chi_square < 75  # 34 degrees of freedom: p = 1e-4


def test_a_list_that_holds_everything_draws_nothing(model: Recommender) -> None:
    """34 titles are left: a list of 40 is not full, one of 34 has nobody to give way to."""
    for length in (40, 34):
        assert (model.viewers.rank(everyone(model), NOW + VIEWERS, length, drawn=1.0).drawn == 0).all()


def test_a_page_has_the_propensity_of_its_last_title(model: Recommender) -> None:
    """A floor of 5 % of ten places is every second list: its drawn title has .5 / 24, others' last .5."""
    model.catalog_index.config = PageConfig(rows=1, explore_floor=0.05)
    found = {}
    for n in range(40):
        (row,) = model.page(f"v{n}", NOW + VIEWERS, n=LENGTH)
        assert [item.propensity for item in row.items[:-1]] == [None] * (LENGTH - 1)
        found[row.items[-1].reason == "explore"] = row.items[-1].propensity
    assert found == {True: pytest.approx(0.5 / 24), False: 0.5}
    model.catalog_index.config = PageConfig()
