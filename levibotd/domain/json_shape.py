"""
What the JSON of a struct must hold, told from its type: how many nulls for its Nones, how many members.

Where JSON has no more nulls than these every float in it is finite, for NaN is written as null too; and where it has
no more colons than members, no text in it holds one. That costs a fraction of a look at each float and each text.
"""

from collections.abc import Callable
from math import isfinite
from operator import attrgetter
from typing import Any

from msgspec import Struct, inspect

# How many nothings a tree holds, of those that its type allows: never more than there are nulls in its JSON.
Counter = Callable[[Any], int]

_SCALARS = (
    inspect.StrType, inspect.IntType, inspect.FloatType, inspect.BoolType, inspect.NoneType, inspect.DecimalType,
    inspect.EnumType, inspect.LiteralType,
)  # fmt: skip


def nones_of(struct: type[Struct]) -> Counter | None:
    """Compile the count of fields that are None, as far as they are found quickly; None when there cannot be one."""
    if not _is_whole(struct):
        return None
    optional: list[str] = []
    below: list[tuple[Callable[[Any], Any], Counter]] = []
    for name, types in _fields(struct):
        some = [one for one in types if not isinstance(one, inspect.NoneType)]
        if len(some) < len(types):
            optional.append(name)
        if len(some) == 1 and (inner := _nones_below(some[0])) is not None:
            below.append((attrgetter(name), inner))
    own = _nones_here(optional)
    if not below:
        return own

    def count(value: Any) -> int:
        nones = 0 if own is None else own(value)
        for get, inner in below:
            if field := get(value):  # Neither None nor empty.
                nones += inner(field)
        return nones

    return count


def members_of(struct: type[Struct]) -> int | None:
    """How many members its JSON always has; None where that depends."""
    return len(struct.__struct_fields__) if _is_flat(struct) else None


def finite_of(struct: type[Struct]) -> Callable[[Any], bool] | None:
    """Compile a look at the floats of a flat struct that always has them: False may be too strict. None for others."""
    floats = {
        name: types for name, types in _fields(struct) if any(isinstance(one, inspect.FloatType) for one in types)
    }
    if not floats or any(len(types) > 1 for types in floats.values()) or not _is_flat(struct):
        return None
    fields_of: Callable[[Any], Any] = attrgetter(*floats)
    if len(floats) == 1:
        return lambda value: isfinite(fields_of(value))
    return lambda value: isfinite(sum(fields_of(value)))


# Does nothing in it have members of its own, and is all of it written?
def _is_flat(struct: type[Struct]) -> bool:
    return _is_whole(struct) and all(isinstance(one, _SCALARS) for _, types in _fields(struct) for one in types)


# With `omit_defaults` members are left out, an `array_like` has none, and a tag is one more.
def _is_whole(struct: type[Struct]) -> bool:
    config = struct.__struct_config__
    return not config.omit_defaults and not config.array_like and config.tag is None


def _fields(struct: type[Struct]) -> list[tuple[str, tuple[inspect.Type, ...]]]:
    hints = inspect.type_info(struct)
    assert isinstance(hints, inspect.StructType)
    return [
        (field.name, field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,))
        for field in hints.fields
    ]


# Of a struct, or of a tuple of structs; whatever else there is counts for nothing.
def _nones_below(hint: inspect.Type) -> Counter | None:
    match hint:
        case inspect.StructType(cls=struct):
            return nones_of(struct)
        case inspect.VarTupleType(item_type=inspect.StructType(cls=struct)):
            return _nones_of_each(nones_of(struct))
    return None


def _nones_of_each(of_one: Counter | None) -> Counter | None:
    if of_one is None:
        return None

    def count(values: tuple[Any, ...]) -> int:
        nones = 0
        for value in values:
            nones += of_one(value)
        return nones

    return count


def _nones_here(optional: list[str]) -> Counter | None:
    if not optional:
        return None
    fields_of: Callable[[Any], Any] = attrgetter(*optional)
    if len(optional) == 1:
        return lambda value: 1 if fields_of(value) is None else 0
    return lambda value: fields_of(value).count(None)
