"""Results and decisions without a broker: tallies of partitions add up, winners are rolled out once."""

from typing import Any

import pytest
from msgspec import structs

from online_models.experiments.exposure import TagsOf, no_tags
from online_models.experiments.plan import ExperimentPlan
from schemas import Event, Forget, Impression, topics
from schemas.assignment import assign
from schemas.codec import decode_experiment, decode_experiment_result, encode
from schemas.experiment_results import ExperimentResult, Verdict
from schemas.experiments import Arm, Experiment, ExperimentKind, ExperimentState, Metric, Rule
from schemas.partitioner import partition_for
from schemas.versions import MARKER_KEY
from streams.config.settings import Settings
from streams.errors import StateError, StateVersionError
from streams.stages.experiments.decisions import DecisionsStep, decisions_spec
from streams.stages.experiments.results import ResultsStep, results_spec
from streams.stages.experiments.rows import TALLIES, VIEWERS
from tests.streams.steps import T0, MemoryStore, record, watch

ARMS = (Arm(name="control", share=0.5), Arm(name="new", share=0.5))
RULE = Rule(min_days=0.0, min_viewers=100, automatic=True)
DAY = 86_400_000


def trial(**more: Any) -> Experiment:
    """Make a running experiment with a rule that decides early."""
    given = {"arms": ARMS, "starts_at_ms": T0, "rule": RULE, **more}
    return Experiment(experiment_id="trial", state=ExperimentState.RUNNING, **given)


def evening(viewer: str, number: int, minutes: float) -> list[Event]:
    """Make a viewer who looks at a list and watches for so long."""
    look = Impression(
        event_id=f"{viewer}.look", viewer_id=viewer, event_time_ms=T0 + number,
        list_id="l", row=0, slot=0, title_id="t",
    )  # fmt: skip
    return [look, watch(viewer, "t", number + 1, watched_s=60.0 * minutes, position_s=60.0 * minutes)]


class Office:
    """Some partitions of results, and the decisions behind them."""

    def __init__(self, *experiments: Experiment, partitions: int = 2) -> None:
        self.settings, self.experiments = Settings(), {one.experiment_id: one for one in experiments}
        self.stores = [MemoryStore() for _ in range(partitions)]
        self.decided = MemoryStore()
        self.rolled: list[Experiment] = []
        self.results: list[ExperimentResult] = []
        self._offsets = [0] * partitions
        self.about: TagsOf = no_tags
        self.restart()

    def plan(self) -> ExperimentPlan:
        """Give the newest plan."""
        return ExperimentPlan(self.experiments.values())

    def restart(self) -> None:
        """Make all steps anew from their stores."""
        self.steps = [
            ResultsStep(self.settings, p, store, self.plan, about=self.about)
            for p, store in enumerate(self.stores)
        ]
        self.judge = DecisionsStep(self.settings, self.decided, self.plan)

    def feed(self, events: list[Event]) -> None:
        """Carry events through both stages."""
        parts: list[list[Any]] = [[] for _ in self.stores]
        for event in events:
            key = event.viewer_id.encode()
            at = partition_for(key, len(parts))
            parts[at].append(record(encode(event), key, offset=self._offsets[at], partition=at))
            self._offsets[at] += 1
        for step, store, records in zip(self.steps, self.stores, parts, strict=True):
            if records:
                outcome = step(records)
                store.commit(outcome)
                self.decide(outcome.outputs.get((topics.EXPERIMENT_TALLIES, 0), []))

    def decide(self, tallies: list[Any]) -> None:
        """Let the decisions stage look at tallies."""
        if not tallies:
            return
        outcome = self.judge([record(one["value"], one["key"]) for one in tallies])
        self.decided.commit(outcome)
        for one in outcome.outputs.get((topics.EXPERIMENT_RESULTS, None), []):
            self.results.append(decode_experiment_result(one["value"]))
        for one in outcome.outputs.get((topics.EXPERIMENTS, None), []):
            self.rolled.append(decode_experiment(one["value"]))


def crowd(viewers: int, gain: float = 1.0) -> list[Event]:
    """Make viewers of whom those in the new arm watch more by a factor."""
    events: list[Event] = []
    for n in range(viewers):
        mine = assign(trial(), f"v{n}")
        factor = gain if mine is not None and mine.arm == "new" else 1.0
        events += evening(f"v{n}", n, factor * (20 + (n * 7) % 40))
    return events


def test_who_is_forgotten_has_no_part_any_more() -> None:
    """The row goes, the tally stays; who comes back is counted as somebody new."""
    office = Office(trial(rule=None), partitions=1)
    office.feed(crowd(3))
    before = office.stores[0].rows.copy()
    request = Forget(event_id="f", viewer_id="v1", event_time_ms=T0 + 50)
    office.feed([request])
    assert office.stores[0].rows == {key: value for key, value in before.items() if key != b"v1"}
    office.feed([*evening("v1", 60, 5.0), request, Forget(event_id="g", viewer_id="v2", event_time_ms=T0)])
    assert {key for key in office.stores[0].rows if key.startswith(b"v")} == {b"v0"}
    assert office.results[-1].viewers == 4


def test_partitions_add_up_to_one_process() -> None:
    """Two partitions, four batches and a restart in between, or all at once: the same result."""
    events = crowd(120, 1.2)
    apart, whole = Office(trial(rule=None)), Office(trial(rule=None), partitions=1)
    whole.feed(events)
    for start in range(0, len(events), 60):
        apart.feed(events[start : start + 60])
        apart.restart()
    found, wanted = (structs.replace(one.results[-1], sample_ratio_p=1.0) for one in (apart, whole))
    assert found == wanted  # the least p depends on when one looked
    assert apart.results[-1].viewers == 120
    assert apart.results[-1].arms[0].impressions + apart.results[-1].arms[1].impressions == 120


def test_a_winner_is_rolled_out_once_with_the_evidence() -> None:
    """The rule holds: the new arm becomes the default in a record of the experiment, and only one ever."""
    office = Office(trial(alpha=0.05))
    office.feed(crowd(800, 2.0))
    (rolled,) = office.rolled
    assert (rolled.state, rolled.winner) == (ExperimentState.ROLLED_OUT, "new")
    assert rolled.evidence is not None
    assert rolled.evidence.by == "rule"
    assert 0 < rolled.evidence.low < 1.0 < rolled.evidence.high
    office.restart()  # before the reader has seen the roll-out
    office.feed(evening("late", 5_000, 30))
    assert len(office.rolled) == 1
    assert office.results[-1].verdict is Verdict.WINNER


def drafted(viewers: int) -> list[Event]:
    """Make viewers who see a title of either arm and watch more of the new one's."""
    events: list[Event] = []
    for n in range(viewers):
        viewer = f"v{n}"
        head = {"viewer_id": viewer, "list_id": "l", "row": 0, "event_time_ms": T0 + n}
        events += [
            Impression(event_id=f"{viewer}.{arm}", slot=slot, title_id=arm, arm=f"trial/{arm}", **head)
            for slot, arm in enumerate(("control", "new"))
        ]
        much, little = 600.0 + 7 * (n % 7), 200.0 + 11 * (n % 11)
        events += [
            watch(viewer, "new", 1_000 + n, watched_s=much),
            watch(viewer, "control", 2_000 + n, watched_s=little),
        ]
    return events


def test_two_rankers_of_one_list_are_told_apart_and_the_winner_rolled_out() -> None:
    """Credit goes through both stages and restarts; a preference decides by the rule."""
    office = Office(trial(kind=ExperimentKind.INTERLEAVE), partitions=2)
    events = drafted(150)
    for start in range(0, len(events), 200):
        office.feed(events[start : start + 200])
        office.restart()
    found = office.results[-1]
    assert found.preference is not None
    assert found.viewers == 150
    assert 0 < (found.preference.low or 0) < found.preference.mean < 0.6
    (rolled,) = office.rolled
    assert rolled.winner == "new"
    assert rolled.evidence is not None
    assert rolled.evidence.low > 0


def test_without_an_automatic_rule_a_winner_is_only_named() -> None:
    """The operator decides."""
    office = Office(trial(rule=Rule(min_days=0.0, min_viewers=100)))
    office.feed(crowd(800, 2.0))
    assert office.results[-1].winner == "new"
    assert office.rolled == []


def test_lists_of_an_arm_have_a_diversity() -> None:
    """Titles that were seen on one list, by the tags that the catalog says, with bounds."""
    tags = {f"t{n}": ("genre:Drama", f"genre:{n % 3}") for n in range(6)}
    office = Office(trial(rule=None), partitions=1)
    office.about = tags.__getitem__
    office.restart()
    office.feed([
        Impression(
            event_id=f"{viewer}.{n}", viewer_id=f"v{viewer}", event_time_ms=T0 + n,
            list_id="l", row=0, slot=n, title_id=f"t{n}",
        )
        for viewer in range(40)
        for n in range(3 + viewer % 2)
    ])  # fmt: skip
    for arm in office.results[-1].arms:
        (one,) = [value for value in arm.metrics if value.metric is Metric.LIST_DIVERSITY]
        assert 0.5 < one.value < 0.67
        assert one.low is not None
        assert one.high is not None
        assert one.low < one.value < one.high


def test_equals_are_not_decided() -> None:
    """An A/A of 800 viewers has no winner."""
    office = Office(trial())
    office.feed(crowd(800))
    assert office.results[-1].verdict is Verdict.OPEN
    assert office.rolled == []


def test_a_broken_split_is_caught_and_nothing_is_rolled_out() -> None:
    """Impressions of one arm are lost for half of its viewers: no winner, however much they watch."""
    events = crowd(1_500, 2.0)
    lost = {f"v{n}" for n in range(0, 1_500, 2) if assign(trial(), f"v{n}").arm == "new"}  # type: ignore[union-attr]
    office = Office(trial(rule=Rule(min_days=0.0, min_viewers=100_000, automatic=True)))
    office.feed([event for event in events if event.viewer_id not in lost])
    assert office.results[-1].verdict is Verdict.SAMPLE_RATIO
    assert office.results[-1].winner is None
    assert office.rolled == []
    office.experiments = {"trial": trial()}
    office.feed(evening("late", 5_000, 30))
    assert office.results[-1].verdict is Verdict.SAMPLE_RATIO
    assert office.rolled == []


def test_a_split_once_failed_stays_failed_after_a_restart() -> None:
    """The least p-value is remembered: later viewers do not wash it out."""
    office = Office(trial())
    office.feed([event for event in crowd(1_500) if assign(trial(), event.viewer_id).arm == "new"])  # type: ignore[union-attr]
    office.restart()
    office.feed(crowd(1_500))
    assert office.results[-1].sample_ratio_p < 0.001


def test_what_is_no_event_is_nothing() -> None:
    """Rubbish, markers, tombstones and wrong keys change nothing and make no second dead letter."""
    office = Office(trial())
    look = evening("ada", 0, 1)[0]
    bad = [record(b"{"), record(None, b"ada"), record(b"{}", MARKER_KEY), record(encode(look), b"bob")]
    outcome = office.steps[0](bad)
    assert (outcome.rows, outcome.outputs, outcome.dead_letters) == ([], {}, [])


def test_profiles_are_in_arms_of_their_own() -> None:
    """With profiles on, a household's members are viewers, as on the pages."""
    office = Office(trial(), partitions=1)
    office.settings = Settings(profiles=True)
    office.restart()
    look = evening("ada", 0, 1)[0]
    profiles = [structs.replace(look, event_id=f"e{n}", profile_id=f"p{n}") for n in range(20)]
    office.feed(profiles)
    assert office.results[-1].viewers == 20
    assert {arm.viewers > 0 for arm in office.results[-1].arms} == {True}


def test_an_experiment_that_nobody_knows_any_more_is_left_alone() -> None:
    """A tally of a deleted experiment is kept and makes no result."""
    office = Office(trial())
    office.feed(crowd(10))
    said = len(office.results)
    office.experiments.clear()
    office.feed(crowd(20))
    assert len(office.results) == said


def test_specs_say_where_they_read_and_write() -> None:
    """Sources, changelogs and the wait for the experiments."""
    office = Office()
    results = results_spec(office.settings, office.plan)
    decisions = decisions_spec(office.settings, office.plan)
    assert (results.source, results.changelog) == (topics.EVENTS, topics.EXPERIMENT_VIEWERS)
    assert (decisions.source, decisions.changelog) == (topics.EXPERIMENT_TALLIES, topics.EXPERIMENT_DECISIONS)
    assert isinstance(results.make_step(0, MemoryStore()), ResultsStep)
    assert isinstance(decisions.make_step(0, MemoryStore()), DecisionsStep)


def test_rows_of_a_newer_version_and_damaged_ones_are_refused() -> None:
    """Each error says what to do, and nothing is guessed."""
    office = Office(trial())
    office.feed(crowd(1))
    (value,) = [value for store in office.stores for key, value in store.rows.items() if key == b"v0"]
    assert VIEWERS.pack(VIEWERS.unpack(value)) == value
    with pytest.raises(StateVersionError):
        VIEWERS.unpack(b"\x07" + value[1:])
    with pytest.raises(StateError, match="cannot be read"):
        TALLIES.unpack(b"\x01{")
