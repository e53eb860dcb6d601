"""One version takes over from another: roles, and pages of the real step around a marker."""

from typing import Any

import pytest
from msgspec import structs

from schemas.codec import encode
from schemas.versions import MARKER_KEY, SwitchMarker
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.errors import BrokerUnreachableError
from streams.stages.versions.cutover import Role, initial_role
from streams.stages.versions.handover import Handover, Predecessor
from streams.stages.wire.partition_rows import PENDING_PAGE
from tests.streams.stages.versions.entered import Entered, marker, version
from tests.streams.steps import Line, pages_of, record, records_of, watch


def test_a_version_begins_as_its_entry_says() -> None:
    """Only the first version, in its first life, publishes without being switched to."""
    assert initial_role(version("1")).live
    assert not initial_role(version("blue")).live
    assert not initial_role(version("1", epoch=2, live="blue")).live


def test_markers_of_an_earlier_life_change_nothing() -> None:
    """A name that was retired and came again reads its old switches in the log and stays a shadow."""
    again = version("blue", epoch=2, live="1")
    role = initial_role(again)
    for n, name in enumerate(("blue", "1"), start=1):
        role = role.after(marker(n, name), 10 * n, again)
        assert not role.live
    role = role.after(marker(3, "blue"), 30, again)
    assert role == Role(3, 30, live=True, other="1")


@pytest.mark.parametrize("late", [marker(1, "1"), marker(2, "1")])
def test_a_marker_with_a_former_number_changes_nothing(late: SwitchMarker) -> None:
    """A copy of an old marker, or the second of two decisions with one number, has no effect."""
    entry = version("blue")
    role = initial_role(entry).after(marker(2, "blue"), 41, entry)
    assert role.after(late, 50, entry) is role


def test_numbers_go_on_where_a_split_log_begins_anew() -> None:
    """Offsets begin at 0, pages do not: what takes over numbers from above all pages of before."""
    entry = structs.replace(version("blue"), seq_base=500)
    role = initial_role(entry).after(marker(1, "blue"), 41, entry)
    assert role == Role(1, 541, live=True, other="1")
    assert role.predecessor(entry) == Predecessor("1", 41)


def _versioned(name: str, known: set[tuple[int, str]]) -> Line:
    line = Line(Settings(prequential_share=0.0, model_version=name))
    line.stage.versions = Entered(version(name), known)
    line.restart()
    return line


def _marker_record(offset: int, epoch: int = 1, name: str = "blue") -> Any:
    return record(encode(marker(epoch, name)), MARKER_KEY, offset=offset)


def test_home_pages_are_cut_at_the_marker() -> None:
    """The real step: the old version publishes what is before the marker, the new one what is behind it."""
    known = {(1, "blue")}
    old, new = _versioned("1", known), _versioned("blue", known)
    batch = [
        *records_of([watch("ada", "t1"), watch("bob", "t1", 1)]),
        _marker_record(2),
        *records_of([watch("ada", "t2", 2)], 3),
    ]
    before = old.step(batch)
    assert [(page.viewer_id, page.seq, page.model_version[:2]) for page in pages_of(before)] == [
        ("ada", 1, "1@"),
        ("bob", 1, "1@"),
    ]
    assert (before.last_offset, old.viewers.silent) == (2, True)  # what is behind it comes again, to a shadow
    assert pages_of(old.step(batch[3:])) == []
    first = new.step(batch)
    assert (pages_of(first), first.last_offset) == ([], 2)
    assert new.stage.handover._waiting == {0: Predecessor("1", 2)}
    (page,) = pages_of(new.step(batch[3:]))
    assert (page.viewer_id, page.seq, page.source.offset) == ("ada", 3, 3)
    assert page.model_version.startswith("blue@")
    known_to_both = [line.side.viewers.known("ada") for line in (old, new)]
    assert known_to_both[0] == known_to_both[1]


def test_a_shadow_publishes_nothing_and_learns_the_same() -> None:
    """No page, and the engine drops its dead letters; rows (but for numbers) and signals are equal."""
    live, shadow = _versioned("1", set()), _versioned("blue", set())
    batch = [*records_of([watch("ada", "t1"), watch("ada", "t2", 1)]), record(b"{", b"ada", offset=2)]
    outcomes = [line.step(list(batch)) for line in (live, shadow)]
    assert (len(pages_of(outcomes[0])), len(outcomes[0].dead_letters)) == (1, 1)
    assert (pages_of(outcomes[1]), live.viewers.silent, shadow.viewers.silent) == ([], False, True)
    signals = [[v for (topic, _), v in o.outputs.items() if "signals" in topic] for o in outcomes]
    assert signals[0] == signals[1] != []


def test_a_takeover_is_over_for_good() -> None:
    """Once it has published, a version asks no more for the one before it, which may be retired by then."""
    known = {(1, "blue")}
    new = _versioned("blue", known)
    new.step([_marker_record(0)])
    new.restart()
    assert new.stage.handover._waiting == {0: Predecessor("1", 0)}
    new.stage.handover.wait_for(0, None)
    assert len(pages_of(new.step(records_of([watch("ada", "t1")], 1)))) == 1
    new.restart()
    assert new.stage.handover._waiting == {}


def test_a_forged_marker_is_a_dead_letter() -> None:
    """What the register does not know switches nothing and is told, once."""
    line = _versioned("1", set())
    outcome = line.step([_marker_record(0), *records_of([watch("ada", "t1")], 1)])
    assert len(outcome.dead_letters) == 1
    assert [page.viewer_id for page in pages_of(outcome)] == ["ada"]


def test_pending_pages_are_flushed_at_the_marker() -> None:
    """By the version that deferred them, before they are due; the other version has none pending then."""
    known = {(1, "blue")}
    old, new = _versioned("1", known), _versioned("blue", known)
    first, batch = (
        records_of([watch("ada", "t1"), watch("bob", "t1", 1)]),
        [*records_of([watch("ada", "t2", 2)], 2), _marker_record(3), *records_of([watch("ada", "t3", 3)], 4)],
    )
    for line in (old, new):
        line.pause_s = 0.1
        line.step(first)
    assert [(page.seq, page.source.offset) for page in pages_of(old.step(batch))] == [(2, 2)]
    assert old.viewers.due_s() is None
    new.step(batch)
    assert [(page.seq, page.source.offset) for page in pages_of(new.step(batch[2:]))] == [(4, 4)]
    assert new.viewers.due_s() is None
    assert pages_of(new.step(records_of([watch("ada", "t4", 4)], 5))) == []
    for line, pending in ((old, 0), (new, 1)):
        line.restart()
        assert line.count("pages_pending") == pending
        assert len(pages_of(line.flush_due())) == pending


def test_a_shadow_discards_the_pending_pages_that_it_finds_when_it_takes_over() -> None:
    """A shadow's pending page is from before the marker: another version has published since."""
    new = _versioned("blue", {(1, "blue")})
    new.store.commit(Outcome(rows=[PENDING_PAGE.row((0, 10**12, 0), "ada")]))
    new.restart()
    assert new.viewers.due_s() is None
    new.step([_marker_record(1)])
    assert PENDING_PAGE.no_row("ada")[0] not in new.store.rows
    assert new.viewers.due_s() is None


async def test_a_broker_that_is_silent_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """During a hand-over an outage is waited out, and is no reason to end."""
    answers: list[Any] = [BrokerUnreachableError("nobody answers"), 7]

    def applied(*_: object) -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    handover = Handover(Settings())
    handover.wait_for(0, Predecessor("1", 7))
    monkeypatch.setattr(handover, "_applied", applied)
    assert [await handover.passed(0) for _ in range(2)] == [False, True]
