"""One version takes over from another: every event has one page, whatever is slow, restarted or forged."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.versions import MARKER_KEY, ModelVersion, SwitchMarker
from streams.engine.stage import Outcome, Record
from streams.partition_rows import OWED, ROLE
from streams.settings import Settings
from streams.versions.cutover import Role, VersionedStep, role_at_birth
from streams.versions.handover import Predecessor
from tests.streams.steps import Line, MemoryStore, pages_of, record, records_of, watch

NAMES = ("1", "blue", "green")
PAGES = ("pages", 0)


def version(name: str, epoch: int = 0, live: str = "1") -> ModelVersion:
    """Make a version's entry."""
    return ModelVersion(name=name, fingerprint="-", epoch=epoch, registered_at_ms=10**12, live=live)


def marker(epoch: int, name: str) -> SwitchMarker:
    """Make a marker."""
    return SwitchMarker(epoch=epoch, version=name)


@dataclass
class Entered:
    """A standing over switches that are entered by hand."""

    registration: ModelVersion
    known: set[tuple[int, str]]

    def publishes(self) -> bool:
        """Say what the register says; no page depends on it."""
        return False

    def confirmed(self, markers: Iterable[SwitchMarker]) -> set[tuple[int, str]]:
        """Return those that were entered."""
        return {(one.epoch, one.version) for one in markers} & self.known


class Pages(VersionedStep):
    """A step that gives every event a page, numbered as home pages are."""

    def __init__(self, store: MemoryStore, entered: Entered) -> None:
        self.store, self.waits_for = store, None
        self._seq: dict[bytes, int] = {k: int(v) for k, v in store.rows.items() if k != ROLE.key}
        super().__init__(store, entered, self._wait_for_whom)  # type: ignore[arg-type] - a store of tests

    def _wait_for_whom(self, predecessor: Predecessor | None) -> None:
        self.waits_for: Predecessor | None = predecessor

    def learn(self, records: Sequence[Record]) -> Outcome:
        """Make a page for each event."""
        out = Outcome()
        for one in records if not self.silent else ():
            viewer = one.key or b""
            self._seq[viewer] = max(self._seq.get(viewer, 0), self.floor) + 1
            out.rows.append((viewer, b"%d" % self._seq[viewer]))
            page = {"key": viewer, "value": b"%d %d" % (one.offset, self._seq[viewer])}
            out.outputs.setdefault(PAGES, []).append(page)  # type: ignore[arg-type]
        return out


@dataclass
class Plan:
    """One events partition, the versions that read it, and what they published."""

    log: list[Any] = field(default_factory=list)
    known: set[tuple[int, str]] = field(default_factory=set)
    published: list[tuple[str, bytes, int, int]] = field(default_factory=list)
    """Version, viewer, cause, number; in the order of the pages' topic."""

    def __post_init__(self) -> None:
        self.stores = {name: MemoryStore() for name in NAMES}
        self.applied = dict.fromkeys(NAMES, -1)
        self.steps = {name: self.make(name) for name in NAMES}

    def make(self, name: str) -> Pages:
        """Begin a version's step anew from its committed rows."""
        return Pages(self.stores[name], Entered(version(name), self.known))

    def event(self, viewer: int) -> None:
        """Append an event."""
        self.log.append(record(b"{}", b"v%d" % viewer, offset=len(self.log)))

    def switch(self, name: str, *, forged: bool) -> None:
        """Decide a switch and append its marker, or a marker of a number that is never decided."""
        epoch = 1 + max((number for number, _ in self.known), default=0)
        if not forged:
            self.known.add((epoch, name))
        value = encode(marker(epoch + 1_000 * forged, name))  # a number that no decision will get
        self.log.append(record(value, MARKER_KEY, offset=len(self.log)))

    def run(self, name: str, most: int, *, crash: bool = False) -> bool:
        """Process up to so many records, or lose the batch before its commit; say whether anything moved."""
        step = self.steps[name]
        waits = step.waits_for
        if waits and self.applied[waits.version] < waits.offset:
            return False
        batch = self.log[self.applied[name] + 1 :][:most]
        if not batch:
            return False
        outcome = step(batch)
        if crash:
            self.steps[name] = self.make(name)
            return False
        self.stores[name].commit(outcome)
        self.applied[name] = batch[-1].offset if outcome.until is None else outcome.until
        if waits:
            step.waits_for = None if outcome.until is None else step.waits_for
        for page in outcome.outputs.get(PAGES, []):
            cause, number = map(int, (page["value"] or b"").split())
            self.published.append((name, page["key"] or b"", cause, number))
        return True

    def drain(self) -> None:
        """Let every version get to the end."""
        moved = True
        while moved:
            moved = max([self.run(name, 3) for name in NAMES])

    def publishers(self) -> dict[int, str]:
        """Say from the log alone who has to publish which event; forged markers are events here."""
        live, epoch, wanted = "1", 0, {}
        for one in self.log:
            if one.key == MARKER_KEY and (found := self._decision(one)):
                epoch, live = found if found[0] > epoch else (epoch, live)
            else:
                wanted[one.offset] = live
        return wanted

    def _decision(self, one: Any) -> tuple[int, str] | None:
        return next((k for k in self.known if encode(marker(*k)) == one.value), None)


ACTIONS = st.one_of(
    st.tuples(st.just("event"), st.integers(0, 2)),
    st.tuples(st.just("event"), st.integers(0, 2)),
    st.tuples(st.just("switch"), st.sampled_from(NAMES)),
    st.tuples(st.just("forge"), st.sampled_from(NAMES)),
    st.tuples(st.just("run"), st.sampled_from(NAMES), st.integers(1, 6)),
    st.tuples(st.just("crash"), st.sampled_from(NAMES), st.integers(1, 6)),
    st.tuples(st.just("restart"), st.sampled_from(NAMES)),
)


def _play(plan: Plan, action: Any) -> None:
    match action:
        case ("event", viewer):
            plan.event(viewer)
        case ("switch", name):
            plan.switch(name, forged=False)
        case ("forge", name):
            plan.switch(name, forged=True)
        case ("run", name, most):
            plan.run(name, most)
        case ("crash", name, most):
            plan.run(name, most, crash=True)
        case ("restart", name):
            plan.steps[name] = plan.make(name)


@given(st.lists(ACTIONS, max_size=60))
def test_every_event_has_exactly_one_page(actions: list[Any]) -> None:
    """Whatever the batches, crashes, switches, forgeries and speeds: no gap, no double, in order."""
    plan = Plan()
    for action in actions:
        _play(plan, action)
    plan.drain()
    causes = [cause for _, _, cause, _ in plan.published]
    assert sorted(causes) == sorted(plan.publishers())
    assert {cause: name for name, _, cause, _ in plan.published} == plan.publishers()
    last: dict[bytes, tuple[int, int]] = defaultdict(lambda: (-1, 0))
    for _, viewer, cause, number in plan.published:
        assert (cause, number) > last[viewer]
        assert number > last[viewer][1]
        assert number <= cause + 1
        last[viewer] = (cause, number)


@given(st.lists(ACTIONS, max_size=40), st.lists(st.sampled_from(NAMES), max_size=40))
def test_pages_do_not_depend_on_the_versions_speed(actions: list[Any], order: list[str]) -> None:
    """The same log gives the same pages with the same numbers, in whatever order the versions read it."""
    plans = [Plan(), Plan()]
    for plan in plans:
        for action in actions:
            if action[0] in {"event", "switch", "forge"}:
                _play(plan, action)
    for name in order:
        plans[0].run(name, 1)
    for plan in plans:
        plan.drain()
    assert sorted(plans[0].published) == sorted(plans[1].published)


def test_a_version_begins_as_its_entry_says() -> None:
    """Only the first version, in its first life, publishes without being switched to."""
    assert role_at_birth(version("1")).live
    assert not role_at_birth(version("blue")).live
    assert not role_at_birth(version("1", epoch=2, live="blue")).live


def test_markers_of_an_earlier_life_change_nothing() -> None:
    """A name that was retired and came again reads its old switches in the log and stays a shadow."""
    again = version("blue", epoch=2, live="1")
    role = role_at_birth(again)
    for n, name in enumerate(("blue", "1"), start=1):
        role = role.after(marker(n, name), 10 * n, again)
        assert not role.live
    role = role.after(marker(3, "blue"), 30, again)
    assert role == Role(3, 30, live=True, other="1")


@pytest.mark.parametrize("late", [marker(1, "1"), marker(2, "1")])
def test_a_marker_with_a_former_number_changes_nothing(late: SwitchMarker) -> None:
    """A copy of an old marker, or the second of two decisions with one number, has no effect."""
    entry = version("blue")
    role = role_at_birth(entry).after(marker(2, "blue"), 41, entry)
    assert role.after(late, 50, entry) is role


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
    before = pages_of(old.step(batch))
    assert [(page.viewer_id, page.seq, page.model_version[:2]) for page in before] == [
        ("ada", 1, "1@"),
        ("bob", 1, "1@"),
    ]
    first = new.step(batch)
    assert (pages_of(first), first.until) == ([], 2)
    assert new.stage.handover._waiting == {0: Predecessor("1", 2)}
    (page,) = pages_of(new.step(batch[3:]))
    assert (page.viewer_id, page.seq, page.source.offset) == ("ada", 3, 3)
    assert page.model_version.startswith("blue@")
    known_to_both = [line.viewers._side.viewers.known("ada") for line in (old, new)]
    assert known_to_both[0] == known_to_both[1]


def test_a_shadow_publishes_nothing_and_learns_the_same() -> None:
    """No page and no dead letter; rows, but for the pages' numbers, and signals are the live version's."""
    live, shadow = _versioned("1", set()), _versioned("blue", set())
    batch = [*records_of([watch("ada", "t1"), watch("ada", "t2", 1)]), record(b"{", b"ada", offset=2)]
    outcomes = [line.step(list(batch)) for line in (live, shadow)]
    assert (len(pages_of(outcomes[0])), len(outcomes[0].dead_letters)) == (1, 1)
    assert (pages_of(outcomes[1]), outcomes[1].dead_letters) == ([], [])
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


def test_pages_that_are_owed_are_paid_at_the_marker() -> None:
    """By the version that owes them, before its time; the other one owes nothing then."""
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
    for line, owed in ((old, 0), (new, 1)):
        line.restart()
        assert line.count("pages_owed") == owed
        assert len(pages_of(line.pay())) == owed


def test_a_shadow_strikes_out_what_it_finds_owed_when_it_takes_over() -> None:
    """A debt that an older program left behind is of before the marker: others have published since."""
    new = _versioned("blue", {(1, "blue")})
    new.store.commit(Outcome(rows=[OWED.row((0, 10**12), "ada")]))
    new.restart()
    assert new.viewers.due_s() is None
    new.step([_marker_record(1)])
    assert OWED.no_row("ada")[0] not in new.store.rows
    assert new.viewers.due_s() is None
