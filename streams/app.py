"""The composition root of a worker: settings and stages in, a Faust app out, and the process around it.

Nothing happens at import. What we use of Faust is its app, its agents, group membership, rebalancing and the
supervision of its services. Its tables, web server, topic declaration, leader and acknowledgements are off;
:mod:`streams.transport` and :mod:`streams.stage` say what stands in their place.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol

import faust
import structlog
from faust.types import StreamT

from streams import kafka_clients
from streams.claim import claimed
from streams.exits import IN_DOUBT, die
from streams.metrics import Metrics
from streams.security import aiokafka_options
from streams.settings import Settings
from streams.stage import StageSpec
from streams.stages import Stages
from streams.state import StoreMemory
from streams.surroundings import Failpoint, Surroundings, no_failpoint
from streams.changelog import RESTORER
from streams.topic_check import check_topics
from streams.transactions import PRODUCER
from streams.transport import BatchTransport

__all__ = ["App", "Companion", "build_app", "run_worker"]

_LOG = structlog.get_logger(__name__)

STOP_S = 15.0
"""Seconds to drain, commit and leave after SIGTERM; orchestrators kill after 30."""


class Companion(Protocol):
    """Something that lives as long as the worker: the reader of a replica, the HTTP server, the watchdog."""

    def start(self) -> None:
        """Begin; called before the worker joins the group. May raise a `StreamError`."""

    def stop(self) -> None:
        """End; called after all partitions are closed."""


class App(faust.App):
    """A Faust app that fetches batches and gives them to stages.

    Parameters
    ----------
    settings
        The worker's settings.
    stages
        What it runs.
    """

    def __init__(self, settings: Settings, stages: Stages) -> None:
        self.settings, self.stages = settings, stages
        self.security = aiokafka_options(settings.kafka)
        super().__init__(
            settings.group,
            loop=asyncio.new_event_loop(),  # Faust's parts remember the loop that was there when they were made
            broker=[f"kafka://{broker.strip()}" for broker in settings.brokers.split(",")],
            store="memory://",
            autodiscover=False,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            broker_max_poll_records=max(spec.max_events for spec in stages.specs.values()),
            broker_session_timeout=settings.session_timeout_s,
            broker_heartbeat_interval=settings.session_timeout_s / 5,
            broker_commit_interval=1.0,
        )
        for spec in stages.specs.values():
            self._add_agent(spec)

    def _add_agent(self, spec: StageSpec) -> None:
        """Subscribe to a stage's source; the agent hands every slice to its lane and acknowledges nothing."""
        stages = self.stages

        async def slices(stream: StreamT[Any]) -> None:
            async for part in stream.noack():
                stages.offer(part)

        source = self.topic(
            spec.source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        self.agent(source, name=spec.name)(slices)

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self, loop=self.loop)

    def _create_directories(self) -> None:
        """Faust keeps nothing on disk here."""

    async def on_stop(self) -> None:
        """Let the batches in flight end before the consumer leaves the group."""
        await self.stages.close()
        await super().on_stop()

    async def wait_crashed(self) -> None:
        """Wait until a service of Faust has crashed; `crash_reason` says why."""
        await self._crashed.wait()


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
        With `app.stages` for health and watchdog.
    """
    around = Surroundings(
        group=settings.group,
        state_dir=settings.state_dir,
        producer=lambda name: kafka_clients.producer(settings, {**PRODUCER, "transactional.id": name}),
        consumer=lambda: kafka_clients.consumer(settings, RESTORER),
        metrics=metrics,
        memory=StoreMemory(),
        failpoint=failpoint,
    )
    return App(settings, Stages(specs, around, threads=settings.threads, die=die))


def run_worker(app: App, companions: Sequence[Companion] = ()) -> int:
    """Run a worker until SIGTERM or SIGINT.

    Parameters
    ----------
    app
        From :func:`build_app`.
    companions
        Started before it in their order, stopped after it in the reverse order.

    Returns
    -------
    int
        0 after a signal, 4 if stopping took too long. Whatever fails while the worker runs, in a step, in a
        transaction, in a store or inside Faust, ends the process directly (:mod:`streams.exits`).

    Raises
    ------
    StreamError
        The broker does not answer, a topic is missing or does not fit, the state folder is in use, or a
        companion cannot start.
    """
    check_topics(app.settings, app.stages.specs.values())
    with contextlib.ExitStack() as stack:
        stack.enter_context(claimed(app.settings.state_dir))
        for companion in companions:
            companion.start()
            stack.callback(companion.stop)
        stack.callback(app.stages.shutdown)
        asyncio.set_event_loop(app.loop)
        stack.callback(app.loop.close)
        return app.loop.run_until_complete(_serve(app))


async def _serve(app: App) -> int:
    """Start the app, wait for a signal, stop the app; a crash of Faust ends the process."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await app.start()
    await _first(stop.wait(), app.wait_crashed())
    if app.crash_reason is not None:
        die(app.crash_reason)
    _LOG.info("worker_stops")
    try:
        async with asyncio.timeout(STOP_S):
            await app.stop()
    except TimeoutError:
        _LOG.error("worker_stop_timeout", seconds=STOP_S)  # noqa: TRY400 - the traceback is ours
        return IN_DOUBT
    return 0


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Wait for the first of several things and forget the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
