"""A process of nearline that says how many entries its dictionaries, sets and lists have.

``python -m tests.benchmarks.entries worker`` is `nearline worker`, and so with other commands. Its /metrics
have ``nearline_bench_entries{owner="module.Class.attribute"}``: the entries of all containers that objects of
the product hold as attributes, by attribute. So what grows somewhere in the product is seen without a list of
what there is. Objects are found by the garbage collector, which takes some tenths of a second, so they are
counted at most every :data:`EVERY_S` seconds.

Bytes by kind are beside them (:func:`memory`): what glibc's heaps hold free is part of the resident memory,
and nothing of the product grows with it.

``--low-bounds`` before the command gives caches the bounds of :data:`LOW_BOUNDS`, which a run of minutes
reaches: memory that then still grows would grow at any bound.
"""

import ctypes
import gc
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from itertools import chain, filterfalse
from pathlib import Path
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from online_models.artwork import selector
from online_models.tables import numbering
from streams import cli
from streams.engine import freshness
from streams.serve.mirror import mirror
from streams.stages.viewers import fragments
from streams.stages.wire.cached_rows import RowMemory
from streams.telemetry.metrics import Metrics

EVERY_S: Final = 20.0
HEAP_FREE: Final = "heap.free"
LEAST: Final = 16
"""Entries below which an owner is not shown."""
ROOMS: Final = ("streams", "online_models", "schemas")
CONTAINERS: Final = (dict, set, frozenset, list, deque)
LOW_BOUNDS: Final = (
    (selector, "MOST_CHOICES", 5_000),
    (numbering, "PAUSE", 2_500),
    (freshness, "WAYS", 64),
    (freshness, "TRACES", 64),
    (mirror, "MOST_CHECKED", 100),
    (fragments, "MOST_BYTES", 600_000),
)
"""Bounds of caches: a twentieth or so of what they are. The fragments of 5,000 titles have to have room."""
LOW_ROW_MEMORY: Final = 10_000_000
"""Bytes of the rows that a stage keeps in memory, in place of 200 MB."""


def counted() -> Counter[str]:
    """Return the entries by owner.

    Examples
    --------
    >>> class Holder:
    ...     def __init__(self): self.many = dict.fromkeys(range(100))
    >>> Holder.__module__, one = "streams.example", Holder()
    >>> counted()["streams.example.Holder.many"]
    100
    """
    found: Counter[str] = Counter()
    gc.unfreeze()  # what a worker has read is out of the collector's sight (`streams.engine.collector`)
    found_now = found_objects()
    for one in found_now:
        kind = type(one)
        module = getattr(kind, "__module__", "")
        if isinstance(module, str) and module.partition(".")[0] in ROOMS:
            for name, value in _attributes(one):
                if isinstance(value, CONTAINERS):
                    found[f"{module}.{kind.__name__}.{name}"] += len(value)
    found_now.clear()
    return Counter({owner: count for owner, count in found.items() if count >= LEAST})


def found_objects() -> list[Any]:
    """Return all objects that the collector knows, but for tuples, in a list that is to be cleared.

    It is one of these objects itself: so it would hold all of them, batches with their pages, until the
    collector comes by, in a worker half an hour later.

    It also knows tuples that another thread is still filling, and Python refuses to finish one to which
    somebody else has a reference: ``tuple(one for one in ...)`` then raises `SystemError` ("bad argument to
    internal function") in that thread. So tuples are let go within one call of C code, during which Python
    changes to no other thread: there must be no function of Python in it, nor a collection, which calls some.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        generations = chain.from_iterable(map(gc.get_objects, range(3)))
        return list(filterfalse(tuple.__instancecheck__, generations))
    finally:
        if enabled:
            gc.enable()


def _attributes(one: object) -> Iterator[tuple[str, Any]]:
    own = getattr(one, "__dict__", None)
    if isinstance(own, Mapping):
        yield from list(own.items())
    for kind in type(one).__mro__:
        for name in kind.__dict__.get("__slots__", ()):
            if hasattr(one, name):
                yield name, getattr(one, name)


MALLINFO: Final = (
    "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
)  # fmt: skip
"""Fields of what glibc's ``mallinfo2`` returns, each a ``size_t``."""


class _Heaps(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_size_t) for name in MALLINFO)


_LIBC: Final = ctypes.CDLL(None)
_LIBC.mallinfo2.restype = _Heaps


def memory() -> Counter[str]:
    """Return bytes by kind: used and free in glibc's heaps, mapped by it, pages; and blocks of Python."""
    heaps = _LIBC.mallinfo2()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    anonymous, files = (1_024 * int(status[name].split()[0]) for name in ("RssAnon", "RssFile"))
    return Counter({
        "heap.in_use": heaps.uordblks, HEAP_FREE: heaps.fordblks, "heap.mapped": heaps.hblkhd,
        "pages.anonymous": anonymous, "pages.files": files, "python.blocks": sys.getallocatedblocks(),
    })  # fmt: skip


class Entries(Collector):
    """Counts entries when metrics are asked for, and not too often."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._at = -EVERY_S

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Hand the counts to Prometheus."""
        if time.monotonic() - self._at >= EVERY_S:
            self._counts, self._at = counted(), time.monotonic()
        shown = GaugeMetricFamily("nearline_bench_entries", "Entries of containers.", labels=["owner"])
        for owner, count in (self._counts | memory()).items():
            shown.add_metric([owner], count)
        return iter([shown])


def lower_bounds() -> None:
    """Give the caches of this process low bounds."""
    for module, name, bound in LOW_BOUNDS:
        assert getattr(module, name) > bound, name
        setattr(module, name, bound)
    first = RowMemory.__init__

    def lower(self: RowMemory, limit: int) -> None:
        first(self, min(limit, LOW_ROW_MEMORY))

    RowMemory.__init__ = lower  # type: ignore[method-assign]


def main() -> int:
    """Be the command, with one more collector."""
    if sys.argv[1] == "--low-bounds":
        del sys.argv[1]
        lower_bounds()
    first, entries = Metrics.__init__, Entries()

    def register(self: Metrics, *args: Any, **kwargs: Any) -> None:
        first(self, *args, **kwargs)
        self.registry.register(entries)

    Metrics.__init__ = register  # type: ignore[method-assign]
    sys.argv[0] = "nearline"
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
