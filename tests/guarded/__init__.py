"""Tests in a process whose allocator finds whoever touches memory beside a block (`guard.c`).

``python -m tests.guarded tests/online_models`` runs pytest with these arguments. It takes two to four times
as long, some memory, and a C compiler. To guard more than some ten thousand blocks at a time, let the system
give more mappings: ``sysctl -w vm.max_map_count=2000000``.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["COMPILER", "guarding"]

COMPILER: Final = shutil.which("cc")
_SOURCE: Final = Path(__file__).with_name("guard.c")


def guarding(folder: Path) -> Mapping[str, str]:
    """Compile the allocator into a folder; return the environment of processes that have it."""
    library = folder / "guard.so"
    compiled = "-O2", "-Wall", "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"
    subprocess.run([COMPILER or "cc", *compiled], check=True)
    return os.environ | {"LD_PRELOAD": str(library), "PYTHONFAULTHANDLER": "1"}
