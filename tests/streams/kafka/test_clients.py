"""What an operator reads where no broker answers."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from streams.config.settings import Settings
from streams.errors import AccessError
from streams.kafka.clients import require_broker
from streams.kafka.scan import metadata
from streams.kafka.topics import TopicAdmin, describe_topics

SLOW_S = 1.5
"""Of a handshake on a busy machine; longer than a connection for the cause alone has."""


@pytest.fixture
def late() -> Iterator[str]:
    """Give the address of a server that answers the first connection late, and without TLS; others never."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            one, _ = server.accept()
            with one:
                one.recv(1_000)
                time.sleep(SLOW_S)
                one.sendall(b"no TLS here" * 10)

        threading.Thread(target=answer, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    "ask",
    [require_broker, metadata, lambda to: describe_topics(to, ["a"]), lambda to: TopicAdmin(to, []).check()],
)
def test_a_refusal_that_comes_late_is_told(late: str, ask: Callable[[Settings], object]) -> None:
    """A handshake that fails after a second, as under load, is the cause; the driver reports a timeout."""
    settings = Settings(brokers=late, connect_timeout_s=2 * SLOW_S, kafka={"security.protocol": "ssl"})
    with pytest.raises(AccessError, match="SSL"):
        ask(settings)
