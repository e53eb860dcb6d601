"""A worker at work hears of an experiment, of its roll-out and of the way back: the next pages say so."""

import itertools
import time
from pathlib import Path

import pytest
from msgspec import structs

from schemas import topics
from schemas.codec import encode
from schemas.experiments import Experiment, ExperimentState
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer, put
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.worker_process import WorkerProcess
from tests.simulations.experiment_pipeline import pages_by_arm
from tests.streams.stages.viewers.test_arms import RUNNING
from tests.streams.steps import watch
from tests.waiting import until

VIEWERS = [f"v{n}" for n in range(8)]


@pytest.mark.embedded
@pytest.mark.slow
def test_without_a_restart(embedded: EmbeddedCluster, topic_prefix: str, tmp_path: Path) -> None:
    """Pages without arms, with arms, with the winner alone, and without again; the worker is the same."""
    embedded.create([f"{topic_prefix}{name}" for name in topics.TOPICS])
    settings = Settings(brokers=embedded.bootstrap_servers, topic_prefix=topic_prefix, check_crcs=False)
    rolled = structs.replace(RUNNING, state=ExperimentState.ROLLED_OUT, winner="blend", decided_at_ms=10**12)
    back = structs.replace(rolled, state=ExperimentState.ROLLED_BACK)
    steps: tuple[tuple[Experiment | None, set[str]], ...] = (
        (None, {""}),
        (RUNNING, {"x/popular", "x/blend"}),
        (rolled, {"x/blend"}),
        (back, {""}),
    )
    count = itertools.count()
    with WorkerProcess(settings, tmp_path) as worker, EventProducer(settings) as producer:
        worker.wait_ready()

        def seen() -> set[str]:
            number = next(count)
            producer.send(watch(viewer, f"t{number % 50}", number) for viewer in VIEWERS)
            producer.flush()
            time.sleep(0.3)
            return set(pages_by_arm(settings))

        for experiment, wanted in steps:
            if experiment is not None:
                put(settings, topics.EXPERIMENTS, b"x", encode(experiment))
            until(lambda wanted=wanted: seen() == wanted, worker)
