"""The transactional producer of a partition: all effects of a batch become visible at once, or none."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice

from schemas.codec import encode
from streams.engine.applied import APPLIED_KEY, Origin, pack_applied
from streams.engine.context import Failpoint, no_failpoint
from streams.engine.stage import Message, Outcome, Target
from streams.errors import OutcomeInDoubtError, StepFailedError, StreamError
from streams.kafka.clients import KafkaError, KafkaException, Producer, refused
from streams.kafka.clients import Message as Delivered

__all__ = ["PRODUCER", "Transactions"]

REQUEST_BYTES = 1_000_000
"""Bytes of messages, before compression, per request and partition: the default limit of a broker."""

PRODUCER = {
    "compression.type": "lz4",  # measured: the cheapest codec per byte saved
    "batch.size": REQUEST_BYTES,
    "queue.buffering.max.messages": 200_000,  # bounds the memory of one transaction, with ...
    "queue.buffering.max.kbytes": 65_536,  # ... 64 MB per partition; the driver's default is 1 GB
}
"""librdkafka properties of these producers, in addition to those of `streams.kafka.clients`; the operator's
own properties override them."""

COMMIT_S = 10.0
"""Seconds of one attempt to commit; it is repeated while the driver reports the error as retriable."""

FENCE_S = 60.0
"""Seconds to fence the previous owner: the coordinator may first have to abort its open transaction."""

_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)  # noqa: SLF001 - the driver's names
"""Errors of messages that the driver drops with a failed transaction."""
_FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)  # noqa: SLF001
"""Errors of a producer whose transactional id another one has taken over, or whose transaction timed out."""
IN_DOUBT = "the process ends; the next one reads the outcome in the log"
"""Next step whenever the outcome of a transaction is unknown."""

OVERHEAD = 40
"""Maximum bytes of a message without key and value: five varints of 5, one of 10, and its attributes."""

MEASURED = 256
"""Messages that are measured at a time, just before they are queued: of all messages of a batch nothing would
be left in the cache."""

PACE_S = 0.1
"""Seconds to wait for the answer to a request before more is queued than the next request takes. A nearby
broker answers in 5 ms. With a slower one, several requests in flight matter more than the CPU."""

ROOM_S = 0.01
"""Seconds between two attempts to queue when the queue is full: the driver does not signal room."""


class Transactions:
    """The transactional producer of one source partition of a stage.

    Parameters
    ----------
    producer
        With a ``transactional.id`` that names stage and partition.
    changelog, partition
        Receives rows and the applied record.
    dead_letters
        Topic of rejected records.
    origin
        Origin of the state; part of every applied record.
    name
        The transactional id, for errors.
    failpoint
        Called at ``mid_produce`` and ``before_commit``.
    """

    def __init__(
        self,
        producer: Producer,
        *,
        changelog: str,
        partition: int,
        dead_letters: str,
        origin: Origin = Origin(),  # noqa: B008 - a tuple cannot change
        name: str = "",
        failpoint: Failpoint = no_failpoint,
    ) -> None:
        self._producer, self._name = producer, name
        self._changelog = changelog
        self._partition = partition
        self._dead_letters, self._origin = dead_letters, origin
        self._failpoint = failpoint
        self._position = 0
        self._paced = True
        self._failure: tuple[str, KafkaError] | None = None
        self._topics: dict[str, None] = {}  # of the present transaction, in order

    def fence(self) -> None:
        """Take over the transactional id: its previous owner can never commit again."""
        self._attempt("init_transactions", lambda: self._producer.init_transactions(FENCE_S))

    def commit(self, outcome: Outcome, applied: int) -> int:
        """Send an outcome and its applied record in one transaction.

        Parameters
        ----------
        outcome
            Result of the step; its lists are consumed.
        applied
            Source offset of the last record of the batch.

        Returns
        -------
        int
            Position in the changelog after the applied record.

        Raises
        ------
        StepFailedError
            A message is too large to be sent: nothing is visible.
        AccessError
            The user has no right to write to a topic: nothing is visible.
        OutcomeInDoubtError
            It is unknown whether the transaction is committed.
        """
        self._failure, self._paced = None, True
        self._topics.clear()
        self._attempt("begin_transaction", self._producer.begin_transaction)
        try:
            self._produce(outcome, applied)
        except KafkaException as failure:  # `poll` and `flush` raise it when the driver says it is fatal
            what = f"a transaction of partition {self._partition} of {self._changelog} failed"
            raise self._failed(what, failure.args[0]) from failure
        self._failpoint("before_commit")
        self._attempt("commit_transaction", lambda: self._producer.commit_transaction(COMMIT_S))
        return self._position

    def _produce(self, outcome: Outcome, applied: int) -> None:
        """Queue the messages of an outcome, and its applied record behind them."""
        rows: Iterator[Message] = ({"key": k, "value": v} for k, v in outcome.rows)
        self._send((self._changelog, self._partition), rows)
        self._failpoint("mid_produce")
        for target, messages in outcome.outputs.items():
            self._send(target, messages)
        letters: list[Message] = [
            {"key": letter.key, "value": encode(letter)} for letter in outcome.dead_letters
        ]
        self._send((self._dead_letters, None), letters)
        last: Message = {"key": APPLIED_KEY, "value": pack_applied(applied, self._origin)}
        self._put((self._changelog, self._partition), last, self._on_applied)

    def _on_applied(self, error: KafkaError | None, message: Delivered) -> None:
        """Note the position of the applied record; the driver calls it on delivery."""
        self._on_delivery(error, message)
        if error is None:
            self._position = (message.offset() or 0) + 1

    def _on_delivery(self, error: KafkaError | None, message: Delivered) -> None:
        """Note the first delivery error and its topic: the commit fails because of it, and does not name it.

        Purged messages are no cause: the transaction had failed before, and the commit reports why.
        """
        if error is not None and self._failure is None and error.code() not in _PURGED:
            self._failure = message.topic() or "", error

    def _send(self, target: Target, messages: Iterable[Message]) -> None:
        """Queue messages in order, one request at a time: the next follows when that is answered.

        The driver has one request per partition in flight. While more messages are queued behind it, the
        driver polls for the answer without a pause (measured: half of its CPU, 10 µs per page of 8 kB). If
        the broker is slow to answer, the rest is queued at once.
        """
        for place, portion in enumerate(portions(messages)):
            if place and self._paced:
                self._paced = not self._producer.flush(PACE_S)
            self._queue(target, portion)

    def _queue(self, target: Target, messages: list[Message]) -> None:
        """Queue messages in order; wait for room whenever the queue is full.

        Only the first one has a delivery callback: a broker that refuses it refuses all of them.
        """
        self._put(target, messages[0], self._on_delivery)
        messages = messages[1:]
        topic, where = target[0], _partition(target)
        while messages:
            accepted = self._producer.produce_batch(topic, messages, **where)  # type: ignore[arg-type]
            if accepted == len(messages):
                return
            self._only_full(topic, messages, accepted)
            messages = messages[accepted:]
            self._producer.poll(ROOM_S)

    def _put(
        self, target: Target, message: Message, on_delivery: Callable[[KafkaError | None, Delivered], None]
    ) -> None:
        """Queue one message with a delivery callback; wait for room like :meth:`_queue`."""
        where = _partition(target)
        self._topics[target[0]] = None
        while True:
            try:
                self._producer.produce(target[0], **message, **where, on_delivery=on_delivery)  # type: ignore[arg-type]
            except BufferError:
                self._producer.poll(ROOM_S)
            except KafkaException as failure:
                raise self._refused(target[0], failure.args[0]) from failure
            else:
                return

    def _only_full(self, topic: str, messages: list[Message], accepted: int) -> None:
        """Check that the refused messages are the last ones, and that only the full queue refused them."""
        errors = [message.pop("_error", None) for message in messages]  # type: ignore[typeddict-item]
        for error in errors:
            if error is not None and error.code() != KafkaError._QUEUE_FULL:  # noqa: SLF001
                raise self._refused(topic, error)
        if any(errors[:accepted]) or not all(errors[accepted:]):
            what = f"messages for {topic} were queued out of order"
            raise OutcomeInDoubtError(what, why="the queue was full", next_step=IN_DOUBT)

    def _refused(self, topic: str, error: KafkaError) -> StreamError:
        """Distinguish a message that can never be sent, a bug of the step, from all other failures.

        A transaction that has failed meanwhile refuses messages, too; this is not the fault of a record.
        """
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            what = f"a message for {topic} is above the limit of the producer"
            advice = "the restart isolates the record; the limit is NEARLINE_KAFKA__MESSAGE_MAX_BYTES"
            return StepFailedError(what, why=error.str(), next_step=advice)
        return self._failed(f"a message was refused for {topic}", error)

    def _failed(self, what: str, error: KafkaError) -> StreamError:
        """Explain a failure by the delivery error of a message, or by the error itself.

        A transaction with a message that a broker refused as too large cannot be committed any more, so its
        outcome is known, and its batch is to be isolated.
        """
        with suppress(KafkaException):  # a fatal error, which is known
            self._producer.poll(0)
        topic, cause = self._failure or ("", error)
        if cause.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            what = f"a broker refused messages for {topic or 'a topic'} as too large"
            advice = (
                "raise the topic's max.message.bytes to 1,000,000 or more; the restart isolates the record"
            )
            return StepFailedError(what, why=cause.str(), next_step=advice)
        if cause.code() in _FENCED:
            what = f"this worker does not own the transactional id {self._name} any more"
            why = "fenced: the group moved the partition, it timed out, or another deployment has its group"
            advice = f"{IN_DOUBT}; if it repeats, give each deployment a NEARLINE_GROUP of its own"
            return OutcomeInDoubtError(what, why=why, next_step=advice)
        if cause.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED and not topic:
            # partitions are added to a transaction in one request; the driver does not say which was refused
            topic = f"one of {', '.join(self._topics)}"
        why = f"{topic}: {cause.str()}" if topic else cause.str()
        return refused(cause, f"{what}, {topic} refuses this user" if topic else what) or OutcomeInDoubtError(
            what, why=why, next_step=IN_DOUBT
        )

    def _attempt(self, name: str, call: Callable[[], None]) -> None:
        """Call the driver; repeat while it reports the error as retriable."""
        while True:
            try:
                call()
            except KafkaException as failure:
                error = failure.args[0]
                if error.retriable():
                    continue
                what = f"{name} failed for partition {self._partition} of {self._changelog}"
                raise self._failed(what, error) from failure
            else:
                return


def _partition(target: Target) -> dict[str, int]:
    """Return the keyword argument for the partition; none if the key decides."""
    return {} if target[1] is None else {"partition": target[1]}


def portions(messages: Iterable[Message], most: int = REQUEST_BYTES) -> Iterator[list[Message]]:
    """Split messages into runs that fit into a request; a larger message is a run of its own.

    Examples
    --------
    >>> messages: list[Message] = [{"key": b"v%d" % n, "value": bytes(300 * n)} for n in range(5)]
    >>> [[len(m["value"] or b"") for m in run] for run in portions(messages, 1_200)]
    [[0, 300, 600], [900], [1200]]
    >>> list(portions([]))
    []
    """
    run: list[Message] = []
    room, left = most, iter(messages)
    while block := list(islice(left, MEASURED)):
        sizes = [
            len(message.get("key") or b"") + len(message.get("value") or b"") + OVERHEAD for message in block
        ]
        if (total := sum(sizes)) <= room:
            run += block
            room -= total
            continue
        for message, size in zip(block, sizes, strict=True):
            if size > room and run:
                yield run
                run, room = [], most
            run.append(message)
            room -= size
    if run:
        yield run
