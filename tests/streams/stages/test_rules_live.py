"""A worker at work hears of a rule and of its end: the next pages of a viewer say so."""

import itertools
import time
from pathlib import Path

import pytest

from schemas import topics
from schemas.codec import decode_home
from schemas.rules import BusinessRule, PinRow, RuleKind
from streams.config.settings import Settings
from streams.kafka import scan as topic_scan
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.worker_process import WorkerProcess
from streams.stages.rules import create, remove
from tests.streams.steps import watch
from tests.waiting import until

RULES = (
    BusinessRule(rule_id="gone", kind=RuleKind.EXCLUDE, titles=("t3",)),
    BusinessRule(rule_id="ours", kind=RuleKind.PIN, titles=("t7",), row=PinRow.FEATURED, slot=0),
)


@pytest.mark.embedded
@pytest.mark.slow
def test_without_a_restart(embedded: EmbeddedCluster, topic_prefix: str, tmp_path: Path) -> None:
    """A page with a title, without it and with another on top, and as before; the worker is the same."""
    embedded.create([f"{topic_prefix}{name}" for name in topics.TOPICS])
    settings = Settings(brokers=embedded.bootstrap_servers, topic_prefix=topic_prefix, check_crcs=False)
    count = itertools.count()
    with WorkerProcess(settings, tmp_path) as worker, EventProducer(settings) as producer:
        worker.wait_ready()
        producer.send(watch(f"c{n}", f"t{n % 10}", next(count)) for n in range(60))

        def shown() -> tuple[bool, str]:
            producer.send([watch("ada", "t0", next(count))])
            producer.flush()
            time.sleep(1.1)  # a page a second
            pages = topic_scan.read_latest(settings, topics.HOME, range(4))
            if b"ada" not in pages:
                return False, ""
            rows = decode_home(pages[b"ada"].value()).rows
            if not rows:  # the first page may come before any title has a positive
                return False, ""
            there = any(item.title_id == "t3" for row in rows for item in row.items)
            return there, rows[0].items[0].title_id if rows[0].kind == "featured" else ""

        until(lambda: shown() == (True, ""), worker)
        for one in RULES:
            create(settings, one)
        until(lambda: shown() == (False, "t7"), worker)
        for one in RULES:
            remove(settings, one.rule_id)
        until(lambda: shown() == (True, ""), worker)
