"""The wheel that `make dist` built, in an empty environment: it has all that runs, and starts at once."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from online_models.kernel_cache import LOCK
from online_models.shipped_kernels import BASELINE, missing_features
from tests.readmes import ROOT

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(600)]
PACKAGES = ("schemas", "online_models", "streams")
KERNELS = "online_models/kernels/"


@pytest.fixture(scope="module")
def wheel() -> Path:
    """Give the wheel of this tree."""
    found = sorted((ROOT / "dist").glob("*.whl"))
    if not found:
        pytest.skip("no wheel: `make dist` builds one")
    return found[-1]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install the wheel into an empty environment outside of the checkout; give its folder."""
    folder = tmp_path_factory.mktemp("elsewhere")
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder / "env"], check=True)
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", folder / "env/bin/python",
         "--constraint", ROOT / "deploy/image.lock", wheel],
        check=True,
    )  # fmt: skip
    return folder


def _environment(folder: Path) -> dict[str, str]:
    """Return what a newcomer's terminal has: nothing of ours."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {"PATH": f"{folder}/env/bin:{os.environ['PATH']}", "HOME": str(home), "COLUMNS": "200"}


def _nearline(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["nearline", *words],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )


def _compiled(folder: Path) -> list[Path]:
    """Return what numba has stored: code that was compiled here."""
    return [path for path in folder.rglob("*.nb[ci]") if KERNELS not in path.as_posix()]


def test_the_wheel_has_every_file_of_the_packages(wheel: Path) -> None:
    """Templates, static files, schemas, message catalogs: all that git knows, as it is in this tree."""
    command = ["git", "ls-files", "--", *PACKAGES]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        known = listed.stdout.splitlines()
        assert [name for name in known if name not in names] == []
        differ = [name for name in known if archive.read(name) != (ROOT / name).read_bytes()]
        assert differ == [], "the wheel is of another tree: run `make dist`"
        assert any(name.startswith(KERNELS) and name.endswith(".nbc") for name in names)
        assert not any(name.endswith(LOCK) for name in names)
        (metadata,) = (name for name in names if name.endswith("dist-info/METADATA"))
        assert re.search(r"^Requires-Dist: numba==", archive.read(metadata).decode(), re.MULTILINE)
    assert not wheel.name.endswith("-any.whl")


def test_an_installed_wheel_makes_lists_without_compiling(installed: Path) -> None:
    """`nearline demo`, its pages, and what the doctor says of the kernels."""
    if missing_features():
        pytest.skip(f"this processor is not {BASELINE}: kernels compile")
    assert "Usage" in _nearline(installed, "--help").stdout
    began = time.monotonic()
    with subprocess.Popen(
        ["nearline", "demo", "--seconds", "8", "--json", "demo.json"],
        cwd=installed, env=_environment(installed), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        said = []
        for line in running.stdout:
            said.append(f"{time.monotonic() - began:6.1f} s: {line}")
            if found := re.search(r"the pages are at (http://\S+?):? ", line):
                _look_at(found[1])
    print("".join(said))  # noqa: T201 - the time from command to first list, for people: `-s` shows it
    assert running.returncode == 0, said
    document = json.loads((installed / "demo.json").read_text())
    print(f"first list {document['first_list_s']:.1f} s after the broker was there")  # noqa: T201 - as above
    assert document["lists"] > 0
    assert _compiled(installed) == []
    assert "kernels_compiled" not in (installed / ".nearline/demo/worker.log").read_text()
    doctor = json.loads(_nearline(installed, "doctor", "--json", "-").stdout)
    (kernels,) = (check for check in doctor["checks"] if check["name"] == "kernels")
    assert kernels["status"] == "ok"
    assert kernels["cause"].startswith(f"those shipped for {BASELINE}")
    assert _compiled(installed) == []


def _look_at(address: str) -> None:
    """Ask for the server's pages and a file of each kind that a page needs."""
    with urllib.request.urlopen(address, timeout=20) as answer:  # noqa: S310 - http, ours
        text = answer.read().decode()
    linked = re.findall(r"(?:href|src)=\"(/static/[^\"]+)\"", text)
    assert linked
    for path in linked:
        with urllib.request.urlopen(f"{address.rstrip('/')}{path}", timeout=20) as answer:  # noqa: S310
            assert answer.read()


def test_a_processor_that_the_kernels_are_not_for_compiles_and_says_so(
    installed: Path, tmp_path: Path
) -> None:
    """Asked of numba as a user asks: the kernels of the wheel are left, the doctor names the cause."""
    program = "from online_models.tables.hashing import hash_ids; print(hash_ids(['a']))"
    done = subprocess.run(
        [installed / "env/bin/python", "-c", program],
        cwd=installed,
        env=_environment(installed) | {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr.count("KernelsCompileWarning") == 1
    assert f"NUMBA_CPU_NAME asks for generic, the shipped ones are for {BASELINE}" in done.stderr
    assert _compiled(tmp_path)
