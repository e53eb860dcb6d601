"""Reading a million viewers back from the changelog, against throwing away; taking partitions over.

Four partitions are restored at once, as a worker without a disk does. A worker that takes over what another
of two had restores two: from the changelog alone, and with a store that is a batch behind.
"""

import resource
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from schemas import topics
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, pack_applied
from streams.engine.changelog import CHUNK, RESTORER, SLICE_S, Changelog
from streams.engine.state import Store, StoreMemory
from streams.engine.transactions import PRODUCER
from streams.kafka import clients as kafka_clients
from streams.kafka.clients import KafkaError, TopicPartition
from streams.ops.runs.worker_process import make_topics
from tests.benchmarks.bench import Bench

VIEWERS = 1_000_000
PARTITIONS = 4
NOISE, ZEROS = 400, 300
"""Bytes of a row that no codec shrinks (taste, history), and that any does (what a viewer has not filled)."""
BATCH = 2_000
BEHIND = 10_000
"""Rows of each partition that a store on the disk has missed."""


def restore(bench: Bench) -> dict[str, Any]:
    """Fill a changelog, read it in both ways, twice; take partitions over."""
    settings = bench.settings("restore")
    make_topics(settings)
    everyone = VIEWERS // PARTITIONS
    for partition in range(PARTITIONS):
        _fill(settings, partition, everyone)
    whole = range(PARTITIONS)
    with bench.shared():
        found: dict[str, Any] = {"rows": VIEWERS, "row_bytes": NOISE + ZEROS}
        for turn in ("first", "second"):
            bare = _timed(lambda p: _read(settings, p), whole)
            folder = bench.state(f"restore-{turn}")
            ours = _timed(lambda p, folder=folder: _restore(settings, folder, p), whole)
            ratio = round(ours["rows_per_s"] / bare["rows_per_s"], 2)
            found[turn] = {"restore": ours, "bare_consume": bare, "ratio": ratio}
        pair = range(2)
        found["two_partitions"] = _timed(lambda p: _restore(settings, bench.state("restore-2"), p), pair)
        for partition in pair:
            _fill(settings, partition, BEHIND)
        found["two_with_disk"] = _timed(lambda p: _restore(settings, bench.state("restore-2"), p), pair)
    return found


def _fill(settings: Settings, partition: int, viewers: int) -> None:
    """Commit rows in random order, in batches as a stage does."""
    topic = settings.topic(topics.VIEWER_STATE)
    rng = np.random.default_rng(partition)
    name = {**PRODUCER, "transactional.id": f"{settings.group}.{partition}"}
    client = kafka_clients.producer(settings, name)
    client.init_transactions(60)
    order = rng.permutation(viewers)
    for start in range(0, viewers, BATCH):
        rows: list[Any] = [
            {"key": b"viewer-%08d" % (n * PARTITIONS + partition), "value": rng.bytes(NOISE) + bytes(ZEROS)}
            for n in order[start : start + BATCH].tolist()
        ]
        client.begin_transaction()
        client.produce_batch(topic, rows, partition=partition)
        applied = pack_applied(start + len(rows) - 1)
        client.produce(topic, key=APPLIED_KEY, value=applied, partition=partition)
        client.commit_transaction(60)


def _timed(work: Callable[[int], int], partitions: Iterable[int]) -> dict[str, Any]:
    """Do all partitions at once; return rows, seconds, rows per second, CPU of this process per row."""
    began, cpu = time.perf_counter(), _cpu_s()
    with ThreadPoolExecutor(PARTITIONS) as pool:
        rows = sum(pool.map(work, partitions))
    took = time.perf_counter() - began
    return {
        "rows": rows,
        "seconds": round(took, 2),
        "rows_per_s": round(rows / took),
        "cpu_us_per_row": round((_cpu_s() - cpu) / rows * 1e6, 2),
    }


def _read(settings: Settings, partition: int) -> int:
    """Read a partition to its end and keep nothing; the same consumer as a restore has."""
    topic = settings.topic(topics.VIEWER_STATE)
    consumer = kafka_clients.consumer(settings, RESTORER)
    consumer.assign([TopicPartition(topic, partition, 0)])
    rows = 0
    while True:
        messages = consumer.consume(CHUNK, SLICE_S)
        rows += len(messages)
        error = messages[-1].error() if messages else None
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            consumer.close()
            return rows - 1


def _restore(settings: Settings, folder: Path, partition: int) -> int:
    """Open a partition's store and bring it up to date."""
    store = Store(folder / str(partition), StoreMemory())
    consumer = kafka_clients.consumer(settings, RESTORER)
    log = Changelog(consumer, settings.topic(topics.VIEWER_STATE), partition)
    log.replay(store)
    consumer.close()
    store.close()
    return log.read_progress.rows


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
