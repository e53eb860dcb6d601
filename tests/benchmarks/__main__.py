"""``python -m tests.benchmarks [NAMES] [--json PATH] [--brokers HOST:PORT] [--ratings PATH]``."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.bench import Bench
from tests.benchmarks.budget import page_budget
from tests.benchmarks.core import in_a_process
from tests.benchmarks.freshness import freshness
from tests.benchmarks.frontier import drawn, frontier, plate
from tests.benchmarks.page import page
from tests.benchmarks.peers import peers
from tests.benchmarks.processes import processes
from tests.benchmarks.reading import reading
from tests.benchmarks.restore import restore
from tests.benchmarks.scale import scale
from tests.benchmarks.search import search
from tests.benchmarks.show import show
from tests.benchmarks.soak import soak
from tests.benchmarks.steady import steady
from tests.benchmarks.throughput import end_to_end, list_per_event, pages
from tests.benchmarks.transport import transport

BENCHMARKS: Mapping[str, Callable[[Bench], dict[str, Any]]] = {
    "peers": peers,
    "transport": transport,
    "end_to_end": end_to_end,
    "list_per_event": list_per_event,
    "pages": pages,
    "freshness": freshness,
    "page_budget": page_budget,
    "page": page,
    "reading": reading,
    "restore": restore,
    "processes": processes,
    "scale": scale,
    "soak": soak,
    "steady": steady,
}
FOOTNOTE = "\nAbsolute figures of this machine in this hour; compare them with those of the same run only."
ON_REQUEST = {"soak", "steady"}
"""Not among those that run when none is named."""
ALONE = ("core", "viewers", "small_batches", "titles_copy", "hardware", "search", "frontier")
"""Those without a broker, when they are named: the last needs ``--ratings``."""


def _measured(given: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run what was asked for; a broker is started only if one is needed."""
    chosen = given.names or [name for name in BENCHMARKS if name not in ON_REQUEST]
    for name in (name for name in chosen if name in ALONE):
        if name == "search":
            yield name, search()
            continue
        figures = frontier(given.ratings) if name == "frontier" else in_a_process(name)
        if name == "frontier" and given.picture is not None:
            alone = given.picture.suffix == ".svg"
            text = plate(figures) if alone else drawn(figures, given.ratings.name)
            given.picture.write_text(text, encoding="utf-8")
        yield name, figures
    on_a_broker = [name for name in chosen if name in BENCHMARKS]
    if on_a_broker:
        with Bench(given.brokers) as bench:
            for name in on_a_broker:
                yield name, BENCHMARKS[name](bench)


def main() -> int:
    """Run the benchmarks that are asked for, show each when it is done, write all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    names = (*BENCHMARKS, *ALONE)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of {', '.join(names)}; default: all on a broker but {', '.join(sorted(ON_REQUEST))}",
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures; - for stdout")
    parser.add_argument("--brokers", metavar="HOST:PORT", help="use this cluster instead of starting one")
    parser.add_argument("--ratings", type=Path, metavar="PATH", help="frontier: as `nearline evaluate` reads")
    parser.add_argument(
        "--picture", type=Path, metavar="PATH", help="frontier: write a page with pictures, or one .svg"
    )
    given = parser.parse_args()
    unknown = set(given.names) - set(names)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if "frontier" in given.names and given.ratings is None:
        parser.error("frontier needs --ratings")
    quiet = given.json == Path("-")
    found: dict[str, Any] = {}
    out = sys.stderr if quiet else sys.stdout
    for name, figures in _measured(given):
        if "peers" in found and len(found) == 1:
            print(FOOTNOTE, file=out)
        found[name] = figures
        show(name, figures, file=out)
    text = json.dumps(found, indent=2)
    if quiet:
        print(text)
    elif given.json is not None:
        given.json.write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
