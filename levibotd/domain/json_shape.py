"""
How many members the JSON of a struct has, told from its type and a short look at the value.

Where JSON has no more colons than members no text in it holds one; and a float that is not finite, which JSON has null
for, is met on the way. Both together cost a fraction of a look at each text and each float.

The walk is written out for each type and compiled, as `dataclasses` has its methods: as a tree of closures it took
three times as long, and it is taken for every record of the log.
"""

from collections.abc import Callable
from math import nan
from typing import Any

from msgspec import UNSET, Struct, inspect

# Never more members than there are. NaN where a float is not finite, or the type does not tell.
MemberCount = Callable[[Any], float]

_SCALARS = (
    inspect.StrType, inspect.IntType, inspect.BoolType, inspect.NoneType, inspect.DecimalType, inspect.EnumType,
    inspect.LiteralType,
)  # fmt: skip

# What a value of some type has: members that are always there, and the lines that add up its others and its floats.
_Shape = tuple[int, list[str]]


class _Untold(Exception):
    """A type that does not say what its values have."""


def members_of(struct: type[Struct]) -> MemberCount:
    """Compile the count. Whatever NaN it gives, for a sum of floats too large as well, asks for a closer look."""
    try:
        always, lines = _of_struct(inspect.type_info(struct), "value", 0)
    except _Untold:
        return lambda value: nan
    body = [f"members = {always}", "floats = 0.0", *lines, "return members + 0.0 * floats"]
    return _compiled(struct.__name__, body if lines else [f"return {always}"])


def _compiled(name: str, body: list[str]) -> MemberCount:
    names: dict[str, Any] = {}
    source = "\n".join(["def members(value):", *_indented(body)])
    exec(compile(source, f"<members of {name}>", "exec"), names)  # Nothing in it but field names of our own types.
    count: MemberCount = names["members"]
    return count


def _of_struct(hint: inspect.Type, value: str, depth: int) -> _Shape:
    assert isinstance(hint, inspect.StructType)
    config = hint.cls.__struct_config__
    # Members are left out, there are none, or there is one more. Counted too high, they would hide colons of texts.
    if config.omit_defaults or config.array_like or config.tag is not None or _may_leave_out(hint.cls):
        raise _Untold
    always, lines = len(hint.fields), []
    for field in hint.fields:
        more, below = _of_type(field.type, f"{value}.{field.name}", depth)
        always += more
        lines += below
    return always, lines


# What is UNSET is not written; `inspect` leaves that out of a type, so the default has to tell.
def _may_leave_out(struct: type[Struct]) -> bool:
    return any(default is UNSET for default in struct.__struct_defaults__)


def _of_type(hint: inspect.Type, value: str, depth: int) -> _Shape:
    match hint:
        case inspect.FloatType():
            return 0, [f"floats += {value}"]
        case inspect.CustomType(cls=kind) if kind is object:
            return 0, [f"if isinstance({value}, float):", f"    floats += {value}"]
        case inspect.UnionType(types=types):
            return 0, _of_union(types, value, depth)
        case inspect.StructType():
            name = value if value.isidentifier() else f"value{depth + 1}"
            always, lines = _of_struct(hint, name, depth + 1)
            return always, [f"{name} = {value}", *lines] if lines and name != value else lines
        case inspect.VarTupleType(item_type=inspect.FloatType()):
            return 0, [f"floats += sum({value})"]
        case inspect.VarTupleType(item_type=item):
            return 0, _of_each(item, value, depth)
        case inspect.TupleType(item_types=items):
            shapes = [_of_type(item, f"{value}[{place}]", depth) for place, item in enumerate(items)]
            return sum(always for always, _ in shapes), [line for _, lines in shapes for line in lines]
        case inspect.DictType(value_type=inspect.FloatType()):
            return 0, [f"members += len({value})", f"floats += sum({value}.values())"]
        case inspect.DictType(value_type=item):
            return 0, [f"members += len({value})", *_of_each(item, f"{value}.values()", depth)]
    if isinstance(hint, _SCALARS):
        return 0, []
    raise _Untold


def _of_each(item: inspect.Type, values: str, depth: int) -> list[str]:
    name = f"value{depth + 1}"
    always, lines = _of_type(item, name, depth + 1)
    if not lines:
        return [f"members += {always} * len({values})"] if always else []
    return [f"for {name} in {values}:", *_indented(_all_of(always, lines))]


# Of one that may be missing, or of a float among scalars; of others only where nothing in them counts.
def _of_union(types: tuple[inspect.Type, ...], value: str, depth: int) -> list[str]:
    some = [one for one in types if not isinstance(one, inspect.NoneType)]
    if len(some) == 1:
        lines = _all_of(*_of_type(some[0], value, depth))
        return [f"if {value} is not None:", *_indented(lines)] if lines else []
    rest = [one for one in some if not isinstance(one, inspect.FloatType)]
    if any(_of_type(one, value, depth) != (0, []) for one in rest):
        raise _Untold
    return [f"if isinstance({value}, float):", f"    floats += {value}"] if len(rest) < len(some) else []


def _all_of(always: int, lines: list[str]) -> list[str]:
    return [f"members += {always}", *lines] if always else lines


def _indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]
