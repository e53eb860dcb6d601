"""One batch's effects on Kafka: all of them become visible at once, or none does."""

from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise

from schemas.codec import encode
from streams.engine.applied import APPLIED_KEY, Origin, pack_applied
from streams.engine.context import Failpoint, no_failpoint
from streams.engine.stage import Message, Outcome, Target
from streams.errors import OutcomeInDoubtError, StepFailedError, StreamError
from streams.kafka.clients import KafkaError, KafkaException, Producer, refused
from streams.kafka.clients import Message as Delivered

__all__ = ["PRODUCER", "Transactions"]

REQUEST_BYTES = 1_000_000
"""Bytes of messages, before compression, that go to a partition at once: a broker's limit, by default."""

PRODUCER = {
    "compression.type": "lz4",  # measured: the cheapest codec per byte saved
    "batch.size": REQUEST_BYTES,
    "queue.buffering.max.messages": 200_000,  # bounds what one transaction may hold in memory, with ...
    "queue.buffering.max.kbytes": 65_536,  # ... 64 MB a partition; the driver's own bound is 1 GB
}
"""Properties of a stage's producers, beside those that `streams.kafka.clients` sets for all; the operator's
own win over these."""

COMMIT_S = 10.0
"""Seconds of one attempt to commit; attempts repeat for as long as the driver calls them retriable."""

FENCE_S = 60.0
"""Seconds to fence the previous owner: the coordinator may have to abort its open transaction first."""

_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)  # noqa: SLF001 - the driver's names
"""What the driver says of messages that it drops with a failed transaction."""
IN_DOUBT = "the process ends; its successor reads in the log what became of it"
"""What follows whenever the outcome of a transaction is not known."""

OVERHEAD = 40
"""Bytes of a message beside key and value, at most: five varints of 5 and one of 10, and its attributes."""

PACE_S = 0.1
"""Longest wait for a request to be answered before more is queued than the next one takes. A broker nearby
takes 5 ms; with one that takes longer than this, several requests under way matter more than the CPU."""

ROOM_S = 0.01
"""Seconds between two looks for room in a full queue: nobody is told when there is some."""


class Transactions:
    """The transactional producer of one source partition of a stage.

    Parameters
    ----------
    producer
        With a ``transactional.id`` that names stage and partition.
    changelog, partition
        Where rows and the applied record go.
    dead_letters
        Topic of rejected records.
    origin
        What the state is built from; goes into every applied record.
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
        failpoint: Failpoint = no_failpoint,
    ) -> None:
        self._producer = producer
        self._changelog = changelog
        self._partition = partition
        self._dead_letters, self._origin = dead_letters, origin
        self._failpoint = failpoint
        self._position = 0
        self._paced = True
        self._failure: tuple[str, KafkaError] | None = None

    def fence(self) -> None:
        """Take the transactional id over: its previous owner can never commit again."""
        self._attempt("init_transactions", lambda: self._producer.init_transactions(FENCE_S))

    def commit(self, outcome: Outcome, applied: int) -> int:
        """Send an outcome and its applied record in one transaction.

        Parameters
        ----------
        outcome
            What the step returned; its lists are used up.
        applied
            Source offset of the last record of the batch.

        Returns
        -------
        int
            Position in the changelog behind the applied record.

        Raises
        ------
        StepFailedError
            A message can never be sent, because it is too large: nothing is visible.
        AccessError
            The user may not write to a topic: nothing is visible.
        OutcomeInDoubtError
            Nobody here can say whether the transaction is committed.
        """
        self._failure, self._paced = None, True
        self._attempt("begin_transaction", self._producer.begin_transaction)
        rows: list[Message] = [{"key": k, "value": v} for k, v in outcome.rows]
        self._send((self._changelog, self._partition), rows)
        self._failpoint("mid_produce")
        for target, messages in outcome.outputs.items():
            self._send(target, messages)
        letters: list[Message] = [
            {"key": letter.key, "value": encode(letter)} for letter in outcome.dead_letters
        ]
        self._send((self._dead_letters, None), letters)
        last: Message = {"key": APPLIED_KEY, "value": pack_applied(applied, self._origin)}
        self._put((self._changelog, self._partition), last, self._seen)
        self._failpoint("before_commit")
        self._attempt("commit_transaction", lambda: self._producer.commit_transaction(COMMIT_S))
        return self._position

    def _seen(self, error: KafkaError | None, message: Delivered) -> None:
        """Note where the applied record landed."""
        self._heard(error, message)
        if error is None:
            self._position = (message.offset() or 0) + 1

    def _heard(self, error: KafkaError | None, message: Delivered) -> None:
        """Note the first refusal, and of which topic: the commit fails by it, and does not say so itself.

        What is purged was refused by nobody: the transaction had failed, and the commit says why.
        """
        if error is not None and self._failure is None and error.code() not in _PURGED:
            self._failure = message.topic() or "", error

    def _send(self, target: Target, messages: list[Message]) -> None:
        """Queue messages in order, a request's worth at a time: the next follows when they are answered.

        The driver has one request of a partition under way, and while more waits behind it, it looks without
        a pause whether the answer has come (measured: half of its CPU, 10 µs for a page of 8 kB). A broker
        that is slow to answer is given the rest as it is.
        """
        for place, portion in enumerate(portions(messages)):
            if place and self._paced:
                self._paced = not self._producer.flush(PACE_S)
            self._queue(target, portion)

    def _queue(self, target: Target, messages: list[Message]) -> None:
        """Queue messages in order, waiting for room whenever the queue is full.

        The first one reports what became of it: what a broker refuses it refuses them all.
        """
        self._put(target, messages[0], self._heard)
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
        self, target: Target, message: Message, told: Callable[[KafkaError | None, Delivered], None]
    ) -> None:
        """Queue one message and be told of its delivery, waiting for room like :meth:`_send`."""
        where = _partition(target)
        while True:
            try:
                self._producer.produce(target[0], **message, **where, on_delivery=told)  # type: ignore[arg-type]
            except BufferError:
                self._producer.poll(ROOM_S)
            except KafkaException as failure:
                raise self._refused(target[0], failure.args[0]) from failure
            else:
                return

    def _only_full(self, topic: str, messages: list[Message], accepted: int) -> None:
        """Make sure that the refused messages are the last ones, and refused for want of room only."""
        errors = [message.pop("_error", None) for message in messages]  # type: ignore[typeddict-item]
        for error in errors:
            if error is not None and error.code() != KafkaError._QUEUE_FULL:  # noqa: SLF001
                raise self._refused(topic, error)
        if any(errors[:accepted]) or not all(errors[accepted:]):
            what = f"messages for {topic} were queued out of order"
            raise OutcomeInDoubtError(what, why="the queue was full", next_step=IN_DOUBT)

    def _refused(self, topic: str, error: KafkaError) -> StreamError:
        """Tell a message that can never be sent, which the step made, from everything else that goes wrong.

        A transaction that has failed meanwhile refuses messages, too: no record is to blame for that.
        """
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            what = f"a message cannot be sent to {topic}"
            return StepFailedError(what, why=error.str(), next_step="raise the topic's max.message.bytes")
        return self._failed(f"a message was refused for {topic}", error)

    def _failed(self, what: str, error: KafkaError) -> StreamError:
        """Explain a failure by what the driver told of single messages, or by the error itself."""
        self._producer.poll(0)
        topic, cause = self._failure or ("", error)
        why = f"{topic}: {cause.str()}" if topic else cause.str()
        return refused(cause, f"{what}, {topic} refuses this user" if topic else what) or OutcomeInDoubtError(
            what, why=why, next_step=IN_DOUBT
        )

    def _attempt(self, name: str, call: Callable[[], None]) -> None:
        """Call the driver, again as long as it says that this is allowed."""
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
    """Return the argument that names a partition, none where the key decides."""
    return {} if target[1] is None else {"partition": target[1]}


def portions(messages: list[Message], most: int = REQUEST_BYTES) -> Iterator[list[Message]]:
    """Cut messages into runs that a request takes; one that is larger than a request is a run of its own.

    Examples
    --------
    >>> messages: list[Message] = [{"key": b"v%d" % n, "value": bytes(300 * n)} for n in range(5)]
    >>> [[len(m["value"] or b"") for m in run] for run in portions(messages, 1_200)]
    [[0, 300, 600], [900], [1200]]
    >>> list(portions([]))
    []
    """
    begin, room = 0, most
    for place, (before, end) in enumerate(pairwise(accumulate(map(_size, messages), initial=0))):
        if end > room and place > begin:
            yield messages[begin:place]
            begin, room = place, before + most
    if messages:
        yield messages[begin:]


def _size(message: Message) -> int:
    """Return a message's bytes in a request, at most."""
    return len(message.get("key") or b"") + len(message.get("value") or b"") + OVERHEAD
