"""How a transaction's messages go to the driver: a request's worth at a time, while the broker answers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.stage import Message, Outcome
from streams.engine.transactions import OVERHEAD, Transactions, portions
from streams.errors import AccessError, OutcomeInDoubtError
from streams.kafka.clients import KafkaError, KafkaException
from tests.streams.doubles import Log, Producer


@given(sizes=st.lists(st.integers(0, 300), max_size=30), most=st.integers(OVERHEAD, 600))
def test_messages_are_cut_in_order_into_runs_that_are_as_long_as_a_request_takes(
    sizes: list[int], most: int
) -> None:
    """Nothing is lost or moved, only a single message is larger, and no run could have had its next one."""
    messages: list[Message] = [{"key": None, "value": bytes(size)} for size in sizes]
    runs = list(portions(messages, most))
    assert [message for run in runs for message in run] == messages
    lengths = [[len(message["value"] or b"") + OVERHEAD for message in run] for run in runs]
    assert all(sum(run) <= most or len(run) == 1 for run in lengths)
    assert all(sum(run) + after[0] > most for run, after in pairwise(lengths))


def test_a_broker_that_does_not_answer_is_waited_for_once_a_transaction() -> None:
    """A slow broker gets the rest as it is, in order; the next transaction is paced again."""
    log = Log()

    class Slow(Producer):
        """Has messages left when it was asked to flush."""

        flushed = 0

        def flush(self, timeout: float) -> int:
            self.flushed += 1
            return 1 + super().flush(timeout)

    producer = Slow(log, "name")
    commits = Transactions(producer, changelog="log", partition=0, dead_letters="dlq")  # type: ignore[arg-type]
    commits.fence()
    rows = [(b"v%d" % place, bytes(400_000)) for place in range(9)]
    for applied in range(2):
        commits.commit(Outcome(rows=list(rows)), applied)
    assert producer.flushed == 2
    keys = [key for key, _ in log.records("log")]
    assert keys == 2 * [*(key for key, _ in rows), b"\0applied"]


def test_a_refused_transaction_names_its_topics() -> None:
    """The driver refuses a commit for a topic without naming it: it is one of those that were written to."""

    class Refused(Producer):
        """May not write to one of the topics."""

        def commit_transaction(self, timeout: float) -> None:  # noqa: ARG002 - the driver's signature
            raise KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))

    commits = Transactions(Refused(Log(), "name"), changelog="log", partition=0, dead_letters="dlq")  # type: ignore[arg-type]
    commits.fence()
    pages: list[Message] = [{"key": b"v", "value": b"page"}]
    with pytest.raises(AccessError, match=r"one of log, pages refuses this user.*users\.yaml"):
        commits.commit(Outcome(rows=[(b"v", b"row")], outputs={("pages", 0): pages}), 0)


@pytest.mark.parametrize("call", ["begin_transaction", "flush", "commit_transaction"])
def test_a_fenced_producer_is_explained_whichever_call_fails(call: str) -> None:
    """The driver raises a fatal error from the call during which it occurs, and from each one after it."""

    class Fenced(Producer):
        """Another producer has its transactional id."""

        def poll(self, timeout: float) -> int:  # noqa: ARG002 - the driver's signature
            raise self.error

        error = KafkaException(KafkaError(KafkaError._FENCED, "fenced", fatal=True))

    def fail(*_: object) -> None:
        raise Fenced.error

    producer = Fenced(Log(), "name")
    setattr(producer, call, fail)
    commits = Transactions(producer, changelog="log", partition=0, dead_letters="dlq")  # type: ignore[arg-type]
    rows = [(b"v%d" % place, bytes(400_000)) for place in range(9)]
    with pytest.raises(OutcomeInDoubtError, match=r"transactional id.*another deployment.*NEARLINE_GROUP"):
        commits.commit(Outcome(rows=rows), 0)
