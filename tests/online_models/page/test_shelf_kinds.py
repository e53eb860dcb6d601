"""Learned factors of kinds of shelves: by hand, their bounds, and their effect on pages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.page.config import PageConfig
from online_models.page.shelf_kinds import EVIDENCE, KINDS, MEMORY, MOST, ShelfValue
from online_models.recommender import Recommender
from schemas import Tags, Title
from schemas.fields import RowKind
from tests.online_models.page.worlds import T0, stop

NUMBERS = {kind.wire: number for number, kind in enumerate(KINDS)}


def test_every_kind_of_row_has_a_number() -> None:
    """Every kind that an impression can name has a counter."""
    assert set(NUMBERS) == set(RowKind)


def test_by_hand() -> None:
    """Rates of 4 % and 1 % in a thousand impressions, drawn to the common 2.5 % by a thousand of evidence."""
    value = ShelfValue()
    for kind, watched in ((RowKind.TOP_PICKS, 40), (RowKind.GENRE, 10)):
        for _ in range(1_000):
            value.see(kind)
        for _ in range(watched):
            value.watch(kind)
    prior = 0.025 * EVIDENCE
    factors = value.factors()
    assert factors[NUMBERS[RowKind.TOP_PICKS]] == pytest.approx((40 + prior) / 2_000 / 0.025)
    assert factors[NUMBERS[RowKind.GENRE]] == pytest.approx((10 + prior) / 2_000 / 0.025)
    assert factors[NUMBERS[RowKind.EXPLORE]] == 1.0


@given(st.lists(st.tuples(st.sampled_from(RowKind), st.booleans()), max_size=60), st.floats(0, 1e6))
def test_bounded_whatever_comes(deeds: list[tuple[RowKind, bool]], before: float) -> None:
    """Factors are between a half and two, counts stay below the memory, and a copy is equal."""
    value = ShelfValue(np.array([before, before / 2]))
    for kind, watched in deeds:
        (value.watch if watched else value.see)(kind)
    factors = value.factors()
    assert (factors >= 1 / MOST).all()
    assert (factors <= MOST).all()
    counts = value.take_moved()
    assert (counts is None) == (not deeds)
    if counts is not None:
        assert counts[::2].sum() <= max(MEMORY, before) + len(deeds)
        assert ShelfValue(counts).factors().tolist() == factors.tolist()
        assert value.take_moved() is None


def test_a_page_follows() -> None:
    """Two shelves of nearly equal value change places with the factors of their kinds."""
    model = Recommender(seed=3, page=PageConfig(least=2, visible=2, explore=False, calibration=0.0))
    for n in range(40):
        model.describe(Title(title_id=f"t{n}", tags=Tags(genre=("Drama",)), release_ms=T0))
    model.learn_many(stop(n, f"c{n}", f"t{n % 10}") for n in range(60))
    orders = []
    for kind in (RowKind.TRENDING_NOW, RowKind.NEW_RELEASES):
        model.viewers.shelf_value = np.ones(len(KINDS))
        model.viewers.shelf_value[NUMBERS[kind]] = 50.0
        slot = model.viewers.viewers.acquire(["ada"])
        assert slot.size == 1
        kinds = [row.kind for row in model.page("ada")]
        orders.append(kinds.index(RowKind.TRENDING_NOW) < kinds.index(RowKind.NEW_RELEASES))
    assert orders == [True, False]
