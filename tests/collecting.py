"""What another thread does while this one allocates: the garbage collector lets it run."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread, get_ident


@contextmanager
def during_collections(work: Callable[[], object]) -> Iterator[None]:
    """Have another thread do something in the middle of the garbage collections of this one."""
    go, done, end, here = Event(), Event(), Event(), get_ident()

    def run() -> None:
        while not end.is_set():
            if go.wait(0.01):
                go.clear()
                work()
                done.set()

    def collecting(phase: str, _: object) -> None:
        if phase == "start" and get_ident() == here:
            go.set()
            done.wait(0.02)  # in vain if the other thread waits for what this one holds
            done.clear()

    thread, usual = Thread(target=run), gc.get_threshold()
    thread.start()
    gc.callbacks.append(collecting)
    gc.set_threshold(50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.callbacks.remove(collecting)
        end.set()
        thread.join()
