"""What the hardware and the libraries allow for each part of an event's way: one thread, without nearline.

The other half of deploy/limits.md: there each figure is beside what the product takes.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Any

import cramjam
import msgspec
import numpy as np
import orjson

from online_models.config import ModelConfig
from schemas import Event
from schemas.codec import encode
from streams.config.settings import Settings
from streams.engine.state import Store, StoreMemory
from streams.engine.transactions import PRODUCER
from streams.kafka import clients
from streams.ops.local_kafka.embedded import EmbeddedCluster
from tests.benchmarks.load import TITLES, stops

__all__ = ["hardware"]

ROUNDS = 7
"""Times that each figure is taken; the median counts."""
STREAM_BYTES = 128 << 20
"""Larger than any cache."""
VIEWERS = 512
"""Viewers whose lists are scored together."""
EVENTS = 20_000
ROW_BYTES, PAGE_BYTES = 700, 1_300
"""A viewer's row, and a list of 20 as JSON."""
RECORDS = 8_000
"""Rows, or messages, of a large batch."""

Figures = dict[str, Any]


def hardware() -> Figures:
    """Measure memory, JSON, lz4, RocksDB and librdkafka."""
    return {
        "memory": _memory(),
        "json": _json(),
        "lz4": _lz4(),
        "rocksdb": _rocksdb(),
        "librdkafka": _librdkafka(),
    }


def _median(measure: Callable[[], float]) -> float:
    measure()
    return float(np.median([measure() for _ in range(ROUNDS)]))


def _timed(work: Callable[[], object], clock: Callable[[], float] = thread_time) -> float:
    began = clock()
    work()
    return clock() - began


def _memory() -> Figures:
    """Measure reading from memory, and the scores of a list: of the default model, and of the peers' job."""
    stream = np.ones(STREAM_BYTES // 8)
    return {
        "read_gb_per_s": round(STREAM_BYTES / _median(lambda: _timed(stream.sum)) / 1e9, 1),
        **{f"scores_of_{width}_numbers_a_title": _scores(width) for width in (ModelConfig().width, 16)},
    }


def _scores(width: int) -> Figures:
    """Measure the scores of a list: the titles' factors are read once for a viewer alone, or for a batch."""
    rng = np.random.default_rng(7)
    titles = rng.normal(size=(TITLES, width)).astype(np.float32)
    viewers = rng.normal(size=(VIEWERS, width)).astype(np.float32)
    scores = np.empty((VIEWERS, TITLES), np.float32)
    alone = _median(lambda: _timed(lambda: [titles @ one for one in viewers[:32]]) / 32)
    together = _median(lambda: _timed(lambda: np.matmul(viewers, titles.T, out=scores)) / VIEWERS)
    best = _median(lambda: _timed(lambda: scores[:64].max(axis=1)) / 64)
    return {
        "factors_of_10000_titles_mb": round(titles.nbytes / 1e6, 2),
        "list_alone_us": round(alone * 1e6, 1),
        "list_alone_gb_per_s": round(titles.nbytes / alone / 1e9, 1),
        "list_in_a_batch_us": round(together * 1e6, 1),
        "batch_gflop_per_s": round(2 * TITLES * width / together / 1e9, 1),
        "one_pass_over_the_scores_us": round(best * 1e6, 1),
    }


def _json() -> Figures:
    """Measure the events as JSON: to dictionaries, to typed objects, and a list written."""
    events = [encode(event) for event in stops(EVENTS)]
    size, typed = sum(map(len, events)), msgspec.json.Decoder(Event)
    whole = b"[" + b",".join(events) + b"]"
    page = {"items": [{"title_id": f"t{n}", "score": n / 7, "reason": "trending"} for n in range(20)]}
    loads = _median(lambda: _timed(lambda: [orjson.loads(event) for event in events]))
    at_once = _median(lambda: _timed(lambda: orjson.loads(whole)))
    decode = _median(lambda: _timed(lambda: [typed.decode(event) for event in events]))
    dumps = _median(lambda: _timed(lambda: [orjson.dumps(page) for _ in range(1_000)])) / 1_000
    return {
        "bytes_per_event": round(size / EVENTS),
        "orjson_us_per_event": round(loads / EVENTS * 1e6, 2),
        "orjson_mb_per_s": round(size / loads / 1e6),
        "orjson_one_document_us_per_event": round(at_once / EVENTS * 1e6, 2),
        "msgspec_typed_us_per_event": round(decode / EVENTS * 1e6, 2),
        "orjson_write_a_list_us": round(dumps * 1e6, 2),
        "orjson_write_mb_per_s": round(len(orjson.dumps(page)) / dumps / 1e6),
    }


def _lz4() -> Figures:
    """Measure a batch of events opened, and one of lists closed."""
    events = b"".join(encode(event) for event in stops(EVENTS))[:1_000_000]
    packed = bytes(cramjam.lz4.compress_block(events))
    close = _median(lambda: _timed(lambda: cramjam.lz4.compress_block(events)))
    opened = _median(lambda: _timed(lambda: cramjam.lz4.decompress_block(packed)))
    return {
        "ratio": round(len(events) / len(packed), 1),
        "compress_mb_per_s": round(len(events) / close / 1e6),
        "decompress_mb_per_s": round(len(events) / opened / 1e6),
        "list_compressed_us": round(PAGE_BYTES / (len(events) / close) * 1e6, 2),
    }


def _rocksdb() -> Figures:
    """Measure rows written as a worker writes them, a batch at a time, and read one by one and together."""
    rng = np.random.default_rng(7)
    rows = [(b"u%d" % n, rng.bytes(ROW_BYTES)) for n in range(RECORDS)]
    keys = [key for key, _ in rows]
    with tempfile.TemporaryDirectory(prefix="nearline-bench-") as folder:
        store = Store(Path(folder) / "store", StoreMemory())
        number = iter(range(1_000))

        def write() -> None:
            at = next(number)
            store.write(rows, applied=at, changelog_position=at)

        wrote = _median(lambda: _timed(write))
        read = _median(lambda: _timed(lambda: store.get_many(keys)))
        store.close()
    return {
        "write_us_per_row": round(wrote / RECORDS * 1e6, 2),
        "write_mb_per_s": round(ROW_BYTES * RECORDS / wrote / 1e6),
        "read_us_per_row": round(read / RECORDS * 1e6, 2),
    }


def _librdkafka() -> Figures:
    """Measure lists produced to a broker in this process, which costs little: the caller, and all threads."""
    page = orjson.dumps([{"title_id": f"t{n}", "score": n / 7} for n in range(40)])[:PAGE_BYTES]
    with EmbeddedCluster() as cluster:
        cluster.create(["bench.lists"])
        settings = Settings(brokers=cluster.bootstrap_servers)
        producer = clients.producer(settings, dict(PRODUCER))
        messages = [{"value": page, "key": b"u%d" % n} for n in range(RECORDS)]

        def one_by_one() -> None:
            for message in messages:
                producer.produce("bench.lists", **message)

        def together() -> None:
            producer.produce_batch("bench.lists", [dict(message) for message in messages])

        def measured(work: Callable[[], None]) -> tuple[float, float, float]:
            whole, wall = process_time(), perf_counter()
            caller = _timed(work)
            producer.flush(30)
            return caller, process_time() - whole, perf_counter() - wall

        found = {"one_by_one": one_by_one, "produce_batch": together}
        out: Figures = {}
        for name, work in found.items():
            measured(work)
            caller, every, _ = np.median([measured(work) for _ in range(ROUNDS)], axis=0)
            out[f"{name}_us_of_the_caller"] = round(caller / RECORDS * 1e6, 2)
            out[f"{name}_us_with_lz4_and_both_ends_of_the_socket"] = round(every / RECORDS * 1e6, 2)
    return out
