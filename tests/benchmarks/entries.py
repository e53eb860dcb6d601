"""A process of nearline that says how many entries its dictionaries, sets and lists have.

``python -m tests.benchmarks.entries worker`` is `nearline worker`, and so with other commands. Its /metrics
have ``nearline_bench_entries{owner="module.Class.attribute"}``: the entries of all containers that objects of
the product hold as attributes, by attribute. So what grows somewhere in the product is seen without a list of
what there is. Objects are found by the garbage collector, which takes some tenths of a second, so they are
counted at most every :data:`EVERY_S` seconds.
"""

import gc
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from streams import cli
from streams.telemetry.metrics import Metrics

EVERY_S: Final = 20.0
LEAST: Final = 16
"""Entries below which an owner is not shown."""
ROOMS: Final = ("streams", "online_models", "schemas")
CONTAINERS: Final = (dict, set, frozenset, list, deque)


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
    for one in gc.get_objects():
        kind = type(one)
        module = getattr(kind, "__module__", "")
        if isinstance(module, str) and module.partition(".")[0] in ROOMS:
            for name, value in _attributes(one):
                if isinstance(value, CONTAINERS):
                    found[f"{module}.{kind.__name__}.{name}"] += len(value)
    return Counter({owner: count for owner, count in found.items() if count >= LEAST})


def _attributes(one: object) -> Iterator[tuple[str, Any]]:
    own = getattr(one, "__dict__", None)
    if isinstance(own, Mapping):
        yield from list(own.items())
    for kind in type(one).__mro__:
        for name in kind.__dict__.get("__slots__", ()):
            if hasattr(one, name):
                yield name, getattr(one, name)


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
        for owner, count in self._counts.items():
            shown.add_metric([owner], count)
        return iter([shown])


def main() -> int:
    """Be the command, with one more collector."""
    first, entries = Metrics.__init__, Entries()

    def register(self: Metrics, *args: Any, **kwargs: Any) -> None:
        first(self, *args, **kwargs)
        self.registry.register(entries)

    Metrics.__init__ = register  # type: ignore[method-assign]
    sys.argv[0] = "nearline"
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
