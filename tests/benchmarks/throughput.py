"""Both stages from end to end, on one core: everything that the product does, and the job of its peers."""

from collections.abc import Mapping
from typing import Any

from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.runs.worker_process import make_topics
from tests.benchmarks.bench import Bench
from tests.benchmarks.load import catalog, produce
from tests.benchmarks.workers import MeteredWorker, Reading

EVENTS = 300_000
WARM_UP = 60_000
"""Events before the figures begin: by then the titles are known and half of the viewers hot."""

PEERS_JOB = {
    "NEARLINE_LIST_PER_EVENT": "true",
    "NEARLINE_PAGE__ROWS": "1",
    "NEARLINE_PREQUENTIAL_SHARE": "0",
    "NEARLINE_MODEL__FACTORIZATION__FACTORS": "16",
    "NEARLINE_MODEL__FACTORIZATION__HORIZONS": "[]",
    "NEARLINE_MODEL__FACTORIZATION__NEGATIVES": "5",
    "NEARLINE_MODEL__COWATCH__ENABLED": "false",
    "NEARLINE_MODEL__COWATCH__NEIGHBOURS": "16",
    "NEARLINE_MODEL__BLEND__POPULARITY": "0.1",
}
"""16 factors, trending, history, a list for every event, co-watch off: the job of the compared systems."""


EVERY_PAGE = {"NEARLINE_PAGE_INTERVAL_S": "0"}
"""A page with every batch, however soon after the viewer's last one."""
EVERY_LIST = EVERY_PAGE | {"NEARLINE_PAGE__ROWS": "1"}
"""A list of 20 for every batch: what peers make, and what figures have meant from the first on."""
PAGES_OF = 40_000
"""Events of `pages`, of which there are two runs: at 3,000 pages a second they take half a minute."""


def end_to_end(bench: Bench) -> dict[str, Any]:
    """Measure the defaults without a budget: a refreshed list for every viewer that a batch moved."""
    return _measured(bench, "end_to_end", EVERY_LIST)


def list_per_event(bench: Bench) -> dict[str, Any]:
    """Measure the job that Faust with River, Quix Streams and Kafka Streams were given."""
    return _measured(bench, "list_per_event", PEERS_JOB)


def pages(bench: Bench) -> dict[str, Any]:
    """Measure whole pages: 12 rows of 20 of a catalog with tags and pictures, with every batch.

    On one core, and by a worker that has every core, which it then shares with broker, producer and reader.
    """
    figures = _pages(bench, "pages", _alone(bench))
    with bench.shared():
        everywhere = _pages(bench, "pages-shared", bench.cores)
    return {
        "pages_per_s": figures["lists_per_s"],
        "pages_per_s_on_all_cores": everywhere["lists_per_s"],
        "cpu_us_per_page": figures["cpu_us_per_list"],
        "cpu_us_per_page_on_all_cores": everywhere["cpu_us_per_list"],
    } | figures


def _pages(bench: Bench, name: str, cores: list[int]) -> dict[str, Any]:
    settings = bench.settings(name)
    make_topics(settings)
    with EventProducer(settings) as producer:
        producer.send_titles(catalog())
    return _measured(
        bench, name, EVERY_PAGE, settings=settings, events=PAGES_OF, warm_up=PAGES_OF // 5, cores=cores
    )


def _alone(bench: Bench) -> list[int]:
    """Return the core that a worker has to itself; all of them where there is one."""
    return bench.cores if bench.core is None else [bench.core]


def _measured(
    bench: Bench,
    name: str,
    variables: Mapping[str, str],
    *,
    settings: Settings | None = None,
    events: int = EVENTS,
    warm_up: int = WARM_UP,
    cores: list[int] | None = None,
) -> dict[str, Any]:
    """Let a worker answer events that are there before it starts."""
    if settings is None:
        settings = bench.settings(name)
        make_topics(settings)
    produce(settings, events)
    with MeteredWorker(settings, bench.state(name), cores or _alone(bench), variables) as worker:
        first = worker.answered(warm_up)
        last = worker.answered(events, learned=True)
    return _figures(first, last)


def _figures(first: Reading, last: Reading) -> dict[str, Any]:
    events, lists = last.events - first.events, last.lists - first.lists
    seconds = last.at - first.at
    cpu = last.cpu["process", "all"] - first.cpu["process", "all"]
    return {
        "events": events,
        "events_per_s": round(events / seconds),
        "lists_per_s": round(lists / seconds),
        "events_per_s_until_titles_learned": round(events / (max(last.at, last.titles_at) - first.at)),
        "events_per_batch": round(events / max(1, last.batches - first.batches)),
        "cpu_us_per_event": round(cpu / events * 1e6, 2),
        "cpu_us_per_list": round(cpu / max(1, lists) * 1e6, 2),
        "steps_us_per_event": _rounded(last.steps_since(first, "step")),
        "threads_us_per_event": _rounded(last.steps_since(first, "thread")),
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in values.items() if value >= 0.005}
