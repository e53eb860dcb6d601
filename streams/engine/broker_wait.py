"""Waits for a broker before a worker starts that has worked before.

In an outage of more than a minute a worker with a batch in flight ends, and its supervisor starts it again.
Without a broker it would end again, after the seconds of CPU that a start costs, and again; and Kubernetes,
which waits longer each time, would start it up to five minutes after the broker is back. So a worker that has
databases waits: alive, not ready, with the lines of `BrokerWatch` in the log. One without databases does not:
the first start says at once that an address is wrong (`BrokerUnreachableError`).
"""

import time

from schemas import topics
from streams.config.settings import Settings
from streams.engine.broker_watch import PAUSE_S, BrokerWatch
from streams.engine.exits import die
from streams.errors import BrokerUnreachableError
from streams.kafka.clients import require_broker
from streams.telemetry.driver_logs import driver_logs
from streams.telemetry.health import Health
from streams.telemetry.metrics import Metrics

__all__ = ["wait_for_broker"]

_DATABASES = ("*/*/CURRENT", "*/*/*/CURRENT")
"""Files that every database has: of a stage and partition, perhaps below the folder of a kind of worker."""


def wait_for_broker(settings: Settings) -> None:
    """Return when a broker answers; wait for it only if the state folder has databases.

    Raises
    ------
    BrokerUnreachableError
        No broker answers, and this is a first start.
    AccessError
        The broker refuses this user.
    """
    try:
        with driver_logs.silent():  # the error says it
            require_broker(settings)
    except BrokerUnreachableError:
        if not any(any(settings.state_folder.glob(pattern)) for pattern in _DATABASES):
            raise
        _wait(settings)


def _wait(settings: Settings) -> None:
    watch = BrokerWatch(settings, settings.topic(topics.EVENTS), die)
    health = Health(settings.http_host, settings.http_port, watch.waiting, Metrics())
    watch.check()
    health.start()
    try:
        while watch.waiting():
            health.beat()
            time.sleep(PAUSE_S)
            watch.check()
    finally:
        health.stop()
        watch.stop()
