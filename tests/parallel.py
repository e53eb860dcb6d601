"""How tests run side by side: in forks of the process that has imported and collected them (`--processes 3`).

Importing the product, its libraries and all tests takes 10 s of CPU. Each process of pytest-xdist does it;
forks begin where the first process is, share its memory, and know the tests by their numbers. They take
groups of tests from one queue, and send the reports to the first process, which counts them as its own.

A plugin (`-p tests.parallel`), so that the option is known whichever folder is run.
"""

import multiprocessing
import os
import sys
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from _pytest._io import TerminalWriter

Group = list[pytest.Item]

FORK = multiprocessing.get_context("fork")
_SECONDS = "nearline/seconds"
"""Where pytest's cache has the duration of each group of tests in its last run."""
_PROCESS = "TESTS_PROCESS"
"""Variable with the number of a process that runs tests for the first one."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the number of processes."""
    parser.addoption("--processes", type=int, default=0, help="Processes that run the tests; 0: this one.")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the collected tests in forks, unless they are only listed or to run here."""
    processes = session.config.getoption("--processes")
    if not processes or session.config.option.collectonly or session.testsfailed:
        return None
    _Run(session, processes).until_done()
    return True


class _Run:
    """A run of tests in several processes, as the first one sees it."""

    def __init__(self, session: pytest.Session, processes: int) -> None:
        self.session, self.hook = session, session.config.hook
        self.left = {item.nodeid: item.location for item in session.items}
        self.errors: list[str] = []
        self.group_of = {item.nodeid: _group_of(item) for item in session.items}
        self.cache = getattr(session.config, "cache", None)  # not with `-p no:cacheprovider`
        self.seconds: dict[str, float] = self.cache.get(_SECONDS, {}) if self.cache else {}
        self.taken: dict[str, float] = {}
        groups, todo = _groups(session.items, self.seconds), FORK.SimpleQueue()
        shared_folder(session.config)  # made before the folders in it
        self.forks: dict[Connection, BaseProcess] = {}
        for number in range(processes):
            ours, theirs = FORK.Pipe(duplex=False)
            arguments = (session, (number, processes), groups, todo.get, theirs)
            fork = FORK.Process(target=_work, args=arguments)
            fork.start()
            theirs.close()
            self.forks[ours] = fork
        for index in [*range(len(groups)), *[None] * processes]:
            todo.put(index)

    def until_done(self) -> None:
        """Report what the forks report, and as failed what none of them has run.

        Raises
        ------
        pytest.Session.Failed, pytest.Session.Interrupted
            Tests enough have failed for `--maxfail`, or a plugin wants the run to stop.
        """
        try:
            while self.forks:
                for one in wait(list(self.forks)):
                    self._receive(one)  # type: ignore[arg-type]
                    if self.session.shouldfail:
                        raise self.session.Failed(self.session.shouldfail)
                    if self.session.shouldstop:
                        raise self.session.Interrupted(self.session.shouldstop)
        finally:
            for fork in self.forks.values():
                fork.terminate()
            if self.cache:
                self.cache.set(_SECONDS, self.seconds | self.taken)
        why = "not run to its end, because processes ended:\n" + "\n".join(self.errors)
        for nodeid, location in self.left.items():
            report = pytest.TestReport(nodeid, location, {}, "failed", why, "call")
            self.hook.pytest_runtest_logreport(report=report)

    def _receive(self, connection: Connection) -> None:
        """Take one message of a fork, or learn that it has ended."""
        fork = self.forks[connection]
        try:
            kind, content = connection.recv()
        except EOFError:
            del self.forks[connection]
            fork.join()
            if fork.exitcode:
                self.errors.append(f"exit code {fork.exitcode} in {fork.name}")
            return
        if kind == "test":
            fork.name = content
        elif kind == "report":
            report = self.hook.pytest_report_from_serializable(config=self.session.config, data=content)
            self.hook.pytest_runtest_logreport(report=report)
            group = self.group_of.get(report.nodeid, "")
            self.taken[group] = self.taken.get(group, 0.0) + report.duration
            if report.when == "teardown":
                self.left.pop(report.nodeid, None)
        elif kind == "warning":
            self.hook.pytest_warning_recorded.call_historic(kwargs=content)
        else:
            self.errors.append(content)


class _Reports:
    """A plugin of a fork: sends on what pytest has to say about tests."""

    def __init__(self, config: pytest.Config, connection: Connection) -> None:
        self.config, self.connection = config, connection

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Say which test runs, in case that it ends the process."""
        self.connection.send(("test", nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send on a report."""
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self.connection.send(("report", data))

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str, location: Any
    ) -> None:
        """Send on a warning by its text, since its class may be one that cannot be sent."""
        text = f"{warning_message.category.__name__}: {warning_message.message}"
        plain = warnings.WarningMessage(text, UserWarning, warning_message.filename, warning_message.lineno)
        content = {"warning_message": plain, "when": when, "nodeid": nodeid, "location": location}
        self.connection.send(("warning", content))


def _work(
    session: pytest.Session,
    share: tuple[int, int],
    groups: Sequence[Group],
    take: Callable[[], int | None],
    connection: Connection,
) -> None:
    """Be a fork: run groups until there are none left. Fixtures of the session live as long.

    It ends without waiting for the threads that tests have left, also when the first process is gone.
    """
    config, code = session.config, 1
    try:
        _settle(config, *share)
        config.pluginmanager.register(_Reports(config, connection))
        while (index := take()) is not None:
            group = groups[index]
            for item, following in zip(group, [*group[1:], session], strict=True):
                config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        session._setupstate.teardown_exact(None)
        code = 0
    except BaseException:  # noqa: BLE001 - the first process reports it
        connection.send(("error", traceback.format_exc()))
    finally:
        os._exit(code)


def _settle(config: pytest.Config, number: int, processes: int) -> None:
    """Give a fork what it must not share: output, a temporary folder, and ports.

    A port is free until its user listens: two processes that look in one range can choose the same one.
    """
    config.pluginmanager.unregister(name="terminalreporter")
    config.get_terminal_writer = lambda: TerminalWriter(sys.stderr)  # type: ignore[method-assign]  # of timeouts
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()  # the files that it writes to are those of the first process
    capture.start_global_capturing()
    factory = config._tmp_path_factory  # type: ignore[attr-defined]
    factory._basetemp = factory.getbasetemp() / f"process-{number}"
    factory._basetemp.mkdir()
    os.environ[_PROCESS] = f"{number}"
    if ports := sys.modules.get("streams.ops.runs.worker_process"):  # unless the tests do without the product
        size = len(ports.PORTS) // processes
        ports.PORTS = ports.PORTS[number * size :][:size]  # type: ignore[attr-defined]


def is_fork() -> bool:
    """Say whether this process runs tests for another one."""
    return _PROCESS in os.environ


def shared_folder(config: pytest.Config) -> Path:
    """Return the temporary folder that all processes of a run have in common."""
    own = Path(config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]
    return own.parent if is_fork() else own


def _groups(items: Sequence[pytest.Item], seconds: Mapping[str, float]) -> list[Group]:
    """Return what runs one after the other in one process, in the order in which it is taken.

    Slow tests mostly wait, quick ones compute. So after two groups of slow tests comes one of quick ones: all
    slow ones begin early, and the cores have work from the start. Those that took longest are the first of
    their kind; where that is not known, those with the most tests.

    Parameters
    ----------
    items
        The tests.
    seconds
        What groups took in earlier runs.
    """
    groups: dict[str, Group] = {}
    for item in items:
        groups.setdefault(_group_of(item), []).append(item)
    longest = sorted(groups, key=lambda name: seconds.get(name, len(groups[name])), reverse=True)
    slow, quick = deque[Group](), deque[Group]()
    for name in longest:
        (slow if any(map(_takes_long, groups[name])) else quick).append(groups[name])
    out = []
    while slow or quick:
        out += [kind.popleft() for kind in (slow, slow, quick) if kind]
    return out


def _group_of(item: pytest.Item) -> str:
    """Return the name of the tests among which a test runs.

    A file's quick tests stay together, and so do tests that share a fixture of their module, the broker
    behind the proxy, or the browser; every other slow test is alone, so that none waits for another.
    """
    for shared in ("routed", "chromium"):
        if shared in getattr(item, "fixturenames", ()):
            return shared
    together = _shares(item) or not item.get_closest_marker("slow")
    return item.nodeid.split("::")[0] if together else item.nodeid


def _takes_long(item: pytest.Item) -> bool:
    """Say whether a test is among those with which a run begins, so that no process is left with them."""
    return _shares(item) or item.get_closest_marker("slow") is not None


def _shares(item: pytest.Item) -> bool:
    """Say whether a test shares a fixture with others of its module."""
    found = getattr(item, "_fixtureinfo", None)
    return found is not None and any(one[-1].scope == "module" for one in found.name2fixturedefs.values())


def switch(name: str) -> bool:
    """Say whether NEARLINE_`name` is 1, and remove it: to the product it would be a misspelt setting."""
    return os.environ.pop(f"NEARLINE_{name}", None) == "1"
