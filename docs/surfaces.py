"""Reference pages of what is spoken to the daemon and within it: routes, messages, commands."""

import argparse
import re
import typing
from inspect import getsource
from typing import Any

import msgspec
from msgspec import Struct

from docs.tables import default_of, fields_of, page, parts_of, purpose, type_of, words
from levibotd import messages
from levibotd.admin.problems import CODES, TITLES
from levibotd.admin.replies import JSON
from levibotd.admin.routes import ROUTES, Route
from levibotd.admin.schema import NAMED, problems_of
from levibotd.cli.main import make_parser
from levibotd.kernel.mailbox import Request
from levibotd.messages import Message

_INTRO = (
    "`scope` is the least a key needs, where keys are configured. `GET /openapi.json` and `levibotd openapi` say all "
    "of this to a machine. Every `GET` may be asked as `HEAD`; every `POST` takes an `Idempotency-Key`: same key, same "
    "answer, for a day."
)


def routes_page() -> str:
    """Every route: what it takes, what it answers, what may go wrong."""
    rows = ["| request | scope | |", "|---|---|---|"]
    rows += [f"| `{one.method} {one.template}` | {one.scope.name.lower()} | {words(one.summary)} |" for one in ROUTES]
    answers = [one.answer for one in ROUTES if _is_struct(one.answer)]
    kinds = list(dict.fromkeys([*answers, *parts_of([*answers, *NAMED]), *NAMED]))
    parts = [_INTRO, "\n".join(rows), *map(_route, ROUTES), _problems(), "## Answers\nWhat goes out as JSON."]
    parts += [f"### {kind.__name__}\n{purpose(kind)}\n\n{fields_of(kind)}" for kind in kinds]
    return page("HTTP", parts)


def messages_page() -> str:
    """Who says what to whom."""
    parts = ["What actors say to each other, by who hears it. What is asked is answered; what is told is not."]
    source = getsource(messages)
    for hearer, section in re.findall(r"^# --- To (\w+) -+$(.*?)(?=^# ---|\Z)", source, flags=re.MULTILINE | re.DOTALL):
        parts.append(f"## To {hearer}")
        for name in re.findall(r"^class (\w+)\(", section, flags=re.MULTILINE):
            parts.append(_message(getattr(messages, name)))
    return page("Messages", parts)


def commands_page() -> str:
    """Every command with its words, as `--help` prints them."""
    parser = make_parser()
    parts = ["`levibotd COMMAND --help` prints the same. Every command that prints a result knows `--json`."]
    return page("Commands", [*parts, *_commands(parser)])


def command_names(parser: argparse.ArgumentParser) -> list[str]:
    """Return every command that can be run, those within others too."""
    return [name for name, _ in _below(parser)]


def _route(route: Route) -> str:
    lines = [f"### `{route.method} {route.template}`", f"{words(route.summary)[:1].upper()}{words(route.summary)[1:]}."]
    facts = [f"Scope {route.scope.name.lower()}", f"answers {_answer(route)}"]
    facts.append(f"problems {', '.join(map(str, problems_of(route)))}")
    lines.append("; ".join(facts) + ("; may need `X-TOTP`." if route.second_factor else "."))
    for place, kind in (("path", route.path), ("query", route.query), ("body", route.body)):
        if kind is not None:
            lines.append(f"\n{_taken(place, kind)}")
    return "\n".join(lines)


def _answer(route: Route) -> str:
    named = type_of(route.answer) if route.answer is not None else ""
    media = [f"{named} as JSON" if one == JSON and named else f"`{one}`" for one in route.media]
    statuses = "" if route.statuses == (200,) else f" with {' or '.join(map(str, route.statuses))}"
    return (", ".join(media) or "no document") + statuses


def _taken(place: str, kind: type[Struct]) -> str:
    rows = [f"| {place} | default | |", "|---|---|---|"]
    for field in msgspec.structs.fields(kind):
        shown = type_of(field.type).replace(" | null", "") if place == "query" else type_of(field.type)
        rows.append(f"| `{field.name}` | {default_of(field)} | {words(shown)} |")
    table = "\n".join(rows) if len(rows) > 2 else "No fields."
    return f"{purpose(kind)}\n\n{table}"


def _problems() -> str:
    rows = ["| status | |", "|---|---|", *(f"| {status} | {title} |" for status, title in TITLES.items())]
    codes = ", ".join(f"`{code}`" for code in CODES)
    intro = f"## Problems\nEvery error is `application/problem+json`; its `code` is one of {codes}."
    return "\n\n".join([intro, "\n".join(rows)])


def _message(kind: type[Struct]) -> str:
    if not issubclass(kind, Message):
        return f"### {kind.__name__}\n{purpose(kind)} An answer.\n\n{fields_of(kind)}"
    answers = [typing.get_args(base)[0] for base in _bases(kind) if typing.get_origin(base) is Request]
    how = f"Asked, answered with {type_of(answers[0])}." if answers else "Told."
    return f"### {kind.__name__}\n{purpose(kind)}\n\n{how}\n\n{fields_of(kind)}"


def _bases(kind: type) -> tuple[Any, ...]:
    return getattr(kind, "__orig_bases__", ())


def _commands(parser: argparse.ArgumentParser) -> list[str]:
    parts = []
    for name, below in _below(parser):
        rows = ["| word | |", "|---|---|"]
        for action in below._actions:
            if not isinstance(action, argparse._HelpAction):
                shown = " ".join(filter(None, (", ".join(action.option_strings), _value_name(action)))) or action.dest
                rows.append(f"| `{words(shown)}` | {words(action.help or '')} |")
        table = "\n".join(rows) if len(rows) > 2 else "No words."
        example = (below.epilog or "").partition("example:")[2].strip()
        shown_example = f"\n\n```\n{example}\n```" if example else ""
        parts.append(f"## `{name}`\n{below.description or ''}\n\n{table}{shown_example}")
    return parts


def _below(parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser]]:
    found: list[tuple[str, argparse.ArgumentParser]] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                inner = _below(below)
                found += inner or [(below.prog, below)]
    return found


def _value_name(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices is not None:
        return " | ".join(map(str, action.choices))
    return action.dest.upper() if action.option_strings else action.dest


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)
