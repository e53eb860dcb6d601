"""Build hook of Hatchling: compile the kernels for the declared processor, and put them into the wheel.

Off by default: a wheel of an isolated build is pure Python, and compiles at its first start. ``make dist``
and the image's build switch it on with HATCH_BUILD_HOOK_ENABLE_CUSTOM=true, without isolation: kernels are
compiled with the numba, llvmlite and numpy that are installed, and the wheel then requires these.
"""

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SWITCH = "HATCH_BUILD_HOOK_ENABLE_CUSTOM"
KERNELS = "online_models/kernels"
COMPILE = """
from pathlib import Path
from online_models import compile, shipped_kernels
compile.main()
shipped_kernels.Build.here().write(Path({folder!r}))
"""


class KernelsHook(BuildHookInterface):
    """Compiles into a temporary folder, which the wheel takes in, and names what the wheel is for."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless this is an editable installation."""
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="nearline-kernels-")
        compile_into(Path(self._folder.name), Path(self.root))
        build_data["force_include"][self._folder.name] = KERNELS
        build_data["pure_python"], build_data["infer_tag"] = False, True
        build_data["dependencies"] += requirements()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the temporary folder."""
        if version != "editable":
            self._folder.cleanup()


def compile_into(folder: Path, sources: Path) -> None:
    """Compile the kernels of a source tree into a folder; they do not depend on where either of them is."""
    sys.path.insert(0, str(sources))
    from online_models.kernel_cache import LOCK  # noqa: PLC0415 - now it is found
    from online_models.shipped_kernels import BASELINE, missing_features  # noqa: PLC0415

    if missing := missing_features():  # compiling calls each kernel once
        msg = f"this processor has no {', '.join(missing)}: build without {SWITCH}, or on {BASELINE}"
        raise RuntimeError(msg)
    # Level 2: as quick as numba's 3, and compiled in a seventh less time.
    target = {"NUMBA_CPU_NAME": BASELINE, "NUMBA_CPU_FEATURES": "", "NUMBA_OPT": "2"}
    where = {"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(sources), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(  # noqa: S603 - this interpreter and our own text
        [sys.executable, "-c", COMPILE.format(folder=str(folder))],
        env=os.environ | target | where, cwd=sources, check=True,
    )  # fmt: skip
    for lock in folder.rglob(LOCK):
        lock.unlink()


def requirements() -> list[str]:
    """Return what the kernels run with: the versions that `online_models.shipped_kernels` compares."""
    minor = ".".join(version("numpy").split(".")[:2])
    return [f"numba=={version('numba')}", f"llvmlite=={version('llvmlite')}", f"numpy=={minor}.*"]
