"""From the event to its committed list, as a consumer of the lists sees it."""

import itertools
import multiprocessing
import time
from multiprocessing.process import BaseProcess
from typing import Any

import msgspec
import numpy as np
from msgspec import structs

from schemas import Event, topics
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.kafka import clients as kafka_clients
from streams.kafka.clients import OFFSET_END, Consumer, TopicPartition
from streams.kafka.produce import EventProducer
from streams.ops.runs.worker_process import make_topics
from tests.benchmarks.bench import Bench
from tests.benchmarks.load import produce, stops
from tests.benchmarks.throughput import EVERY_LIST
from tests.benchmarks.workers import MeteredWorker

KNOWN = 60_000
"""Events before the figures begin: a model of ten thousand titles, from which all lists are made."""
WARM_UP_RATE, WARM_UP_S = 999, 40.0
"""Events a second, and seconds, before the first rate. A broker compiles in its first minute: while it takes
half a core of two for that, it answers to a transaction in 30 to 45 ms, later in 9 to 12 (measured)."""
RATES = (1_000, 5_000, 10_000)
SECONDS = 10.0
LEFT_OUT_S = 3.0
"""Of each rate's beginning."""
QUIET_S = 1.0
"""After so long without a list, all are in."""

PARTITIONS = 4
TICK_S = 0.005
"""Between two requests of the sender: 200 requests a second take .1 core of the broker, the 1,000 that a
sender makes with a linger of 1 or 5 ms take .3 to .5 (measured), and leave no cores to the worker."""

READER = {"group.id": "bench-freshness"}
"""The broker answers as soon as there is something: a shorter wait than the driver's makes only requests."""


class _Generated(msgspec.Struct):
    generated_at_ms: int


def freshness(bench: Bench) -> dict[str, Any]:
    """Measure p50 and p99 at each rate; the worker shares all cores with everybody else."""
    settings = bench.settings("freshness")
    make_topics(settings)
    produce(settings, KNOWN)
    out: dict[str, Any] = {"freshness_ms": {}, "lists_per_s": {}, "cores": {}, "events_per_batch": {}}
    out |= {
        "broker_cores": {},
        "compiler_cores": {},
        "way_of_an_event_ms": {},
        "batches_ms": {},
        "cpu_us_per_event": {},
    }
    state = bench.state("freshness")
    with bench.shared(), MeteredWorker(settings, state, bench.cores, EVERY_LIST) as worker:
        worker.answered(KNOWN, learned=True)
        send(settings.model_dump(), WARM_UP_RATE, WARM_UP_S)
        last = worker.look()
        for rate in RATES:
            first, broker, compiler = last, bench.broker_cpu(), bench.compiler_cpu()
            waits, seconds = _at(settings, rate)
            last = worker.look()
            p50, p99 = np.percentile(waits, (50, 99)).tolist()
            out["freshness_ms"][str(rate)] = {"p50": round(p50, 1), "p99": round(p99, 1)}
            out["lists_per_s"][str(rate)] = round(len(waits) / seconds)
            out["cores"][str(rate)] = round(last.cpu_since(first) / SECONDS, 2)
            out["broker_cores"][str(rate)] = round((bench.broker_cpu() - broker) / SECONDS, 2)
            out["compiler_cores"][str(rate)] = round((bench.compiler_cpu() - compiler) / SECONDS, 2)
            out["events_per_batch"][str(rate)] = round(last.events_since(first) / last.batches_since(first))
            out["way_of_an_event_ms"][str(rate)] = last.delays_since(first)
            out["batches_ms"][str(rate)] = last.waits_since(first)
            out["cpu_us_per_event"][str(rate)] = {
                kind: {name: round(us, 1) for name, us in last.steps_since(first, kind).items() if us >= 0.5}
                for kind in ("process", "thread", "step")
            }
    return out


def _at(settings: Settings, rate: int) -> tuple[list[float], float]:
    """Send events at a rate; return the milliseconds that each list took, and the seconds of reading."""
    reader = kafka_clients.consumer(settings, READER)
    reader.assign([TopicPartition(settings.topic(topics.HOME), p, OFFSET_END) for p in range(PARTITIONS)])
    reader.poll(1.0)
    sender = multiprocessing.get_context("spawn").Process(target=send, args=(settings.model_dump(), rate))
    sender.start()
    try:
        return _waits(reader, sender)
    finally:
        sender.join()
        reader.close()


def _waits(reader: Consumer, sender: BaseProcess) -> tuple[list[float], float]:
    """Read until the sender has ended and nothing has come for a while."""
    decode = msgspec.json.Decoder(_Generated).decode
    waits: list[float] = []
    begin, last = float("inf"), time.time()
    while sender.is_alive() or time.time() < last + QUIET_S:
        first = reader.poll(0.05)
        if first is None or first.error() is not None:
            continue
        found = [first, *(m for m in reader.consume(10_000, 0) if m.error() is None)]
        last = time.time()
        begin = min(begin, last)
        if last > begin + LEFT_OUT_S:
            waits.extend(last * 1000 - decode(m.value() or b"").generated_at_ms for m in found)
    return waits, last - begin - LEFT_OUT_S


def send(given: dict[str, Any], rate: int, seconds: float = SECONDS) -> None:
    """Send events at a steady rate; in a process of its own where a reader must not be held up.

    Each tick sends what is due to one partition, the next tick to the next: a request of the driver is for
    one partition, and few requests leave the broker's cores to the worker (`TICK_S`). An event's time is that
    of its tick, so nothing waits in the driver.
    """
    settings = Settings.load(**{name: given[name] for name in ("brokers", "topic_prefix", "group")})
    total = int(rate * seconds)
    waiting: list[list[Event]] = [[] for _ in range(PARTITIONS)]
    events = stops(total, seed=rate)
    start, taken = time.time(), 0
    with EventProducer(settings, {"linger.ms": 0}) as producer:
        for tick in itertools.count():
            now = time.time()
            due = min(int((now - start) * rate), total)
            for event in itertools.islice(events, due - taken):
                waiting[partition_for(event.viewer_id.encode(), PARTITIONS)].append(event)
            taken = due
            batch, waiting[tick % PARTITIONS] = waiting[tick % PARTITIONS], []
            at, event_id = int(now * 1000), f"{rate}-{tick}-"
            producer.send(
                structs.replace(event, event_time_ms=at, event_id=f"{event_id}{n}")
                for n, event in enumerate(batch)
            )
            if producer.sent == total:
                return
            time.sleep(max(0.0, start + (tick + 1) * TICK_S - time.time()))
