"""Compile every kernel into numba's cache on disk, so that a worker's first list comes at once.

Run it after installing and after every edit of a kernel: numba looks only at the file in which a kernel
stands, and would go on with the old code of what it calls from other files. So all that was cached is dropped
as soon as one source is newer than the stamp that the last complete run left behind. Of the core's programs
it is the only one that touches the disk.
"""

from pathlib import Path

from numba.core import event

from online_models.warm_up import STEPS

__all__ = ["main"]

_HERE = Path(__file__).parents[1]
_CACHE = Path(__file__).parent / "__pycache__"
_STAMP = _CACHE / "compiled"


def drop_stale() -> int:
    """Remove cached kernels if any source is newer than the stamp; return how many files went."""
    newest = max(source.stat().st_mtime_ns for source in _HERE.rglob("*.py"))
    if _STAMP.exists() and _STAMP.stat().st_mtime_ns >= newest:
        return 0
    stale = [file for kind in ("*.nbi", "*.nbc") for file in _HERE.rglob(kind)]
    for file in stale:
        file.unlink(missing_ok=True)
    return len(stale)


def main() -> None:
    """Drop what is stale, compile the rest; print what was done and how long the compiler took."""
    print(f"{drop_stale()} stale files dropped")
    for name, step in STEPS.items():
        with event.install_recorder("numba:compile") as recorder:
            step()
        stamps = [at for at, _ in recorder.buffer]
        print(f"{name:18}{max(stamps, default=0.0) - min(stamps, default=0.0):6.1f} s", flush=True)
    _STAMP.touch()


if __name__ == "__main__":
    main()
