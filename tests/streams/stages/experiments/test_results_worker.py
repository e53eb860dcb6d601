"""The results worker as a process on a cluster: events in, a result out, a winner rolled out by its rule."""

import itertools
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from online_models.experiments.plan import ExperimentPlan
from schemas.codec import encode
from schemas.experiment_results import ExperimentResult
from schemas.experiments import Experiment, ExperimentState
from schemas.topics import EXPERIMENTS
from streams.config.settings import Settings
from streams.errors import TopicError
from streams.kafka.produce import EventProducer, put
from streams.ops.experiments.admin import read_results
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.worker_process import ResultsProcess
from streams.stages.experiments.definitions import read_experiments
from streams.stages.experiments.worker import WANTED, build_results_worker
from tests.simulations.ab_test import EventCounter
from tests.streams.stages.experiments.test_results import crowd, evening, trial
from tests.waiting import until


@pytest.mark.embedded
@pytest.mark.slow
def test_events_become_a_result_and_a_winner(
    embedded: EmbeddedCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """800 viewers, one arm watches twice as much; killed twice at work, and counted as one process counts."""
    embedded.create([f"{topic_prefix}{name}" for name in WANTED])
    settings = Settings(brokers=embedded.bootstrap_servers, topic_prefix=topic_prefix, check_crcs=False)
    put(settings, EXPERIMENTS, b"trial", encode(trial(rule=None)))
    events = crowd(800, 2.0)
    with EventProducer(settings) as producer:
        for start, counted in ((0, 1), (500, 301)):
            producer.send(events[start : start + 500])
            producer.flush()
            with ResultsProcess(settings, tmp_path) as worker:
                until(partial(_reached, settings, counted), worker)
                producer.send(events[start + 500 : start + 600])
                producer.flush()
                os.kill(worker.pid, signal.SIGKILL)
                worker.wait_dead()
        producer.send(events[1_100:])
        producer.send(events[:40])  # a producer that repeats itself
        producer.flush()
        with ResultsProcess(settings, tmp_path) as worker:
            found = until(lambda: _complete(settings), worker)
            put(settings, EXPERIMENTS, b"trial", encode(trial()))
            late = itertools.count()

            def rolled() -> Experiment | None:
                producer.send(evening(f"late{next(late)}", 5_000, 30))
                return _rolled(settings)

            winner = until(rolled, worker)
    oracle = EventCounter(ExperimentPlan([trial(rule=None)]))
    oracle.add(events)
    wanted = oracle.result("trial")
    assert (found.arms, found.lifts, found.crossed) == (wanted.arms, wanted.lifts, wanted.crossed)
    assert winner.evidence is not None
    assert winner.evidence.low > 0


def test_a_missing_topic_is_named(embedded: EmbeddedCluster, topic_prefix: str) -> None:
    """The worker does not start, and says what to run."""
    settings = Settings(brokers=embedded.bootstrap_servers, topic_prefix=topic_prefix)
    with pytest.raises(TopicError, match="topics apply"):
        build_results_worker(settings)


def _rolled(settings: Settings) -> Experiment | None:
    one = read_experiments(settings)["trial"]
    return one if one.state is ExperimentState.ROLLED_OUT and one.winner == "new" else None


def _reached(settings: Settings, viewers: int) -> ExperimentResult | None:
    found = read_results(settings).get("trial")
    return found if found is not None and found.viewers >= viewers else None


def _complete(settings: Settings) -> ExperimentResult | None:
    found = read_results(settings)["trial"]
    ended = sum(arm.starts for arm in found.arms)
    return found if found.viewers == ended == 800 else None
