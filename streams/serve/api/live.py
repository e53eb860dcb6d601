"""Server-sent events of a viewer's pages."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from streams.config.settings import ServeSettings
from streams.serve.mirror.notifier import ChangeNotifier
from streams.serve.mirror.table import Stored
from streams.serve.problems import Problem, ProblemKind

__all__ = ["events", "require_stream"]

KEEP_ALIVE_S: Final = 15.0
"""Seconds of silence after which a comment is sent: proxies close silent connections after 30 to 60 s."""


def require_stream(notifier: ChangeNotifier, serve: ServeSettings, address: str) -> None:
    """Make sure that an address may open one more stream.

    Raises
    ------
    Problem
        As many streams are open as may be; or the address has half as many as it may have connections.
    """
    wait = {"Retry-After": "5"}
    if notifier.streams >= serve.streams:
        raise Problem(ProblemKind.UNAVAILABLE, "too many live streams are open", headers=wait)
    if notifier.streams_of(address) >= serve.connections // 2:
        why = "this address has too many live streams (NEARLINE_SERVE__CONNECTIONS; behind a proxy: "
        raise Problem(ProblemKind.TOO_MANY, why + "NEARLINE_SERVE__PROXIES)", headers=wait)


async def events(
    notifier: ChangeNotifier,
    key: bytes,
    newest: Callable[[], Stored | None],
    *,
    address: str = "",
    seen: str = "",
    name: str = "home",
    keep_alive_s: float = KEEP_ALIVE_S,
) -> AsyncIterator[bytes]:
    """Yield server-sent events: the newest value at once, then each one that replaces it.

    Parameters
    ----------
    notifier
        Notifies of changes.
    key
        Key of the values.
    newest
        Returns the newest value; its ETag is the event's id.
    address
        Address of the client, by which streams are counted.
    seen
        Id of the last event that the client has; it is not sent again.
    name
        Name of the events.
    keep_alive_s
        Seconds of silence between comments.
    """
    changed = notifier.subscribe(key, address)
    try:
        yield b"retry: 1000\n\n"
        while not notifier.closing:
            changed.clear()
            found = newest()
            if found is not None and found.etag.strip('"') != seen:
                seen = found.etag.strip('"')
                data = found.value.replace(b"\r", b"").replace(b"\n", b"\ndata: ")
                yield b"event: %b\nid: %b\ndata: %b\n\n" % (name.encode(), seen.encode(), data)
            try:
                async with asyncio.timeout(keep_alive_s):
                    await changed.wait()
            except TimeoutError:
                yield b": still here\n\n"
    finally:
        notifier.unsubscribe(key, changed, address)
