"""Run pytest in a process with guarded memory."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.guarded import guarding


def main() -> int:
    """Run pytest with the arguments of this command; return its exit code, negative for a signal."""
    with tempfile.TemporaryDirectory(prefix="nearline-guarded-") as folder:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *sys.argv[1:]]
        return subprocess.run(command, env=guarding(Path(folder)), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
