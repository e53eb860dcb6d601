"""An experiment on simulated viewers through the real pipeline: a worker for pages, a worker for results.

The experiment's record is written to its topic, workers read it, viewers act on the published pages, and the
result is read from ``experiments.results.v1``.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from online_models.experiments.definition import check
from online_models.experiments.moments import Moments
from online_models.simulation import World
from online_models.simulation.catalog import DAY_S
from online_models.simulation.closed_loop import WINDOW_S, run_closed_loop
from online_models.simulation.page_views import PageViews, ShownPages, ViewOutcomes
from schemas import topics
from schemas.codec import decode_home, encode
from schemas.events import Event
from schemas.experiment_results import ExperimentResult
from schemas.experiments import Experiment, ExperimentState
from streams.config.settings import Settings
from streams.errors import ExperimentError
from streams.kafka import scan as topic_scan
from streams.kafka.produce import put
from streams.ops.experiments.admin import read_results, roll_back
from streams.ops.runs.closed_loop import PublishedPages, pipeline
from streams.ops.runs.worker_process import ResultsProcess, make_topics, own_cluster
from streams.stages.experiments.definitions import read_experiments
from tests.simulations.ab_test import EventCounter
from tests.simulations.truth import Measure
from tests.simulations.waiting import last_value

__all__ = ["PipelineResult", "by_workers", "pages_by_arm", "through"]

SETTLED_S: Final = 5.0
"""A result that does not change for this time is the last: five times the least interval of results."""
RESULT_TIMEOUT_S: Final = 60.0
"""Longest wait for the last result."""
ONE_ROW: Final = {"NEARLINE_PAGE__ROWS": "1"}
"""Pages of one row: other rows would hide the difference between rankers."""
NOTICE_S: Final = 2.0
"""By then every worker has read a change: ten times the interval at which definitions are read."""


class PipelineResult(NamedTuple):
    """Result of an experiment, and the pages that were published."""

    result: ExperimentResult
    pages: dict[str, dict[str, int]]
    """Viewers' newest pages by the arms that they name: in the experiment, rolled out, rolled back."""
    decided_at_ms: int | None
    """When the rule rolled a winner out, in event time: later events do not count."""


class LossyPolicy:
    """A `Policy` of the simulator that drops some impressions, and counts and produces the rest."""

    def __init__(
        self, published: PublishedPages, is_lost: Callable[[Event], bool], counter: EventCounter | None = None
    ) -> None:
        self._published, self._is_lost, self._counter = published, is_lost, counter

    def learn(self, events: Sequence[Event]) -> None:
        """Produce the events that are not lost."""
        arrived = [event for event in events if not self._is_lost(event)]
        if self._counter:
            self._counter.add(arrived)
        self._published.learn(arrived)

    def pages(self, views: PageViews) -> ShownPages:
        """Return the pages that were published."""
        return self._published.pages(views)

    def observe(self, views: PageViews, pages: ShownPages, outcomes: ViewOutcomes) -> None:
        """See `Policy.observe`."""
        self._published.observe(views, pages, outcomes)


def through(
    world: World,
    settings: Settings,
    folder: Path,
    experiment: Experiment,
    is_lost: Callable[[Event], bool],
    *,
    days: int,
    warm_up: int,
) -> PipelineResult:
    """Run an experiment through a pipeline of its own, on a running cluster.

    If its rule rolls a winner out, the world goes on for a day, and for another day after the roll-back.

    Raises
    ------
    ExperimentError
        No result was published.
    """
    _begin(settings, experiment)
    results = ResultsProcess(settings, folder / "counting")
    with results, pipeline(world, settings, folder / "listing", ONE_ROW) as published:
        policy = LossyPolicy(published, is_lost)
        run_closed_loop("experiment", world, policy, days=days, warm_up=warm_up)
        results.check()
        result = _settled(settings, experiment.experiment_id)
        pages = {"experiment": pages_by_arm(settings)}
        record = read_experiments(settings)[experiment.experiment_id]
        if record.state is ExperimentState.ROLLED_OUT:
            pages["rolled_out"] = _a_day_later(world, policy, settings)
            roll_back(settings, experiment.experiment_id)
            time.sleep(NOTICE_S)
            pages["rolled_back"] = _a_day_later(world, policy, settings)
        return PipelineResult(result, pages, record.decided_at_ms)


def by_workers(make: Callable[[], World], folder: Path, *, days: int, warm_up: int) -> Measure:
    """Return a measure whose lists are published by a worker; each run has an embedded cluster.

    Parameters
    ----------
    make
        Returns a fresh world, the same each time.
    folder
        For workers' databases and logs.
    days, warm_up
        Of the world.
    """

    def measure(experiment: Experiment) -> Mapping[str, Moments]:
        check(experiment)  # workers ignore one that cannot be run
        shutil.rmtree(folder, ignore_errors=True)
        world, name = make(), experiment.experiment_id
        counter = EventCounter.of(world, experiment)
        with own_cluster(folder, "nearline-truth", kafka=False, event_time=True) as settings:
            _begin(settings, experiment)
            with pipeline(world, settings, folder, ONE_ROW) as published:
                policy = LossyPolicy(published, lambda _: False, counter)
                run_closed_loop("truth", world, policy, days=days, warm_up=warm_up)
        return counter.tallies[name].arms

    return measure


def _begin(settings: Settings, experiment: Experiment) -> None:
    """Create the topics, and write the experiment's record."""
    make_topics(settings)
    put(settings, topics.EXPERIMENTS, experiment.experiment_id.encode(), encode(experiment))


def _a_day_later(world: World, policy: LossyPolicy, settings: Settings) -> dict[str, int]:
    """Let the world go on for a day; count the pages that were made on that day."""
    since_ms, end_s = world.event_ms(world.now_s), world.now_s + DAY_S
    while True:
        views = world.next_views(within_s=WINDOW_S, settled=True)
        if world.now_s >= end_s:
            break
        policy.learn(world.happened(world.now_s))
        world.act(views, policy.pages(views))
    return pages_by_arm(settings, since_ms=since_ms)


def pages_by_arm(settings: Settings, *, since_ms: int = 0) -> dict[str, int]:
    """Count the viewers' newest pages by the arms that they name; "" for none.

    Parameters
    ----------
    settings
        The cluster, and its topics.
    since_ms
        Only pages generated at this event time or later.
    """
    parts = range(topic_scan.partitions_of(settings, topics.HOME))
    counts: dict[str, int] = {}
    for message in topic_scan.read_latest(settings, topics.HOME, parts).values():
        if (value := message.value()) is None:
            continue
        page = decode_home(value)
        if page.generated_at_ms >= since_ms:
            name = " ".join(f"{arm.experiment_id}/{arm.arm}" for arm in page.arms)
            counts[name] = counts.get(name, 0) + 1
    return counts


def _settled(settings: Settings, name: str) -> ExperimentResult:
    """Wait for the last result."""
    last = last_value(
        lambda: read_results(settings).get(name), settled_s=SETTLED_S, timeout_s=RESULT_TIMEOUT_S
    )
    if last is None:
        what, why = f"{name} has no results", f"none was published in {RESULT_TIMEOUT_S:g} s"
        raise ExperimentError(what, why=why, next_step="read worker.log of the results worker")
    return last
