"""What reference pages are made of: a page, a purpose, a table of fields, a type in words."""

import enum
import types
import typing
from collections.abc import Iterable, Mapping
from decimal import Decimal
from inspect import getdoc
from types import NoneType
from typing import Any

import msgspec
from msgspec import NODEFAULT, Meta, Struct, UnsetType

from levibotd.admin.replies import Money
from levibotd.strict_toml import choices, expected

GENERATED = "<!-- Made by `make docs` from the code; edit the code. -->"


def page(title: str, parts: Iterable[str]) -> str:
    """Put a page together."""
    return "\n\n".join([f"# {title}\n{GENERATED}", *parts]) + "\n"


def purpose(kind: type) -> str:
    """What its docstring says; nothing where it has none of its own."""
    return (getdoc(kind) or "").strip() if kind.__doc__ else ""


def fields_of(record: type[Struct]) -> str:
    """Make the table of its fields."""
    rows = ["| field | type |", "|---|---|"]
    rows += [f"| `{field.name}` | {words(type_of(field.type))} |" for field in msgspec.structs.fields(record)]
    return "\n".join(rows) if len(rows) > 2 else "No fields."


def parts_of(roots: Iterable[Any]) -> list[type[Struct]]:
    """Return every struct within `roots`, in the order of first use; `roots` themselves are none of them."""
    found: list[type[Struct]] = []
    waiting: list[Any] = [field.type for root in roots for field in msgspec.structs.fields(root)]
    while waiting:
        kind = waiting.pop(0)
        waiting += typing.get_args(kind)
        if isinstance(kind, type) and issubclass(kind, Struct) and kind not in found:
            found.append(kind)
            waiting += [field.type for field in msgspec.structs.fields(kind)]
    return found


def type_of(kind: Any) -> str:
    """Name a type: what it is in JSON."""
    if kind == Money:
        return "decimal string"
    origin, args = typing.get_origin(kind), [arg for arg in typing.get_args(kind) if arg is not Ellipsis]
    match origin:
        case None:
            return _simple(kind)
        case typing.Annotated:
            return _annotated(args[0], args[1])
        case typing.Literal:
            return " | ".join(f"`{word}`" for word in args)
        case types.UnionType | typing.Union:
            return " | ".join(type_of(arg) for arg in args if arg is not UnsetType)
    if origin is tuple:
        lists = Ellipsis in typing.get_args(kind)
        return f"list of {type_of(args[0])}" if lists else f"[{', '.join(map(type_of, args))}]"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"object of {type_of(args[1])}"
    return " | ".join(map(type_of, args))


def _annotated(kind: Any, meta: Meta) -> str:
    told = meta.extra_json_schema or {}
    references = [one["$ref"].rpartition("/")[2] for one in (told, *told.get("anyOf", ())) if "$ref" in one]
    form = {"date-time": "moment, as 2026-01-31T12:00:00Z", "date": "day, as 2026-01-31"}.get(told.get("format", ""))
    bounds = ", ".join(_bounds(meta))
    return " | ".join(references) or form or f"{type_of(kind)} {bounds}".rstrip()


def _simple(kind: Any) -> str:
    kind = getattr(kind, "__supertype__", kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return " | ".join(f"`{member.value}`" for member in kind)
    names = {
        Decimal: "decimal string", NoneType: "null", str: "string", float: "number", int: "integer", bool: "bool",
        object: "any",
    }  # fmt: skip
    return names.get(kind, getattr(kind, "__name__", str(kind)))


def range_of(kind: Any) -> str:
    """Say what values are allowed."""
    if words := choices(kind):
        return " | ".join(words)
    if (meant := expected(kind)) is not None:
        return meant
    parts = [part for part in (kind, *typing.get_args(kind)) if typing.get_origin(part) is typing.Annotated]
    bounds = [bound for part in parts for meta in typing.get_args(part)[1:] for bound in _bounds(meta)]
    plain = type_of(kind).replace(" | null", "")
    return f"{typing.get_args(parts[0])[0].__name__} {', '.join(bounds)}" if bounds else plain


def _bounds(meta: Meta) -> list[str]:
    bounds = {">": meta.gt, ">=": meta.ge, "<": meta.lt, "<=": meta.le}
    return [f"{sign} {limit}" for sign, limit in bounds.items() if limit is not None]


def default_of(field: msgspec.structs.FieldInfo) -> str:
    """Say what it is where it is left out."""
    if field.default is not NODEFAULT:
        return value_of(field.default)
    return value_of(field.default_factory()) if field.default_factory is not NODEFAULT else "required"


def value_of(value: Any) -> str:
    """Write a value as it stands in a file; nothing where there is none."""
    match value:
        case None | "":
            return ""
        case tuple() if not value:
            return "`[]`"
        case _:
            return f"`{msgspec.json.encode(value).decode()}`"


def words(text: str) -> str:
    """Write a text into a cell; a bar would end it."""
    return text.replace("|", "\\|")
