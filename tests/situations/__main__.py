"""``python -m tests.situations [--kafka] [--write] [--before]``."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.situations.battery import measure, record


def main() -> int:
    """Play the situations, show their numbers; 1 if a bound that was reached does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.situations", description=__doc__)
    parser.add_argument("--kafka", action="store_true", help="on a real Apache Kafka")
    parser.add_argument("--write", action="store_true", help="record the numbers, and write the table")
    parser.add_argument("--before", action="store_true", help="record them as those of before")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), kafka=given.kafka)
    for one in found:
        sign = "ok" if one.holds else "NO" if one.situation.reached else "not yet"
        wanted = f"{one.situation.low:g}..{one.situation.high:g}"
        print(f"{sign:8}{one.number:8.3g}  {wanted:10} {one.situation.event}: {one.situation.name}")
    if given.write:
        record(found, "before" if given.before else "after")
    return int(any(one.situation.reached and not one.holds for one in found))


if __name__ == "__main__":
    sys.exit(main())
