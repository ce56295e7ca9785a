"""
The reference pages, made from the code they describe: `python -m docs.generate` (or `make docs`).

A test holds the committed pages against what is made here, so they cannot fall behind.
"""

import re
import typing
from collections.abc import Iterable, Mapping
from decimal import Decimal
from inspect import getdoc, getsource
from pathlib import Path
from types import NoneType
from typing import Any

import msgspec
from msgspec import NODEFAULT, Meta, Struct

from levibotd.admin.routes import ROUTES
from levibotd.domain.gates import GateName
from levibotd.exit_codes import MEANINGS
from levibotd.journal import EVENTS, TERMINAL, Durability
from levibotd.observe.metrics import SPECS
from levibotd.settings import POLICIES, PolicyRows, Settings
from levibotd.strict_toml import choices, element_kind, expected, table_kind

REFERENCE = Path(__file__).parent / "reference"
GENERATED = "<!-- Made by `make docs` from the code; edit the code. -->"

_CLASSES = {
    Durability.D: "D: committed to disk before its sender goes on",
    Durability.E: "E: never shed, nobody waits",
    Durability.S: "S: may be shed, newest first, and is counted then",
}


def pages() -> Mapping[str, str]:
    """Return every reference page by file name."""
    return {
        "events.md": _events(),
        "settings.md": _settings(),
        "metrics.md": _metrics(),
        "routes.md": _routes(),
        "gates.md": _gates(),
        "exit-codes.md": _exit_codes(),
    }


def main() -> None:
    """Write the pages."""
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, "utf-8")
        print(f"docs/reference/{name}")


def _events() -> str:
    parts = ["Each line of the event log is one record; its payload has these fields. Times are unix seconds."]
    for durability, meaning in _CLASSES.items():
        parts.append(f"## Class {meaning}")
        for event in EVENTS.values():
            if event.durability is durability:
                terminal = " Ends the story of a post." if event.name in TERMINAL else ""
                parts.append(f"### {event.name}\n{_purpose(event.record)}{terminal}\n\n{_fields(event.record)}")
    parts.append("## Parts\nWhat the fields above are made of.")
    parts += [f"### {part.__name__}\n{_purpose(part)}\n\n{_fields(part)}" for part in _parts()]
    return _page("Events", parts)


def _parts() -> list[type[Struct]]:
    # Every struct within a record, in the order of first use.
    found: list[type[Struct]] = []
    waiting: list[Any] = [field.type for event in EVENTS.values() for field in msgspec.structs.fields(event.record)]
    while waiting:
        kind = waiting.pop(0)
        waiting += typing.get_args(kind)
        if isinstance(kind, type) and issubclass(kind, Struct) and kind not in found:
            found.append(kind)
            waiting += [field.type for field in msgspec.structs.fields(kind)]
    return found


def _settings() -> str:
    parts = [
        "One TOML file, `etc/levibotd.toml`. `LEVI_<SECTION>__<KEY>` in the environment goes before it. Unknown keys "
        "and bad values are refused all at once, each with its path."
    ]
    for field in msgspec.structs.fields(Settings):
        table = table_kind(field.type)
        assert table is not None, field.name
        parts += _tables(field.name, table)
    rows = [f"| {' | '.join(['key', *POLICIES])} |", "|---" * (len(POLICIES) + 1) + "|"]
    for row in PolicyRows.__struct_fields__:
        rows.append(f"| `{row}` | {' | '.join(_value(getattr(policy, row)) for policy in POLICIES.values())} |")
    parts.append("## Policies\nWhat `risk.policy` names; a row set in `[risk]` goes before them.\n\n" + "\n".join(rows))
    return _page("Settings", parts)


def _tables(path: str, table: type[Struct], *, repeated: bool = False) -> list[str]:
    comments = _comments(table)
    rows, below = ["| key | default | values | |", "|---|---|---|---|"], []
    for field in msgspec.structs.fields(table):
        here = f"{path}.{field.name}"
        if (inner := table_kind(field.type)) is not None:
            below += _tables(here, inner)
        elif (inner := element_kind(field.type, tuple)) is not None:
            below += _tables(here, inner, repeated=True)
        elif element_kind(field.type, dict) is None:
            cells = (f"`{field.name}`", _default(field), _words(_range(field.type)), _words(comments[field.name]))
            rows.append(f"| {' | '.join(cells)} |")
    heading = f"## `[[{path}]]`" if repeated else f"## `[{path}]`"
    return [f"{heading}\n{_purpose(table)}\n\n" + "\n".join(rows), *below]


def _comments(table: type[Struct]) -> Mapping[str, str]:
    # The comment behind a key is its documentation; inherited keys have it in the class that names them.
    found: dict[str, str] = {}
    for kind in reversed(table.__mro__):
        if issubclass(kind, Struct) and kind.__module__ == Settings.__module__:
            found |= dict(re.findall(r"^    (\w+): .*?  # (.+)$", getsource(kind), flags=re.MULTILINE))
    return found


def _metrics() -> str:
    rows = ["| metric | kind | labels | |", "|---|---|---|---|"]
    rows += [f"| `{spec.name}` | {spec.kind} | {', '.join(spec.labels)} | {spec.help} |" for spec in SPECS]
    intro = "As JSON from `GET /metrics`, for Prometheus from `GET /metrics/prom`."
    return _page("Metrics", [f"{intro} A label value outside its set is `other`.", "\n".join(rows)])


def _routes() -> str:
    rows = ["| request | scope | |", "|---|---|---|"]
    rows += [f"| `{one.method} {one.template}` | {one.scope.name.lower()} | {_words(one.summary)} |" for one in ROUTES]
    return _page("HTTP", ["`scope` is the least a key needs, where keys are configured.", "\n".join(rows)])


def _gates() -> str:
    return _page("Gates", ["What can say no to a call.", "\n".join(f"- `{gate}`" for gate in GateName)])


def _exit_codes() -> str:
    rows = ["| code | means |", "|---|---|", *(f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items())]
    return _page("Exit codes", ["\n".join(rows)])


def _page(title: str, parts: Iterable[str]) -> str:
    return "\n\n".join([f"# {title}\n{GENERATED}", *parts]) + "\n"


def _purpose(kind: type) -> str:
    return (getdoc(kind) or "").strip() if kind.__doc__ else ""


def _fields(record: type[Struct]) -> str:
    rows = ["| field | type |", "|---|---|"]
    rows += [f"| `{field.name}` | {_words(_type(field.type))} |" for field in msgspec.structs.fields(record)]
    return "\n".join(rows) if len(rows) > 2 else "No fields."


def _type(kind: Any) -> str:
    if args := [arg for arg in typing.get_args(kind) if arg is not Ellipsis]:
        origin = typing.get_origin(kind)
        if origin is tuple:
            return (
                f"list of {_type(args[0])}" if Ellipsis in typing.get_args(kind) else f"[{', '.join(map(_type, args))}]"
            )
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return f"object of {_type(args[1])}"
        return " | ".join(map(_type, args))
    kind = getattr(kind, "__supertype__", kind)
    names = {Decimal: "decimal string", NoneType: "null", str: "string", float: "number", int: "integer", bool: "bool"}
    return names.get(kind, getattr(kind, "__name__", str(kind)))


def _range(kind: Any) -> str:
    if words := choices(kind):
        return " | ".join(words)
    if (meant := expected(kind)) is not None:
        return meant
    parts = [part for part in (kind, *typing.get_args(kind)) if typing.get_origin(part) is typing.Annotated]
    bounds = [bound for part in parts for meta in typing.get_args(part)[1:] for bound in _bounds(meta)]
    plain = _type(kind).replace(" | null", "")
    return f"{typing.get_args(parts[0])[0].__name__} {', '.join(bounds)}" if bounds else plain


def _bounds(meta: Meta) -> list[str]:
    bounds = {">": meta.gt, ">=": meta.ge, "<": meta.lt, "<=": meta.le}
    return [f"{sign} {limit}" for sign, limit in bounds.items() if limit is not None]


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is not NODEFAULT:
        return _value(field.default)
    return _value(field.default_factory()) if field.default_factory is not NODEFAULT else "required"


def _value(value: Any) -> str:
    match value:
        case None | "":
            return ""
        case tuple() if not value:
            return "`[]`"
        case _:
            return f"`{msgspec.json.encode(value).decode()}`"


def _words(text: str) -> str:
    # A bar would end the cell.
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
