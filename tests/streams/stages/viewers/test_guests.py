"""External rankers of a worker: they change lists, and outlive the worker with every number."""

import random
from collections.abc import Iterable

import pytest

from online_models.config import ModelConfig
from online_models.experiments.plan import ExperimentPlan
from schemas import Event, Forget
from schemas.experiments import Arm, Experiment, ExperimentState, Treatment
from schemas.pages import Home
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.errors import SettingsError, StateError
from streams.stages.wire.partition_rows import GUEST_TITLES, GUEST_VIEWERS, GUESTS
from tests.streams.steps import T0, Line, pages_of, watch

MF = "river.reco.BiasedMF(n_factors=4, seed=1)"


def _settings(guests: str = MF, **model: float) -> Settings:
    config = ModelConfig(guests=guests, **{"guest_budget_us": 1e9, "guest_tests": 0.5, **model})
    return Settings(prequential_share=0.0, model=config)


def _evenings(first: int, count: int) -> list[Event]:
    """Make events of 20 viewers and 30 titles."""
    rng = random.Random(first)
    return [watch(f"v{rng.randrange(20)}", f"t{rng.randrange(30)}", first + n) for n in range(count)]


def _feed(line: Line, *batches: Iterable[Event]) -> list[Home]:
    return [page for batch in batches for page in pages_of(line.feed(*batch))]


def _shown(pages: Iterable[Home]) -> dict[str, list[str]]:
    return {page.viewer_id: [item.title_id for row in page.rows for item in row.items] for page in pages}


def test_lists_are_others_and_those_of_an_arm_without_them_are_not() -> None:
    """Scores change with the rankers; under `guests: 0` pages are those of a worker that has none."""
    own, both, off = Line(_settings("")), Line(_settings()), Line(_settings())
    arms = tuple(Arm(name=name, share=0.5, treatment=Treatment(guests=0.0)) for name in "ab")
    trial = Experiment(experiment_id="x", state=ExperimentState.RUNNING, arms=arms)
    off.stage.plan = lambda: ExperimentPlan([trial])
    off.viewers = off.stage.step(0, off.store)
    found = [_shown(_feed(line, _evenings(0, 300), _evenings(300, 40))) for line in (own, both, off)]
    assert found[0] == found[2]
    assert found[0] != found[1]
    assert both.metrics.guest_seconds._value.get() > 0


def test_a_restart_changes_nothing() -> None:
    """A step made anew from the committed rows writes the rows and the pages of one that went on."""
    went_on, restarted = Line(_settings()), Line(_settings())
    for line in (went_on, restarted):
        _feed(line, _evenings(0, 200), _evenings(200, 100))
    restarted.viewers = restarted.stage.step(0, restarted.store)
    for line in (went_on, restarted):
        line.last = _feed(line, _evenings(300, 60), _evenings(360, 60))  # type: ignore[attr-defined]
    assert went_on.last == restarted.last  # type: ignore[attr-defined]
    assert went_on.store.rows == restarted.store.rows
    assert GUESTS.read(went_on.store).positives > 200
    assert len(list(GUEST_TITLES.members(went_on.store))) == 30


def test_cutting_batches_changes_no_state_of_rankers() -> None:
    """What rankers learn depends on the order of events alone; only tests are made a batch at a time."""
    settings = _settings(guest_tests=0.0)
    one, many = Line(settings), Line(settings)
    _feed(one, _evenings(0, 120))
    _feed(many, *([event] for event in _evenings(0, 120)))
    for row in (GUEST_VIEWERS, GUEST_TITLES):
        assert repr(sorted(row.members(one.store))) == repr(sorted(row.members(many.store)))


def test_a_forgotten_viewer_leaves_no_row() -> None:
    """Neither in the store nor in memory; the keys are named for erasure."""
    line = Line(_settings())
    _feed(line, _evenings(0, 200))
    assert "v3" in dict(GUEST_VIEWERS.members(line.store))
    out: Outcome = line.feed(Forget(event_id="f", viewer_id="v3", event_time_ms=T0 + 500))
    assert "v3" not in dict(GUEST_VIEWERS.members(line.store))
    assert GUEST_VIEWERS.no_row("v3")[0] in out.erased
    assert all("v3" not in ranker.u_biases for ranker in _rankers(line))


def test_rows_of_other_rankers_are_not_read() -> None:
    """The error names both ways on."""
    line = Line(_settings())
    _feed(line, _evenings(0, 50))
    other = Line(_settings("river.reco.Baseline"))
    with pytest.raises(StateError, match=r"are of other external rankers[\s\S]*NEARLINE_MODEL_VERSION"):
        other.stage.step(0, line.store)


@pytest.mark.parametrize("name", ["river.reco.Nobody", "river.reco.FunkMF(optimizer=river.optim.Adam())"])
def test_what_cannot_be_a_guest_is_a_wrong_setting(name: str) -> None:
    """Whether it does not exist, or has a state that is not stored."""
    with pytest.raises(SettingsError, match="names no usable ranker"):
        Line(_settings(name))


def test_a_list_that_costs_too_much_is_refused() -> None:
    """With the time that it would take, and the setting."""
    line = Line(_settings("river.reco.Baseline", guest_budget_us=100.0))
    line.replica.titles.intern([f"t{n}" for n in range(1_000)])
    with pytest.raises(SettingsError, match=r"takes 1\.4 ms[\s\S]*GUEST_BUDGET_US=2100"):
        line.stage.step(0, line.store)


def test_lists_beyond_the_budget_are_made_without_them() -> None:
    """They are counted, and learning goes on."""
    line = Line(_settings(guest_budget_us=1.0, guest_tests=0.0))
    _feed(line, _evenings(0, 100), _evenings(100, 50))
    assert line.metrics.guest_lists_skipped._value.get() > 0
    assert GUESTS.read(line.store).positives > 100


def test_numbers_that_are_not_finite_switch_a_ranker_off() -> None:
    """The other goes on; the worker does, and a restart leaves it off."""
    wild = "river.reco.FunkMF(optimizer=river.optim.SGD(1e200), seed=1)"
    line = Line(_settings(f"{wild}; {MF}"))
    _feed(line, _evenings(0, 100), _evenings(100, 50))
    assert GUESTS.read(line.store).failed == [True, False]
    line.viewers = line.stage.step(0, line.store)
    assert _feed(line, _evenings(150, 50))
    assert GUESTS.read(line.store).failed == [True, False]


def _rankers(line: Line) -> list[object]:
    rankers: list[object] = line.viewers.step._guests._all.rankers  # type: ignore[attr-defined]
    return rankers
