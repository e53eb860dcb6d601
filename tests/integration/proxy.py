"""A TCP proxy between a worker and its broker, which does to the connection what networks do.

It runs in a thread of its own. A broker has to advertise the proxy's address on the listener that the proxy
leads to (`routed`), or clients go past it after their first question.
"""

import asyncio
import random
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from streams.config.settings import Settings
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import cluster_port, free_port

CHUNK = 65_536
"""Bytes taken at a time."""
IN_FLIGHT = 64
"""Chunks that are on their way at most: 4 MB in each direction, then the sender has to wait."""


class Link:
    """One client's connection and the broker's end of it."""

    def __init__(self, client: asyncio.StreamWriter, broker: asyncio.StreamWriter) -> None:
        self.ends = (client, broker)
        self.swallows = False
        """Bytes of both directions vanish from now on; both ends stay open."""
        self.loses_answer = False
        """The next answer vanishes and the connection ends."""

    def abort(self) -> None:
        """End both connections without another byte."""
        for end in self.ends:
            end.transport.abort()


class Proxy:
    """A context manager; change its attributes while it runs.

    Attributes
    ----------
    port
        Where clients connect.
    delay_s, jitter_s
        What each chunk takes on its way, in each direction; order is kept.
    bytes_per_s
        Throughput of one connection and direction; None: unbounded.
    """

    def __init__(self, target: int, port: int | None = None) -> None:
        self.port = port or free_port()
        self.delay_s = self.jitter_s = 0.0
        self.bytes_per_s: float | None = None
        self.answers_lost = 0
        """Connections that ended in place of an answer."""
        self._target = target
        self._swallows = self._refuses = False
        self._links: set[Link] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._rng = random.Random(3)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    @contextmanager
    def hole(self) -> Iterator[None]:
        """Swallow every byte, of new connections too, and answer nothing: half-open.

        What was swallowed is missing in the stream, so these connections stay mute until a side gives up.
        """
        self._swallows = True
        self._run(self._each(lambda link: setattr(link, "swallows", True)))
        yield
        self._swallows = False

    @contextmanager
    def down(self) -> Iterator[None]:
        """Cut all connections and take no new ones."""
        self._refuses = True
        self.cut()
        yield
        self._refuses = False

    def cut(self) -> None:
        """Cut all connections."""
        self._run(self._each(Link.abort))

    def lose_answers(self) -> None:
        """Let the next answer on each connection vanish and the connection end: was it done? Who knows."""
        self._run(self._each(lambda link: setattr(link, "loses_answer", True)))

    def heal(self) -> None:
        """Be a wire again."""
        self.delay_s = self.jitter_s = 0.0
        self.bytes_per_s = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._accept, "127.0.0.1", self.port))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _each(self, change: Any) -> None:
        for link in list(self._links):
            change(link)

    async def _close(self) -> None:
        self._server.close()
        await self._each(Link.abort)
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._refuses:
                raise ConnectionRefusedError
            answers, broker = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, broker)
        link.swallows = self._swallows
        self._links.add(link)
        ways = (self._pump(link, reader, broker), self._pump(link, answers, writer, answer=True))
        for way in ways:
            pump = self._loop.create_task(way)
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(
        self, link: Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answer: bool = False
    ) -> None:
        """Carry one direction until an end closes."""
        road: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT)
        arriving = self._loop.create_task(self._deliver(link, road, sink))
        try:
            while data := await source.read(CHUNK):
                if link.swallows:
                    continue
                if answer and link.loses_answer:
                    self.answers_lost += 1
                    break
                due = self._loop.time() + self.delay_s + self.jitter_s * self._rng.random()
                await road.put((due, data))
        except OSError:
            pass
        finally:
            arriving.cancel()
            self._links.discard(link)
            link.abort()

    async def _deliver(
        self, link: Link, road: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        """Hand chunks over when they are due, at the throughput that is allowed."""
        try:
            while True:
                due, data = await road.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                if self.bytes_per_s is not None:
                    await asyncio.sleep(len(data) / self.bytes_per_s)
                if not link.swallows:
                    sink.write(data)
                    await sink.drain()
        except OSError:
            link.abort()


class Routed:
    """A broker with a second listener that only a proxy leads to; access lists are in force.

    Attributes
    ----------
    cluster
        The broker.
    direct
        Address without the proxy, for whoever feeds and compares.
    through
        Address of the proxy, for workers.
    proxy
        What happens on the way.
    """

    def __init__(self, folder: Path) -> None:
        inner, outer = free_port(), free_port()
        self.proxy = Proxy(inner, outer)
        first = cluster_port()
        client, controller = f"CLIENT://127.0.0.1:{first}", f"CONTROLLER://127.0.0.1:{first + 100}"
        self.cluster = KafkaCluster(
            folder,
            port=first,
            cache_dir=Settings().cache_dir,
            properties={
                "listeners": f"{client},ROUTED://127.0.0.1:{inner},{controller}",
                "advertised.listeners": f"{client},ROUTED://127.0.0.1:{outer}",
                "listener.security.protocol.map": "CLIENT:PLAINTEXT,ROUTED:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "allow.everyone.if.no.acl.found": "true",
            },
        )
        self.direct = self.cluster.bootstrap_servers
        self.through = f"127.0.0.1:{outer}"
