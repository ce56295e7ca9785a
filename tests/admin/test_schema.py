"""The OpenAPI document says of every route what the table says, and is sound in itself."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from msgspec import Struct

from levibotd.admin import health
from levibotd.admin.auth import Scope
from levibotd.admin.events import EventsWanted
from levibotd.admin.problems import CODES
from levibotd.admin.replies import JSON, Answer, Body
from levibotd.admin.routes import ROUTES, Route
from levibotd.admin.schema import document, openapi_bytes, problems_of
from levibotd.journal import EVENTS

DOCUMENT: Mapping[str, Any] = msgspec.json.decode(openapi_bytes(version="1.2.3"))
OPERATIONS = [(route, DOCUMENT["paths"][route.template][route.method.lower()]) for route in ROUTES]
each_route = pytest.mark.parametrize(
    ("route", "operation"), OPERATIONS, ids=[f"{route.method} {route.template}" for route in ROUTES]
)


def walk(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every object of the document."""
    if isinstance(node, dict):
        yield node
        for below in node.values():
            yield from walk(below)
    elif isinstance(node, list):
        for below in node:
            yield from walk(below)


def resolve(reference: str) -> Any:
    node: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return node


def names(operation: Mapping[str, Any], place: str) -> list[str]:
    return [one["name"] for one in operation.get("parameters", ()) if one["in"] == place]


def test_the_same_table_makes_the_same_bytes() -> None:
    assert openapi_bytes(version="1") == openapi_bytes(version="1")
    assert msgspec.json.format(openapi_bytes(version="1", indent=2), indent=-1) == openapi_bytes(version="1")


def test_it_describes_every_route_and_nothing_else() -> None:
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == {(route.method, route.template) for route in ROUTES}
    assert (DOCUMENT["openapi"], DOCUMENT["info"]["version"]) == ("3.1.0", "1.2.3")


def test_operations_have_names_of_their_own() -> None:
    found = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(set(found)) == len(found)


def test_no_two_types_share_a_name() -> None:
    # Those that do are named after their modules.
    assert [name for name in DOCUMENT["components"]["schemas"] if not name.isalnum()] == []


def test_what_is_referred_to_is_there_and_all_that_is_there_is_referred_to() -> None:
    referred = {node["$ref"] for node in walk(DOCUMENT) if "$ref" in node}
    for reference in sorted(referred):
        assert resolve(reference)
    parts = {
        f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in DOCUMENT["components"][kind]
    }
    assert parts == referred


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_a_schema_is_one(name: str) -> None:
    schema = DOCUMENT["components"]["schemas"][name]
    assert jsonschema_rs.meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


@each_route
def test_what_a_client_may_send_stands_there(route: Route, operation: Mapping[str, Any]) -> None:
    assert names(operation, "path") == re.findall(r"\{(\w+)\}", route.template)
    fields = () if route.query is None else route.query.__struct_fields__
    assert names(operation, "query") == [name for name in fields if name != "ticket"]
    assert ("Idempotency-Key" in names(operation, "header")) is (route.method == "POST")
    assert ("X-TOTP" in names(operation, "header")) is route.second_factor
    assert ("requestBody" in operation) is (route.body is not None)
    if route.path is not None:
        assert set(route.path.__struct_fields__) == set(names(operation, "path"))


@each_route
def test_every_status_it_may_answer_stands_there(route: Route, operation: Mapping[str, Any]) -> None:
    expected = {str(status) for status in (*route.statuses, *problems_of(route))}
    assert set(operation["responses"]) == expected
    assert ("401" in expected) is (route.scope > Scope.PUBLIC) is bool(operation["security"])
    for status in route.statuses:
        content = operation["responses"][str(status)].get("content", {})
        assert set(route.media) <= set(content)


@each_route
def test_json_is_described_by_a_type(route: Route, operation: Mapping[str, Any]) -> None:
    assert (JSON in route.media) is (route.answer is not None)
    if route.answer is not None:
        schema = operation["responses"][str(route.statuses[0])]["content"][JSON]["schema"]
        assert "$ref" in schema or schema["type"] == "object"


@each_route
def test_an_example_is_what_the_route_takes(route: Route, operation: Mapping[str, Any]) -> None:
    sent = operation.get("requestBody", {}).get("content", {}).get(JSON, {})
    if "example" in sent:
        assert route.body is not None
        msgspec.convert(sent["example"], type=route.body)


def test_nobody_is_told_to_send_null_in_an_address() -> None:
    for _, operation in OPERATIONS:
        for parameter in operation.get("parameters", ()):
            assert {"type": "null"} not in list(walk(parameter["schema"])), parameter
            assert parameter["schema"].get("default", 0) is not None


def test_a_wait_is_told_with_every_429() -> None:
    assert DOCUMENT["components"]["responses"]["TooManyRequests"]["headers"]["Retry-After"]["required"] is True


def test_problems_name_their_codes() -> None:
    assert DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == sorted(CODES)


@pytest.mark.parametrize(
    ("text", "fits"),
    [("BTCUSDT", True), ("\u5e01\u5b89", True), ("\u00e9", True), ("a-b", False), ("a\n", False), ("\u20ac", False)],
)
def test_words_of_any_script_are_words_in_the_document_too(text: str, fits: bool) -> None:
    (schema,) = [
        one["schema"] for one in DOCUMENT["paths"]["/events"]["get"]["parameters"] if one["name"] == "symbol"
    ]
    assert jsonschema_rs.is_valid(schema, text) is fits
    wanted = msgspec.structs.fields(EventsWanted)[EventsWanted.__struct_fields__.index("symbol")].type
    try:
        msgspec.convert(text, wanted)
        assert fits
    except msgspec.ValidationError:
        assert not fits


def test_no_pattern_of_what_clients_send_lets_a_line_break_follow() -> None:
    kinds = {kind for route in ROUTES for kind in (route.query, route.body, route.path) if kind is not None}
    _, components = msgspec.json.schema_components(kinds, schema_hook=lambda kind: {"description": "any"})
    patterns = {node["pattern"] for node in walk(components) if "pattern" in node}
    assert [pattern for pattern in sorted(patterns) if not pattern.endswith(r"(?!\n)$")] == []


def test_a_form_and_a_list_of_words_say_all() -> None:
    fields = {one["name"]: one["schema"] for one in DOCUMENT["paths"]["/events"]["get"]["parameters"]}
    assert fields["since_iso"] == {"type": "string", "format": "date-time"}
    assert fields["type"] == {"type": "string", "enum": list(EVENTS)}


class Page(Body, frozen=True):
    least: int
    most: int | None = None
    word: str = "a"


class Item(Body, frozen=True):
    id: int


class Found(Answer, frozen=True):
    items: tuple[str, ...]


def described(route: Route) -> Mapping[str, Any]:
    made: Mapping[str, Any] = document((route,), version="1")["paths"][route.template][route.method.lower()]
    return made


def test_fields_of_query_and_path_become_parameters() -> None:
    route = Route("GET", "/items/{id}", health.get_livez, Scope.READ, "s", query=Page, path=Item, answer=Found)

    one, least, most, word = described(route)["parameters"]

    assert one == {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
    assert (least["required"], least["schema"]) == (True, {"type": "integer"})
    assert (most["required"], most["schema"]) == (False, {"type": "integer"})
    assert (word["required"], word["schema"]) == (False, {"type": "string", "default": "a"})


def test_a_body_without_a_must_may_be_left_out() -> None:
    class Note(Body, frozen=True):
        text: str = ""

    def required(body: type[Body]) -> bool:
        route = Route("POST", "/items", health.get_livez, Scope.TRADE, "s", body=body, answer=Found)
        return bool(described(route)["requestBody"]["required"])

    assert required(Page) is True
    assert required(Note) is False


def test_a_status_may_be_an_answer_and_a_problem() -> None:
    route = Route("GET", "/x", health.get_livez, Scope.READ, "s", answer=Found, statuses=(200, 503), errors=(503,))

    content = described(route)["responses"]["503"]["content"]

    assert set(content) == {JSON, "application/problem+json"}


def test_a_type_that_nobody_can_describe_is_refused() -> None:
    class Odd(Struct):
        inside: complex

    with pytest.raises(TypeError, match="complex"):
        document((Route("GET", "/x", health.get_livez, Scope.READ, "s", answer=Odd),), version="1")
