"""The verdict: doctored facts with one lost, one doubled, one different; it has to say so."""

from types import SimpleNamespace
from typing import Any

import pytest

from streams.engine.applied import APPLIED_KEY, pack_applied
from streams.stages.wire.partition_rows import PENDING_PAGE
from tests.chaos.audit import Audit
from tests.chaos.driver import Result
from tests.chaos.load import Delivered
from tests.chaos.schedule import Planned, Schedule
from tests.chaos.table import document, summary
from tests.chaos.verdict import (
    Finding,
    NoPage,
    Page,
    Pages,
    check_applied,
    compare_ends,
    compare_handed_over,
    compare_letters,
    compare_owners,
    compare_rows,
    compare_signals,
    quantile,
)
from tests.integration.oracle import Fact

ROWS = {b"a": Fact(3, b"aaa"), b"b": Fact(2, b"bb"), b"c": Fact(1, b"c")}


def counts(found: Finding) -> tuple[int, int, int]:
    """Return how many were lost, doubled, different."""
    return len(found.lost), len(found.doubled), len(found.different)


def test_equal_rows_are_clean() -> None:
    """Nothing to say about nothing wrong."""
    assert compare_rows("viewer", ROWS, dict(ROWS)).clean


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({b"a": Fact(2, b"aa")}, (1, 0, 0)),
        ({b"a": Fact(4, b"aaaa")}, (0, 1, 0)),
        ({b"a": Fact(3, b"aab")}, (0, 0, 1)),
        ({b"d": Fact(1, b"d")}, (0, 0, 1)),
        ({b"a": Fact(2, b"aa"), b"b": Fact(3, b"bbb"), b"c": Fact(1, b"x")}, (1, 1, 1)),
    ],
)
def test_doctored_rows_are_found(change: dict[bytes, Fact], expected: tuple[int, int, int]) -> None:
    """A row with fewer events lost some, one with more has some twice, one with as many differs."""
    assert counts(compare_rows("viewer", ROWS, ROWS | change)) == expected


def test_a_missing_row_is_lost() -> None:
    """And named."""
    found = compare_rows("viewer", ROWS, {key: ROWS[key] for key in (b"a", b"b")})
    assert found.lost == ["viewer c has no row"]


def test_signals_are_counted() -> None:
    """One gone, one twice, one that nobody sent."""
    found = compare_signals([("x", 1), ("y", 2), ("y", 2)], [("y", 2), ("y", 2), ("y", 2), ("z", 3)])
    assert counts(found) == (1, 1, 1)


def test_dead_letters_are_exactly_one_each() -> None:
    """One missing, one twice, one for a sound record."""
    found = compare_letters([(0, 1), (0, 2), (1, 1)], [(0, 2), (0, 2), (1, 1), (3, 3)])
    assert found.lost == ["no dead letter for (0, 1)"]
    assert found.doubled == ["2 dead letters for (0, 2)"]
    assert found.different == ["a dead letter for (3, 3), which was sound"]


def test_applied_offsets_reach_the_ends() -> None:
    """Short of the end something is lost; beyond it something is odd."""
    assert counts(compare_ends("events", {0: 5, 1: 7, 2: 3}, {0: 5, 1: 6, 2: 4})) == (1, 0, 1)
    assert counts(compare_ends("events", {0: 5}, {})) == (1, 0, 0)


def test_applied_offsets_only_grow() -> None:
    """A batch that is committed twice repeats one."""
    assert check_applied("log", {0: [1, 2, 9], 1: []}).clean
    assert counts(check_applied("log", {0: [1, 2, 2, 9], 1: [3, 1]})) == (0, 2, 0)


def page(seq: int, offset: int = 0, viewer: str = "v") -> Page:
    """Return a page."""
    return Page(viewer, seq, offset or seq, f"{viewer}-{seq}")


def test_pages_are_numbered_without_gap_or_repeat() -> None:
    """Over looks: what was seen before counts."""
    pages = Pages()
    assert pages.take([page(1), page(2), page(1, viewer="w")]).clean
    assert pages.take([page(3)]).clean
    assert counts(pages.take([page(5)])) == (1, 0, 0)
    assert counts(pages.take([page(5)])) == (0, 1, 0)
    assert counts(pages.take([page(6, offset=2)])) == (0, 0, 1)


def test_the_last_page_is_of_the_last_event() -> None:
    """One too old is lost, one of an event that moves nobody differs, one missing is lost."""
    pages = Pages()
    pages.take([page(1, 10), page(1, 20, "w"), page(1, 30, "x")])
    assert pages.compare({"v": 10, "w": 20, "x": 30}).clean
    found = pages.compare({"v": 11, "w": 19, "x": 30, "y": 4})
    assert counts(found) == (2, 0, 1)


def test_behind_a_deletion_pages_begin_anew() -> None:
    """And the viewer has no last page; a page that goes on as if nothing had been is a gap."""
    pages = Pages()
    assert pages.take([page(1), page(2), NoPage("v"), NoPage("w")]).clean
    assert pages.compare({}).clean
    assert pages.take([Page("v", 1, 9, "v-9-1")]).clean
    assert counts(Pages().take([page(1), NoPage("v"), page(2)])) == (1, 0, 0)


def test_histories_are_handed_over_once() -> None:
    """A missing one is lost, one more is doubled, one that nobody has differs."""
    a, b = (b"ada", b"{}"), (b"bob", b"{}")
    assert compare_handed_over([a, b, b], [b, a, b]).clean
    assert counts(compare_handed_over([a, b], [a])) == (1, 0, 0)
    assert counts(compare_handed_over([a], [a, a])) == (0, 1, 0)
    assert counts(compare_handed_over([a], [a, b])) == (0, 0, 1)


def test_of_a_forgotten_viewer_nothing_is_left() -> None:
    """A row whose owner is no viewer differs; a viewer needs no such row."""
    assert compare_owners(["ada", "bob"], ["ada"]).clean
    assert counts(compare_owners(["ada"], ["ada", "bob"])) == (0, 0, 1)


def test_quantiles_are_values_that_occurred() -> None:
    """The 95th of twenty is the largest but none."""
    assert quantile(list(range(1, 21)), 0.95) == 20
    assert quantile(list(range(1, 101)), 0.95) == 96
    assert quantile([4.0], 0.5) == 4.0


@pytest.mark.parametrize(
    ("finding", "recovery_s", "exact", "in_time"),
    [
        (Finding(), 12.0, True, True),
        (Finding(), 22.0, True, False),
        (Finding(lost=["an event"]), 12.0, False, True),
        (Finding(doubled=["an event"]), 12.0, False, True),
        (Finding(different=["a row"]), None, False, True),
    ],
)
def test_a_run_is_judged(finding: Finding, recovery_s: float | None, *, exact: bool, in_time: bool) -> None:
    """One thing lost, doubled or different anywhere spoils it; being late is said, too."""
    results = [Result(1, "kill", recovery_s=1.0), Result(2, "zombie", "w1", recovery_s, finding=finding)]
    schedule = Schedule("s", (Planned("kill"),))
    found = document(results, Delivered(), schedule, seed=5, command="again --seed 5")
    assert (found["exact"], found["in_time"]) == (exact, in_time)
    text = summary(found)
    assert "again --seed 5" in text
    assert ("cycle 2, zombie" in text) is not exact
    assert ("NOT EXACT" in text) is not exact
    assert ("too slow" in text) is not in_time


def test_a_payment_repeats_the_applied_offset_and_a_batch_does_not() -> None:
    """Without a deleted debt in its transaction an offset that comes again is a double."""

    def message(key: bytes, value: bytes | None) -> Any:
        return SimpleNamespace(key=lambda: key, value=lambda: value, partition=lambda: 0)

    audit = Audit.__new__(Audit)
    audit._applied = {}
    applied = message(APPLIED_KEY, pack_applied(7))
    debt = message(*PENDING_PAGE.row((7, 10**12, 0), "ada"))
    paid, row = message(*PENDING_PAGE.no_row("ada")), message(b"ada", b"row")
    sound = audit._applied_of("log", [row, debt, applied, row, paid, applied, row])
    assert check_applied("log", sound).clean
    twice = audit._applied_of("log", [applied])
    assert counts(check_applied("log", twice)) == (0, 1, 0)
