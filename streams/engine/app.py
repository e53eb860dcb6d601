"""The composition root of a worker: settings and stages in, a running process out.

Nothing happens at import, and :func:`build_app` connects to nothing. What we use of Faust is its app, its
agents, group membership, rebalancing and the supervision of its services; its tables, web server, topic
declaration, leader and acknowledgements are off (:mod:`streams.engine.transport`, :mod:`streams.engine.stage`
say why).
"""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Protocol

import structlog

from streams.config.security import explained
from streams.config.settings import Settings
from streams.engine.changelog import RESTORER, ends
from streams.engine.context import Failpoint, WorkerContext, no_failpoint
from streams.engine.exits import die
from streams.engine.faust_app import App
from streams.engine.folder_lock import locked_folder
from streams.engine.stage import StageSpec
from streams.engine.state import StoreMemory
from streams.engine.task_manager import TaskManager
from streams.engine.topic_check import TopicCheck
from streams.engine.transactions import PRODUCER
from streams.engine.watchdog import Watchdog
from streams.errors import OutcomeInDoubtError
from streams.kafka import clients as kafka_clients
from streams.telemetry.health import Health
from streams.telemetry.metrics import Metrics
from streams.telemetry.tracing import no_trace, otlp_provider, tracing

__all__ = ["App", "Companion", "Worker", "build_app", "run_worker"]

_LOG = structlog.get_logger(__name__)

COLLECT_AFTER = 100_000
"""New objects after which Python looks for cycles among them: a batch has tens of thousands, and no cycles.
At its default of 700 the search took a tenth of the worker's CPU (measured)."""

UNDER_WAY = 32
"""Batches under way at most. Most of a small batch's time is its transaction, which waits for the broker and
needs no core: only the steps take turns, as many at a time as the setting `threads` says."""

STOP_S = 15.0
"""Seconds to drain, commit and leave after a signal; orchestrators kill after 30."""

END_S = 5.0
"""Longest that the watchdog waits for one answer of the broker."""


class Part(Protocol):
    """Something that lives as long as the worker."""

    def start(self) -> None:
        """Begin; called before the worker joins the group. May raise a `StreamError`."""

    def stop(self) -> None:
        """End; called after all partitions are closed."""


class Companion(Part, Protocol):
    """A part that the worker has to wait for, such as the reader of a replica."""

    def waiting(self) -> Sequence[str]:
        """Say what it has to wait for before the worker is ready, a line each; asked from any thread."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that was put together and not yet started."""

    app: App
    companions: tuple[Companion, ...]
    metrics: Metrics
    prepare: Callable[[], None] = lambda: None
    """Called before it starts: loads what takes long."""

    def run(self) -> int:
        """Run until a signal or a crash; return the exit code."""
        self.prepare()
        return run_worker(self.app, self.companions)


def build_app(
    settings: Settings,
    specs: Iterable[StageSpec],
    metrics: Metrics,
    *,
    failpoint: Failpoint = no_failpoint,
    die: Callable[[BaseException], None] = die,
) -> App:
    """Put a worker together; nothing is connected and nothing is written before :func:`run_worker`.

    Parameters
    ----------
    settings
        The worker's settings.
    specs
        Its stages, each with a source of its own.
    metrics
        Where it counts.
    failpoint
        Called between effects; for tests.
    die
        Ends the process when going on could lose or double an event; for tests.

    Returns
    -------
    App
        To be given to :func:`run_worker`.
    """
    specs = list(specs)
    check = TopicCheck(settings, specs, die)
    around = WorkerContext(
        group=settings.consumer_group,
        state_dir=settings.state_folder,
        producer=lambda name: kafka_clients.producer(
            settings, {**PRODUCER, **settings.kafka, "transactional.id": name}
        ),
        consumer=lambda: kafka_clients.consumer(settings, RESTORER),
        metrics=metrics,
        origin=check.origin,
        delete_retention_s=check.delete_retention_s,
        memory=StoreMemory(),
        turn=BoundedSemaphore(settings.threads),
        failpoint=failpoint,
        trace=tracing(otlp_provider(settings.consumer_group)) if settings.traces else no_trace,
    )
    return App(settings, TaskManager(specs, around, threads=UNDER_WAY, die=die), check)


def run_worker(app: App, companions: Sequence[Companion] = ()) -> int:
    """Run a worker, with its health server and its watchdog, until SIGTERM or SIGINT.

    Parameters
    ----------
    app
        From :func:`build_app`.
    companions
        Started before it in their order, stopped after it in the reverse order.

    Returns
    -------
    int
        0 after a signal. Whatever fails while the worker runs or stops, in a step, in a transaction, in a
        store or inside Faust, ends the process directly (:mod:`streams.engine.exits`).

    Raises
    ------
    StreamError
        The broker does not answer, a topic is missing or does not fit, the state folder is in use, or a
        companion cannot start.
    """
    settings, stages = app.settings, app.stages
    gc.freeze()  # what is imported stays: no search looks at it again
    gc.set_threshold(COLLECT_AFTER, 50, 100)
    health = Health(
        settings.http_host,
        settings.http_port,
        lambda: [*stages.waiting(), *(line for one in companions for line in one.waiting())],
        stages.metrics,
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(locked_folder(settings.state_folder))
        parts: tuple[Part, ...] = (app.topic_check, health, *companions, _watchdog(app))
        for part in parts:
            part.start()
            stack.callback(part.stop)
        stack.callback(stages.shutdown)
        asyncio.set_event_loop(app.loop)
        stack.callback(app.loop.close)
        _LOG.info(
            "worker_starts", stages=[spec.name for spec in stages.specs.values()], http_port=health.port
        )
        return app.loop.run_until_complete(_serve(app, health))


def _watchdog(app: App) -> Watchdog:
    """Make the watchdog, with a client of its own."""
    consumer = kafka_clients.consumer(app.settings, RESTORER)
    return Watchdog(
        app.stages.progress,
        lambda topic, partition: ends(consumer, topic, partition, timeout_s=END_S)[1],
        app.stages.metrics,
        limit_s=app.settings.watchdog_s,
        bark=die,
    )


async def _serve(app: App, health: Health) -> int:
    """Start the app, wait for a signal, stop the app; a crash of Faust, or in stopping, ends the process.

    An app that is stopped by half must not be left to Python: Faust's fetching thread is no daemon, so the
    process would stay, a member of the group whose partitions nobody works on (seen by tests/chaos).
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    beat = loop.create_task(health.beat_forever())
    await app.start()
    ends = [loop.create_task(stop.wait()), loop.create_task(app.wait_crashed())]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if app.crash_reason is not None:
        die(explained(app.crash_reason))
    _LOG.info("worker_stops")
    try:
        async with asyncio.timeout(STOP_S):
            await app.stop()
    except TimeoutError:
        die(OutcomeInDoubtError(f"the worker did not stop in {STOP_S:g} s", next_step="start it again"))
    except Exception as error:  # noqa: BLE001 - whatever it is, the rest of the app still runs
        die(error)
    finally:
        for task in (beat, *ends):
            task.cancel()
    return 0
