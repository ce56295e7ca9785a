"""
The reference pages, made from the code they describe: `python -m docs.generate` (or `make docs`).

A test holds the committed pages against what is made here, so they cannot fall behind.
"""

import re
from collections.abc import Mapping
from inspect import getsource
from pathlib import Path

import msgspec
from msgspec import Struct

from docs.surfaces import commands_page, messages_page, routes_page
from docs.tables import default_of, fields_of, page, parts_of, purpose, range_of, value_of, words
from levibotd.domain.gates import GateName
from levibotd.exit_codes import MEANINGS
from levibotd.journal import EVENTS, TERMINAL, Durability
from levibotd.observe.metrics import SPECS
from levibotd.settings import POLICIES, PolicyRows, Settings
from levibotd.strict_toml import element_kind, table_kind

REFERENCE = Path(__file__).parent / "reference"

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
        "routes.md": routes_page(),
        "messages.md": messages_page(),
        "commands.md": commands_page(),
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
                parts.append(f"### {event.name}\n{purpose(event.record)}{terminal}\n\n{fields_of(event.record)}")
    parts.append("## Parts\nWhat the fields above are made of.")
    inner = parts_of(event.record for event in EVENTS.values())
    parts += [f"### {part.__name__}\n{purpose(part)}\n\n{fields_of(part)}" for part in inner]
    return page("Events", parts)


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
        rows.append(f"| `{row}` | {' | '.join(value_of(getattr(policy, row)) for policy in POLICIES.values())} |")
    parts.append("## Policies\nWhat `risk.policy` names; a row set in `[risk]` goes before them.\n\n" + "\n".join(rows))
    return page("Settings", parts)


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
            cells = (f"`{field.name}`", default_of(field), words(range_of(field.type)), words(comments[field.name]))
            rows.append(f"| {' | '.join(cells)} |")
    heading = f"## `[[{path}]]`" if repeated else f"## `[{path}]`"
    return [f"{heading}\n{purpose(table)}\n\n" + "\n".join(rows), *below]


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
    return page("Metrics", [f"{intro} A label value outside its set is `other`.", "\n".join(rows)])


def _gates() -> str:
    return page("Gates", ["What can say no to a call.", "\n".join(f"- `{gate}`" for gate in GateName)])


def _exit_codes() -> str:
    rows = ["| code | means |", "|---|---|", *(f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items())]
    return page("Exit codes", ["\n".join(rows)])


if __name__ == "__main__":
    main()
