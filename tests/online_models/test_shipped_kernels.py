"""Kernels that were compiled elsewhere are used where they run, and nowhere else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import online_models
from online_models import kernel_cache, shipped_kernels
from online_models.jit import jit
from online_models.kernel_cache import CompiledForms, KernelsCompileWarning, Nowhere
from online_models.shipped_kernels import BASELINE, NEEDS, Build

MODULE = """
from online_models.jit import jit

FACTOR = {factor}


@jit
def scaled(x):
    return x * FACTOR


@jit
def doubled(x):
    return 2 * scaled(x)
"""
PROGRAM = """
import os, sys, pathlib
sys.path[:0] = [{root!r}]
from online_models import shipped_kernels
shipped_kernels.FOLDER = pathlib.Path({shipped!r})
from online_models.jit import numba
numba.njit(lambda: 0)()  # so that numba begins once, not in each fork
for folder in {modules!r}:
    if not os.fork():
        sys.path[:0] = [folder]
        import kernels_here
        print(kernels_here.doubled(1), sum(kernels_here.doubled.stats.cache_misses.values()), flush=True)
        os._exit(0)
    os.wait()
"""
needs_baseline = pytest.mark.skipif(bool(shipped_kernels.missing_features()), reason=f"no {BASELINE} here")


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder of kernels that fit, on a processor that has all that they need."""
    monkeypatch.setattr(shipped_kernels, "_features", lambda: dict.fromkeys(NEEDS, True))
    Build.here().write(tmp_path)
    return tmp_path


def test_kernels_that_fit_are_used(described: Path) -> None:
    """Same versions, a processor with all that the baseline has."""
    assert shipped_kernels._decide(described, None).folder == described
    assert shipped_kernels._decide(described, BASELINE).folder == described


@pytest.mark.parametrize("name", [name for name in Build._fields if name != "cpu"])
def test_other_versions_compile(described: Path, name: str) -> None:
    """The cause names the version that differs."""
    Build.here()._replace(**{name: "0.1"}).write(described)
    folder, cause = shipped_kernels._decide(described, None)
    assert folder is None
    assert f"{name} 0.1 where {getattr(Build.here(), name)} is installed" in cause


def test_an_older_processor_compiles(described: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One without AVX2 would stop at the first instruction that it does not know."""
    monkeypatch.setattr(shipped_kernels, "_features", lambda: dict.fromkeys(NEEDS, True) | {"avx2": False})
    assert shipped_kernels._decide(described, None) == (
        None, f"the shipped ones are for {BASELINE}, this processor has no avx2"
    )  # fmt: skip


def test_what_a_user_asks_of_numba_counts(described: Path) -> None:
    """Kernels for another processor are not replaced by shipped ones."""
    assert shipped_kernels._decide(described, "skylake").folder is None


def test_a_checkout_ships_none(tmp_path: Path) -> None:
    """No folder, or one whose description cannot be read."""
    assert "none were shipped" in shipped_kernels._decide(tmp_path / "none", None).cause
    (tmp_path / "build.json").write_text("{")
    assert "is not a description" in shipped_kernels._decide(tmp_path, None).cause


def _run(modules: list[Path], shipped: Path, **variables: str) -> tuple[list[str], str]:
    """Return what kernels of modules give, and how many were compiled: of each in a process of its own."""
    root = str(Path(online_models.__file__).parents[1])
    program = PROGRAM.format(root=root, modules=[*map(str, modules)], shipped=str(shipped))
    done = subprocess.run(
        [sys.executable, "-Bc", program], env=variables, check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines(), done.stderr


@needs_baseline
def test_shipped_kernels_are_found_by_content(tmp_path: Path) -> None:
    """From another folder, with other dates, nothing compiles; after an edit it does, and says so once."""
    built, shipped, installed, edited = (
        tmp_path / name for name in ("built", "shipped", "installed", "edited")
    )
    for folder, text, factor in ((built, "", 3), (installed, '"""Words."""\n\n', 3), (edited, "", 5)):
        folder.mkdir()
        (folder / "kernels_here.py").write_text(text + MODULE.format(factor=factor))
    compiled, said = _run(
        [built],
        tmp_path / "none",
        NUMBA_CACHE_DIR=str(shipped),
        NUMBA_CPU_NAME=BASELINE,
        NUMBA_CPU_FEATURES="",
    )
    assert compiled == ["6 1"]
    assert said.count("KernelsCompileWarning") == 1
    Build.here().write(shipped)
    shutil.rmtree(built)
    compiled, said = _run([installed, edited, edited], shipped)
    assert compiled == ["6 0", "10 1", "10 0"]  # at last from the cache beside it
    assert said.count("KernelsCompileWarning") == 1
    assert not list(installed.rglob("*.nbi"))
    paths = [
        path for path in shipped.rglob("*") if path.is_file() and str(tmp_path).encode() in path.read_bytes()
    ]
    assert paths == []


def test_kernels_run_where_nothing_can_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only root and a read-only home: a kernel compiles, with a warning, and is not stored."""
    monkeypatch.setattr(CompiledForms, "_locator_classes", (Nowhere,))
    kernel_cache._say_that_kernels_compile.cache_clear()

    @jit
    def third(x: float) -> float:
        return x / 3

    with pytest.warns(KernelsCompileWarning, match="none were shipped"):
        assert third(6.0) == 2.0
    assert not Path("/nonexistent").exists()
