"""One worker: both stages, the replica, health and watchdog, put together and run."""

from dataclasses import dataclass
from importlib.metadata import version

from schemas import topics
from streams import kafka_clients
from streams.app import App, Companion, build_app, run_worker
from streams.errors import TopicError
from streams.metrics import Metrics
from streams.replica import Replica
from streams.settings import Settings
from streams.titles import titles_spec
from streams.viewers import ViewersStage


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that was put together and not yet started."""

    app: App
    companions: tuple[Companion, ...]
    metrics: Metrics

    def run(self) -> int:
        """Run until a signal or a crash; return the exit code."""
        return run_worker(self.app, self.companions)


def partitions_of(settings: Settings) -> dict[str, int]:
    """Ask the cluster how many partitions the worker's topics have.

    Raises
    ------
    TopicError
        A topic is missing.
    """
    kafka_clients.require_broker(settings)
    found = kafka_clients.admin(settings).list_topics(timeout=10).topics
    wanted = (
        topics.EVENTS, topics.CATALOG, topics.HOME, topics.TRENDING, topics.DEAD_LETTERS,
        topics.SIGNALS, topics.TITLE_MODEL, topics.VIEWER_STATE,
    )  # fmt: skip
    missing = [name for name in wanted if settings.topic(name) not in found]
    if missing:
        raise TopicError(
            f"topics are missing: {', '.join(map(settings.topic, missing))}",
            why="nobody created them; the broker does not do so by itself",
            next_step="run `nearline topics apply`",
        )
    return {name: len(found[settings.topic(name)].partitions) for name in wanted}


def build_worker(settings: Settings) -> Worker:
    """Put a worker together."""
    partitions = partitions_of(settings)
    metrics = Metrics(version=version("nearline"))
    replica = Replica(
        settings,
        partitions=partitions[topics.CATALOG],
        viewer_partitions=partitions[topics.EVENTS],
        metrics=metrics,
    )
    viewers = ViewersStage(settings, replica, partitions=partitions[topics.EVENTS], metrics=metrics)
    app = build_app(settings, [viewers.spec(), titles_spec(settings)], metrics)
    return Worker(app, (replica,), metrics)
