"""The Faust app of a worker: an agent per stage, and nothing of Faust that keeps state or talks to others."""

import asyncio
from typing import Any

import faust
from faust.app.base import BootStrategy
from faust.types import StreamT

from streams.config.security import aiokafka_options
from streams.config.settings import Settings
from streams.engine.stage import StageSpec
from streams.engine.task_manager import TaskManager
from streams.engine.topic_check import TopicCheck
from streams.engine.transport import BatchTransport

__all__ = ["App"]

COMMIT_HINT_S = 1.0
"""Seconds between two hints to the group of how far we are; people look at lag, nothing depends on it."""

REQUEST_S = 30.0
"""Longest wait of the consumer for an answer, after which a half-open connection is made anew: before the
watchdog's 60 s, where Faust's 90 s would never be reached. Joining a group, which waits for the batches in
flight of all its members, has to be answered in time, too."""


class Boot(BootStrategy):
    """What Faust starts: no producer of its own, which nobody would use and which is told nothing of TLS."""

    enable_kafka_producer = False


class App(faust.App):
    """A Faust app that fetches batches and gives them to stages.

    Parameters
    ----------
    settings
        The worker's settings.
    stages
        What it runs.
    topic_check
        Watches their topics.
    """

    BootStrategy = Boot

    def __init__(self, settings: Settings, stages: TaskManager, topic_check: TopicCheck) -> None:
        self.settings, self.stages, self.topic_check = settings, stages, topic_check
        self.security = aiokafka_options(settings.kafka)
        super().__init__(
            settings.consumer_group,
            loop=asyncio.new_event_loop(),  # Faust's parts remember the loop of the moment they are made
            broker=[f"kafka://{broker.strip()}" for broker in settings.brokers.split(",")],
            store="memory://",
            autodiscover=False,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            broker_max_poll_records=max(spec.max_events for spec in stages.specs.values()),
            consumer_group_instance_id=settings.group_instance_id,
            broker_session_timeout=settings.session_timeout_s,
            broker_request_timeout=REQUEST_S,
            broker_heartbeat_interval=settings.session_timeout_s / 5,
            broker_commit_interval=COMMIT_HINT_S,
            broker_check_crcs=settings.check_crcs,
        )
        for spec in stages.specs.values():
            self._add_agent(spec)

    async def on_stop(self) -> None:
        """Let the batches in flight end before the consumer leaves the group."""
        await self.stages.close()
        await super().on_stop()

    async def wait_crashed(self) -> None:
        """Wait until a service of Faust has crashed; `crash_reason` says why."""
        await self._crashed.wait()

    def _add_agent(self, spec: StageSpec) -> None:
        """Subscribe to a stage's source; the agent hands every slice to its lane and acknowledges nothing."""
        stages = self.stages

        async def slices(stream: StreamT[Any]) -> None:
            async for part in stream.noack():  # type: ignore[attr-defined]
                stages.offer(part)

        source = self.topic(
            spec.source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        self.agent(source, name=spec.name)(slices)

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self, loop=self.loop)

    def _create_directories(self) -> None:
        """Faust keeps nothing on disk here."""
