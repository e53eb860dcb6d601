"""Groups of arrays that kernels take as one pointer.

Numba takes a named tuple by value: a kernel with a table of fifty arrays has four hundred arguments, each of
its callees once more, and each call from Python takes fifty arrays apart. A class derived from
`PassedByPointer` looks the same in a kernel (``titles.out[t]``) and is one argument: the address of a block
of words, written once, with the address and the shape of each array. Measured on four small kernels with the
table of viewers, each calling the one before: they compile in a quarter of the time, and a call from Python
takes 2 to 4 us in place of 10 to 17.

The words never change, and the compiler knows it: it reads an address once in front of a loop, whatever the
loop writes. So fields cannot be assigned; a table that grows makes a new group.
"""

from ctypes import c_void_p
from dataclasses import Field, dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, Self, dataclass_transform

import numpy as np
from numba import typeof
from numba.core import cgutils, types
from numba.core.pythonapi import NativeValue
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, lower_getattr_generic, models, register_model, typeof_impl, unbox
from numba.np import arrayobj
from numpy.typing import NDArray

__all__ = ["PassedByPointer"]


@dataclass_transform(frozen_default=True)
class PassedByPointer:
    """Base of frozen data classes of C-contiguous arrays, numbers, and other groups like it.

    A kernel must not return an array of a group, nor a part of one: nothing would keep its memory.

    Examples
    --------
    >>> from online_models.jit import jit_no_alloc
    >>> class Columns(PassedByPointer):
    ...     name: NDArray[np.int32]
    ...     factor: int
    >>> @jit_no_alloc
    ... def scaled(columns: Columns, row: int) -> int:
    ...     return columns.name[row] * columns.factor
    >>> int(scaled(Columns(np.array([5, 7], np.int32), 10), 1))
    70
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, eq=False, repr=False)(cls)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle the fields alone: addresses are those of this object's arrays."""
        return type(self), tuple(self.as_dict().values())

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        """Return the names of the fields."""
        return tuple(field.name for field in fields(cls))

    def part(self, rows: slice | NDArray[np.int32] | NDArray[np.int64]) -> Self:
        """Return some rows of each array."""
        return type(self)(*(column[rows] for column in self.as_dict().values()))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in self.field_names()}

    @cached_property
    def _numba_type_(self) -> "PointerType":
        values = self.as_dict()
        forms = (type(self), *map(_form_of, values.values()))
        if forms not in _TYPES:
            kinds = tuple((name, typeof(value)) for name, value in values.items())
            _TYPES[forms] = PointerType(f"{type(self).__module__}.{type(self).__qualname__}", kinds)
        return _TYPES[forms]

    @cached_property
    def _words(self) -> NDArray[np.int64]:
        """The block that kernels read."""
        words: list[int] = []
        for value in self.as_dict().values():
            if isinstance(value, np.ndarray):
                words.append(_address_of(value))
                words += value.shape
            elif isinstance(value, PassedByPointer):
                words.append(value._address)  # noqa: SLF001 - of its own class
            else:
                words.append(_bits_of(value))
        return np.array(words, np.int64)

    @cached_property
    def _address(self) -> int:
        return int(self._words.ctypes.data)


_TYPES: dict[tuple[Any, ...], "PointerType"] = {}
"""Types of groups by class and forms of the fields: numba takes 12 us to find the type of one array."""


def _form_of(value: Any) -> Any:  # noqa: ANN401 - whatever a group holds
    """Return all that numba's type of a field depends on."""
    if isinstance(value, np.ndarray):
        flags = value.flags
        if not flags.c_contiguous:
            msg = "a kernel takes C-contiguous arrays by pointer: copy this one with np.ascontiguousarray"
            raise ValueError(msg)
        return value.dtype, value.ndim, flags.writeable
    return value._numba_type_ if isinstance(value, PassedByPointer) else type(value)


def _bits_of(number: Any) -> int:  # noqa: ANN401 - of any type
    """Return a number's bits, the unused ones zero.

    Examples
    --------
    >>> _bits_of(7), _bits_of(True), _bits_of(0.5) == 0x3FE0 << 48
    (7, 1, True)
    """
    return int.from_bytes(np.asarray(number).tobytes(), "little", signed=True)


def _address_of(array: NDArray[Any]) -> int:
    """Return the address of an array's first element, out of its C structure: numpy takes 1.5 us for it."""
    return c_void_p.from_address(id(array) + _DATA).value or 0


_DATA = object.__basicsize__
"""Place of the address in an array: the first field behind what every Python object has."""


class PointerType(types.Type):
    """Numba's type of a group: the names and types of its fields.

    Parameters
    ----------
    owner
        Name of the class.
    kinds
        Name and type of each field.
    """

    def __init__(self, owner: str, kinds: tuple[tuple[str, Any], ...]) -> None:
        self.owner, self.kinds, self.places, at = owner, dict(kinds), {}, 0
        for name, kind in kinds:
            self.places[name] = at
            at += 1 + (kind.ndim if isinstance(kind, types.Array) else 0)
        super().__init__(f"{owner}({', '.join(f'{name}: {kind}' for name, kind in kinds)})")

    @property
    def mangling_args(self) -> tuple[str, tuple[str, ...]]:
        """Name of the type in the names of compiled functions, which need not tell its forms apart."""
        return self.owner, ()


@typeof_impl.register(PassedByPointer)
def _typeof(value: PassedByPointer, _: object) -> PointerType:
    return value._numba_type_


register_model(PointerType)(models.OpaqueModel)


@unbox(PointerType)  # type: ignore[untyped-decorator] # numba has few types
def _unbox(_: PointerType, value: Any, context: Any) -> Any:  # noqa: ANN401 - numba's
    """Take the address out of an object; the caller keeps the object while the kernel runs."""
    number = context.pyapi.object_getattr_string(value, "_address")
    address = context.pyapi.long_as_voidptr(number)
    context.pyapi.decref(number)
    return NativeValue(address)


@infer_getattr
class _FieldOfGroup(AttributeTemplate):
    """The type of ``group.name``."""

    key = PointerType

    def generic_resolve(self, kind: PointerType, name: str) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Return the type of a field, None if there is none."""
        return kind.kinds.get(name)


@lower_getattr_generic(PointerType)  # type: ignore[untyped-decorator]
def _read(context: Any, builder: Any, group: PointerType, pointer: Any, name: str) -> Any:  # noqa: ANN401 - numba's
    """Read a field out of the block."""
    kind, at = group.kinds[name], group.places[name]
    words = builder.bitcast(pointer, cgutils.intp_t.as_pointer())
    mark = builder.module.add_metadata([])

    def word(place: int, of_type: Any = cgutils.intp_t) -> Any:  # noqa: ANN401 - numba's
        address = cgutils.gep_inbounds(builder, words, place)
        read = builder.load(builder.bitcast(address, of_type.as_pointer()))
        read.set_metadata("invariant.load", mark)  # so that loops read it once
        return read

    if not isinstance(kind, types.Array):
        model = context.data_model_manager[kind]
        return model.from_data(builder, word(at, model.get_data_type()))
    entry = context.get_data_type(kind.dtype)
    shape = [word(at + 1 + axis) for axis in range(kind.ndim)]
    strides = [context.get_constant(types.intp, context.get_abi_sizeof(entry))]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    array = arrayobj.make_array(kind)(context, builder)
    # Without an owner: nothing counts references to it
    arrayobj.populate_array(array, word(at, entry.as_pointer()), shape, strides, strides[-1], meminfo=None)
    return array._getvalue()  # noqa: SLF001 - numba's own way
