"""Compressed batches are opened within a bound of memory; one that is too large is passed over, loudly."""

import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_dead_letter
from schemas.errors import Reason
from streams.engine.dead_letters import poison_letter
from streams.engine.fetched_records import FetchedRecord, FetchedRecords
from streams.engine.partition import Partition
from streams.engine.record_batches import LIMIT, BoundedRecords, UnopenedBatch, decompressed_size
from streams.engine.stage import Outcome
from tests.streams.doubles import Fold, Log, fold_spec, record, worker_context
from tests.streams.engine.compressed import CODECS, batch, bomb

BATCHES = st.lists(
    st.tuples(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.integers(0, 4)), max_size=5
)


def fetched(
    records: Any, begin: int = 0, producers: Any = None, kind: type[PartitionRecords] = PartitionRecords
) -> PartitionRecords:
    """Return the records of a partition as aiokafka's fetcher has them."""
    return kind(
        TopicPartition("in", 0),
        records,
        producers,
        begin,
        None,
        None,
        check_crcs=True,
        isolation_level=READ_COMMITTED,
    )


@given(batches=BATCHES, cut=st.integers(0, 40))
def test_what_is_small_enough_is_as_it_was(batches: list[tuple[list[bytes], int]], cut: int) -> None:
    """Of any codec, and with an incomplete batch at the end."""
    data, first = b"", 0
    for values, codec in batches:
        data += batch(values, first=first, codec=codec)
        first += len(values)
    data = data[: len(data) - cut]
    ours, theirs = fetched(BoundedRecords(data)), fetched(MemoryRecords(data))
    assert list(ours) == list(theirs)
    assert ours.next_fetch_offset == theirs.next_fetch_offset
    assert BoundedRecords(data).size_in_bytes() == len(data)


@given(batches=BATCHES, stop=st.integers(0, 12), begin=st.integers(0, 3))
def test_our_objects_say_what_those_of_aiokafka_do(
    batches: list[tuple[list[bytes], int]], stop: int, begin: int
) -> None:
    """Field by field, from any position, and also if a part is taken now and the rest later."""
    data, first = b"", 0
    for values, codec in batches:
        data += batch(values, first=first, codec=codec)
        first += len(values)
    ours = fetched(BoundedRecords(data), begin, kind=FetchedRecords)
    theirs = fetched(BoundedRecords(data), begin)
    found, wanted = [*islice(ours, stop), *ours], list(theirs)
    assert ours.next_fetch_offset == theirs.next_fetch_offset
    for one, other in zip(found, wanted, strict=True):
        assert one == FetchedRecord(*(getattr(other, name) for name in FetchedRecord.__struct_fields__))
    assert next(ours, None) is None


@pytest.mark.parametrize("codec", CODECS)
def test_too_large_a_batch_is_one_record(codec: str) -> None:
    """Neighbours are read as ever, and the position passes it."""
    data = batch([b"a", b"b"]) + bomb(codec, 2, first=2) + batch([b"c"], first=3)
    records = fetched(BoundedRecords(data))
    found = list(records)
    assert [one.offset for one in found] == [0, 1, 2, 3]
    assert [type(one.value) for one in found] == [bytes, bytes, UnopenedBatch, bytes]
    assert (found[2].value.first, found[2].value.compressed) == (2, len(bomb(codec, 2)))
    assert records.next_fetch_offset == 4


@pytest.mark.parametrize("codec", CODECS)
def test_a_size_is_exact(codec: str) -> None:
    """The largest batch is opened, one byte more is not."""
    number, begin, compress = CODECS[codec]
    payload = memoryview(begin + compress(bytes(1_000)) + compress(bytes(3_000)))
    assert decompressed_size(number, payload, 4_000) == 4_000
    assert decompressed_size(number, payload, 3_999) is None


@pytest.mark.parametrize("codec", CODECS)
@given(junk=st.binary(max_size=60))
def test_what_is_unreadable_is_not_opened(codec: str, junk: bytes) -> None:
    """Whatever stands in the place of compressed records, the answer is a size or none, and it comes."""
    number, begin, compress = CODECS[codec]
    payload = begin + compress(b"x" * 50)
    for data in (junk, begin + junk, payload + junk, payload[: len(payload) - 1 - len(junk) % len(payload)]):
        size = decompressed_size(number, memoryview(data), 1_000)
        assert size is None or size <= 1_000


def test_a_fetch_of_many_large_batches_ends_early() -> None:
    """A thousand batches within the bound each are not opened at once."""
    data = b"".join(batch([bytes(4 << 20)], first=number, codec=4) for number in range(20))
    records = fetched(BoundedRecords(data))
    assert [one.offset for one in records] == [0, 1, 2, 3]
    assert records.next_fetch_offset == 4  # the next fetch begins here


def test_an_aborted_batch_has_no_substitute() -> None:
    """What its producer took back is nobody's dead letter."""
    raw = bytearray(bomb("zstd", 2))
    aborted = fetched(BoundedRecords(_transactional(raw, producer=7)), producers=[(7, 0)])
    assert (list(aborted), aborted.next_fetch_offset) == ([], 1)


def _transactional(raw: bytearray, producer: int) -> bytes:
    """Return a batch as part of a transaction of a producer."""
    raw[22] |= 0x10
    raw[43:51] = producer.to_bytes(8, "big")
    raw[17:21] = calc_crc32c(bytes(raw[21:])).to_bytes(4, "big")
    return bytes(raw)


PEAK = """
import sys
from pathlib import Path
from tests.streams.engine.compressed import batch
from tests.streams.engine.test_record_batches import fetched
from streams.engine.record_batches import BoundedRecords
def peak(): return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) << 10
list(fetched(BoundedRecords(batch([b"x"], codec=4))))  # what is loaded once
for name in sys.argv[1:]:
    data = Path(name).read_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = peak()
    found = list(fetched(BoundedRecords(data + batch([b"after"], first=1))))
    assert [one.offset for one in found] == [0, 1], found
    print(peak() - before)
"""


def test_memory_stays_flat(tmp_path: Path) -> None:
    """A gigabyte of zeros costs the process no more than the bound and the fetched bytes, by each codec."""
    files = [tmp_path / codec for codec in CODECS]
    for file in files:
        file.write_bytes(bomb(file.name, 64))
    run = subprocess.run([sys.executable, "-c", PEAK, *files], capture_output=True, text=True, check=True)
    for file, grown in zip(files, run.stdout.split(), strict=True):
        assert int(grown) < 2 * LIMIT + 3 * file.stat().st_size, file.name


@pytest.fixture
def log() -> Log:
    """Give a log whose source has a batch that was not opened between two events."""
    log = Log()
    for value in (b"e0", b"", b"e1"):
        log.append("in", 0, b"v", value)
    return log


def unopened(offset: int, first: int) -> Any:
    """Return the record that stands for a batch."""
    value = UnopenedBatch()
    value.first, value.compressed = first, 6_496
    return record(offset, value=value, key=None)  # type: ignore[arg-type]


def test_an_unopened_batch_is_a_dead_letter(log: Log, tmp_path: Path) -> None:
    """One letter at its last offset, once; the step sees the others, and the position passes it."""
    partition = Partition(fold_spec(), 0, worker_context(log, tmp_path))
    partition.open()
    records = [record(0, b"v", b"e0"), unopened(41, first=1), record(42, b"v", b"e1")]
    partition.process(records[:2])
    assert partition.applied == 41
    partition.process(records[1:])
    assert [value for _, value in log.records("out")] == [b"e0", b"e1"]
    (letter,) = [decode_dead_letter(value) for _, value in log.records("dead")]
    assert (letter.reason, letter.source.offset, letter.key, letter.value) == (
        Reason.TOO_LARGE,
        41,
        None,
        None,
    )
    assert "offsets 1 to 41 are compressed to 6496 bytes" in letter.message
    assert (
        b'dead_letters_total{reason="too_large",stage="fold"} 1.0' in partition._context.metrics.exposition()
    )
    partition.process([unopened(43, first=43)])
    assert partition.applied == 43
    partition.close()


def test_only_what_is_processed_is_reported(log: Log, tmp_path: Path) -> None:
    """A step that stops early leaves the letter to the next batch; a silent one writes none."""

    class Stops(Fold):
        silent = False

        def __call__(self, records: Any) -> Outcome:
            return replace(super().__call__(records), last_offset=records[0].offset)

    spec = replace(fold_spec(), make_step=lambda _, store: Stops(store))
    partition = Partition(spec, 0, worker_context(log, tmp_path))
    partition.open()
    records = [record(0, b"v", b"e0"), unopened(1, first=1), record(2, b"v", b"e1")]
    partition.process(records)
    assert (partition.applied, log.records("dead")) == (0, [])
    Stops.silent = True
    partition.process(records[1:])
    assert (partition.applied, log.records("dead")) == (2, [])
    partition.close()


def test_a_silent_step_has_no_dead_letters(log: Log, tmp_path: Path) -> None:
    """Its own go, too, as it was silent when the batch began: another version writes them."""

    class Complains(Fold):
        silent = True

        def __call__(self, records: Any) -> Outcome:
            letter = poison_letter(records[0], stage="fold", error="ValueError")
            outcome = replace(super().__call__(records), dead_letters=[letter])
            Complains.silent = not Complains.silent
            return outcome

    spec = replace(fold_spec(), make_step=lambda _, store: Complains(store))
    partition = Partition(spec, 0, worker_context(log, tmp_path))
    partition.open()
    partition.process([record(0, b"v", b"e0")])
    assert log.records("dead") == []
    partition.process([record(1, b"v", b"e1")])
    assert len(log.records("dead")) == 1
    partition.close()
