"""How kernels are compiled: numba's decorator with its types kept, and the list of all kernels.

A kernel is a function over arrays that numba compiles. It is in the module that calls it, and has one of five
decorators:

==================  =========================================================================
`jit`               may allocate arrays
`jit_no_alloc`      compiled without reference counting (NRT), so it must not allocate
`jit_exact`         the same, and sums stay in the order in which they are written
`jit_inline`        the same as `jit_no_alloc`, and LLVM puts its body into each caller
`jit_exact_inline`  the same as `jit_exact`, likewise
==================  =========================================================================

All but the exact ones let the compiler reassociate sums, which loops need to become vector instructions.
Results are the same bytes for the same code on the same kind of processor; another order of sums may change
the last bits. So a change of a kernel's decorator is a change of behaviour.

Each decorator keeps the function's signature, so that type checkers see calls of kernels, and enters the
kernel into `KERNELS`, so that tests can find kernels that the warm-up misses.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

import numba
from numba.core import config, types

from online_models import shipped_kernels
from online_models.kernel_cache import KernelCache

__all__ = ["KERNELS", "jit", "jit_exact", "jit_exact_inline", "jit_inline", "jit_no_alloc"]

P = ParamSpec("P")
R = TypeVar("R")

shipped_kernels.use()  # before the first decorator, with which numba chooses the processor

KERNELS: dict[str, Any] = {}
"""Numba's dispatchers of the kernels in the modules imported so far, by module and name."""

_njit: Any = numba.njit
"""Its types leave out the option ``_nrt``."""
_FAST = {"reassoc", "contract", "nsz", "arcp", "afn"}
"""LLVM's fast-math flags but ``nnan`` and ``ninf``: lists are masked with -inf, finiteness is checked."""
_CONTRACT = {"contract"}
"""A product and a sum may become one fused instruction, nothing else."""


def jit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel that may allocate arrays."""
    return _compiled(function, fastmath=_FAST)


def jit_no_alloc(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel without NRT reference counting (0.1 us a call): it must not allocate."""
    return _compiled(function, fastmath=_FAST, _nrt=False)


def jit_exact(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel that must not allocate, and whose arithmetic is not reassociated."""
    return _compiled(function, fastmath=_CONTRACT, _nrt=False)


def jit_inline(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a short kernel that must not allocate; LLVM inlines it into each caller."""
    return _compiled(function, fastmath=_FAST, _nrt=False, forceinline=True)


def jit_exact_inline(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a short kernel as `jit_exact` does; LLVM inlines it into each caller."""
    return _compiled(function, fastmath=_CONTRACT, _nrt=False, forceinline=True)


def _compiled(function: Callable[P, R], **options: object) -> Callable[P, R]:
    """Return the kernel of a function, entered in `KERNELS`.

    A kernel has two dispatchers: much of the machine code of a kernel with tables for arguments converts
    Python objects. `callee` has no such wrapper, and replaces `kernel` where another kernel calls it.
    """
    options |= {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    if config.DISABLE_JIT:  # type: ignore[attr-defined]  # to debug kernels as Python, or to measure coverage
        return function
    kernel = _njit(**options)(function)
    callee = _njit(**options, no_cpython_wrapper=True)(function)
    for dispatcher in (kernel, callee):
        # As ``cache=True``, which knows no dependencies. Numba has no public way to hand in a cache.
        dispatcher._cache = KernelCache(dispatcher)  # noqa: SLF001

    def get_call_template(args: Iterable[Any], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401 - numba's
        """Type a call by another kernel. A literal number in the call makes no form of its own."""
        return callee.get_call_template(
            [types.unliteral(kind) for kind in args],
            {name: types.unliteral(kind) for name, kind in kwargs.items()},
        )

    kernel.get_call_template, kernel.get_overload = get_call_template, callee.get_overload
    KERNELS[f"{function.__module__}.{function.__qualname__}"] = kernel
    return cast("Callable[P, R]", kernel)
