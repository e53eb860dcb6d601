"""An experiment with a ranker of River, on a real Kafka: pages say the arm, results name the winner."""

from pathlib import Path

import pytest
from msgspec import structs

from online_models.experiments.plan import ExperimentPlan
from schemas import topics
from schemas.assignment import assign
from schemas.codec import decode_home, encode
from schemas.experiment_results import ExperimentResult
from schemas.experiments import Arm, Experiment, ExperimentState, Treatment
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer, put
from streams.ops.experiments.admin import read_results
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import ResultsProcess, WorkerProcess, make_topics
from streams.stages.experiments.definitions import read_experiments
from tests.integration import oracle
from tests.simulations.ab_test import EventCounter
from tests.streams.stages.experiments.test_results import crowd, trial
from tests.streams.steps import watch
from tests.waiting import until

GUEST = "river.reco.BiasedMF(n_factors=4, seed=1)"
ARMS = (
    Arm(name="control", share=0.5, treatment=Treatment(guests=0.0)),
    Arm(name="new", share=0.5, treatment=Treatment(guests=2.0)),
)
VIEWERS = 400


@pytest.mark.slow
@pytest.mark.nightly
def test_a_ranker_of_river_wins_an_experiment(kafka: KafkaCluster, topic_prefix: str, tmp_path: Path) -> None:
    """Viewers of its arm watch twice as long: counted as one process counts, and rolled out by the rule."""
    settings = Settings.load(
        brokers=kafka.bootstrap_servers, topic_prefix=topic_prefix, group=f"{topic_prefix}g"
    )
    make_topics(settings)
    definition = structs.replace(trial(), arms=ARMS)
    put(settings, topics.EXPERIMENTS, b"trial", encode(definition))
    tastes = [
        watch(f"v{n}", f"t{(n * 7 + k * k) % 40}", n * 12 + k) for n in range(VIEWERS) for k in range(6)
    ]
    events = crowd(VIEWERS, 2.0)
    with (
        WorkerProcess(settings, tmp_path / "worker", {"NEARLINE_MODEL__GUESTS": GUEST}) as worker,
        ResultsProcess(settings, tmp_path / "results") as results,
        EventProducer(settings) as producer,
    ):
        worker.wait_ready()
        producer.send(tastes)
        producer.flush()
        arms = until(lambda: _arms(settings), worker)
        producer.send(events)
        producer.flush()
        winner = until(lambda: _rolled_out(settings), results)
        result = until(lambda: _counted(settings), results)
        assert worker.stop() == 0
    wanted = EventCounter(ExperimentPlan([definition]))
    wanted.add([*tastes, *events])
    assert result.arms == wanted.result("trial").arms
    assert winner.winner == "new"
    assert set(arms.values()) == {"control", "new"}
    assert arms == {viewer: mine.arm for viewer in arms if (mine := assign(definition, viewer))}


def _arms(settings: Settings) -> dict[str, str] | None:
    """Return the arm of each viewer, by the newest page, when everybody has one."""
    pages = [decode_home(message.value()) for message in oracle.read(settings, topics.HOME)]
    found = {page.viewer_id: one.arm for page in pages for one in page.arms}
    return found if len(found) == VIEWERS else None


def _rolled_out(settings: Settings) -> Experiment | None:
    one = read_experiments(settings)["trial"]
    return one if one.state is ExperimentState.ROLLED_OUT else None


def _counted(settings: Settings) -> ExperimentResult | None:
    found = read_results(settings).get("trial")
    return found if found is not None and found.viewers == VIEWERS else None
