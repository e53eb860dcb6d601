"""Numba's cache on disk, keyed by all that a kernel's machine code depends on.

Numba's own key is the file of a function: it recompiles after every edit of that file, and keeps old code
after an edit of a function in another file that the kernel calls. Here the key is a fingerprint of the
kernel: its bytecode and options, the constants that it names, and the same of every kernel that it calls. So
an edit recompiles the kernels that it changes, in all files, and no others, and cached code is never out of
date.
"""

import functools
import hashlib
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from numba.core import caching, config, types
from numba.core.dispatcher import Dispatcher

__all__ = ["KernelCache", "callees", "fingerprint"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic, np.dtype, type(...))
"""Types of constants whose ``repr`` is their whole value."""


_LIBRARIES = {"numba", "numpy", "typing"}
"""Packages whose functions are identified by name: a cache belongs to one version of numba anyway."""
_FunctionCache: Any = caching.FunctionCache
_CacheFile: Any = caching.IndexDataCacheFile


class TolerantCacheFile(_CacheFile):  # type: ignore[misc] # numba's methods have no types
    """Numba's index of the compiled forms of one kernel; counts as empty if it names classes that moved."""

    def _load_index(self) -> dict[Any, Any]:
        try:
            found: dict[Any, Any] = super()._load_index()
        except (ImportError, AttributeError):  # its pickled types of arguments name classes
            return {}
        return found


class KernelCache(_FunctionCache):  # type: ignore[misc] # numba's methods have no types
    """The compiled forms of one kernel on disk, by fingerprint and types of arguments.

    Parameters
    ----------
    kernel
        Numba's dispatcher.
    """

    def __init__(self, kernel: Any) -> None:  # noqa: ANN401 - numba's dispatcher
        super().__init__(kernel.py_func)
        self._kernel = kernel
        self._by_fingerprint = False

    def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401 - numba's types
        """Return the compiled form for types of arguments, None if there is none."""
        self._find_file()
        return super().load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401 - numba's types
        """Store a compiled form."""
        self._find_file()
        super().save_overload(sig, data)

    def _find_file(self) -> None:
        """Replace the hash of the file by the fingerprint, now that all callees are defined."""
        if not self._by_fingerprint:
            line = self._kernel.py_func.__code__.co_firstlineno
            name = self._impl.filename_base.replace(f"-{line}.", ".")
            if self._kernel.targetoptions.get("no_cpython_wrapper"):
                name = f"{name}.callee"
            self._cache_file = TolerantCacheFile(self._cache_path, name, fingerprint(self._kernel))
            self._by_fingerprint = True

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:  # noqa: ANN401 - numba's types
        """Add to numba's key the names of the arguments' fields, and whether indexes are checked.

        Numba's own has the fields' types alone, and takes code without checks for NUMBA_BOUNDSCHECK=1.
        """
        checked = ("bounds checked",) if config.BOUNDSCHECK else ()  # type: ignore[attr-defined]
        return (*super()._index_key(sig, codegen), _names_of_fields(sig), *checked)


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
    return hashlib.sha256("".join(sorted(_own(one)[0] for one in found)).encode()).hexdigest()


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
