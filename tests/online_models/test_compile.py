"""Kernels are all compiled beforehand, and no cached code outlives an edit of what it was made of."""

import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import online_models
import streams
from online_models.jit import KERNELS
from online_models.kernel_cache import callees
from tests.forks import run_in_fork

ROOT = Path(__file__).parents[2]

CALLED = """
from online_models.jit import jit

FACTOR = {factor}


@jit
def scaled(x):
    return x * FACTOR
"""
CALLER = """
from called import scaled
from online_models.jit import jit


@jit
def doubled(x):
    return 2 * scaled(x)


print(doubled(1), sum(doubled.stats.cache_misses.values()))
"""


def test_an_edit_of_what_a_kernel_calls_compiles_it_anew(tmp_path: Path) -> None:
    """A constant in another file is part of the key; what changes no code is not."""
    number = count()

    def import_caller() -> None:
        sys.dont_write_bytecode = True  # two edits within a second have one date
        sys.path.insert(0, str(tmp_path))
        importlib.import_module("caller")

    def run(factor: int, caller: str = CALLER) -> list[str]:
        (tmp_path / "called.py").write_text(CALLED.format(factor=factor))
        (tmp_path / "caller.py").write_text(caller)
        code, printed = run_in_fork(import_caller, tmp_path / f"{next(number)}.txt")
        assert code == 0, printed
        return printed.split()

    assert run(3) == ["6", "1"]
    assert run(3, '"""Words."""\n\n' + CALLER) == ["6", "0"]
    assert run(5) == ["10", "1"]


LARGE = """
from online_models.jit import jit


@jit
def scaled(x):
    for k in range(7):
        {steps}
    return x
"""


FIRST = """
from online_models.jit import jit


@jit
def first(x):
    return x


first(1), first(1.0), first(True)
"""


def test_what_is_called_apart_is_loaded_or_compiled_first(tmp_path: Path) -> None:
    """A large callee is no part of its callers: they load it, and compile anew if it is another one."""
    number, steps = count(), "; ".join(f"x = (x ^ {k}) * (x + {k}) % {9_973 - k}" for k in range(30))
    (tmp_path / "called.py").write_text(LARGE.format(steps=steps))
    (tmp_path / "caller.py").write_text(CALLER)

    def import_caller() -> None:
        sys.path.insert(0, str(tmp_path))
        importlib.import_module("caller")

    def run() -> list[str]:
        code, printed = run_in_fork(import_caller, tmp_path / f"{next(number)}.txt")
        assert code == 0, printed
        return printed.split()

    expected, misses = run()
    assert misses == "1"
    assert run() == [expected, "0"]
    stored = list(tmp_path.rglob("*called.scaled*callee*"))
    assert stored
    for file in stored:
        file.unlink()
    (tmp_path / "caller.py").write_text(FIRST + CALLER)
    assert run() == [expected, "1"], "numba numbers what it compiles: the callee has another name now"
    assert run() == [expected, "0"]


def _modules() -> Iterator[ModuleType]:
    for package in (online_models, streams):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def _functions(names: dict[str, object], module: str) -> Iterator[FunctionType]:
    """Yield the functions of a module or class that are no kernels."""
    for value in names.values():
        for function in (value, *(getattr(value, name, None) for name in ("__func__", "fget", "func"))):
            if isinstance(function, FunctionType) and function.__module__ == module:
                yield function
        if isinstance(value, type) and value.__module__ == module:
            yield from _functions(dict(vars(value)), module)


def _named(code: CodeType, function: FunctionType) -> Iterator[object]:
    """Yield the globals that a function names, and what it names of modules among them."""
    for name in code.co_names:
        value = function.__globals__.get(name)
        yield value
        if isinstance(value, ModuleType) and value.__name__.startswith("online_models."):
            yield from (getattr(value, attribute, None) for attribute in code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _named(constant, function)


def _compiled_by_steps() -> set[str]:
    """Return the kernels that the steps compile in a process that does nothing else."""
    steps = "[compile.run_step(name) for name in compile.ALL]"
    found = "[name for name, kernel in jit.KERNELS.items() if kernel.overloads]"
    code = f"import json; from online_models import compile, jit; {steps}; print(json.dumps({found}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return {*json.loads(done.stdout.splitlines()[-1])}


def test_no_kernel_is_forgotten() -> None:
    """All that Python calls is compiled by a step, and all others are called by a kernel that is."""
    modules = list(_modules())
    there = {id(value) for module in modules for value in vars(module).values()}  # those of doctests are not
    ours = {name: kernel for name, kernel in KERNELS.items() if id(kernel) in there}
    names = {id(kernel): name for name, kernel in ours.items()}
    called = {
        names[id(value)]
        for module in modules
        for function in _functions(dict(vars(module)), module.__name__)
        for value in _named(function.__code__, function)
        if id(value) in names
    }
    assert sorted(called - _compiled_by_steps()) == []
    reached = {name: ours[name] for name in called}
    waiting = list(reached.values())
    while waiting:
        for kernel in callees(waiting.pop()):
            if names[id(kernel)] not in reached:
                reached[names[id(kernel)]] = kernel
                waiting.append(kernel)
    assert sorted(ours.keys() - reached.keys()) == []
