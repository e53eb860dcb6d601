"""``python -m tests.equality record FILE``, ``… compare FILE`` and ``… dump FILE``; see README.md."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    """Record, or compare; 0 if everything is as it was, 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m tests.equality", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("record", help="write what comes out")
    compared = commands.add_parser("compare", help="compare it with a file")
    compared.add_argument("--formats", action="store_true", help="internal formats may differ")
    dumped = commands.add_parser(
        "dump", help="write the records of a block, a line each, to diff two commits"
    )
    dumped.add_argument("--installation", default="pages")
    dumped.add_argument("--block", type=int, default=0)
    for command in (made, compared, dumped):
        command.add_argument("file", type=Path)
    for command in (made, dumped):
        command.add_argument("--events", type=int, default=50_000)
    given = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is there: sums are added in one order
    return {"record": _record, "compare": _compare, "dump": _dump}[given.command](given)


def _record(given: argparse.Namespace) -> int:
    document = _recorded(given.events)
    given.file.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")
    _show(document)
    return 0


def _dump(given: argparse.Namespace) -> int:
    wanted = given.installation, given.block
    with given.file.open("w", encoding="utf-8") as out:
        _recorded(given.events, lambda name, block, line: out.write(f"{line}\n" * ((name, block) == wanted)))
    return 0


def _compare(given: argparse.Namespace) -> int:
    from tests.equality.recording import differences, machine  # noqa: PLC0415 - after the environment

    before = json.loads(given.file.read_text(encoding="utf-8"))
    for name, value in machine().items():
        if before["about"].get(name) != value:
            print(f"warning: {name} was {before['about'].get(name)}, is {value}: floats may differ")
    now = _recorded(before["about"]["events"])
    _show(now)
    for name, one in now["installations"].items():
        if before["installations"][name]["model"] != one["model"]:
            print(f"note: {name}: the model's fingerprint was another; it is left out of what is compared")
    found = [*differences(before, now, formats=given.formats)]
    print("\n".join(found) if found else "equal")
    return 1 if found else 0


def _recorded(events: int, dump: Any = None) -> dict[str, Any]:
    from tests.equality.cluster import quiet  # noqa: PLC0415 - after the environment
    from tests.equality.recording import record  # noqa: PLC0415

    quiet()
    return record(events, dump)


def _show(document: dict[str, Any]) -> None:
    """Print how many records there were of everything."""
    for name, one in document["installations"].items():
        for stream, found in one["streams"].items():
            if " " not in stream:
                print(f"{name:>10} {stream:28} {found['count']:>8}")
    for name, counts in document["coverage"].items():
        print(f"{name}: " + ", ".join(f"{what} {count}" for what, count in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
