"""Workers that count: in a group and a state folder of their own, independent of the model's versions.

They read the same events as the workers that make pages, and their failure does not touch a page.
`streams.stages.experiments.worker` counts experiments, `streams.stages.insights.worker` counts for content
teams.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version

from schemas.versions import FIRST_VERSION
from streams.config.settings import Settings
from streams.engine.app import Companion, Worker, build_app
from streams.engine.context import Failpoint, no_failpoint
from streams.engine.stage import StageSpec
from streams.kafka.topics import TopicInfo, require_topics
from streams.telemetry.metrics import Metrics

__all__ = ["Compose", "build_analytics_worker", "own_settings"]

Compose = Callable[
    [Settings, Mapping[str, TopicInfo], Metrics], tuple[Iterable[StageSpec], Sequence[Companion]]
]
"""From the worker's own settings, its topics and metrics to its stages and the companions they wait for."""


def own_settings(settings: Settings, name: str) -> Settings:
    """Return settings with a group and a state folder of the worker's own, and without a model version.

    Examples
    --------
    >>> own_settings(Settings(group="evening"), "experiments").consumer_group
    'evening-experiments'
    """
    own = {
        "group": f"{settings.group}-{name}",
        "state_dir": settings.state_dir / name,
        "model_version": FIRST_VERSION,
    }
    return settings.model_copy(update=own)


def build_analytics_worker(
    settings: Settings,
    name: str,
    wanted: Sequence[str],
    compose: Compose,
    *,
    failpoint: Failpoint = no_failpoint,
) -> Worker:
    """Build a worker.

    Parameters
    ----------
    settings
        Settings of the installation.
    name
        Suffix of the group and the state folder.
    wanted
        Topics that must exist.
    compose
        Makes its stages and companions.
    failpoint
        Called between effects, for tests.

    Raises
    ------
    TopicError
        A topic is missing.
    """
    own = own_settings(settings, name)
    found = require_topics(own, wanted)
    metrics = Metrics(version=version("nearline"))
    metrics.name(settings.tenant)
    metrics.watch_disk(own.state_folder)
    specs, companions = compose(own, found, metrics)
    app = build_app(own, specs, metrics, topics=map(own.topic, found), failpoint=failpoint)
    return Worker(app, tuple(companions), metrics)
