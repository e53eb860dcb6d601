"""Kernels that are compiled beforehand and travel in the wheel, for a declared processor.

``make dist`` compiles every kernel for `BASELINE` and puts the code into the wheel: folder ``kernels`` of
this package, with a description of what it was compiled with. `use` compares that with what runs here. If
they agree, numba compiles for `BASELINE` in this process, so that it finds the shipped code by its
fingerprint (`online_models.kernel_cache`). Otherwise it compiles for the processor that is here, and
`decided` says why. A checkout has no such folder.
"""

import functools
import json
import sys
from pathlib import Path
from typing import NamedTuple, Self

import llvmlite
import numba
import numpy as np
from llvmlite import binding
from numba.core import config

__all__ = ["BASELINE", "Build", "KernelChoice", "decided", "missing_features", "use"]

BASELINE = "x86-64-v3"
"""Processor for which kernels are shipped: with AVX2 and FMA, Intel's from 2013, AMD's from 2015. Lists and
learning take as long as with AVX-512 (ADR 51)."""
NEEDS = ("avx", "avx2", "bmi", "bmi2", "cx16", "f16c", "fma", "lzcnt", "movbe", "popcnt", "sse4.2", "xsave")
"""LLVM's names of what `BASELINE` has, https://gitlab.com/x86-psABIs/x86-64-ABI, table 3.1."""
FOLDER = Path(__file__).with_name("kernels")
DESCRIPTION = "build.json"


class Build(NamedTuple):
    """What machine code depends on besides a kernel: processor, and versions that compile and call it."""

    cpu: str
    python: str
    numba: str
    llvmlite: str
    numpy: str
    """Major and minor version: a patch of numpy changes neither its arrays nor its functions."""

    @classmethod
    def here(cls, cpu: str = BASELINE) -> Self:
        """Return the versions in this process, with a processor."""
        python = f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"
        numpy = ".".join(np.__version__.split(".")[:2])
        return cls(cpu, python, numba.__version__, llvmlite.__version__, numpy)

    def write(self, folder: Path) -> None:
        """Describe the kernels in a folder."""
        text = json.dumps(self._asdict(), indent=2)
        (folder / DESCRIPTION).write_text(f"{text}\n", encoding="utf-8")


class KernelChoice(NamedTuple):
    """Whether the shipped kernels are used."""

    folder: Path | None
    """Where they are; None if they are not used."""
    cause: str
    """In words: which are used, or why none are."""


def use() -> None:
    """Let numba compile for the shipped kernels' processor, if they run here; before the first kernel."""
    if decided().folder is not None:
        config.CPU_NAME, config.CPU_FEATURES = BASELINE, ""  # type: ignore[attr-defined]


@functools.cache
def decided() -> KernelChoice:
    """Say whether the shipped kernels are used in this process."""
    return _decide(FOLDER, config.CPU_NAME)  # type: ignore[attr-defined]


def _decide(folder: Path, asked_for: str | None) -> KernelChoice:
    """Compare what the kernels of a folder were compiled with and what is here."""
    try:
        shipped = Build(**json.loads((folder / DESCRIPTION).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return KernelChoice(None, "none were shipped with this installation")
    except (ValueError, TypeError):
        return KernelChoice(None, f"{folder / DESCRIPTION} is not a description of kernels")
    here = Build.here()
    others = [
        f"{name} {theirs} where {ours} is installed"
        for name, theirs, ours in zip(Build._fields, shipped, here, strict=True)
        if theirs != ours
    ]
    if asked_for not in {None, BASELINE}:
        return KernelChoice(None, f"NUMBA_CPU_NAME asks for {asked_for}, the shipped ones are for {BASELINE}")
    if others:
        return KernelChoice(None, f"the shipped ones are for {', '.join(others)}")
    if missing := missing_features():
        return KernelChoice(
            None, f"the shipped ones are for {BASELINE}, this processor has no {', '.join(missing)}"
        )
    return KernelChoice(folder, f"those shipped for {BASELINE}, numba {here.numba}, numpy {here.numpy}")


def missing_features() -> list[str]:
    """Return what `BASELINE` has and the processor here has not."""
    found = _features()
    return [name for name in NEEDS if not found.get(name)]


def _features() -> dict[str, bool]:
    """Return what the processor has, by LLVM's names; nothing if LLVM does not know it."""
    try:
        return dict(binding.get_host_cpu_features())
    except RuntimeError:
        return {}
