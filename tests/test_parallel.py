"""Tests in several processes are counted, shown and missed as in one."""

import os
import subprocess
import sys
from pathlib import Path

from tests.waiting import until

ROOT = Path(__file__).parent.parent
BARE = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
TESTS = """
import os, warnings, pytest
def test_passes(): pass
def test_fails(): print("what it printed"); assert 0
def test_warns(): warnings.warn("be careful")
@pytest.mark.slow
def test_ends_its_process(): os._exit(3)
@pytest.mark.skip(reason="not here")
def test_skipped(): pass
"""


STAYING = """
import threading, time, pytest
@pytest.mark.slow
@pytest.mark.parametrize("n", range(2))
def test_leaves_a_thread(n, request):
    threading.Thread(target=time.sleep, args=(600,)).start()
    (request.path.parent / f"{n}").touch()
    time.sleep(0.5)
"""


def prepared(folder: Path, tests: str, *options: str) -> list[str]:
    """Write tests into a folder; return the command that runs them in two processes."""
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = slow\n", encoding="utf-8")
    (folder / "test_it.py").write_text(tests, encoding="utf-8")
    plugins = ["-p", "tests.parallel", "--processes", "2", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    return [sys.executable, "-m", "pytest", *plugins, *options, str(folder)]


def run(folder: Path, *options: str) -> str:
    """Run the tests above; return what pytest prints."""
    command = prepared(folder, TESTS, *options)
    return subprocess.run(command, cwd=ROOT, env=BARE, capture_output=True, text=True, check=False).stdout


def test_results_come_from_all_processes(tmp_path: Path) -> None:
    """Failures with what was printed, warnings and skips are those of one process.

    A test that ends its process fails with its name; the others run in the other process.
    """
    shown = run(tmp_path)
    assert "2 failed, 2 passed, 1 skipped, 1 warning" in shown
    assert "what it printed" in shown
    assert "UserWarning: be careful" in shown
    assert "exit code 3 in test_it.py::test_ends_its_process" in shown


def test_forks_end_with_their_first_process(tmp_path: Path) -> None:
    """A run that is killed leaves no process behind that works in its folder."""
    with subprocess.Popen(
        prepared(tmp_path, STAYING), cwd=ROOT, env=BARE, stdout=subprocess.DEVNULL
    ) as first:
        until(lambda: (tmp_path / "0").exists() and (tmp_path / "1").exists())
        forks = [int(pid) for pid in Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()]
        first.kill()
    assert len(forks) == 2
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in forks))


def test_a_run_can_stop_at_the_first_failure(tmp_path: Path) -> None:
    """What is not run then is no failure."""
    assert "1 failed" in run(tmp_path, "-x", "-k", "fails")
