"""
Floats as the event log may hold them: finite always, and of six significant digits in a replay.

JSON has no NaN and no infinity, so a record that holds one could be written and never read. And
two machines may differ in the last bits of what numpy sums up; six digits are the same on both.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from operator import attrgetter
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


def _of_struct(struct: type[Struct], rounded: bool) -> Rounder | None:
    hints = inspect.type_info(struct)
    assert isinstance(hints, inspect.StructType)
    walks = [
        (field.name, walk) for field in hints.fields if (walk := _of_type(field.type, field.name, rounded)) is not None
    ]
    if not walks:
        return None

    fields_of = _getter([name for name, _ in walks])
    looks = [walk for _, walk in walks]

    def look_at_struct(value: Any) -> Any:
        for look, field in zip(looks, fields_of(value), strict=False):
            if field:  # Not None, empty, or a zero.
                look(field)
        return value

    if not rounded:
        return look_at_struct

    def walk_struct(value: Any) -> Any:
        changed: dict[str, Any] | None = None
        for (name, walk), old in zip(walks, fields_of(value), strict=True):
            if not old:  # None, empty, or a zero.
                continue
            new = walk(old)
            if new is not old:
                if changed is None:
                    changed = {}
                changed[name] = new
        return value if changed is None else structs.replace(value, **changed)

    return walk_struct


# All fields in one call; for a single name `attrgetter` would give the bare value.
def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    one = attrgetter(names[0])
    return lambda value: (one(value),)


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
            return _of_sequence(items[0], name, rounded)
        case inspect.DictType(value_type=item):
            return _of_mapping(item, name, rounded)
        case inspect.UnionType(types=types):
            return _of_union([_of_type(item, name, rounded) for item in types], types)
        case _:
            return None


def _of_float(name: str, rounded: bool) -> Rounder:
    is_time = name == "at" or name.endswith(_EXACT_TIMES[1:])

    def exact(value: float) -> float:
        if not isfinite(value):
            raise NotFinite(f"{name} is {value}")
        return value

    def milliseconds(value: float) -> float:
        if value % 1 == 0:  # Also of an int; of no infinity.
            return value
        if not isfinite(value):
            raise NotFinite(f"{name} is {value}")
        new = round(value, 3)
        return value if new == value else new

    def significant(value: float) -> float:
        if 0 < value < 1:
            if int(value * 1e6 + 0.5) / 1e6 == value:  # At most six decimals: a probability.
                return value
        elif -1e6 < value < 1e6 and value % 1 == 0:
            return value
        if not isfinite(value):
            raise NotFinite(f"{name} is {value}")
        new = float(f"{value:.6g}")
        return value if new == value else new

    if not rounded:
        return exact
    return milliseconds if is_time else significant


def _of_sequence(item: inspect.Type, name: str, rounded: bool) -> Rounder | None:
    walk = _of_type(item, name, rounded)
    if walk is None:
        return None

    def walk_tuple(values: tuple[Any, ...]) -> tuple[Any, ...]:
        for value in values:
            if walk(value) is not value:  # Rarely so.
                return tuple([walk(value) for value in values])
        return values

    def finite_tuple(values: tuple[float, ...]) -> tuple[float, ...]:
        if not all(map(isfinite, values)):
            raise NotFinite(f"{name} is {values}")
        return values

    def look_at_tuple(values: tuple[Any, ...]) -> tuple[Any, ...]:
        for value in values:
            walk(value)
        return values

    if rounded:
        return walk_tuple
    return finite_tuple if isinstance(item, inspect.FloatType) else look_at_tuple


def _of_mapping(item: inspect.Type, name: str, rounded: bool) -> Rounder | None:
    walk = _of_type(item, name, rounded)
    if walk is None:
        return None

    def walk_mapping(values: Mapping[str, Any]) -> Mapping[str, Any]:
        for value in values.values():
            if walk(value) is not value:  # Rarely so.
                return {key: walk(value) for key, value in values.items()}
        return values

    def finite_mapping(values: Mapping[str, float]) -> Mapping[str, float]:
        if not all(map(isfinite, values.values())):
            raise NotFinite(f"{name} is {values}")
        return values

    return finite_mapping if isinstance(item, inspect.FloatType) and not rounded else walk_mapping


def _of_union(walks: list[Rounder | None], types: tuple[inspect.Type, ...]) -> Rounder | None:
    leaf = next((walk for walk, hint in zip(walks, types, strict=True) if isinstance(hint, inspect.FloatType)), None)
    rest = next((walk for walk, hint in zip(walks, types, strict=True) if walk is not None and walk is not leaf), None)
    if leaf is None:
        return rest
    if rest is None:
        return lambda value: leaf(value) if isinstance(value, float) else value
    return lambda value: leaf(value) if isinstance(value, float) else rest(value)
