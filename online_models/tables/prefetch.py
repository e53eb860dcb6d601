"""Asks the processor for rows that a kernel needs soon, so that it does not wait for each of them.

Negatives are drawn from all titles, so their rows are in no near cache: of 100,000 titles the vectors alone
are 24 MB. All of them are drawn before the first is read, and asked for at once.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import config
from numba.extending import intrinsic

from online_models.jit import jit_inline
from online_models.tables.aligned import LINE_BYTES
from online_models.tables.layout import F4, I4, Int

__all__ = ["prefetch", "prefetch_row"]

LINE = LINE_BYTES // 4
"""Numbers of four bytes in a cache line."""


def _ask(_: Any, array: Any, place: Any) -> Any:  # noqa: ANN401, ARG001 - numba's types
    """Ask for the cache line of a place of an array, counted without its shape; changes nothing."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401
        where = builder.gep(context.make_array(signature.args[0])(context, builder, args[0]).data, [args[1]])
        line, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [line, number, number, number])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [line], kind)
        # 0: to be read, 3: into all caches, 1: data
        builder.call(fetch, [builder.bitcast(where, line), *(number(one) for one in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


def _ask_nothing(array: object, place: int) -> None:
    """Stand in where kernels run as Python."""


prefetch: Any = _ask_nothing if config.DISABLE_JIT else intrinsic(_ask)  # type: ignore[attr-defined]
"""``prefetch(array, place)``: place counts the numbers of the array, whatever its shape."""


@jit_inline
def prefetch_row(rows: F4 | I4, j: Int) -> None:
    """Ask for a row of a matrix."""
    width = rows.shape[1]
    for f in range(0, width, LINE):
        prefetch(rows, j * width + f)
    prefetch(rows, j * width + width - 1)  # a row may begin anywhere in a line
