"""Business rules: what they do to pages, what guards do to them, and what they never touch."""

from typing import Any

import numpy as np
import pytest

from online_models.page.config import PageConfig
from online_models.recommender import Recommender
from schemas import Availability, Event, Preferences, Rate, Tags, Thumb, Title
from schemas.fields import ItemReason, RowKind
from schemas.pages import Row
from schemas.rules import BusinessRule, PinRow, RuleKind
from tests.online_models.catalog.rules import rule, with_rules
from tests.online_models.page.worlds import OPEN, T0, at, stop, titles_of, with_watches

NOW = T0 + 90_000


def pin(
    title: str, row: PinRow = PinRow.TOP_PICKS, slot: int = 0, name: str = "p", **more: Any
) -> BusinessRule:
    """Return a rule that pins a title."""
    return rule(RuleKind.PIN, title, name=name, row=row, slot=slot, **more)


def everywhere(rows: tuple[Row, ...]) -> set[str]:
    """Return every title of a page."""
    return {item.title_id for row in rows for item in row.items}


@pytest.fixture
def model() -> Recommender:
    """Give a recommender that a crowd has taught, and ada a little."""
    model = with_watches(Recommender(seed=3, page=OPEN))
    model.learn_many([stop(1, "ada", "t4"), stop(2, "ada", "t6", 1_000.0)])
    return model


def test_what_is_excluded_is_nowhere_and_comes_back(model: Recommender) -> None:
    """By name and by tags, also what was begun; without the rule the page is as it was."""
    before = model.page("ada", NOW)
    assert "t6" in titles_of(before, RowKind.CONTINUE_WATCHING)
    crime = BusinessRule(rule_id="crime", kind=RuleKind.EXCLUDE, tags=Tags(genre=("Crime", "Western")))
    with_rules(model, rule(RuleKind.EXCLUDE, "t6", "unknown"), crime)
    gone = {"t6", *(f"t{n}" for n in range(2, 24, 3))}
    assert gone & everywhere(before)
    assert not gone & everywhere(model.page("ada", NOW))
    assert not gone & {title for title, _ in model.top_n("ada", 30, NOW)}
    with_rules(model)
    assert model.page("ada", NOW) == before


def test_tags_of_several_kinds_have_to_be_there_together(model: Recommender) -> None:
    """One of each kind named: dark comedies alone."""
    tags = Tags(genre=("Comedy",), mood=("dark",))
    with_rules(model, BusinessRule(rule_id="r", kind=RuleKind.EXCLUDE, tags=tags))
    allowed = model.catalog.allowed(limit=255, country=0, now_ms=NOW)
    gone = {model.titles.ids[row] for row in np.flatnonzero(~allowed).tolist()}
    assert gone == {f"t{n}" for n in range(24) if n % 3 == 1 and n % 2 == 1}


def test_factors_multiply_the_odds(model: Recommender) -> None:
    """The logarithm of the factor is added to the score, of several rules each; others stay."""
    before = model.score("ada", NOW)
    lifted = rule(RuleKind.BOOST, "t9", "t12", factor=4.0)
    with_rules(
        model,
        lifted,
        rule(RuleKind.BURY, "t12", name="s", factor=0.25),
        rule(RuleKind.BURY, "t15", name="q", factor=0.5),
    )
    after = model.score("ada", NOW)
    moved = {title: after[title] - before[title] for title in before}
    wanted = {"t9": np.log(4.0), "t15": np.log(0.5)}
    assert moved == pytest.approx({title: wanted.get(title, 0.0) for title in before}, abs=1e-5)
    with_rules(model, rule(RuleKind.BOOST, "t9", factor=100.0))
    assert titles_of(model.page("ada", NOW), RowKind.TOP_PICKS)[0] == "t9"
    assert model.top_n("ada", 1, NOW)[0][0] == "t9"
    with_rules(model, rule(RuleKind.BURY, "t9", factor=0.01))
    assert model.top_n("ada", 30, NOW)[-1][0] == "t9"


def test_a_pin_stands_in_its_place_and_says_so(model: Recommender) -> None:
    """Among top picks at its slot, once on the page in sight, the others in their order around it."""
    with_rules(
        model, pin("t20", slot=1), pin("t21", slot=1, name="q"), rule(RuleKind.BURY, "t20", factor=0.01)
    )
    row = next(row for row in model.page("ada", NOW) if row.kind is RowKind.TOP_PICKS)
    assert [item.title_id for item in row.items][1:3] == ["t20", "t21"]
    assert [item.reason for item in row.items][1:3] == [ItemReason.FEATURED] * 2
    assert ItemReason.FEATURED not in {item.reason for item in (row.items[0], *row.items[3:])}
    rest = [row for row in model.page("ada", NOW) if row.kind is not RowKind.TOP_PICKS]
    assert not {"t20", "t21"} & everywhere(tuple(rest))


def test_what_is_featured_is_the_first_row(model: Recommender) -> None:
    """In the order of places, called so in the reader's language; a stranger sees it, too."""
    with_rules(model, pin("t20", PinRow.FEATURED, 3), pin("t21", PinRow.FEATURED, 0, name="q"))
    first, *rest = model.page("ada", NOW)
    assert (first.kind, first.title, first.reason) == (RowKind.FEATURED, "Featured", ItemReason.FEATURED)
    assert [item.title_id for item in first.items] == ["t21", "t20"]
    assert not {"t20", "t21"} & everywhere(tuple(rest))
    assert model.page("ada", NOW, language="hi")[0].title == "विशेष"
    assert model.page("a stranger", NOW)[0].kind is RowKind.FEATURED


@pytest.mark.parametrize("row", PinRow)
@pytest.mark.parametrize("why", ["watched", "disliked", "maturity", "window", "country", "excluded"])
def test_guards_win_over_pins(model: Recommender, row: PinRow, why: str) -> None:
    """Whatever the business wants: nothing that the viewer must not or will not see."""
    windows = {"window": Availability(end_ms=NOW), "country": Availability(countries=("DE",))}
    model.describe(Title(title_id="x", maturity=16, availability=windows.get(why, Availability())))
    events: dict[str, Event] = {
        "watched": stop(5, "ada", "x"),
        "disliked": Rate(**at(5, "ada"), title_id="x", thumb=Thumb.DOWN),
        "maturity": Preferences(**at(5, "ada"), maturity=12),
    }
    with_rules(model, pin("x", row))
    if why in {"watched", "disliked", "maturity"}:
        assert "x" in everywhere(model.page("ada", NOW))
    if why in events:
        model.learn_one(events[why])
    if why == "excluded":
        with_rules(model, pin("x", row), rule(RuleKind.EXCLUDE, "x"))
    assert "x" not in everywhere(model.page("ada", NOW))


def test_rules_hold_for_whom_and_when_they_say(model: Recommender) -> None:
    """A country, children's profiles, from the start until before the end."""
    model.learn_one(Preferences(**at(3, "kid", country="IN"), maturity=7))
    model.learn_one(stop(4, "kid", "t4", country="IN"))
    for more, wanted in (
        ({"maturity_at_most": 12}, {"kid"}),
        ({"maturity_at_most": 6}, set()),
        ({"countries": ("DE",)}, set()),
        ({"starts_at_ms": NOW, "ends_at_ms": NOW + 1}, {"ada", "kid"}),
        ({"starts_at_ms": NOW + 1}, set()),
        ({"ends_at_ms": NOW}, set()),
    ):
        with_rules(model, rule(RuleKind.EXCLUDE, "t9", **more))  # type: ignore[arg-type]
        found = {viewer for viewer in ("ada", "kid") if "t9" not in model.score(viewer, NOW)}
        assert found == wanted, more


def test_a_title_that_comes_later_is_matched(model: Recommender) -> None:
    """Rules are about titles and tags, not about what there was when they were written."""
    with_rules(
        model,
        rule(RuleKind.EXCLUDE, "later"),
        BusinessRule(rule_id="w", kind=RuleKind.EXCLUDE, tags=Tags(genre=("Western",))),
    )
    model.describe(Title(title_id="later"))
    model.describe(Title(title_id="west", tags=Tags(genre=("Western",))))
    assert not {"later", "west"} & model.score("ada", NOW).keys()


def test_a_draw_knows_what_was_pinned() -> None:
    """The exploring row's probability: one over what is left beside the one in sight and the pinned one."""
    model = Recommender(seed=1, page=PageConfig(rows=2, least=1, visible=1))
    for n in range(20):
        model.describe(Title(title_id=f"t{n}"))
    model.learn_one(stop(0, "x", "t0"))
    with_rules(model, pin("t7", slot=3))
    explore = model.page("ada", NOW, n=5)[-1]
    assert explore.kind is RowKind.EXPLORE
    assert {item.propensity for item in explore.items} == {1 / 18}


def test_nothing_of_a_rule_is_learned() -> None:
    """The same events under rules leave the same model, byte for byte."""
    plain, ruled = Recommender(seed=3), Recommender(seed=3)
    boost = rule(RuleKind.BOOST, "t5", name="b", factor=9.0)
    with_rules(ruled, pin("t3"), rule(RuleKind.EXCLUDE, "t1"), boost)
    assert with_watches(plain).snapshot() == with_watches(ruled).snapshot()
