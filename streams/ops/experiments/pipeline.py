"""An experiment on simulated viewers through the real pipeline: workers that list, a worker that counts.

The experiment's record is written as an experimenter writes it; the workers hear of it, viewers look at the
pages that were published, and what came of it is read from ``experiments.results.v1``.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from online_models.experiments.definition import check
from online_models.experiments.moments import Moments
from online_models.simulation import World
from online_models.simulation.ab_test import EventCounter
from online_models.simulation.catalog import DAY_S
from online_models.simulation.closed_loop import WINDOW_S, close_the_loop
from online_models.simulation.page_views import Outcomes, PageViews, ShownPages
from online_models.simulation.truth import Measure
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
from streams.ops.runs.closed_loop import Published, pipeline
from streams.ops.runs.session import ResultsProcess, make_topics, own_cluster
from streams.ops.runs.subscriber import last_word
from streams.stages.experiments.definitions import read_experiments

__all__ = ["Ran", "by_workers", "pages_by_arm", "through"]

SETTLED_S: Final = 5.0
"""A result that does not change for so long is the last: five times the least interval of results."""
PATIENCE_S: Final = 60.0
"""Longest wait for that."""
LISTS: Final = {"NEARLINE_PAGE__ROWS": "1"}
"""Pages of one row: other rows would hide the difference between rankers."""
NOTICE_S: Final = 2.0
"""By then every worker has heard of a change: ten times `streams.engine.definitions.POLL_S`."""


class Ran(NamedTuple):
    """What came of an experiment."""

    result: ExperimentResult
    pages: dict[str, dict[str, int]]
    """Viewers' newest pages by the arms that they name: in the experiment, rolled out, rolled back."""
    decided_at_ms: int | None
    """When the rule rolled a winner out, in event time: what came later does not count."""


class Watched:
    """A `Policy` of the simulator whose events lose some impressions on their way, and are counted there."""

    def __init__(
        self, published: Published, is_lost: Callable[[Event], bool], counter: EventCounter | None = None
    ) -> None:
        self._published, self._is_lost, self._counter = published, is_lost, counter

    def learn(self, events: Sequence[Event]) -> None:
        """Produce what is not lost."""
        arrived = [event for event in events if not self._is_lost(event)]
        if self._counter:
            self._counter.add(arrived)
        self._published.learn(arrived)

    def pages(self, looks: PageViews) -> ShownPages:
        """Return the pages that were published."""
        return self._published.pages(looks)

    def observe(self, looks: PageViews, pages: ShownPages, outcomes: Outcomes) -> None:
        """See `Policy.observe`."""
        self._published.observe(looks, pages, outcomes)


def through(
    world: World,
    settings: Settings,
    folder: Path,
    experiment: Experiment,
    is_lost: Callable[[Event], bool],
    *,
    days: int,
    warm_up: int,
) -> Ran:
    """Run an experiment through a pipeline of its own, on a cluster that is there.

    Where its rule rolls a winner out, the world goes on for a day under it, and for another once it is taken
    back.

    Raises
    ------
    ExperimentError
        No result came.
    """
    _begin(settings, experiment)
    counting = ResultsProcess(settings, folder / "counting")
    with counting, pipeline(world, settings, folder / "listing", LISTS) as published:
        policy = Watched(published, is_lost)
        close_the_loop("experiment", world, policy, days=days, warm_up=warm_up)
        counting.check()
        result = _settled(settings, experiment.experiment_id)
        pages = {"experiment": pages_by_arm(settings)}
        record = read_experiments(settings)[experiment.experiment_id]
        if record.state is ExperimentState.ROLLED_OUT:
            pages["rolled_out"] = _a_day_later(world, policy, settings)
            roll_back(settings, experiment.experiment_id)
            time.sleep(NOTICE_S)
            pages["rolled_back"] = _a_day_later(world, policy, settings)
        return Ran(result, pages, record.decided_at_ms)


def by_workers(make: Callable[[], World], folder: Path, *, days: int, warm_up: int) -> Measure:
    """Return a measure whose lists are those that a worker publishes; each run has an embedded cluster.

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
        check(experiment)  # workers pass over one that cannot be run
        shutil.rmtree(folder, ignore_errors=True)
        world, name = make(), experiment.experiment_id
        counter = EventCounter.of(world, experiment)
        with own_cluster(folder, "nearline-truth", kafka=False) as settings:
            _begin(settings, experiment)
            with pipeline(world, settings, folder, LISTS) as published:
                policy = Watched(published, lambda _: False, counter)
                close_the_loop("truth", world, policy, days=days, warm_up=warm_up)
        return counter.tallies[name].arms

    return measure


def _begin(settings: Settings, experiment: Experiment) -> None:
    """Make the topics, and write the experiment's record."""
    make_topics(settings)
    put(settings, topics.EXPERIMENTS, experiment.experiment_id.encode(), encode(experiment))


def _a_day_later(world: World, policy: Watched, settings: Settings) -> dict[str, int]:
    """Let the world go on for a day; count the pages that were made in it."""
    since_ms, end_s = world.event_ms(world.now_s), world.now_s + DAY_S
    while True:
        looks = world.looks(within_s=WINDOW_S, settled=True)
        if world.now_s >= end_s:
            break
        policy.learn(world.happened(world.now_s))
        world.act(looks, policy.pages(looks))
    return pages_by_arm(settings, since_ms=since_ms)


def pages_by_arm(settings: Settings, *, since_ms: int = 0) -> dict[str, int]:
    """Count the viewers' newest pages by the arms that they name; "" for none.

    Parameters
    ----------
    settings
        The cluster, and its topics.
    since_ms
        Only pages that speak of this event time or a later one.
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
    last = last_word(lambda: read_results(settings).get(name), settled_s=SETTLED_S, patience_s=PATIENCE_S)
    if last is None:
        what, why = f"{name} has no results", f"none came in {PATIENCE_S:g} s"
        raise ExperimentError(what, why=why, next_step="read worker.log of the counting worker")
    return last
