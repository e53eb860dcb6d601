"""Two workers that break the promise, so that the driver can show that it notices.

``transaction``
    A batch's effects are committed piece by piece (rows, outputs, applied offset) and not together.
``offset-check``
    A partition is opened at the group's committed offset, as most consumers do, and not behind the applied
    one; and records that were applied before are not dropped.
"""

from collections.abc import Callable, Mapping
from typing import Any

from streams.config.settings import Settings
from streams.engine import faust_app, partition
from streams.engine.context import no_failpoint
from streams.engine.stage import Outcome
from streams.engine.transactions import Transactions
from streams.kafka.clients import TopicPartition, consumer

KAFKAS_COMMIT_S = 5.0
"""Kafka's default `auto.commit.interval.ms`: what a consumer loses that trusts the group's offset."""


class Piecewise(Transactions):
    """Commits every piece of an outcome by itself; a crash leaves some of them."""

    _applied = -1

    def commit(self, outcome: Outcome, applied: int) -> int:
        """Commit rows, then outputs, then the applied record; between them the failpoint is passed.

        Owed pages alone are paid soundly: the viewer's next page would hide what a kill did to them.
        """
        if applied <= self._applied:
            return self._soundly(outcome, applied)
        rows: Any = [{"key": key, "value": value} for key, value in outcome.rows]
        self._piece(lambda: self._send((self._changelog, self._partition), rows))
        self._failpoint("mid_produce")
        self._piece(lambda: [self._send(to, messages) for to, messages in outcome.outputs.items()])
        self._failpoint("before_commit")
        self._applied = applied
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
    faust_app.COMMIT_HINT_S = KAFKAS_COMMIT_S
    partition.unapplied = lambda records, _applied: records


SABOTAGES: Mapping[str, Callable[[], None]] = {
    "transaction": _without_transaction,
    "offset-check": _without_offset_check,
}
"""By name."""


def apply(name: str) -> None:
    """Break the product of this process."""
    SABOTAGES[name]()
