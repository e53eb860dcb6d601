"""Numba's cache on disk, keyed by all that a kernel's machine code depends on.

Numba's own key is the file of a function: it recompiles after every edit of that file, and keeps old code
after an edit of a function in another file that the kernel calls. Here the key is a fingerprint of the
kernel: its bytecode and options, the constants that it names, and the same of every kernel that it calls. So
an edit recompiles the kernels that it changes, in all files, and no others, and cached code is never out of
date.

Compiled code is looked for among the kernels that came with the wheel (`online_models.shipped_kernels`),
then in the first of these folders that can be written to, where what is missing is stored: NUMBA_CACHE_DIR,
``__pycache__`` beside the module, the user's cache. If there is none, nothing is stored. In NUMBA_CACHE_DIR
and in the wheel, files are named by module and function and by no path, so that they can be copied to another
machine.
"""

import fcntl
import functools
import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Self

import numpy as np
from numba.core import caching, config, types
from numba.core.dispatcher import Dispatcher

from online_models.called_apart import add_callee, called_apart, is_there, keep_apart, note_form
from online_models.shipped_kernels import decided

__all__ = ["KernelCache", "KernelsCompileWarning", "callees", "fingerprint"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic, np.dtype, type(...))
"""Types of constants whose ``repr`` is their whole value."""


_LIBRARIES = {"llvmlite", "numba", "numpy", "typing"}
"""Packages whose functions are identified by name: a cache belongs to one version of numba anyway."""
_FunctionCache: Any = caching.FunctionCache
_CacheFile: Any = caching.IndexDataCacheFile
_CompileResults: Any = caching.CompileResultCacheImpl
_Locator: Any = caching._CacheLocator  # noqa: SLF001 - numba documents it as the class to derive from
_GivenFolder: Any = caching.UserProvidedCacheLocator


class KernelsCompileWarning(UserWarning):
    """Kernels are missing in the caches, and compile."""


class GivenFolder(_GivenFolder):  # type: ignore[misc] # numba's methods have no types
    """NUMBA_CACHE_DIR, with a folder for each module by its name: numba's own has the hash of a path."""

    def __init__(self, py_func: Any, py_file: str) -> None:  # noqa: ANN401 - numba's
        super().__init__(py_func, py_file)
        self._cache_path = str(Path(config.CACHE_DIR, py_func.__module__))  # type: ignore[attr-defined]


class Nowhere(_Locator):  # type: ignore[misc] # numba's methods have no types
    """No folder: the root is read-only, and so is the user's home. Kernels compile in each process."""

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> Self:  # noqa: ANN401, ARG003 - numba's
        """Take any function."""
        return cls()

    def get_cache_path(self) -> str:
        """Return a folder that does not exist."""
        return "/nonexistent"

    def get_source_stamp(self) -> str:
        """Return nothing: the fingerprint replaces it."""
        return ""

    def get_disambiguator(self) -> str:
        """Return nothing: a kernel is named by its module."""
        return ""


class CompiledForms(_CompileResults):  # type: ignore[misc] # numba's methods have no types
    """How compiled forms become bytes, and where they are stored."""

    _locator_classes = (
        GivenFolder,
        *(one for one in _CompileResults._locator_classes if one is not _GivenFolder),  # noqa: SLF001
        Nowhere,
    )

    def reduce(self, data: Any) -> tuple[Any, ...]:  # noqa: ANN401 - numba's
        """Leave out the source with its types, which numba shows and does not need: it names paths.

        Last, add what other kernels' functions it calls.
        """
        typed = 6
        reduced: tuple[Any, ...] = super().reduce(data)
        return (*reduced[:typed], "", *reduced[typed + 1 :], called_apart(data))

    def rebuild(self, target_context: Any, payload: tuple[Any, ...]) -> Any:  # noqa: ANN401 - numba's
        """Return the compiled form, None if it calls a function that is another one by now."""
        *reduced, called = payload
        return super().rebuild(target_context, reduced) if all(map(is_there, called)) else None


class CacheFile(_CacheFile):  # type: ignore[misc] # numba's methods have no types
    """Numba's index of the compiled forms of one kernel; counts as empty if it names classes that moved.

    Parameters
    ----------
    folder, name, stamp
        Of the index.
    shipped
        The index of the same kernel that came with the wheel, which is asked first.
    """

    def __init__(self, folder: str, name: str, stamp: str, shipped: "CacheFile | None" = None) -> None:
        super().__init__(folder, name, stamp)
        self._shipped = shipped

    def load(self, key: Any) -> Any:  # noqa: ANN401 - numba's
        """Return the compiled form for a key, None if there is none."""
        found = self._shipped.load(key) if self._shipped else None
        return super().load(key) if found is None else found

    def save(self, key: Any, data: Any) -> None:  # noqa: ANN401 - numba's
        """Store a compiled form while no other process does: two that number files at once mix forms up."""
        with Path(self._cache_path, LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            super().save(key, data)

    def _load_index(self) -> dict[Any, Any]:
        try:
            found: dict[Any, Any] = super()._load_index()
        except (ImportError, AttributeError):  # its pickled types of arguments name classes
            return {}
        return found


LOCK = "kernels.lock"
"""File in each folder of compiled forms that is locked while one is stored."""

FORMAT = "2"
"""Version of what is stored of a compiled form: since 2 the kernels that it calls apart."""


class KernelCache(_FunctionCache):  # type: ignore[misc] # numba's methods have no types
    """The compiled forms of one kernel on disk, by fingerprint and types of arguments.

    Parameters
    ----------
    kernel
        Numba's dispatcher.
    """

    _impl_class = CompiledForms

    def __init__(self, kernel: Any) -> None:  # noqa: ANN401 - numba's dispatcher
        super().__init__(kernel.py_func)
        self._kernel = kernel
        self._by_fingerprint = False
        self._is_callee = bool(kernel.targetoptions.get("no_cpython_wrapper"))
        if self._is_callee:
            add_callee(kernel)

    def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401 - numba's types
        """Return the compiled form for types of arguments, None if there is none."""
        self._find_file()
        found = super().load_overload(sig, target_context)
        if found is None:
            _say_that_kernels_compile()
        elif self._is_callee:
            note_form(self._kernel, found)
        return found

    def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401 - numba's types
        """Store a compiled form."""
        self._find_file()
        if self._is_callee:
            keep_apart(data)
            note_form(self._kernel, data)
        if not isinstance(self._impl.locator, Nowhere):
            super().save_overload(sig, data)

    def _find_file(self) -> None:
        """Replace the hash of the file by the fingerprint, now that all callees are defined."""
        if not self._by_fingerprint:
            function = self._kernel.py_func
            name = self._impl.filename_base.replace(f"-{self._impl.locator.get_disambiguator()}.", ".")
            if self._is_callee:
                name = f"{name}.callee"
            stamp, shipped = fingerprint(self._kernel), None
            if folder := decided().folder:
                shipped = CacheFile(str(folder / function.__module__), name, stamp)
            self._cache_file = CacheFile(self._cache_path, name, stamp, shipped)
            self._by_fingerprint = True

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:  # noqa: ANN401 - numba's types
        """Add to numba's key the names of the arguments' fields, and whether indexes are checked.

        Numba's own has the fields' types alone, and takes code without checks for NUMBA_BOUNDSCHECK=1.
        """
        checked = ("bounds checked",) if config.BOUNDSCHECK else ()  # type: ignore[attr-defined]
        return (*super()._index_key(sig, codegen), _names_of_fields(sig), *checked)


@functools.cache
def _say_that_kernels_compile() -> None:
    """Warn, once in a process: what comes takes long."""
    text = (
        f"kernels compile, one to three minutes in all, once on this machine: {decided().cause}; "
        "`python -m online_models.compile` does it beforehand, with two processes"
    )
    warnings.warn(text, KernelsCompileWarning, stacklevel=2)


def fingerprint(kernel: Any) -> str:  # noqa: ANN401 - numba's dispatcher
    """Return a hash of everything that determines a kernel's machine code, except the types of arguments.

    Raises
    ------
    TypeError
        The kernel, or one that it calls, names a global whose value has no description.
    """
    found, waiting = {kernel}, [kernel]
    while waiting:
        called = set(callees(waiting.pop())) - found
        found |= called
        waiting += called
    return hashlib.sha256("".join([FORMAT, *sorted(_own(one)[0] for one in found)]).encode()).hexdigest()


def callees(kernel: Any) -> tuple[Any, ...]:  # noqa: ANN401 - numba's dispatcher
    """Return the kernels that a kernel calls."""
    return _own(kernel)[1]


@functools.cache
def _own(kernel: Any) -> tuple[str, tuple[Any, ...]]:  # noqa: ANN401 - numba's dispatcher
    """Return a hash of a kernel without its callees, and the callees."""
    function = kernel.py_func
    options = {
        name: sorted(value) if isinstance(value, set) else value
        for name, value in sorted(kernel.targetoptions.items())
    }
    named: list[Any] = []
    text = "\n".join([function.__module__, function.__qualname__, repr(options), *_parts(function, named)])
    return hashlib.sha256(text.encode()).hexdigest(), tuple(named)


def _parts(function: FunctionType, named: list[Any]) -> Iterator[str]:
    """Yield descriptions of the parts of a function; appends the kernels that it names to ``named``."""
    yield repr(function.__defaults__)
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        yield from (code.co_code.hex(), repr(code.co_names), repr(code.co_varnames))
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                codes.append(constant)
            elif constant != function.__doc__:
                yield repr(constant)
        for name in code.co_names:
            if name in function.__globals__:
                yield f"{name} = {_described(function.__globals__[name], named)}"


def _described(value: object, named: list[Any]) -> str:
    """Return a description of a global; appends a kernel to ``named``."""
    name = f"{getattr(value, '__module__', None)}.{getattr(value, '__qualname__', None)}"
    if isinstance(value, ModuleType):
        name = value.__name__
    if isinstance(value, Dispatcher):
        named.append(value)
        text = name
    elif isinstance(value, tuple | list):
        text = f"{type(value)} {[_described(one, named) for one in value]}"
    elif isinstance(value, np.ndarray):
        text = f"{value.dtype} {value.shape} {value.tobytes().hex()}"
    elif isinstance(value, type):
        text = f"{name} {getattr(value, '_fields', '')}"
    elif isinstance(value, _PLAIN):
        text = f"{type(value)} {value!r}"
    elif hasattr(value, "__wrapped__"):  # an intrinsic
        text = "\n".join(_parts(value.__wrapped__, named))
    elif name.split(".")[0] in _LIBRARIES:
        text = name
    else:
        msg = f"a kernel names {value!r}, whose value a fingerprint cannot describe"
        raise TypeError(msg)
    return text


def _names_of_fields(kind: Any) -> tuple[Any, ...]:  # noqa: ANN401 - numba's types
    """Return the names of the fields of (nested) named tuples among types of arguments."""
    if isinstance(kind, types.ListType):
        return _names_of_fields(kind.dtype)
    nested = kind if isinstance(kind, tuple) else getattr(kind, "types", ())
    names = kind.fields if isinstance(kind, types.NamedTuple | types.NamedUniTuple) else ()
    return (names, *(_names_of_fields(one) for one in nested))
