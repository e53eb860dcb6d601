"""The worker that counts: results and decisions, in a group of its own beside those that make lists."""

from importlib.metadata import version

from schemas import topics
from schemas.versions import FIRST_VERSION
from streams.app import App, Companion, build_app, run_worker
from streams.decisions import decisions_spec
from streams.experiments import Experiments
from streams.metrics import Metrics
from streams.results import results_spec
from streams.settings import Settings
from streams.surroundings import Failpoint, no_failpoint
from streams.topic_facts import needed

__all__ = ["ResultsWorker", "build_results_worker", "own_settings"]

WANTED = (
    topics.EVENTS, topics.EXPERIMENTS, topics.EXPERIMENT_RESULTS, topics.EXPERIMENT_VIEWERS,
    topics.EXPERIMENT_TALLIES, topics.EXPERIMENT_DECISIONS, topics.DEAD_LETTERS,
)  # fmt: skip
"""Topics that have to be there."""


class ResultsWorker:
    """A worker that was put together and not yet started."""

    def __init__(self, app: App, companions: tuple[Companion, ...], metrics: Metrics) -> None:
        self.app, self.companions, self.metrics = app, companions, metrics

    def run(self) -> int:
        """Run until a signal or a crash; return the exit code."""
        return run_worker(self.app, self.companions)


def own_settings(settings: Settings) -> Settings:
    """Return the settings with a group and a folder of its own, of no version of the model.

    Examples
    --------
    >>> own_settings(Settings(group="evening")).consumer_group
    'evening-experiments'
    """
    own = {
        "group": f"{settings.group}-experiments",
        "state_dir": settings.state_dir / "experiments",
        "model_version": FIRST_VERSION,
    }
    return settings.model_copy(update=own)


def build_results_worker(settings: Settings, *, failpoint: Failpoint = no_failpoint) -> ResultsWorker:
    """Put the worker together; `failpoint` is called between effects, for tests.

    Raises
    ------
    TopicError
        A topic is missing.
    """
    own = own_settings(settings)
    found = needed(own, WANTED)
    experiments = Experiments(own, partitions=found[topics.EXPERIMENTS].partitions)
    metrics = Metrics(version=version("nearline"))
    metrics.name(settings.tenant)
    specs = [results_spec(own, experiments.current), decisions_spec(own, experiments.current)]
    return ResultsWorker(build_app(own, specs, metrics, failpoint=failpoint), (experiments,), metrics)
