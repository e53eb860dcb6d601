"""The Faust app of a worker: one agent per stage, and no part of Faust that keeps state or produces."""

import asyncio
from typing import Any

import faust
from faust.app.base import BootStrategy
from faust.types import ChannelT, StreamT

from streams.config.settings import Settings
from streams.engine.batching import Slice
from streams.engine.stage import StageSpec
from streams.engine.task_manager import TaskManager
from streams.engine.topic_check import TopicCheck
from streams.engine.transport import BatchTransport
from streams.kafka.security import aiokafka_options

__all__ = ["App"]

COMMIT_HINT_S = 1.0
"""Seconds between two commits of offsets to the group: people look at the lag, nothing depends on it."""

REQUEST_S = 30.0
"""Seconds that the consumer waits for an answer before it replaces a half-open connection: less than the 60 s
of the watchdog, where Faust's 90 s would never be reached. The answer to a join of the group, which waits for
the batches in flight of all members, has to arrive within it, too."""


class Boot(BootStrategy):
    """Starts Faust without a producer: nobody would use it, and it has no TLS settings."""

    enable_kafka_producer = False


class App(faust.App):
    """A Faust app that hands slices of partitions to tasks, through an agent for each stage.

    The agents listen to channels in memory, into which the consumer puts whole slices
    (:mod:`streams.engine.transport`), and the app itself subscribes to the stages' sources: on the way over
    Faust's topics and conductor, each slice would be tracked, acknowledged and queued once more.

    Parameters
    ----------
    settings
        The worker's settings.
    task_manager
        The tasks of the assigned partitions.
    topic_check
        Watches the topics of the stages.
    """

    BootStrategy = Boot

    def __init__(self, settings: Settings, task_manager: TaskManager, topic_check: TopicCheck) -> None:
        self.settings, self.task_manager, self.topic_check = settings, task_manager, topic_check
        self.security = aiokafka_options(settings.kafka)
        super().__init__(
            settings.consumer_group,
            loop=asyncio.new_event_loop(),  # Faust's services keep the loop that is current now
            broker=[f"kafka://{broker.strip()}" for broker in settings.brokers.split(",")],
            store="memory://",
            autodiscover=False,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            broker_max_poll_records=max(spec.max_events for spec in task_manager.specs.values()),
            consumer_group_instance_id=settings.group_instance_id,
            broker_session_timeout=settings.session_timeout_s,
            broker_request_timeout=REQUEST_S,
            broker_heartbeat_interval=settings.session_timeout_s / 5,
            broker_commit_interval=COMMIT_HINT_S,
            broker_check_crcs=settings.check_crcs,
        )
        self._channels = {source: self._add_agent(spec) for source, spec in task_manager.specs.items()}

    async def hand_on(self, part: Slice) -> None:
        """Give a slice to the agent of its stage."""
        await self._channels[part.topic].put(part)  # type: ignore[arg-type]

    async def on_start(self) -> None:
        """Subscribe to the sources of the stages."""
        await super().on_start()
        for source in self.task_manager.specs:
            self.topics.add(self.topic(source))

    async def on_stop(self) -> None:
        """Wait for the batches in flight before the consumer leaves the group."""
        await self.task_manager.close()
        await super().on_stop()

    async def wait_crashed(self) -> None:
        """Wait until a service of Faust has crashed; `crash_reason` is the error."""
        await self._crashed.wait()

    def _add_agent(self, spec: StageSpec) -> ChannelT[Any]:
        """Start an agent that offers each slice of a stage's source to its task; return its channel."""

        async def slices(stream: StreamT[Any]) -> None:
            async for part in stream:
                self.task_manager.offer(part)

        channel = self.channel()
        self.agent(channel, name=spec.name)(slices)
        return channel

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self, loop=self.loop)

    def _create_directories(self) -> None:
        """Create nothing: Faust keeps nothing on disk here."""
