"""Workers beside those that make lists: in a group and a state folder of their own, of no model version.

They read the same events; their failure does not touch a page. `streams.stages.experiments.worker` counts
experiments, `streams.stages.insights.worker` what content teams read.
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

__all__ = ["Compose", "build_beside", "own_settings"]

Compose = Callable[
    [Settings, Mapping[str, TopicInfo], Metrics], tuple[Iterable[StageSpec], Sequence[Companion]]
]
"""Given the worker's own settings, its topics and metrics: its stages, and what they have to wait for."""


def own_settings(settings: Settings, name: str) -> Settings:
    """Return the settings with a group and a folder of its own, of no version of the model.

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


def build_beside(
    settings: Settings,
    name: str,
    wanted: Sequence[str],
    compose: Compose,
    *,
    failpoint: Failpoint = no_failpoint,
) -> Worker:
    """Put a worker together.

    Parameters
    ----------
    settings
        Of the installation.
    name
        Goes behind the group's name and the state folder.
    wanted
        Topics that have to be there.
    compose
        What is its own.
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
    return Worker(build_app(own, specs, metrics, failpoint=failpoint), tuple(companions), metrics)
