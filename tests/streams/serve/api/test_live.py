"""Live lists: who is woken, by what, and how a stream ends."""

import asyncio

from streams.serve.api.live import events
from streams.serve.mirror.notifier import ChangeNotifier
from streams.serve.mirror.table import Stored


class Newest:
    """One viewer's newest page."""

    def __init__(self) -> None:
        self.notifier = ChangeNotifier()
        self.page: Stored | None = None

    def put(self, offset: int, value: bytes) -> None:
        """Publish a page."""
        self.page = Stored(value, 0, offset, 0, 0)
        self.notifier.notify([b"ada"])


async def _until(seen: list[bytes], text: bytes) -> None:
    while not any(text in one for one in seen):  # noqa: ASYNC110 - a list of what came tells nobody
        await asyncio.sleep(0)


def _watching(viewer: Newest, **options: object) -> tuple["asyncio.Task[None]", list[bytes]]:
    """Collect a stream's events in the background."""
    seen: list[bytes] = []

    async def watch() -> None:
        async for one in events(viewer.notifier, b"ada", lambda: viewer.page, **options):
            seen.append(one)  # noqa: PERF401 - one by one, to be looked at meanwhile

    return asyncio.create_task(watch()), seen


async def test_the_newest_page_comes_at_once_and_each_new_one_after_it() -> None:
    """With its ETag as the id; another viewer's page wakes nobody."""
    viewer = Newest()
    viewer.notifier.attach()
    viewer.put(1, b'{"seq":1}')
    task, seen = _watching(viewer)
    await _until(seen, b'id: 0-1-00000000\ndata: {"seq":1}\n\n')
    viewer.notifier.notify([b"bob"])
    await asyncio.to_thread(viewer.put, 2, b'{"seq":2}')
    await _until(seen, b'id: 0-2-00000000\ndata: {"seq":2}\n\n')
    viewer.notifier.close()
    await task
    assert [one.count(b"event: home") for one in seen] == [0, 1, 1]
    assert viewer.notifier.streams == 0


async def test_a_client_that_comes_back_is_not_sent_what_it_has() -> None:
    """It gets what is newer."""
    viewer = Newest()
    viewer.notifier.attach()
    viewer.put(1, b"old")
    task, seen = _watching(viewer, seen="0-1-00000000", keep_alive_s=0.01)
    await _until(seen, b": still here")
    viewer.put(2, b"new")
    await _until(seen, b"new")
    viewer.notifier.close()
    await task
    assert not any(b"old" in one for one in seen)


async def test_a_value_of_several_lines_is_one_event() -> None:
    """Each line is marked, as the format asks."""
    viewer = Newest()
    viewer.notifier.attach()
    viewer.put(1, b"a\r\nb")
    task, seen = _watching(viewer)
    await _until(seen, b"data: a\ndata: b\n\n")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert viewer.notifier.streams == 0
