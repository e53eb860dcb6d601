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
from itertools import accumulate
from typing import Any, ClassVar, Self, cast, dataclass_transform

import numpy as np
from numba import typeof
from numba.core import cgutils, types
from numba.core.pythonapi import NativeValue
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    infer_getattr,
    intrinsic,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np import arrayobj
from numpy.typing import NDArray

from online_models.jit import jit_no_alloc

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
    _names: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, eq=False, repr=False)(cls)
        cls._names = tuple(field.name for field in fields(cls))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle the fields alone: addresses are those of this object's arrays."""
        return type(self), tuple(self.as_dict().values())

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        """Return the names of the fields."""
        return cls._names

    def part(self, rows: slice | NDArray[np.int32] | NDArray[np.int64]) -> Self:
        """Return some rows of each array."""
        return self.replace(**{name: column[rows] for name, column in self.as_dict().items()})

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - whatever a group holds
        """Return the group with other values in some fields; `dataclasses.replace` takes ten times as long.

        Examples
        --------
        >>> class Two(PassedByPointer):
        ...     one: int
        ...     other: int
        >>> Two(1, 2).replace(other=3).as_dict()
        {'one': 1, 'other': 3}
        """
        if not changes.keys() <= self.__dataclass_fields__.keys():
            msg = (
                f"{type(self).__name__} has no {', '.join(changes.keys() - self.__dataclass_fields__.keys())}"
            )
            raise TypeError(msg)
        out = object.__new__(type(self))
        out.__dict__.update(self.as_dict(), **changes)
        return out

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        held = self.__dict__
        return {name: held[name] for name in self._names}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - what numba asks for
        """Describe the group when a kernel is called with it for the first time."""
        if name not in {"_numba_type_", "_address"}:
            msg = f"{type(self).__name__} has no {name}"
            raise AttributeError(msg)
        self._describe()
        return self.__dict__[name]

    def _describe(self) -> None:
        """Find numba's type of the group, and write the block of words that kernels read."""
        values = tuple(self.as_dict().values())
        n = len(values)
        block = np.empty(n * (_WORDS + 2), np.int64)
        if not describe(np.fromiter(map(id, values), np.int64, n), id(np.ndarray), block):
            msg = "kernels take C-contiguous arrays: copy this one with np.ascontiguousarray"
            raise ValueError(msg)
        forms = type(self), block[n * _WORDS :].tobytes()
        of: tuple[Any, ...] = forms
        for k, at in _others(forms, values):
            value = values[k]
            if isinstance(value, PassedByPointer):
                block[at] = value._address  # noqa: SLF001 - of its own class
                of += (value._numba_type_,)
            else:
                block[at] = _bits_of(value)
        if of not in _TYPES:
            kinds = zip(self._names, map(typeof, values), strict=True)
            _TYPES[of] = PointerType(f"{type(self).__module__}.{type(self).__qualname__}", tuple(kinds))
        # Of two threads that describe a group at once, the first one's words stay: its kernel reads them
        block = self.__dict__.setdefault("_words", block)
        self.__dict__.update(_numba_type_=_TYPES[of], _address=_address_of(block))


_TYPES: dict[tuple[Any, ...], "PointerType"] = {}
"""Types of groups by class, forms of the fields, and types of the groups among them: numba takes 12 us to
find the type of one array."""
_OTHERS: dict[tuple[type, bytes], tuple[list[tuple[int, int]], Any]] = {}
"""Fields that are no arrays, by class and forms: number and place in the block; and the data types of the
others, kept so that their addresses are nobody else's."""


def _others(forms: tuple[type, bytes], values: tuple[Any, ...]) -> list[tuple[int, int]]:
    """Return the fields that are no arrays: number and place in the block."""
    if forms not in _OTHERS:
        if any(_is_array(value) and type(value) is not np.ndarray for value in values):
            msg = "kernels take numpy's own arrays: make one of a derived class with np.asarray"
            raise ValueError(msg)
        lengths = [1 + value.ndim if isinstance(value, np.ndarray) else 1 for value in values]
        begins = accumulate(lengths, initial=0)
        out = [(k, at) for k, at in enumerate(begins) if k < len(values) and not _is_array(values[k])]
        _OTHERS[forms] = out, [value.dtype for value in values if _is_array(value)]
    return _OTHERS[forms][0]


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray)


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


_TYPE = object.__basicsize__ - 8
"""Place of the type in every Python object, which ends with it."""
_DATA, _AXES, _SHAPE, _DTYPE, _FLAGS = (object.__basicsize__ + place for place in (0, 8, 16, 40, 48))
"""Places in an array, behind what every Python object has (`PyArrayObject_fields` of numpy's C headers)."""
_CONTIGUOUS, _WRITEABLE = 0x1, 0x400
"""Numpy's flags of arrays: NPY_ARRAY_C_CONTIGUOUS, NPY_ARRAY_WRITEABLE."""
_WORDS = 5
"""Most words of a field: the address of an array, and the lengths of four axes."""


def _word(_: Any, address: Any) -> Any:  # noqa: ANN401, ARG001 - numba's types
    """Read the eight bytes at an address."""

    def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:  # noqa: ANN401
        return builder.load(builder.inttoptr(args[0], cgutils.intp_t.as_pointer()))

    return types.int64(types.int64), generate


word_at: Any = intrinsic(_word)


@jit_no_alloc
def describe(objects: NDArray[np.int64], array: int, block: NDArray[np.int64]) -> bool:
    """Describe Python objects [n] at addresses; return whether all arrays among them are C-contiguous.

    Into ``block`` go, as `PointerType` has them, the address and the shape of each array, and room for a word
    of each other object; from ``_WORDS`` n on, two words for each that tell its form: data type, axes and
    whether it may be written to, or the type of another object. ``array`` is the address of the arrays' type.
    """
    at, form = 0, objects.size * _WORDS
    for n in range(objects.size):
        one = objects[n]
        kind, axes = word_at(one + _TYPE), 0
        block[form + 2 * n + 1] = 0
        if kind == array:
            flags = word_at(one + _FLAGS)
            kind, axes = word_at(one + _DTYPE), word_at(one + _AXES) & 0xFFFF  # an int, then padding
            if flags & _CONTIGUOUS == 0 or axes >= _WORDS:
                return False
            block[at] = word_at(one + _DATA)
            for axis in range(axes):
                block[at + 1 + axis] = word_at(word_at(one + _SHAPE) + 8 * axis)
            block[form + 2 * n + 1] = 1 + axes + (flags & _WRITEABLE)
        block[form + 2 * n] = kind
        at += 1 + axes
    return True


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
    return cast("PointerType", value._numba_type_)


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
