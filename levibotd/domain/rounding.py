"""
Floats as the event log may hold them: finite always, and of six significant digits in a replay.

JSON has no NaN and no infinity, so a record that holds one could be written and never read. And
two machines may differ in the last bits of what numpy sums up; six digits are the same on both.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from operator import is_
from typing import Any

from msgspec import Struct, inspect, structs

# A field of the tree: gives back the same object where nothing changes, raises NotFinite.
Rounder = Callable[[Any], Any]

_EXACT_TIMES = ("at", "_at", "_until")


class NotFinite(ValueError):
    """A float field holds NaN or an infinity."""


def rounder_of(struct: type[Struct], *, rounded: bool) -> Rounder | None:
    """
    Compile the walk over all floats of `struct`; None when it can hold none.

    Unix times (fields named `at`, `..._at`, `..._until`) are rounded to milliseconds: six digits
    of them would be hours. With `rounded` False floats are looked at and left as they are.
    """
    return _of_struct(struct, rounded)


def six_digits(value: float) -> float:
    """`value` to six significant digits."""
    return float(f"{value:.6g}")


def has_six_digits(value: float) -> bool:
    """Is it finite, and no more than its six digits?"""
    return isfinite(value) and six_digits(value) == value


def is_in_milliseconds(value: float) -> bool:
    """Is it finite, and no more than its milliseconds?"""
    return isfinite(value) and round(value, 3) == value


def is_time(field: str) -> bool:
    """Does a field of this name hold a unix time?"""
    return field == "at" or field.endswith(_EXACT_TIMES[1:])


# Rarely taken: which records need it, the count of their colons tells (`json_shape`).
def _of_struct(struct: type[Struct], rounded: bool) -> Rounder | None:
    hints = inspect.type_info(struct)
    assert isinstance(hints, inspect.StructType)
    walks = [
        (field.name, walk) for field in hints.fields if (walk := _of_type(field.type, field.name, rounded)) is not None
    ]
    if not walks:
        return None

    def walk_struct(value: Any) -> Any:
        changed: dict[str, Any] = {}
        for name, walk in walks:
            old = getattr(value, name)
            if old and (new := walk(old)) is not old:  # Not None, empty, or a zero.
                changed[name] = new
        return structs.replace(value, **changed) if changed else value

    return walk_struct


def _of_type(hint: inspect.Type, name: str, rounded: bool) -> Rounder | None:
    match hint:
        case inspect.FloatType():
            return _of_float(name, rounded)
        case inspect.CustomType(cls=kind) if kind is object:
            leaf = _of_float(name, rounded)
            return lambda value: leaf(value) if isinstance(value, float) else value
        case inspect.StructType(cls=struct):
            return _of_struct(struct, rounded)
        case inspect.VarTupleType(item_type=item):
            return _of_sequence(item, name, rounded)
        case inspect.TupleType(item_types=items):
            return _of_items([_of_type(item, name, rounded) for item in items])
        case inspect.DictType(value_type=item):
            return _of_mapping(item, name, rounded)
        case inspect.UnionType(types=types):
            return _of_union([_of_type(item, name, rounded) for item in types], types)
        case _:
            return None


def _of_float(name: str, rounded: bool) -> Rounder:
    is_short, short = (is_in_milliseconds, _milliseconds) if is_time(name) else (has_six_digits, six_digits)

    def walk_float(value: float) -> float:
        if not isfinite(value):
            raise NotFinite(f"{name} is {value}")
        return short(value) if rounded and not is_short(value) else value

    return walk_float


def _milliseconds(value: float) -> float:
    return round(value, 3)


def _of_sequence(item: inspect.Type, name: str, rounded: bool) -> Rounder | None:
    walk = _of_type(item, name, rounded)
    if walk is None:
        return None

    def walk_tuple(values: tuple[Any, ...]) -> tuple[Any, ...]:
        walked = tuple([walk(value) for value in values])
        return values if all(map(is_, walked, values)) else walked

    return walk_tuple


def _of_items(walks: list[Rounder | None]) -> Rounder | None:
    if not any(walks):
        return None

    def walk_items(values: tuple[Any, ...]) -> tuple[Any, ...]:
        walked = tuple([value if walk is None else walk(value) for walk, value in zip(walks, values, strict=True)])
        return values if all(map(is_, walked, values)) else walked

    return walk_items


def _of_mapping(item: inspect.Type, name: str, rounded: bool) -> Rounder | None:
    walk = _of_type(item, name, rounded)
    if walk is None:
        return None

    def walk_mapping(values: Mapping[str, Any]) -> Mapping[str, Any]:
        walked = {key: walk(value) for key, value in values.items()}
        return values if all(map(is_, walked.values(), values.values())) else walked

    return walk_mapping


def _of_union(walks: list[Rounder | None], types: tuple[inspect.Type, ...]) -> Rounder | None:
    leaf = next((walk for walk, hint in zip(walks, types, strict=True) if isinstance(hint, inspect.FloatType)), None)
    rest = next((walk for walk, hint in zip(walks, types, strict=True) if walk is not None and walk is not leaf), None)
    if leaf is None:
        return rest
    if rest is None:
        return lambda value: leaf(value) if isinstance(value, float) else value
    return lambda value: leaf(value) if isinstance(value, float) else rest(value)
