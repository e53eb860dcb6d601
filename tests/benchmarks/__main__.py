"""``python -m tests.benchmarks [NAMES] [--json PATH] [--brokers HOST:PORT]``."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.bench import Bench
from tests.benchmarks.budget import page_budget
from tests.benchmarks.freshness import freshness
from tests.benchmarks.page import page
from tests.benchmarks.reading import reading
from tests.benchmarks.restore import restore
from tests.benchmarks.scale import scale
from tests.benchmarks.show import show
from tests.benchmarks.soak import soak
from tests.benchmarks.throughput import end_to_end, list_per_event
from tests.benchmarks.transport import transport

BENCHMARKS: Mapping[str, Callable[[Bench], dict[str, Any]]] = {
    "transport": transport,
    "end_to_end": end_to_end,
    "list_per_event": list_per_event,
    "freshness": freshness,
    "page_budget": page_budget,
    "page": page,
    "reading": reading,
    "restore": restore,
    "scale": scale,
    "soak": soak,
}
ON_REQUEST = {"soak"}
"""Not among those that run when none is named."""


def main() -> int:
    """Run the benchmarks that are asked for, show each when it is done, write all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all but soak"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures; - for stdout")
    parser.add_argument("--brokers", metavar="HOST:PORT", help="use this cluster instead of starting one")
    given = parser.parse_args()
    unknown = set(given.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(
            f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}"
        )
    found: dict[str, Any] = {}
    quiet = given.json == Path("-")
    with Bench(given.brokers) as bench:
        for name in given.names or [name for name in BENCHMARKS if name not in ON_REQUEST]:
            found[name] = BENCHMARKS[name](bench)
            show(name, found[name], file=sys.stderr if quiet else sys.stdout)
    text = json.dumps(found, indent=2)
    if quiet:
        print(text)
    elif given.json is not None:
        given.json.write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
