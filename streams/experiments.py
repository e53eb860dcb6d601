"""The experiments that there are, as every worker reads them; a companion of the worker.

``experiments.v1`` is read whole and then for ever, so that a new experiment needs no restart. One thread
makes plans, the others take the newest one (`online_models.experiments.plan`): a plan never changes.
"""

from collections.abc import Iterable, Sequence

import structlog

from online_models.experiments.definition import faults
from online_models.experiments.plan import Plan
from schemas import DecodeError, topics
from schemas.codec import decode_experiment
from schemas.experiments import Experiment
from streams import topic_scan
from streams.kafka_clients import Message
from streams.reader import TableReader
from streams.settings import Settings

__all__ = ["Experiments", "read_experiments", "taken"]

_LOG = structlog.get_logger(__name__)

LOOK_S = 0.2
"""Longest wait for news: an experiment begins when every worker has heard of it
(`experiment_admin.NOTICE_MS`)."""


class Experiments:
    """The newest plan.

    Parameters
    ----------
    settings
        Brokers, topics.
    partitions
        Of the experiments' topic.

    Attributes
    ----------
    plan
        What there is now.
    """

    def __init__(self, settings: Settings, *, partitions: int) -> None:
        self.plan = Plan()
        self._known: dict[str, Experiment] = {}
        self._table = TableReader(
            settings, settings.topic(topics.EXPERIMENTS), range(partitions), self.take, wait_s=LOOK_S
        )

    def start(self) -> None:
        """Begin to read."""
        self._table.start()

    def stop(self) -> None:
        """Stop reading."""
        self._table.stop()

    def wait(self) -> None:
        """Block until everything that was written is known."""
        self._table.wait()

    def current(self) -> Plan:
        """Return the newest plan, once everything that was written is known."""
        self.wait()
        return self.plan

    def waiting(self) -> list[str]:
        """Say how far it is, while it has not caught up."""
        return [] if self._table.caught_up else [str(self._table.catch_up)]

    def take(self, messages: Sequence[Message]) -> None:
        """Take records over; a definition that cannot be run is logged, and the former one is gone, too."""
        self._known = taken(self._known, messages)
        usable = {}
        for name, one in self._known.items():
            why = faults(one)
            if why:
                _LOG.warning("experiment_unusable", experiment=name, why=why)
            else:
                usable[name] = one
        self.plan = Plan(usable.values())


def taken(known: dict[str, Experiment], messages: Iterable[Message]) -> dict[str, Experiment]:
    """Return the experiments after some records; one that cannot be read takes its predecessor away."""
    out = dict(known)
    for message in messages:
        name, value = (message.key() or b"").decode(errors="replace"), message.value()
        out.pop(name, None)
        if value is None:
            continue
        try:
            out[name] = decode_experiment(value)
        except DecodeError as error:
            _LOG.warning("experiment_unreadable", offset=message.offset(), reason=error.reason)
    return out


def read_experiments(settings: Settings) -> dict[str, Experiment]:
    """Read the topic to its end.

    Raises
    ------
    TopicError
        There is no such topic.
    BrokerUnreachableError
        The broker does not answer.
    """
    return taken({}, topic_scan.whole(settings, topics.EXPERIMENTS))
