"""
The OpenAPI 3.1 document, made from the route table and the Structs that it names.

Same table, same bytes. Nothing is described by hand but what no Struct can say: keys, problems and
which of them any route may answer.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from levibotd.admin import control, events, risk, signals
from levibotd.admin.auth import KEY_HEADER, Scope
from levibotd.admin.idempotency import KEY_HEADER as IDEMPOTENCY_HEADER
from levibotd.admin.idempotency import KEY_MAX
from levibotd.admin.limits import BODY_BYTES_MAX
from levibotd.admin.problems import CODES, CONTENT_TYPE, TITLES
from levibotd.admin.replies import EVENT_STREAM, HTML, JSON, SVG, TEXT, Body, ref
from levibotd.admin.routes import ROUTES, Route
from levibotd.admin.streams import LAST_EVENT_HEADER
from levibotd.admin.totp import CODE_HEADER

OPENAPI = "3.1.0"
KEY, ONCE = "ApiKey", "Ticket"
TICKET = "ticket"

_INFO = (
    "Money and prices are decimal strings, times are unix seconds (UTC). Every GET may be asked as HEAD. A body is "
    f"JSON of at most {BODY_BYTES_MAX} bytes. `x-scope` is the least scope that a key needs (read < control < trade); "
    "where no key is configured, which loopback alone allows, none is asked for. Every error is a problem document "
    "with a stable `code`."
)
# What goes out within others, and what no answer of its own names.
NAMED = (control.ActorShown, events.Event)
_EXAMPLES: Mapping[type[Body], Mapping[str, object]] = {
    control.Because: {"reason": "maintenance"},
    control.StageWanted: {"stage": "observe", "reason": "a new channel", "confirm": "observe"},
    risk.PolicyWanted: {"policy": "conservative", "reason": "a wild day"},
    risk.KillSwitchWanted: {"tripped": True, "reason": "a wild day"},
    signals.IngestWanted: {"text": "BTC/USDT LONG\nEntry: 64000\nTarget: 65000\nStop: 63000", "channel": "desk"},
    signals.ScoreWanted: {"text": "BTC/USDT LONG\nEntry: 64000\nTarget: 65000\nStop: 63000"},
}
_BOUNDS = frozenset({"pattern", "maxLength"})
_NO_BREAK = r"(?!\n)$"
_WORD = r"\p{L}\p{N}_"
_TEXTUAL = (TEXT, HTML, SVG, EVENT_STREAM)
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer"}}}
_HEADERS: Mapping[int, Mapping[str, object]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"const": "ApiKey"}}},
    405: {"Allow": {"description": "Methods of this path.", "required": True, "schema": {"type": "string"}}},
    429: _RETRY,
    503: {"Retry-After": {"schema": {"type": "integer"}}},
}
_CURSOR = {"X-Next-Cursor": {"description": "Where the next page begins.", "schema": {"type": "string"}}}
_AGAIN = {"Idempotent-Replay": {"description": "This answer was given before.", "schema": {"const": "true"}}}


def document(routes: Iterable[Route] = ROUTES, *, version: str) -> dict[str, Any]:
    """Describe `routes`."""
    known = tuple(routes)
    shapes = _Shapes(known)
    paths: dict[str, dict[str, Any]] = {}
    for route in known:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route, shapes)
    statuses = sorted({status for route in known for status in problems_of(route)})
    return {
        "openapi": OPENAPI,
        "info": {"title": "levibotd", "version": version, "description": _INFO, "license": {"name": "MIT"}},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(map(_tag, known))],
        "paths": paths,
        "components": {
            "securitySchemes": {
                KEY: {"type": "apiKey", "in": "header", "name": KEY_HEADER},
                ONCE: {"type": "apiKey", "in": "query", "name": TICKET, "description": "Of `POST /ws/ticket`."},
            },
            "responses": {_name(status): _problem(status) for status in statuses},
            "schemas": {name: shapes.components[name] for name in sorted(shapes.components)} | {"Problem": _PROBLEM},
        },
    }


def openapi_bytes(routes: Iterable[Route] = ROUTES, *, version: str, indent: int = 0) -> bytes:
    """Write the document; the same bytes each time."""
    written = msgspec.json.encode(document(routes, version=version))
    return msgspec.json.format(written, indent=indent) + b"\n" if indent else written


def problems_of(route: Route) -> tuple[int, ...]:
    """The statuses of all problem documents that `route` may answer."""
    # Not understood, a foreign page, another method, too slow, too often, no room for another connection.
    found = {400, 403, 405, 408, 429, 503, *route.errors}
    if route.scope is not Scope.PUBLIC:
        found.add(401)
    if "{" in route.template:
        found.add(404)
    if route.method != "GET":
        found.add(413)
    return tuple(sorted(found))


class _Shapes:
    """The JSON schemas of all types that the routes name; those of queries and paths become parameters."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        sent = [kind for route in routes for kind in (route.answer, route.body) if kind is not None]
        taken_apart = [kind for route in routes for kind in (route.query, route.path) if kind is not None]
        kinds = list(dict.fromkeys([*sent, *NAMED, *taken_apart]))
        found, components = msgspec.json.schema_components(kinds, schema_hook=_any, ref_template=ref("{name}"))
        self.components = {name: _plain(schema) for name, schema in components.items()}
        self._of = dict(zip(kinds, found, strict=True))
        self._parameters: dict[type[Body], dict[str, Any]] = {}
        for kind in dict.fromkeys(taken_apart):
            name = self._of[kind]["$ref"].rpartition("/")[2]
            self._parameters[kind] = self.components[name] if kind in sent else self.components.pop(name)

    def of(self, kind: Any) -> Any:
        """Return the schema of an answer or body."""
        return self._of[kind]

    def parameters(self, kind: type[Body] | None, *, place: str) -> list[dict[str, Any]]:
        """Return each field of a query or path as a parameter."""
        if kind is None:
            return []
        schema = self._parameters[kind]
        return [
            {"name": name, "in": place, "required": name in schema["required"], "schema": _given(field)}
            for name, field in schema["properties"].items()
        ]


def _operation(route: Route, shapes: _Shapes) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "tags": [_tag(route)],
        "security": _security(route),
        "x-scope": route.scope.name.lower(),
    }
    if parameters := _parameters(route, shapes):
        operation["parameters"] = parameters
    if route.body is not None:
        media = {"schema": shapes.of(route.body)}
        if route.body in _EXAMPLES:
            media["example"] = _EXAMPLES[route.body]
        required = any(field.required for field in msgspec.structs.fields(route.body))
        operation["requestBody"] = {"required": required, "content": {JSON: media}}
    operation["responses"] = _responses(route, shapes)
    return operation


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.scope is Scope.PUBLIC:
        return []
    return [{KEY: []}, {ONCE: []}] if route.is_stream else [{KEY: []}]


def _parameters(route: Route, shapes: _Shapes) -> list[dict[str, Any]]:
    described = {one["name"]: one for one in shapes.parameters(route.path, place="path")}
    any_text = {"in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    found = [described.get(name, {"name": name, **any_text}) for name in re.findall(r"\{(\w+)\}", route.template)]
    found += [one for one in shapes.parameters(route.query, place="query") if one["name"] != TICKET]
    if route.method == "POST":
        schema = {"type": "string", "pattern": f"^[ -~]{{1,{KEY_MAX}}}$"}
        about = "Same key, same answer, for a day: nothing is done twice."
        found.append({"name": IDEMPOTENCY_HEADER, "in": "header", "description": about, "schema": schema})
    if route.media == (EVENT_STREAM,):
        about = "The `seq` that was seen last, as a browser sends it by itself; goes before `since_seq`."
        found.append({"name": LAST_EVENT_HEADER, "in": "header", "description": about, "schema": {"type": "string"}})
    if route.second_factor:
        about = "The code of now, for what allows more while a stage from `ask` up rules."
        found.append({"name": CODE_HEADER, "in": "header", "description": about, "schema": {"type": "string"}})
    return found


def _responses(route: Route, shapes: _Shapes) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status in route.statuses:
        answer: dict[str, Any] = {"description": route.summary}
        if headers := _headers(route):
            answer["headers"] = headers
        if status >= 200 and status != 204:
            answer["content"] = {media: {"schema": _sent(route, media, shapes)} for media in route.media}
        answers[str(status)] = answer
    for status in problems_of(route):
        if str(status) in answers:
            answers[str(status)]["content"] |= _problem(status)["content"]
        else:
            answers[str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    return dict(sorted(answers.items()))


def _sent(route: Route, media: str, shapes: _Shapes) -> Any:
    if media == JSON and route.answer is not None:
        return shapes.of(route.answer)
    textual = media.startswith("text/") or media in _TEXTUAL
    return {"type": "string"} if textual else {"type": "string", "contentMediaType": media}


def _headers(route: Route) -> dict[str, Any]:
    pages = route.query is not None and "cursor" in route.query.__struct_fields__ and len(route.media) > 1
    return (_CURSOR if pages else {}) | (_AGAIN if route.method == "POST" else {})


def _problem(status: int) -> dict[str, Any]:
    problem = {"description": TITLES[status], "content": {CONTENT_TYPE: {"schema": {"$ref": ref("Problem")}}}}
    return problem | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


_PROBLEM = {
    "title": "Problem",
    "description": "What went wrong. Some have further members: the `reason` of a refusal, its gate.",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "enum": sorted(TITLES)},
        "code": {"type": "string", "enum": sorted(CODES)},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "code", "detail"],
}


def _name(status: int) -> str:
    return "".join(word.capitalize() for word in TITLES[status].split())


def _tag(route: Route) -> str:
    return route.template.split("/")[1] or "page"


def _any(kind: type) -> dict[str, Any]:
    if kind is object:
        return {"description": "Any value."}
    raise NotImplementedError(kind)


# In a query there is no null: what is not wanted is left out.
def _given(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in schema.items() if name != "default" or value is not None}
    some = [choice for choice in kept.pop("anyOf", ()) if choice != {"type": "null"}]
    if len(some) == 1:
        return {**kept, **some[0]}
    return kept | {"anyOf": some} if some else kept


# A form says all, and so does a list of words.
def _plain(schema: Any) -> Any:
    match schema:
        case dict():
            told = _BOUNDS if schema.keys() & {"format", "enum"} and schema.get("type") == "string" else frozenset()
            return {
                name: _elsewhere(value) if name == "pattern" else _plain(value)
                for name, value in schema.items()
                if name not in told
            }
        case list():
            return [_plain(value) for value in schema]
        case _:
            return schema


# Elsewhere `$` is the end of a text; in ours a line break may follow, if it is not forbidden. And a word is of ASCII
# elsewhere; ours are of any script, as coins and channels are.
def _elsewhere(pattern: str) -> str:
    return pattern.replace(_NO_BREAK, "$").replace(r"[\w", f"[{_WORD}").replace(r"\w", f"[{_WORD}]")
