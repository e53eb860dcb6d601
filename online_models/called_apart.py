"""Large kernels are called where they are, and not copied into the kernels that call them.

Numba links a kernel into each one that calls it, and LLVM optimizes and translates the copy once more. Of a
large one (`LARGE`) callers get nothing but its name, which the engine resolves when a caller is loaded. So a
stored caller names what it calls (`called_apart`), and is of use only while all of it is there (`is_there`).
"""

from typing import Any

from llvmlite.binding import parse_assembly

__all__ = ["add_callee", "called_apart", "is_there", "keep_apart", "note_form"]

LARGE = 100
"""Instructions from which a kernel's machine code is not copied into the kernels that call it. LLVM inlines
only shorter functions, and would optimize and translate the copy once more for each of its callers."""

_CALLEES: dict[str, Any] = {}
"""Numba's dispatchers of the kernels as other kernels call them, by module and name."""
_APART: dict[str, tuple[Any, Any]] = {}
"""Kernels that are called apart, and the types of their arguments, by the name of the function."""


def add_callee(kernel: Any) -> None:  # noqa: ANN401 - numba's dispatcher
    """Enter a kernel as other kernels call it."""
    _CALLEES[f"{kernel.py_func.__module__}.{kernel.py_func.__qualname__}"] = kernel


def keep_apart(form: Any) -> None:  # noqa: ANN401 - numba's
    """Let callers of a compiled form call its function where it is, if it is large."""
    library = form.library
    blocks = library.get_function(form.fndesc.mangled_name).blocks
    if not form.fndesc.inline and sum(1 for block in blocks for _ in block.instructions) >= LARGE:
        # What numba links into callers: with nothing in it, a call remains that the engine resolves
        library._shared_module = parse_assembly("")  # noqa: SLF001


def note_form(kernel: Any, form: Any) -> None:  # noqa: ANN401 - numba's
    """Remember a compiled or loaded form by its function's name if it is called apart."""
    linked = form.library._shared_module  # noqa: SLF001 - None until a caller needs it
    if linked is not None and not any(linked.functions):
        _APART[form.fndesc.mangled_name] = kernel, form.signature.args


def called_apart(form: Any) -> list[tuple[str, str, Any, str]]:  # noqa: ANN401 - numba's
    """Return the kernels that a compiled form calls apart: module, name, types of arguments, function."""
    names = (function.name for function in form.library._final_module.functions if function.is_declaration)  # noqa: SLF001
    return [
        (kernel.py_func.__module__, kernel.py_func.__qualname__, args, name)
        for name in names
        if name in _APART
        for kernel, args in (_APART[name],)
    ]


def is_there(called: tuple[str, str, Any, str]) -> bool:
    """Load or compile a kernel that another one calls apart; return whether its function has this name."""
    module, name, args, function = called
    callee = _CALLEES[f"{module}.{name}"]
    callee.compile(args)
    return bool(callee.overloads[args].fndesc.mangled_name == function)
