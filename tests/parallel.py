"""How tests run side by side, in processes of pytest-xdist: what they share, and which stay together.

With pytest 9.2 the groups of pytest-xdist (`--dist loadgroup`) have no effect, so each process writes down
those of the tests that it collected, and the scheduler reads them.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

PROCESS = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
"""Name of this process, as pytest-xdist has it."""
SHARES = 12
"""Processes that look for free ports in ranges of their own: a port is free until its user listens, so two
processes that look in the same range can choose the same one."""


def switch(name: str) -> bool:
    """Say whether NEARLINE_`name` is 1, and rename it: to the product it would be a misspelt setting.

    The processes of a run are started with the environment of the first, which has renamed it by then.
    """
    given = os.environ.pop(f"NEARLINE_{name}", None)
    if given is not None:
        os.environ[f"TESTS_{name}"] = given
    return os.environ.get(f"TESTS_{name}") == "1"


def port_range(whole: range) -> range:
    """Return this process's part of a range of ports."""
    size = len(whole) // SHARES
    return whole[int(PROCESS.removeprefix("gw")) % SHARES * size :][:size]


def is_worker(config: pytest.Config) -> bool:
    """Say whether this process runs tests for another one."""
    return hasattr(config, "workerinput")


def shared_folder(config: pytest.Config) -> Path:
    """Return the temporary folder that all processes of a run have in common."""
    own = Path(config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]
    return own.parent if is_worker(config) else own


def save_groups(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Write down which of the collected tests stay together; all processes of a run write the same."""
    if is_worker(config):
        text = json.dumps({item.nodeid: group_of(item) for item in items})
        new = shared_folder(config) / f"groups-{PROCESS}"
        new.write_text(text, encoding="utf-8")
        new.rename(shared_folder(config) / "groups.json")


def group_of(item: pytest.Item) -> str:
    """Return the name of the tests that run one after the other in one process, a given one among them.

    A file's quick tests stay together, and so do tests that share a fixture of their module, or the broker
    behind the proxy; every other slow test is alone, so that none waits for another.
    """
    if "routed" in getattr(item, "fixturenames", ()):
        return "routed"
    together = _shares(item) or not item.get_closest_marker("slow")
    return item.nodeid.split("::")[0] if together else item.nodeid


def takes_long(item: pytest.Item) -> bool:
    """Say whether a test is among those with which a run begins, so that no process is left with them."""
    return _shares(item) or item.get_closest_marker("slow") is not None


def _shares(item: pytest.Item) -> bool:
    """Say whether a test shares a fixture with others of its module."""
    found = getattr(item, "_fixtureinfo", None)
    return found is not None and any(one[-1].scope == "module" for one in found.name2fixturedefs.values())


def scheduler(config: pytest.Config, log: Any) -> Any:
    """Return what gives groups to processes, in their order."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - tests in one process do without

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]
        """One group at a time to each process."""

        def schedule(self) -> None:
            """Read the groups, which all processes have written by now."""
            self.groups = json.loads((shared_folder(config) / "groups.json").read_text(encoding="utf-8"))
            super().schedule()

        def _split_scope(self, nodeid: str) -> str:
            return str(self.groups[nodeid])

    config.option.loadscopereorder = False  # it would begin with the groups of most tests, not the longest
    return ByGroup(config, log)
