"""Live lists: who waits for which viewer's next page, woken by the thread that reads pages.

A waiter is woken and then reads the newest page itself, so a slow client skips pages and never queues any.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final

from streams.serve.mirror.table import Stored

__all__ = ["Hub", "events"]

KEEP_ALIVE_S: Final = 15.0
"""Seconds of silence after which a comment is sent: proxies close what is silent for 30 to 60."""


class Hub:
    """Waiters by key; lives in the server's event loop, is told from any thread.

    Attributes
    ----------
    open
        Streams that are open.
    """

    def __init__(self) -> None:
        self.open = 0
        self.closing = False
        self._waiters: dict[bytes, set[asyncio.Event]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self) -> None:
        """Take the running loop as the one in which waiters live."""
        self._loop = asyncio.get_running_loop()

    def tell(self, keys: Iterable[bytes]) -> None:
        """Wake those who wait for one of the keys; from any thread."""
        hit = [key for key in keys if key in self._waiters]
        if hit and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, hit)

    def end(self) -> None:
        """Let every stream end; from any thread."""
        self.closing = True
        self.tell(list(self._waiters))

    def join(self, key: bytes) -> asyncio.Event:
        """Add a waiter; its event is set whenever the key has changed."""
        event = asyncio.Event()
        self._waiters.setdefault(key, set()).add(event)
        self.open += 1
        return event

    def leave(self, key: bytes, event: asyncio.Event) -> None:
        """Take a waiter off."""
        waiters = self._waiters[key]
        waiters.discard(event)
        self.open -= 1
        if not waiters:
            del self._waiters[key]

    def _wake(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            for event in self._waiters.get(key, ()):
                event.set()


async def events(
    hub: Hub,
    key: bytes,
    newest: Callable[[], Stored | None],
    *,
    seen: str = "",
    name: str = "home",
    keep_alive_s: float = KEEP_ALIVE_S,
) -> AsyncIterator[bytes]:
    """Yield server-sent events: the newest value at once, then each that replaces it.

    Parameters
    ----------
    hub
        Who wakes.
    key
        Whose values.
    newest
        Returns the newest value; its ETag is the event's id.
    seen
        Id of the last event that the client has; not sent again.
    name
        Of the events.
    keep_alive_s
        Seconds of silence between comments.
    """
    changed = hub.join(key)
    try:
        yield b"retry: 1000\n\n"
        while not hub.closing:
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
        hub.leave(key, changed)
