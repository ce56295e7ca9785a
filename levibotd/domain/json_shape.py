"""
How many members the JSON of a struct has, told from its type and a short look at the value.

Where JSON has no more colons than members no text in it holds one, but for the names of channels; and a float that may
not stand in the log as it is is met on the way. Both together cost a fraction of a look at each text and each float.

The walk is written out for each type and compiled, as `dataclasses` has its methods: as a tree of closures it took
three times as long, and it is taken for every record of the log.
"""

from collections.abc import Callable
from math import nan
from typing import Any

from msgspec import UNSET, Struct, inspect

from levibotd.domain.rounding import has_six_digits, is_in_milliseconds, is_time

# Members, and names of channels that have a colon of their own ("tg:123"). Never more than there are. NaN where a float
# has to be looked at closer, or the type does not tell.
MemberCount = Callable[[Any], float]

_SCALARS = (
    inspect.StrType, inspect.IntType, inspect.BoolType, inspect.NoneType, inspect.DecimalType, inspect.EnumType,
    inspect.LiteralType,
)  # fmt: skip

# What a value of some type has: members that are always there, and the lines that add up its others and see its floats.
_Shape = tuple[int, list[str]]


class _Untold(Exception):
    """A type that does not say what its values have."""


def members_of(struct: type[Struct], *, rounded: bool = False) -> MemberCount:
    """
    Compile the count.

    It is NaN where a float is not finite, or with `rounded` is not as `rounder_of` leaves it. Whatever NaN it gives,
    for a sum of floats too large as well, asks for a closer look.
    """
    try:
        always, lines = _Walk(rounded).of_struct(inspect.type_info(struct), "value", 0)
    except _Untold:
        return lambda value: nan
    if not lines:
        return _compiled(struct.__name__, [f"return {always}"])
    if rounded:
        return _compiled(struct.__name__, [f"members = {always}", *lines, "return members"])
    body = [f"members = {always}", "floats = 0.0", *lines, "return members + 0.0 * floats"]
    return _compiled(struct.__name__, body)


def _compiled(name: str, body: list[str]) -> MemberCount:
    names: dict[str, Any] = {"nan": nan, "has_six_digits": has_six_digits, "is_in_milliseconds": is_in_milliseconds}
    source = "\n".join(["def members(value):", *_indented(body)])
    exec(compile(source, f"<members of {name}>", "exec"), names)  # Nothing in it but field names of our own types.
    count: MemberCount = names["members"]
    return count


class _Walk:
    """Writes out the lines for values of each type. `value` is what one is called there, `field` whose it is."""

    def __init__(self, rounded: bool) -> None:
        self._rounded = rounded

    def of_struct(self, hint: inspect.Type, value: str, depth: int) -> _Shape:
        assert isinstance(hint, inspect.StructType)
        config = hint.cls.__struct_config__
        # Members are left out, there are none, or there is one more. Counted too high, they would hide colons of texts.
        if config.omit_defaults or config.array_like or config.tag is not None or _may_leave_out(hint.cls):
            raise _Untold
        always, lines = len(hint.fields), []
        for field in hint.fields:
            if field.encode_name == "channel" and isinstance(field.type, inspect.StrType):
                lines.append(f'members += {value}.{field.name}.startswith("tg:")')
            more, below = self._of_type(field.type, f"{value}.{field.name}", field.name, depth)
            always += more
            lines += below
        return always, lines

    def _of_type(self, hint: inspect.Type, value: str, field: str, depth: int) -> _Shape:
        match hint:
            case inspect.FloatType():
                return 0, self._of_float(value, field)
            case inspect.CustomType(cls=kind) if kind is object:
                return 0, [f"if isinstance({value}, float):", *_indented(self._of_float(value, field))]
            case inspect.UnionType(types=types):
                return 0, self._of_union(types, value, field, depth)
            case inspect.StructType():
                name = value if value.isidentifier() else f"value{depth + 1}"
                always, lines = self.of_struct(hint, name, depth + 1)
                return always, [f"{name} = {value}", *lines] if lines and name != value else lines
            case inspect.VarTupleType(item_type=item):
                return 0, self._of_each(item, value, field, depth)
            case inspect.TupleType(item_types=items):
                shapes = [self._of_type(item, f"{value}[{place}]", field, depth) for place, item in enumerate(items)]
                return sum(always for always, _ in shapes), [line for _, lines in shapes for line in lines]
            case inspect.DictType(value_type=item):
                return 0, [f"members += len({value})", *self._of_each(item, f"{value}.values()", field, depth)]
        if isinstance(hint, _SCALARS):
            return 0, []
        raise _Untold

    # The short way for a probability is written out: mostly it spares the call.
    def _of_float(self, value: str, field: str) -> list[str]:
        if not self._rounded:
            return [f"floats += {value}"]
        if is_time(field):
            return [f"if {value} % 1 and not is_in_milliseconds({value}):", "    return nan"]
        is_short = "0.0 < number < 1.0 and (number * 1e6 + 0.5) // 1.0 / 1e6 == number"
        return [
            f"number = {value}",
            f"if number and not ({is_short}) and not has_six_digits(number):",
            "    return nan",
        ]

    def _of_each(self, item: inspect.Type, values: str, field: str, depth: int) -> list[str]:
        if isinstance(item, inspect.FloatType) and not self._rounded:
            return [f"floats += sum({values})"]
        name = f"value{depth + 1}"
        always, lines = self._of_type(item, name, field, depth + 1)
        if not lines:
            return [f"members += {always} * len({values})"] if always else []
        return [f"for {name} in {values}:", *_indented(_all_of(always, lines))]

    # Of one that may be missing, or of a float among scalars; of others only where nothing in them counts.
    def _of_union(self, types: tuple[inspect.Type, ...], value: str, field: str, depth: int) -> list[str]:
        some = [one for one in types if not isinstance(one, inspect.NoneType)]
        if len(some) == 1:
            lines = _all_of(*self._of_type(some[0], value, field, depth))
            return [f"if {value} is not None:", *_indented(lines)] if lines else []
        rest = [one for one in some if not isinstance(one, inspect.FloatType)]
        if any(self._of_type(one, value, field, depth) != (0, []) for one in rest):
            raise _Untold
        if len(rest) == len(some):
            return []
        return [f"if isinstance({value}, float):", *_indented(self._of_float(value, field))]


# What is UNSET is not written; `inspect` leaves that out of a type, so the default has to tell.
def _may_leave_out(struct: type[Struct]) -> bool:
    return any(default is UNSET for default in struct.__struct_defaults__)


def _all_of(always: int, lines: list[str]) -> list[str]:
    return [f"members += {always}", *lines] if always else lines


def _indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]
