"""Workers that break a promise, so that the driver can show that it notices.

``transaction``
    A batch's effects are committed piece by piece (rows, outputs, applied offset) and not together.
``offset-check``
    A partition is opened at the group's committed offset, as most consumers do, and not behind the applied
    one; and records that were applied before are not dropped.
``identity``
    A database is taken for the worker's own, whatever it says that it belongs to.
"""

from collections.abc import Callable, Mapping
from typing import Any

from online_models.feedback.reward_function import Action
from online_models.tables.titles import TitleTable
from schemas import topics
from streams.config.settings import Settings
from streams.engine import faust_app, partition
from streams.engine.context import no_failpoint
from streams.engine.stage import Outcome
from streams.engine.store_identity import StoreIdentity
from streams.engine.transactions import Transactions
from streams.kafka.clients import TopicPartition, consumer
from streams.stages.wire.signals import unpack

NEVER_S = 1e9
"""Between two commits of the group's offset: then a kill always has something to do twice. With Kafka's own
5 s a kill just after a commit has nothing, and the run is clean although the promise is broken."""


class Piecewise(Transactions):
    """Commits every piece of an outcome by itself; a crash leaves some of them."""

    def commit(self, outcome: Outcome, applied: int) -> int:
        """Commit rows, then outputs, then the applied record; between them the failpoint is passed.

        A batch in which nobody begins to like a title is committed soundly, so that a kill always hits one
        that has something to lose: what is done twice without harm, such as a page, leaves no trace.
        """
        if not _has_positives(outcome):
            return self._soundly(outcome, applied)
        rows: Any = [{"key": key, "value": value} for key, value in outcome.rows]
        self._piece(lambda: self._send((self._changelog, self._partition), rows))
        self._failpoint("mid_produce")
        self._piece(lambda: [self._send(to, messages) for to, messages in outcome.outputs.items()])
        self._failpoint("before_commit")
        return super().commit(Outcome(dead_letters=outcome.dead_letters), applied)

    def _soundly(self, outcome: Outcome, applied: int) -> int:
        failpoint, self._failpoint = self._failpoint, no_failpoint
        try:
            return super().commit(outcome, applied)
        finally:
            self._failpoint = failpoint

    def _piece(self, send: Callable[[], object]) -> None:
        self._producer.begin_transaction()
        send()
        self._producer.commit_transaction(10)


def _has_positives(outcome: Outcome) -> bool:
    """Say whether a batch tells the titles that somebody likes one."""
    sent = [
        one for (topic, _), some in outcome.outputs.items() if topic.endswith(topics.SIGNALS) for one in some
    ]
    table = TitleTable(Settings.load().model) if sent else None
    return any(Action.POSITIVE in unpack(one["value"] or b"", table).signals.action for one in sent)


def _without_transaction() -> None:
    partition.Transactions = Piecewise  # type: ignore[misc]


def _without_offset_check() -> None:
    settings, restore = Settings.load(), partition.Partition._restore

    def from_committed(self: partition.Partition) -> None:
        restore(self)
        reader = consumer(settings, {"group.id": settings.consumer_group})
        (hint,) = reader.committed([TopicPartition(self.spec.source, self.number)], timeout=20)
        reader.close()
        self.applied = min(self.applied, max(hint.offset, 0) - 1)
        self._first = self.applied + 1

    partition.Partition._restore = from_committed  # type: ignore[method-assign]
    faust_app.COMMIT_HINT_S = NEVER_S
    partition.unapplied = lambda records, _applied: records


def _without_identity() -> None:
    StoreIdentity.difference = lambda _self, _stored: None  # type: ignore[method-assign]


SABOTAGES: Mapping[str, Callable[[], None]] = {
    "transaction": _without_transaction,
    "offset-check": _without_offset_check,
    "identity": _without_identity,
}
"""By name."""


def apply(name: str) -> None:
    """Break the product of this process."""
    SABOTAGES[name]()
