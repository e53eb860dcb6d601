"""Hostile records for every topic that we read: ``python -m tests.hostile --records 1000000 --seed 7``.

A tenth of them runs in a process of its own with NUMBA_BOUNDSCHECK=1, where an index out of bounds in a
kernel raises instead of reading other memory. The run fails if anything crashes or is stuck.
"""

import argparse
import logging
import os
import subprocess
import sys
import time

import structlog

from tests.hostile.battery import Found, run

CHECKED = 0.1
"""Share that runs with checked indexes: kernels are several times slower."""


def main() -> int:
    """Run the battery."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, metavar="N", help="default: 100000")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="default: 7")
    parser.add_argument("--checked", action="store_true", help="this is the process with checked indexes")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    if given.checked:
        return _run(given.records, given.seed, "indexes checked")
    checked = round(given.records * CHECKED)
    code = _run(given.records - checked, given.seed, "as compiled")
    command = [sys.executable, "-m", "tests.hostile", "--checked", "--records", str(checked)]
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1"}
    done = subprocess.run([*command, "--seed", str(given.seed + 1)], env=environment, check=False)
    return code or done.returncode


def _run(records: int, seed: int, how: str) -> int:
    began = time.monotonic()

    def tell(found: Found) -> None:
        if sys.stderr.isatty() or int(time.monotonic() - began) % 30 == 0:
            end = "\r" if sys.stderr.isatty() else "\n"
            print(
                f"  {found.records:>9} of {records}, {len(found.crashes)} crashes", end=end, file=sys.stderr
            )

    found = run(records, seed, tell)
    print(f"{found.records} records, {how}, seed {seed}, {time.monotonic() - began:.0f} s")
    print("\n".join(found.lines()), flush=True)
    return 0 if found.clean else 1


if __name__ == "__main__":
    sys.exit(main())
