"""What producers may do: every compression codec is read; what is not committed is not."""

import time

import pytest

from streams.kafka.clients import producer
from tests.integration.arena import Arena

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@pytest.mark.slow
def test_every_codec_and_only_what_is_committed(arena: Arena) -> None:
    """Five codecs and a committed transaction come out; an aborted and an open one never do.

    The worker lives on though the source's last offsets belong to an open transaction and to markers: that is
    not work left undone. Its watchdog would have ended it within 10 s otherwise.
    """
    worker = arena.start(0, watchdog_s=10.0)
    for codec in CODECS:
        arena.producer = producer(arena.brokers, {"compression.type": codec, "linger.ms": 20})
        arena.feed(300)
        arena.producer.flush()
    transactional = producer(arena.brokers, {"transactional.id": f"{arena.prefix}someone"})
    transactional.init_transactions(20)
    for fate in ("committed", "aborted", "open"):
        transactional.begin_transaction()
        for number in range(100):
            transactional.produce(arena.topic("in"), key=f"v{number}", value=f"{fate}{number}")
        transactional.flush()
        if fate == "committed":
            transactional.commit_transaction(20)
            arena.sent += 100
        elif fate == "aborted":
            transactional.abort_transaction(20)
    arena.settle()
    time.sleep(12)
    assert worker.poll() is None
    values = [message.value() or b"" for message in arena.read("out")]
    assert sum(value.startswith(b"committed") for value in values) == 100
    assert not [value for value in values if value.startswith((b"aborted", b"open"))]
    arena.verify()


@pytest.mark.slow
def test_poison_and_forced_partitions(arena: Arena) -> None:
    """A record on which the step raises becomes one dead letter; rows follow the source partition."""
    arena.feed(500)
    arena.producer.produce(arena.topic("in"), key="v1", value="poison")
    for number in range(40):
        arena.producer.produce(arena.topic("in"), key=f"w{number}", value=f"forced{number}", partition=3)
    arena.sent += 41
    arena.feed(500)
    arena.orders = {"poison": "poison"}
    arena.start(0)
    arena.settle()
    arena.verify(without=(b"poison",))
    assert len(arena.read("dead")) == 1
    forced = {m.partition() for m in arena.read("log") if (m.key() or b"").startswith(b"w")}
    assert forced == {3}
