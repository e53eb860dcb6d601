"""A viewer's page as a worker would make it now: under the definitions in force, an arm, or a rule.

The worker's own step makes the page, out of the stored state: the viewer's row, the titles, the catalog.
Nothing is learned, written or sent. All titles are read, which takes seconds on a large installation.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from msgspec import structs

from online_models.catalog.business_rules import RuleSet
from online_models.experiments.plan import ExperimentPlan
from schemas import topics
from schemas.codec import decode_home
from schemas.experiments import Experiment, ExperimentKind, ExperimentState
from schemas.pages import Home
from schemas.partitioner import partition_for
from schemas.rules import BusinessRule
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.engine.stage import StateView
from streams.errors import ExperimentError
from streams.kafka.clients import OFFSET_BEGINNING
from streams.kafka.scan import partitions_of, read
from streams.stages.versions.cutover import Cutover
from streams.stages.viewers.page_throttle import PageThrottle, PendingPage
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.step import ViewersStage, ViewersStep
from streams.stages.wire.partition_rows import (
    BLEND,
    FORMAT,
    GUEST_TITLES,
    GUEST_VIEWERS,
    GUESTS,
    SHELF_VALUE,
    WATCH_TIME,
)
from streams.telemetry.metrics import Metrics

__all__ = ["InForce", "previews", "under_arm", "under_rule", "without_rule"]

_WHOLE = tuple(row.key for row in (BLEND, FORMAT, GUEST_TITLES, GUESTS, SHELF_VALUE, WATCH_TIME))
"""Rows of a partition that pages depend on, with all of their members."""


class InForce(NamedTuple):
    """What applies to a page besides the model."""

    experiments: Sequence[Experiment]
    rules: Sequence[BusinessRule]


def under_arm(now: InForce, experiment: Experiment, arm: str) -> InForce:
    """Return definitions under which every viewer is in an arm of an experiment, whatever its state.

    Raises
    ------
    ExperimentError
        It has no such arm.

    Examples
    --------
    >>> from schemas.experiments import Arm
    >>> arms = (Arm(name="a", share=0.5), Arm(name="b", share=0.5))
    >>> one = Experiment(experiment_id="x", state=ExperimentState.DRAFT, arms=arms)
    >>> (found,) = under_arm(InForce((one,), ()), one, "b").experiments
    >>> found.state, [(arm.name, arm.share) for arm in found.arms]
    (<ExperimentState.RUNNING: 'running'>, [('b', 1.0)])
    """
    chosen = [one for one in experiment.arms if one.name == arm]
    if not chosen:
        names = ", ".join(one.name for one in experiment.arms)
        what = f"{experiment.experiment_id} has no arm {arm}"
        raise ExperimentError(what, next_step=f"choose one of {names}")
    forced = Experiment(
        experiment_id=experiment.experiment_id,
        state=ExperimentState.RUNNING,
        kind=ExperimentKind.AB,
        arms=(structs.replace(chosen[0], share=1.0),),
    )
    others = [one for one in now.experiments if one.experiment_id != experiment.experiment_id]
    return now._replace(experiments=(*others, forced))


def under_rule(now: InForce, rule: BusinessRule) -> InForce:
    """Return definitions with a rule that applies now, for whom it is made.

    Examples
    --------
    >>> from schemas.rules import RuleKind
    >>> later = BusinessRule(rule_id="r", kind=RuleKind.EXCLUDE, titles=("t",), starts_at_ms=10**13)
    >>> under_rule(InForce((), ()), later).rules[0].starts_at_ms is None
    True
    """
    applied = structs.replace(rule, starts_at_ms=None, ends_at_ms=None)
    return now._replace(rules=(*without_rule(now, rule.rule_id).rules, applied))


def without_rule(now: InForce, rule_id: str) -> InForce:
    """Return definitions without a rule."""
    return now._replace(rules=tuple(one for one in now.rules if one.rule_id != rule_id))


def previews(settings: Settings, viewer_id: str, ways: Sequence[InForce]) -> list[Home | None]:
    """Return a viewer's page under each of some definitions; None where nothing may be shown.

    Raises
    ------
    TopicError
        A topic is missing.
    BrokerUnreachableError
        The broker does not answer.
    """
    key = viewer_id.encode()
    partitions = partitions_of(settings, topics.EVENTS)
    partition = partition_for(key, partitions)
    with _replica(settings, partitions) as replica:
        store = _Store(_rows(settings, partition, key))
        return [_page(settings, replica, store, (viewer_id, partition, partitions), way) for way in ways]


class _Store:
    """Rows of a partition, as a step reads them."""

    applied = -1

    def __init__(self, rows: dict[bytes, bytes]) -> None:
        self._rows = rows

    def get(self, key: bytes) -> bytes | None:
        return self._rows.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self._rows.get(key) for key in keys]

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted((key, value) for key, value in self._rows.items() if key.startswith(prefix)))


@contextmanager
def _replica(settings: Settings, partitions: int) -> Iterator[Replica]:
    """Give all titles, as they are now."""
    replica = Replica(
        settings,
        partitions=partitions_of(settings, topics.CATALOG),
        viewer_partitions=partitions,
        metrics=Metrics(),
    )
    replica.start()
    try:
        replica.wait()
        yield replica
    finally:
        replica.stop()


def _rows(settings: Settings, partition: int, viewer: bytes) -> dict[bytes, bytes]:
    """Read the rows that a viewer's page depends on."""
    own, out = {viewer, GUEST_VIEWERS.key + b"\0" + viewer}, dict[bytes, bytes]()
    for message in read(settings, topics.VIEWER_STATE, {partition: OFFSET_BEGINNING}):
        key, value = message.key() or b"", message.value()
        if key not in own and not _is_whole(key):
            continue
        if value is None:
            out.pop(key, None)
        else:
            out[key] = value
    return out


def _is_whole(key: bytes) -> bool:
    return any(key == whole or key.startswith(whole + b"\0") for whole in _WHOLE)


def _page(
    settings: Settings, replica: Replica, store: StateView, where: tuple[str, int, int], way: InForce
) -> Home | None:
    viewer_id, partition, partitions = where
    metrics, plan = Metrics(), ExperimentPlan(way.experiments)
    replica.catalog.set_rules(RuleSet(way.rules))
    stage = ViewersStage(
        settings, replica, partitions=partitions, metrics=metrics, wall_clock=now_ms, plan=lambda: plan
    )
    cutover = Cutover(store, stage.versions, lambda _: None)
    step = ViewersStep(stage, partition, store, cutover=cutover, throttle=PageThrottle(store, 0.0, metrics))
    try:
        made = step.make_pages([PendingPage(viewer_id, 0, now_ms(), 0.0)])
    finally:
        step.close()
    return next(_pages(made.outputs.get((settings.topic(topics.HOME), partition), ())), None)


def _pages(messages: Iterable[Any]) -> Iterator[Home]:
    for message in messages:
        if message["value"] is not None:
            yield decode_home(message["value"])
