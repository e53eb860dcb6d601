"""Notifies live streams of new pages: each stream waits for one viewer's key.

The thread that reads pages wakes the streams. A stream then reads the newest page itself, so a slow client
skips pages and no pages are queued.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable

__all__ = ["ChangeNotifier"]


class ChangeNotifier:
    """Subscribers by key. They live in the server's event loop; any thread may notify them.

    Attributes
    ----------
    streams
        Number of open streams.
    closing
        Whether streams should end.
    """

    def __init__(self) -> None:
        self.streams = 0
        self.closing = False
        self._subscribers: dict[bytes, set[asyncio.Event]] = {}
        self._by_address: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self) -> None:
        """Use the running event loop as the one of the subscribers."""
        self._loop = asyncio.get_running_loop()

    def notify(self, keys: Iterable[bytes]) -> None:
        """Wake the subscribers of some keys; from any thread."""
        subscribed = [key for key in keys if key in self._subscribers]
        if subscribed and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, subscribed)

    def close(self) -> None:
        """End every stream; from any thread."""
        self.closing = True
        self.notify(list(self._subscribers))

    def streams_of(self, address: str) -> int:
        """Return the number of open streams of a client's address."""
        return self._by_address[address]

    def subscribe(self, key: bytes, address: str = "") -> asyncio.Event:
        """Return an event that is set whenever the key changes."""
        event = asyncio.Event()
        self._subscribers.setdefault(key, set()).add(event)
        self.streams += 1
        self._by_address[address] += 1
        return event

    def unsubscribe(self, key: bytes, event: asyncio.Event, address: str = "") -> None:
        """Remove a subscriber."""
        subscribers = self._subscribers[key]
        subscribers.discard(event)
        self.streams -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
        if not subscribers:
            del self._subscribers[key]

    def _wake(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            for event in self._subscribers.get(key, ()):
                event.set()
