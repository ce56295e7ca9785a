"""
How many colons stand in the texts of a record, told by a look at each text that its type has.

Mostly there is none, and then no secret is told by name in it. A float that may not stand in the log as it is, is met
on the way. Both together cost a fraction of a look at the JSON, or of a walk over all there is.

The walk is written out for each type and compiled, as `dataclasses` has its methods: as a tree of closures it took
three times as long, and it is taken for every record of the log.
"""

from collections.abc import Callable
from decimal import Decimal
from math import nan
from typing import Any

from msgspec import UNSET, Struct, inspect

from levibotd.domain.rounding import has_six_digits, is_in_milliseconds, is_time

# Colons of all texts and keys, but for the one that a name of a channel has of its own ("tg:123"). NaN where a float
# has to be looked at closer, or the type does not tell.
ColonCount = Callable[[Any], float]

# No text, or one of ours.
_WITHOUT_TEXT = (inspect.IntType, inspect.BoolType, inspect.NoneType, inspect.DecimalType)
_PLAIN = (int, Decimal, type(None))


class _Untold(Exception):
    """A type that does not say what its values hold."""


def colons_of(struct: type[Struct], *, rounded: bool = False) -> ColonCount:
    """
    Compile the count.

    It is NaN where a float is not finite, or with `rounded` is not as `rounder_of` leaves it. Whatever NaN it gives,
    for a sum of floats too large as well, asks for a closer look.
    """
    try:
        lines = _Walk(rounded).of_struct(inspect.type_info(struct), "value", 0)
    except _Untold:
        return lambda value: nan
    if rounded:
        return _compiled(struct.__name__, ["colons = 0", *lines, "return colons"])
    return _compiled(struct.__name__, ["colons = 0", "floats = 0.0", *lines, "return colons + 0.0 * floats"])


def _compiled(name: str, body: list[str]) -> ColonCount:
    names: dict[str, Any] = {
        "nan": nan, "plain": _PLAIN, "has_six_digits": has_six_digits, "is_in_milliseconds": is_in_milliseconds,
    }  # fmt: skip
    source = "\n".join(["def colons(value):", *_indented(body)])
    exec(compile(source, f"<colons of {name}>", "exec"), names)  # Nothing in it but field names of our own types.
    count: ColonCount = names["colons"]
    return count


class _Walk:
    """Writes out the lines for values of each type. `value` is what one is called there, `field` whose it is."""

    def __init__(self, rounded: bool) -> None:
        self._rounded = rounded

    def of_struct(self, hint: inspect.Type, value: str, depth: int) -> list[str]:
        assert isinstance(hint, inspect.StructType)
        if _may_leave_out(hint.cls):
            raise _Untold
        lines = []
        for field in hint.fields:
            name = f"{value}.{field.name}"
            if field.encode_name == "channel" and isinstance(field.type, inspect.StrType):
                lines += [f'if ":" in {name}:', f'    colons += {name}.count(":") - {name}.startswith("tg:")']
            else:
                lines += self._of_type(field.type, name, field.name, depth)
        return lines

    def _of_type(self, hint: inspect.Type, value: str, field: str, depth: int) -> list[str]:
        match hint:
            case inspect.StrType():
                return _of_text(value)
            case inspect.FloatType():
                return self._of_float(value, field)
            case inspect.CustomType(cls=kind) if kind is object:
                return self._of_any(value, field)
            case inspect.UnionType(types=types):
                return self._of_union(types, value, field, depth)
            case inspect.StructType():
                name = value if value.isidentifier() else f"value{depth + 1}"
                lines = self.of_struct(hint, name, depth + 1)
                return [f"{name} = {value}", *lines] if lines and name != value else lines
            case inspect.VarTupleType(item_type=item):
                return self._of_each(item, value, field, depth)
            case inspect.TupleType(item_types=items):
                return [
                    line
                    for place, item in enumerate(items)
                    for line in self._of_type(item, f"{value}[{place}]", field, depth)
                ]
            case inspect.DictType(key_type=key, value_type=item):
                return self._of_each(key, value, field, depth) + self._of_each(item, f"{value}.values()", field, depth)
            case inspect.EnumType(cls=kind) if not any(":" in str(one.value) for one in kind):
                return []
            case inspect.LiteralType(values=values) if not any(":" in str(one) for one in values):
                return []
        if isinstance(hint, _WITHOUT_TEXT):
            return []
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

    def _of_any(self, value: str, field: str) -> list[str]:
        return [
            f"if isinstance({value}, float):", *_indented(self._of_float(value, field)),
            f"elif isinstance({value}, str):", *_indented(_of_text(value)),
            f"elif not isinstance({value}, plain):", "    return nan",
        ]  # fmt: skip

    def _of_each(self, item: inspect.Type, values: str, field: str, depth: int) -> list[str]:
        if isinstance(item, inspect.FloatType) and not self._rounded:
            return [f"floats += sum({values})"]
        name = f"value{depth + 1}"
        lines = self._of_type(item, name, field, depth + 1)
        return [f"for {name} in {values}:", *_indented(lines)] if lines else []

    # Of one that may be missing, or of texts and floats among others in which nothing counts.
    def _of_union(self, types: tuple[inspect.Type, ...], value: str, field: str, depth: int) -> list[str]:
        some = [one for one in types if not isinstance(one, inspect.NoneType)]
        if len(some) == 1:
            lines = self._of_type(some[0], value, field, depth)
            return [f"if {value} is not None:", *_indented(lines)] if lines else []
        found: list[str] = []
        for one in some:
            lines = self._of_type(one, value, field, depth)
            kind = {inspect.FloatType: "float", inspect.StrType: "str"}.get(type(one))
            if lines and kind is None:
                raise _Untold
            if lines:
                found += [f"if isinstance({value}, {kind}):", *_indented(lines)]
        return found


def _of_text(value: str) -> list[str]:
    return [f'if ":" in {value}:', f'    colons += {value}.count(":")']


# What is UNSET is not written; `inspect` leaves that out of a type, so the default has to tell.
def _may_leave_out(struct: type[Struct]) -> bool:
    return any(default is UNSET for default in struct.__struct_defaults__)


def _indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]
