"""Numba's cache on disk, keyed by all that a kernel's machine code depends on.

Numba looks at the file in which a function stands: it compiles anew after every edit of that file, and keeps
old code after an edit of a function that is called from another file. Here the key is a fingerprint of the
kernel itself: its bytecode and options, the constants that it names, and the same of every kernel that it
calls. So an edit compiles the kernels that it changes, wherever they stand, and no others; a class beside a
kernel may change freely, and cached code is never out of date.
"""

import functools
import hashlib
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from numba.core import caching, types
from numba.core.dispatcher import Dispatcher

__all__ = ["KernelCache", "callees", "fingerprint"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic, np.dtype, type(...))
"""Kinds of constants whose representation says all of them."""


_LIBRARIES = {"numba", "numpy", "typing"}
"""What kernels may name of them stands for itself: a cache belongs to one version of numba anyway."""
_FunctionCache: Any = caching.FunctionCache
_CacheFile: Any = caching.IndexDataCacheFile


class TolerantCacheFile(_CacheFile):  # type: ignore[misc] # numba's methods have no types
    """Numba's index of the compiled forms of one kernel; one that names classes which have moved is empty."""

    def _load_index(self) -> dict[Any, Any]:
        try:
            found: dict[Any, Any] = super()._load_index()
        except (ImportError, AttributeError):  # the index pickles types of arguments, and these their classes
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
        """Return the compiled form for some types of arguments, None if there is none."""
        self._find_file()
        return super().load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401 - numba's types
        """Keep a compiled form."""
        self._find_file()
        super().save_overload(sig, data)

    def _find_file(self) -> None:
        """Put the fingerprint in the place of the file's hash: now that all that the kernel calls exists."""
        if not self._by_fingerprint:
            line = self._kernel.py_func.__code__.co_firstlineno
            name = self._impl.filename_base.replace(f"-{line}.", ".")
            if self._kernel.targetoptions.get("no_cpython_wrapper"):
                name = f"{name}.callee"
            self._cache_file = TolerantCacheFile(self._cache_path, name, fingerprint(self._kernel))
            self._by_fingerprint = True

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:  # noqa: ANN401 - numba's types
        """Add the names of the arguments' fields to numba's key, which has their types alone."""
        return (*super()._index_key(sig, codegen), _names_of_fields(sig))


def fingerprint(kernel: Any) -> str:  # noqa: ANN401 - numba's dispatcher
    """Return a hash of all that a kernel's machine code is made of, the types of its arguments aside.

    Raises
    ------
    TypeError
        The kernel, or one that it calls, names a global that cannot be told from another of its kind.
    """
    found, waiting = {kernel}, [kernel]
    while waiting:
        called = set(callees(waiting.pop())) - found
        found |= called
        waiting += called
    return hashlib.sha256("".join(sorted(_own(one)[0] for one in found)).encode()).hexdigest()


def callees(kernel: Any) -> tuple[Any, ...]:  # noqa: ANN401 - numba's dispatcher
    """Return the kernels that a kernel names."""
    return _own(kernel)[1]


@functools.cache
def _own(kernel: Any) -> tuple[str, tuple[Any, ...]]:  # noqa: ANN401 - numba's dispatcher
    """Return a hash of a kernel without what it calls, and the kernels that it calls."""
    function = kernel.py_func
    options = {
        name: sorted(value) if isinstance(value, set) else value
        for name, value in sorted(kernel.targetoptions.items())
    }
    named: list[Any] = []
    text = "\n".join([function.__module__, function.__qualname__, repr(options), *_parts(function, named)])
    return hashlib.sha256(text.encode()).hexdigest(), tuple(named)


def _parts(function: FunctionType, named: list[Any]) -> Iterator[str]:
    """Say what a function is made of; kernels that it names go to ``named``."""
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
    """Say what a global is."""
    name = f"{getattr(value, '__module__', None)}.{getattr(value, '__qualname__', None)}"
    if isinstance(value, ModuleType):
        name = value.__name__
    if isinstance(value, Dispatcher):
        named.append(value)
        said = name
    elif isinstance(value, tuple | list):
        said = f"{type(value)} {[_described(one, named) for one in value]}"
    elif isinstance(value, np.ndarray):
        said = f"{value.dtype} {value.shape} {value.tobytes().hex()}"
    elif isinstance(value, type):
        said = f"{name} {getattr(value, '_fields', '')}"
    elif isinstance(value, _PLAIN):
        said = f"{type(value)} {value!r}"
    elif hasattr(value, "__wrapped__"):  # an intrinsic
        said = "\n".join(_parts(value.__wrapped__, named))
    elif name.split(".")[0] in _LIBRARIES:
        said = name
    else:
        msg = f"a kernel names {value!r}: no fingerprint tells it from another of its kind"
        raise TypeError(msg)
    return said


def _names_of_fields(kind: Any) -> tuple[Any, ...]:  # noqa: ANN401 - numba's types
    """Return the names of the fields of (nested) named tuples among types of arguments."""
    if isinstance(kind, types.ListType):
        return _names_of_fields(kind.dtype)
    nested = kind if isinstance(kind, tuple) else getattr(kind, "types", ())
    names = kind.fields if isinstance(kind, types.NamedTuple | types.NamedUniTuple) else ()
    return (names, *(_names_of_fields(one) for one in nested))
