"""``python -m tests.chaos [--cycles N] [--seed N] [--schedule NAME|FILE] [--json FILE|-]``."""

import argparse
import json
import logging
import shlex
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.chaos import table
from tests.chaos.driver import Result, run
from tests.chaos.faults import FAULTS
from tests.chaos.rig import Rig
from tests.chaos.sabotage import SABOTAGES
from tests.chaos.schedule import Schedule, ScheduleError, draw, read

EXACT, NOT_EXACT, USAGE, TOO_SLOW = 0, 1, 2, 6
"""Exit codes."""


def main() -> int:
    """Run a schedule, show every cycle as it ends, write the whole."""
    given = _parser().parse_args()
    try:
        schedule = read(given.schedule, FAULTS)
    except ScheduleError as error:
        print(error, file=sys.stderr)
        return USAGE
    if given.workers:
        schedule = replace(schedule, workers=given.workers)
    out = sys.stderr if given.json == "-" else sys.stdout
    found = _run(given, schedule, out)
    print(table.summary(found), file=out)
    text = json.dumps(found, indent=2)
    if given.json == "-":
        print(text)
    elif given.json:
        Path(given.json).write_text(f"{text}\n", encoding="utf-8")
    if not found["exact"]:
        return NOT_EXACT
    return EXACT if found["in_time"] or given.any_speed else TOO_SLOW


def _run(given: argparse.Namespace, schedule: Schedule, out: Any) -> dict[str, Any]:
    """Go through the cycles in a folder that is kept if something is wrong."""
    planned = draw(schedule, given.cycles, given.seed)
    folder = Path(tempfile.mkdtemp(prefix="nearline-chaos-"))
    logging.basicConfig(filename=folder / "driver.log", level=logging.WARNING)
    tell = _teller(len(planned)) if sys.stderr.isatty() or given.verbose else lambda _: None
    print(f"schedule {schedule.name}, seed {given.seed}, {len(planned)} cycles; logs in {folder}", file=out)
    print(table.HEAD, file=out, flush=True)

    def done(result: Result) -> None:
        print(table.row(result), file=out, flush=True)

    with Rig(schedule, given.seed, folder, given.sabotage or "") as rig:
        results = run(rig, planned, tell, done)
        delivered = rig.load.delivered
    command = f"python -m tests.chaos {shlex.join(sys.argv[1:])}".strip()
    if "--seed" not in command:
        command += f" --seed {given.seed}"
    found = table.document(results, delivered, schedule, seed=given.seed, command=command)
    if found["exact"] and not given.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def _teller(cycles: int) -> Any:
    """Show phases on the terminal's last line, or one below the other where there is no terminal."""
    end = "\r" if sys.stderr.isatty() else "\n"

    def tell(what: str) -> None:
        print(f"  … {what:<60}", end=end, file=sys.stderr, flush=True)

    tell(f"{cycles} cycles: starting brokers and workers")
    return tell


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    add = parser.add_argument
    add("--cycles", type=int, default=50, metavar="N", help="default: 50")
    add("--seed", type=int, default=7, metavar="N", help="of schedule, load and choices; default: 7")
    add("--schedule", default="default", metavar="NAME|FILE", help="default, ci, sabotage, or a file")
    add("--workers", type=int, choices=(1, 2, 3), help="in quiet times; default: what the schedule says")
    add("--json", metavar="FILE|-", help="write the run; - for stdout")
    add("--sabotage", choices=sorted(SABOTAGES), help="break the workers: the run has to fail")
    add("--any-speed", action="store_true", help="do not fail because recovery was slow")
    add("--keep", action="store_true", help="keep logs and data of a clean run, too")
    add("--verbose", action="store_true", help="show phases though this is not a terminal")
    return parser


if __name__ == "__main__":
    sys.exit(main())
