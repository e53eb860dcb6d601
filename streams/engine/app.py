"""How a worker is composed of settings and stages, and how it runs.

Nothing happens at import, and :func:`build_app` does not connect. Of Faust we use the app, the agents, group
membership, rebalancing and the supervision of services. Its tables, web server, topic declaration, leader
and acknowledgements are not used; :mod:`streams.engine.transport` gives the reasons.
"""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from threadpoolctl import threadpool_limits

from streams.config.settings import Settings
from streams.engine.broker_watch import BrokerWatch
from streams.engine.changelog import RESTORER, ends
from streams.engine.collector import pause_collector, resume_when_read
from streams.engine.context import Failpoint, WorkerContext, no_failpoint
from streams.engine.disk_space import DiskSpace
from streams.engine.exits import die, leave
from streams.engine.faust_app import App
from streams.engine.folder_lock import locked_folder
from streams.engine.heaps import use_few_heaps
from streams.engine.stage import StageSpec
from streams.engine.state import StoreMemory
from streams.engine.step_permits import StepPermits
from streams.engine.task_manager import TaskManager
from streams.engine.topic_check import TopicCheck
from streams.engine.transactions import PRODUCER
from streams.engine.watchdog import Watchdog
from streams.errors import DiskFullError, OutcomeInDoubtError
from streams.kafka import clients as kafka_clients
from streams.kafka.security import explained
from streams.telemetry.health import Health
from streams.telemetry.metrics import Metrics
from streams.telemetry.tracing import no_trace, otlp_provider, tracing

__all__ = ["App", "Companion", "Worker", "build_app", "run_worker"]

_LOG = structlog.get_logger(__name__)

MAX_IN_FLIGHT = 32
"""Maximum number of batches in flight. Most of the time of a small batch is its transaction, which waits for
the broker and needs no core. Only the steps are limited further, by the setting `threads`."""

STOP_S = 15.0
"""Seconds to drain, commit and leave the group after a signal; Kubernetes kills after 30 by default."""

END_S = 5.0
"""Seconds that the watchdog waits for one answer of the broker."""


class Part(Protocol):
    """A component with the lifetime of the worker."""

    def start(self) -> None:
        """Start; called before the worker joins the group. May raise a `StreamError`."""

    def stop(self) -> None:
        """Stop; called after all partitions are closed."""


class Companion(Part, Protocol):
    """A part that has to be ready before the worker is, such as the reader of a replica."""

    def waiting(self) -> Sequence[str]:
        """Return what is not ready yet, a line each; called from any thread."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A composed worker that is not started yet."""

    app: App
    companions: tuple[Companion, ...]
    metrics: Metrics
    prepare: Callable[[], None] = lambda: None
    """Called before the start: loads what takes long, such as compiled kernels."""

    def run(self) -> int:
        """Run until a signal or a crash; return the exit code."""
        self.prepare()
        return run_worker(self.app, self.companions)


def build_app(
    settings: Settings,
    specs: Iterable[StageSpec],
    metrics: Metrics,
    *,
    topics: Iterable[str] = (),
    failpoint: Failpoint = no_failpoint,
    die: Callable[[BaseException], None] = die,
) -> App:
    """Compose a worker; nothing is connected and nothing is written before :func:`run_worker`.

    Parameters
    ----------
    settings
        The worker's settings.
    specs
        Its stages, each with a source of its own.
    metrics
        Metrics of the worker.
    topics
        Further topics that the worker reads or writes, by their names on the cluster; watched for changes.
    failpoint
        Called between effects; for tests.
    die
        Ends the process when to go on could lose or duplicate an event; for tests.

    Returns
    -------
    App
        For :func:`run_worker`.
    """
    specs = list(specs)
    check = TopicCheck(settings, specs, die, others=topics)
    memory = StoreMemory()
    metrics.watch_state_memory(memory.parts)
    context = WorkerContext(
        group=settings.consumer_group,
        state_dir=settings.state_folder,
        producer=lambda name: kafka_clients.producer(
            settings, {**PRODUCER, **settings.kafka, "transactional.id": name}
        ),
        consumer=lambda: kafka_clients.consumer(settings, RESTORER),
        metrics=metrics,
        origin=check.origin,
        identity=check.identity,
        delete_retention_s=check.delete_retention_s,
        memory=memory,
        step_permits=StepPermits(settings.threads),
        failpoint=failpoint,
        trace=tracing(otlp_provider(settings.consumer_group)) if settings.traces else no_trace,
    )
    return App(settings, TaskManager(specs, context, threads=MAX_IN_FLIGHT, die=die), check)


def use_one_blas_thread() -> None:
    """Have products of matrices computed by the thread that asks for them.

    By default as many threads as there are cores share each product, and all of them need a core at the same
    time, while steps of several partitions keep the cores busy anyway. The scores of 128 viewers and 10,000
    titles take 2.1 ms with one thread, and 9 to 28 with two while two programs have the two cores (measured).
    """
    threadpool_limits(1, user_api="blas")


def run_worker(app: App, companions: Sequence[Companion] = ()) -> int:
    """Run a worker, with its health server and its watchdog, until SIGTERM or SIGINT.

    Parameters
    ----------
    app
        From :func:`build_app`.
    companions
        Started before the app in their order, stopped after it in the reverse order.

    Returns
    -------
    int
        0 after a signal. Any failure while the worker runs or stops, in a step, in a transaction, in a store
        or inside Faust, ends the process directly (:mod:`streams.engine.exits`).

    Raises
    ------
    StreamError
        The broker does not answer, a topic is missing or has the wrong shape, the state folder is in use, or
        a companion cannot start.
    """
    settings, tasks = app.settings, app.task_manager
    use_one_blas_thread()
    use_few_heaps()

    def unread() -> list[str]:
        return [line for one in companions for line in one.waiting()]

    watch = BrokerWatch(settings, next(iter(tasks.specs)), die)
    space = DiskSpace(settings.state_folder)
    health = Health(
        settings.http_host,
        settings.http_port,
        lambda: [*space.waiting(), *watch.waiting(), *tasks.waiting(), *unread()],
        tasks.metrics,
    )
    with contextlib.ExitStack() as stack:
        pause_collector()
        stack.callback(gc.enable)
        locked = False
        with contextlib.suppress(DiskFullError):  # then it is new, so nobody else uses it
            stack.enter_context(locked_folder(settings.state_folder))
            locked = True
        health.start()
        stack.callback(health.stop)
        space.wait(health.beat)
        if not locked:
            stack.enter_context(locked_folder(settings.state_folder))
        parts: tuple[Part, ...] = (app.topic_check, watch, *companions, _watchdog(app))
        for part in parts:
            part.start()
            stack.callback(part.stop)
        stack.callback(tasks.shutdown)
        asyncio.set_event_loop(app.loop)
        stack.callback(app.loop.close)
        _LOG.info("worker_starts", stages=[spec.name for spec in tasks.specs.values()], http_port=health.port)
        return app.loop.run_until_complete(_serve(app, health, unread))


def _watchdog(app: App) -> Watchdog:
    """Build the watchdog, with a client of its own."""
    consumer = kafka_clients.consumer(app.settings, RESTORER)
    return Watchdog(
        app.task_manager.progress,
        lambda topic, partition: ends(consumer, topic, partition, timeout_s=END_S)[1],
        app.task_manager.metrics,
        limit_s=app.settings.watchdog_s,
        die=die,
    )


async def _serve(app: App, health: Health, unread: Callable[[], Sequence[str]]) -> int:
    """Start the app, wait for a signal, stop the app; a crash of Faust, or while stopping, ends the process.

    Python cannot end a process with a half-stopped app: Faust's fetching thread is no daemon. The process
    would stay a member of the group and not work on its partitions (found by tests/chaos).
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    helpers = [loop.create_task(health.beat_forever()), loop.create_task(resume_when_read(unread))]
    ends = [loop.create_task(stop.wait()), loop.create_task(app.wait_crashed())]
    starting = loop.create_task(app.start())
    await asyncio.wait([starting, ends[0]], return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # without a broker it never ends: the group cannot be joined
        _LOG.info("worker_stops", why="signal before it has joined the group")
        leave()
    await starting
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if app.crash_reason is not None:
        die(explained(app.crash_reason))
    _LOG.info("worker_stops")
    try:
        async with asyncio.timeout(STOP_S):
            await app.stop()
    except TimeoutError:
        die(OutcomeInDoubtError(f"the worker did not stop in {STOP_S:g} s", next_step="start it again"))
    except Exception as error:  # noqa: BLE001 - after any error the rest of the app still runs
        die(error)
    finally:
        for task in (*helpers, *ends):
            task.cancel()
    return 0
