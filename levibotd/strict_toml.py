"""
A TOML document becomes a frozen struct tree, or a list of everything that is wrong with it.

msgspec stops at the first fault; an operator wants all of them in one go. So tables are
walked here and msgspec judges each value by itself. A fault reads `$.path.key: what was
expected`; where the value came from an environment variable, the variable is named too.
"""

import difflib
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct

S = TypeVar("S", bound=Struct)

_FAULTY: Any = object()
_LIMIT = re.compile(r"^Expected `(?:int|float|str|array|object)` (?P<limit>(?:of length )?[<>=]+ .*)$")
_PLACE = re.compile(r" - at `\$(?P<place>[^`]*)`$")


class Overlay:
    """Values that environment variables put over the file, and which variable stands for which path."""

    def __init__(self, environ: Mapping[str, str], *, prefix: str, ignored: tuple[str, ...] = ()) -> None:
        self.names: dict[str, str] = {}
        self._values: dict[tuple[str, ...], str] = {}
        for name in sorted(environ):
            # An empty variable is how shells and units say "not set".
            if name.startswith(prefix) and name not in ignored and environ[name]:
                keys = tuple(name.removeprefix(prefix).lower().split("__"))
                self.names[_join("$", *keys)] = name
                self._values[keys] = environ[name]

    def apply(self, raw: MutableMapping[str, Any], kind: type[Struct]) -> None:
        """Put the values into `raw`, each as the type that `kind` has at its path."""
        for keys, text in self._values.items():
            table: Any = raw
            for key in keys[:-1]:
                table = table.setdefault(key, {}) if isinstance(table, MutableMapping) else None
            if isinstance(table, MutableMapping):
                table[keys[-1]] = _parsed(text, _type_at(kind, keys))


def parse(text: str) -> dict[str, Any]:
    """Raises ValueError with line and column when `text` is no TOML."""
    return tomllib.loads(text)


def build(kind: type[S], raw: Any, *, names: Mapping[str, str]) -> tuple[S | None, list[str]]:
    """
    Make a `kind` of `raw`, and list every fault in it, in the order of the document.

    What is at fault has its default in what is made, so that rules between keys can still be looked at;
    it is None where something is missing that has none.
    """
    faults: list[str] = []
    made = _table(kind, raw, "$", faults)
    return made, [_named(fault, names) for fault in faults]


def paths(raw: Mapping[str, Any], *, prefix: str = "") -> Iterator[str]:
    """Yield the dotted path of every value that is set: `risk.cooldown_s`."""
    for key, value in raw.items():
        path = f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping):
            yield from paths(value, prefix=path)
        else:
            yield path


def expected(kind: Any) -> str | None:
    """Return what the annotation says a value is, in words (`Meta.description`)."""
    for part in _parts(kind):
        for extra in get_args(part)[1:] if get_origin(part) is Annotated else ():
            if isinstance(extra, Meta) and extra.description:
                return extra.description
    return None


def choices(kind: Any) -> tuple[str, ...]:
    """Return the words that a `Literal` annotation, or a list of them, allows; empty for any other."""
    found: list[str] = []
    for part in _parts(kind):
        if get_origin(part) is Literal:
            found += [word for word in get_args(part) if isinstance(word, str)]
        elif get_origin(part) is tuple:
            found += choices(get_args(part)[0])
    return tuple(found)


def table_kind(kind: Any) -> type[Struct] | None:
    """Return the struct that a value of `kind` is, None for anything that is no table."""
    for part in _parts(kind):
        if isinstance(part, type) and issubclass(part, Struct):
            return part
    return None


def element_kind(kind: Any, container: type) -> type[Struct] | None:
    """Return the struct that `kind` holds many of: `tuple[X, ...]` or `dict[str, X]`."""
    for part in _parts(kind):
        if get_origin(part) is container:
            return table_kind(get_args(part)[0 if container is tuple else 1])
    return None


def _table(kind: type[S], raw: Any, path: str, faults: list[str]) -> S | None:
    if not isinstance(raw, Mapping):
        faults.append(f"{path}: expected a table")
        return None
    known = {field.name: field for field in msgspec.structs.fields(kind)}
    for key in raw:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            faults.append(f"{_join(path, key)}: unknown key" + (f" (did you mean {near[0]}?)" if near else ""))
    values: dict[str, Any] = {}
    complete = True
    for name, field in known.items():
        needed = field.default is NODEFAULT and field.default_factory is NODEFAULT
        if name not in raw:
            if needed:
                faults.append(f"{_join(path, name)}: missing")
        elif (value := _value(field.type, raw[name], _join(path, name), faults)) is not _FAULTY:
            values[name] = value
        complete = complete and not (needed and name not in values)
    return kind(**values) if complete else None


def _value(kind: Any, raw: Any, path: str, faults: list[str]) -> Any:
    if (table := table_kind(kind)) is not None:
        made = _table(table, raw, path, faults)
        return _FAULTY if made is None else made
    if (element := element_kind(kind, tuple)) is not None and isinstance(raw, list):
        rows = tuple([_table(element, one, f"{path}[{index}]", faults) for index, one in enumerate(raw)])
        return _FAULTY if None in rows else rows
    if (element := element_kind(kind, dict)) is not None and isinstance(raw, Mapping):
        tables = {key: _table(element, one, _join(path, key), faults) for key, one in raw.items()}
        return {key: one for key, one in tables.items() if one is not None}
    try:
        value = msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        faults.append(_fault(str(error), kind, path))
        return _FAULTY
    # TOML can write nan and inf, which pass where a bound is missing.
    if isinstance(value, float) and not math.isfinite(value):
        faults.append(f"{path}: expected a finite number")
        return _FAULTY
    return value


def _fault(message: str, kind: Any, path: str) -> str:
    # "Expected `float` <= 1.0 - at `$[0]`" -> "$.path[0]: expected <= 1.0"
    place = _PLACE.search(message)
    text = _PLACE.sub("", message)
    where = path + (place["place"].replace("[...]", "[]") if place else "")
    if words := choices(kind):
        return f"{where}: expected one of {', '.join(words)}"
    if limit := _LIMIT.match(text):
        return f"{where}: expected {limit['limit']}"
    if (meant := expected(kind)) is not None:
        return f"{where}: expected {meant}"
    return f"{where}: {text[:1].lower()}{text[1:].replace('`', '').replace(' | null', '')}"


def _named(fault: str, names: Mapping[str, str]) -> str:
    path, colon, rest = fault.partition(": ")
    variable = names.get(path.split("[")[0])
    return f"{path} ({variable}){colon}{rest}" if variable else fault


def _type_at(kind: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        if (element := element_kind(kind, dict)) is not None:
            kind = element
            continue
        table = table_kind(kind)
        fields = {field.name: field.type for field in msgspec.structs.fields(table)} if table else {}
        kind = fields.get(key)
    return kind


def _parsed(text: str, kind: Any) -> Any:
    # What may be a string is one; anything else is written as in the file.
    try:
        return msgspec.convert(text, kind) if kind is not None else text
    except msgspec.ValidationError:
        pass
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _parts(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if _is_union(kind) else (kind,)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) is Union or type(kind).__name__ == "UnionType"


def _join(path: str, *keys: str) -> str:
    return ".".join((path, *keys))
