"""Every event has one page, whatever is slow, restarted or forged."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.versions import MARKER_KEY
from streams.engine.stage import Outcome, Record
from streams.stages.versions.cutover import Cutover
from streams.stages.versions.handover import Predecessor
from streams.stages.viewers.page_throttle import PageThrottle, PendingPage
from streams.stages.viewers.stage_runner import StageRunner
from streams.stages.wire.partition_rows import ROLE
from streams.telemetry.metrics import Metrics
from tests.streams.stages.versions.entered import Entered, marker, version
from tests.streams.steps import MemoryStore, record

NAMES = ("1", "blue", "green")
PAGES = ("pages", 0)
METRICS = Metrics()


class Pages:
    """A step that gives every event a page, numbered as home pages are."""

    def __init__(self, store: MemoryStore, cutover: Cutover) -> None:
        self._cutover = cutover
        self._seq: dict[bytes, int] = {k: int(v) for k, v in store.rows.items() if k != ROLE.key}

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Make a page for each event."""
        out = Outcome()
        for one in records if not self._cutover.silent else ():
            viewer = one.key or b""
            self._seq[viewer] = max(self._seq.get(viewer, 0), self._cutover.floor) + 1
            out.rows.append((viewer, b"%d" % self._seq[viewer]))
            page = {"key": viewer, "value": b"%d %d" % (one.offset, self._seq[viewer])}
            out.outputs.setdefault(PAGES, []).append(page)  # type: ignore[arg-type]
        return out

    def make_pages(self, pending: Sequence[PendingPage]) -> Outcome:
        """Make none: without an interval no page is deferred."""
        raise AssertionError(pending)

    def close(self) -> None:
        """Hold nothing."""


class Runner:
    """A version's runner of one partition, and the version that it waits for."""

    def __init__(self, store: MemoryStore, entered: Entered) -> None:
        self.waits_for: Predecessor | None = None
        cutover = Cutover(store, entered, self._wait_for)  # type: ignore[arg-type] - a store of tests
        throttle = PageThrottle(store, 0.0, METRICS)  # type: ignore[arg-type]
        step = Pages(store, cutover)
        self.run = StageRunner(cutover=cutover, throttle=throttle, step=step, max_pages=1)

    def _wait_for(self, predecessor: Predecessor | None) -> None:
        self.waits_for = predecessor


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

    def make(self, name: str) -> Runner:
        """Begin a version's step anew from its committed rows."""
        return Runner(self.stores[name], Entered(version(name), self.known))

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
        outcome = step.run(batch)
        if crash:
            self.steps[name] = self.make(name)
            return False
        self.stores[name].commit(outcome)
        self.applied[name] = batch[-1].offset if outcome.last_offset is None else outcome.last_offset
        if waits:
            step.waits_for = None if outcome.last_offset is None else step.waits_for
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
