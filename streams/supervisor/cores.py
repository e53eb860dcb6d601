"""Cores that this process may use: by its affinity, and by the quotas of its cgroups (containers)."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["quota_cores", "usable_cores"]

CGROUPS = Path("/sys/fs/cgroup")
"""Where Linux shows control groups; elsewhere there are none."""
MEMBERSHIP = Path("/proc/self/cgroup")
"""The control groups of this process."""


def usable_cores() -> int:
    """Return the number of whole cores that this process may use, at least 1.

    A quota of 1.5 cores is one: two processes would both be stopped for a quarter of each period.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.floor(min(allowed, quota_cores())))


def quota_cores(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> float:
    """Return the smallest quota of CPU, in cores, of this process's control groups; infinite without one.

    Parameters
    ----------
    cgroups
        Root of the file system of control groups.
    membership
        A line for each hierarchy: number, controllers, path.
    """
    try:
        lines = membership.read_text(encoding="ascii").splitlines()
    except OSError:
        return math.inf
    return min((quota for line in lines for quota in _quotas(cgroups, line)), default=math.inf)


def _quotas(cgroups: Path, line: str) -> Iterator[float]:
    """Yield the quotas of a control group and of all above it."""
    _, controllers, path = line.split(":", 2)
    if controllers and "cpu" not in controllers.split(","):
        return
    root = cgroups / "cpu" if controllers else cgroups  # version 1 has a folder a controller, version 2 none
    own = root / path.lstrip("/")
    for folder in (own, *(parent for parent in own.parents if parent.is_relative_to(root))):
        try:
            if controllers:
                quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            else:
                quota, period = (folder / "cpu.max").read_text().split()
            if quota != "max" and int(quota) > 0:
                yield int(quota) / int(period)
        except (OSError, ValueError):  # the root has no quota; a container may not show what is above it
            continue
