"""`nearline top`: rates between two looks, several workers as one, and what is wrong on top."""

import io
import json
import math
from collections.abc import Iterator

import numpy as np
import pytest
from rich.console import Console

from streams.cli import main
from streams.cli.views.top_screen import line, screen, spark
from streams.ops.overview import MetricsSnapshot, Observer, combine, fetch
from streams.telemetry.exposition import Exposition
from streams.telemetry.health import Health
from streams.telemetry.metrics import Metrics


@pytest.fixture
def worker() -> Iterator[tuple[Metrics, str]]:
    """Give the metrics of a worker, and where it shows them."""
    metrics = Metrics()
    health = Health("127.0.0.1", 0, list, metrics, clock=iter(range(10**6)).__next__)
    health.start()
    yield metrics, f"127.0.0.1:{health.port}"
    health.stop()


def _work(metrics: Metrics, events: int, *, partition: int = 0, lag: int = 0) -> None:
    """Let a worker apply events, list half of them, and learn how good it is."""
    metrics.events.labels("viewers", "applied").inc(events)
    metrics.lists.inc(events // 2)
    metrics.lag.labels("viewers", str(partition)).set(lag)
    metrics.freshness.observe("false", np.full(events, 0.0015))
    metrics.freshness.observe("true", np.full(events, 0.4))
    metrics.tested.labels("blend").inc(events)
    metrics.hits.labels("blend").inc(events // 4)


def _read(metrics: Metrics) -> Exposition:
    return Exposition(metrics.exposition().decode())


def _look(seconds: float = 2.0, **changes: int) -> MetricsSnapshot:
    """Make a look at a worker that did 200 events since the look before."""
    metrics = Metrics()
    _work(metrics, 100)
    before = _read(metrics)
    _work(metrics, 200, lag=changes.pop("lag", 30))
    metrics.dead_letters.labels("viewers", "wrong_type").inc(changes.pop("rejected", 0))
    now = _read(metrics)
    return combine([now], now.since(before), seconds, 1)


def _text(look: MetricsSnapshot, width: int = 100, height: int = 40) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    console.print(screen([look], height))
    printed: str = console.file.getvalue()  # type: ignore[attr-defined]
    return printed


def test_rates_are_what_was_counted_between_two_looks() -> None:
    """200 events in two seconds are 100/s, whatever was before; gauges and shares are those of now."""
    look = _look()
    assert (look.events_per_s, look.pages_per_s, look.dead_letters_per_s) == (100, 50, 0)
    assert look.lag == {"viewers": {"0": 30}, "titles": {}}
    assert look.hit_rate == {"blend": 0.25}
    assert look.freshness_ms["p50"] == pytest.approx(1.5)
    assert 300 < look.held_back_ms["p50"] < 500
    assert math.isnan(look.parts_ms["titles"]["step"])


def test_several_workers_are_one() -> None:
    """Counts and lags add up, shares are of all tested events."""
    one, two = Metrics(), Metrics()
    _work(one, 100, partition=0, lag=5)
    _work(two, 300, partition=1, lag=7)
    two.replica_age.set(9)
    both = [_read(one), _read(two)]
    look = combine(both, Exposition.together(both), 1.0, 3)
    assert look.events_per_s == 400
    assert look.lag["viewers"] == {"0": 5, "1": 7}
    assert look.hit_rate == {"blend": 0.25}
    assert (look.replica_age, look.answering, look.asked) == (9, 2, 3)


def test_a_worker_that_began_anew_counts_whole() -> None:
    """Its counters are below those of before: nothing negative is shown."""
    metrics = Metrics()
    _work(metrics, 50)
    old = Metrics()
    _work(old, 1_000)
    assert _read(metrics).since(_read(old)).value("nearline_events_total") == 50


def test_an_observer_asks_over_http(worker: tuple[Metrics, str]) -> None:
    """The first look knows no rate; the second has it; who does not answer is counted as asked."""
    metrics, place = worker
    _work(metrics, 500)
    observer = Observer([f"http://{place}/metrics", "http://127.0.0.1:1/metrics"])
    first = observer.snapshot()
    assert (first.events_per_s, first.answering, first.asked) == (0, 1, 2)
    _work(metrics, 500)
    second = observer.snapshot()
    assert second.events_per_s * second.seconds == pytest.approx(500)
    assert fetch("http://127.0.0.1:1/metrics") is None


def test_the_picture_shows_what_matters() -> None:
    """Numbers, lag by partition, and what is wrong; all within the width that there is."""
    text = _text(_look(lag=20_000, rejected=4))
    wanted = (
        "1 of 1 workers",
        "100",
        "20,000",
        "viewers 0",
        "wrong_type 4",
        "0.250",
        "store",
        "held back 400",
    )
    for shown in wanted:
        assert shown in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_picture_fits_a_small_terminal() -> None:
    """On few lines there is what a glance needs, and no more."""
    text = _text(_look(), width=80, height=10)
    assert "fresh p50/p99" in text
    assert "by partition" not in text
    assert len(text.splitlines()) <= 10


def test_a_line_where_there_is_no_terminal() -> None:
    """One line with rates, freshness, lag and quality; a dash for what is not known."""
    assert line(_look()).startswith("1/1 workers  100 events/s  50 pages/s  fresh p50 1.5 ")
    assert "p50 -" in line(combine([], Exposition(""), 1.0, 1))


@pytest.mark.parametrize(
    ("values", "drawn"), [([], "    "), ([0, 0], "    "), ([1, 8], "  ▁█"), ([9] * 9, "████")]
)
def test_a_line_of_rates(values: list[float], drawn: str) -> None:
    """The highest is full, nothing is empty, and only the newest are shown."""
    assert spark(values, 4) == drawn


def test_the_command_writes_json(worker: tuple[Metrics, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The last look as a document."""
    metrics, place = worker
    _work(metrics, 8, lag=3)
    code = main(["top", "--worker", place, "--every", "0.2", "--seconds", "0.3", "--json", "-"])
    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document["lag"] == {"viewers": {"0": 3.0}, "titles": {}}
    assert document["freshness_ms"] == {"p50": None, "p99": None}


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """Code 1, and what to do."""
    assert main(["top", "--worker", "127.0.0.1:1", "--every", "0.2", "--seconds", "0.2"]) == 1
    assert "nearline worker" in capsys.readouterr().out
