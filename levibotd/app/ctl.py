"""`levibotd ctl`: a wish becomes one request to the daemon, its answer a few lines, its refusal an exit code."""

from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import msgspec
from msgspec import Struct

from levibotd.adapters.api_client import ApiClient, Reply
from levibotd.config import ApiAccess
from levibotd.errors import Refused, Unavailable
from levibotd.exit_codes import ExitCode

_LATER = (429, 503)  # What passes by itself.


class Wish(Struct, frozen=True, kw_only=True):
    """One request: `body` None sends none, and `totp` goes along where loosening needs it."""

    method: str
    path: tuple[str, ...]
    query: dict[str, str] = {}
    body: Mapping[str, object] | None = None
    totp: str | None = None


def carry_out(wish: Wish, access: ApiAccess, *, as_json: bool, out: TextIO) -> int:
    """
    Ask the daemon and print its answer.

    Raises Unavailable when nobody answers or not now (75), Refused with code, gate, value and limit when it says
    no (1); with `as_json` what it said is printed as well.
    """
    reply = ApiClient(access.base, key=access.key).ask(
        wish.method, wish.path, query=wish.query, body=wish.body, totp=wish.totp
    )
    if as_json and reply.answer is not None:
        print(msgspec.json.encode(reply.answer).decode(), file=out)
    if not reply.ok or reply.answer is None:
        raise _refusal(reply)
    if not as_json:
        for line in told(reply.answer):
            print(line, file=out)
    return ExitCode.OK


def told(answer: object) -> Iterator[str]:
    """An answer in lines: the tree of actors as a table, anything else as `name: value`."""
    if isinstance(answer, Mapping) and "children" in answer:
        yield from _actors(answer, depth=0)
    else:
        yield from _flat(answer, "")


def _refusal(reply: Reply) -> Refused | Unavailable:
    problem = reply.answer
    if not isinstance(problem, Mapping) or "code" not in problem:
        return Refused(f"an answer ({reply.status}) that is not the daemon's; is LEVI_API_BASE right?")
    lines = [f"{problem['code']}: {problem.get('detail', '')}"]
    if "gate" in problem:
        lines = [f"{problem['code']}: gate {problem['gate']}, value {problem['value']}, limit {problem['limit']}"]
    faults = problem.get("faults")
    if isinstance(faults, list):
        lines = [f"{problem['code']}:", *(f"  {fault}" for fault in faults)]
    kind = Unavailable if reply.status in _LATER else Refused
    return kind("\n".join(lines))


def _actors(node: Mapping[str, Any], *, depth: int) -> Iterator[str]:
    name = f"{'  ' * depth}{node['name']}"
    if "children" in node:
        yield f"{name:<24} {node['state']:<12} {node['strategy']}, {node['restarts']} restarts"
        for child in node["children"]:
            yield from _actors(child, depth=depth + 1)
        return
    error = f"  {node['last_error']}" if node["last_error"] else ""
    mail = f"{node['depth']}/{node['capacity']}, oldest {node['oldest_age_s']:.1f} s"
    yield f"{name:<24} {node['state']:<12} {node['restarts']} restarts, mail {mail}{error}"


def _flat(value: object, name: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, item in enumerate(value):
            yield from _flat(item, f"{name}[{number}]")
    else:
        yield f"{name}: {_word(value)}" if name else _word(value)


def _word(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | dict():
            return ", ".join(map(str, value)) or "none"
        case _:
            return str(value)
