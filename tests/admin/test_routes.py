"""The route table is data: whole, unambiguous, and guarded."""

import inspect
import re

from levibotd.admin.auth import Scope
from levibotd.admin.routes import ROUTES


def test_each_route_stands_once() -> None:
    names = [(route.method, route.template) for route in ROUTES]
    assert len(set(names)) == len(names)


def test_no_one_changes_anything_with_a_key_for_reading() -> None:
    harmless = {"/signals/score", "/ws/ticket"}
    for route in ROUTES:
        if route.method != "GET" and route.template not in harmless:
            assert route.scope >= Scope.CONTROL, route.template


def test_what_may_spend_needs_the_scope_trade() -> None:
    spending = {
        "/flatten", "/positions/{id}/close", "/signals/ingest-and-score", "/stage", "/channels/{id}/stage",
        "/exec/test-order", "/paper/order",
    }  # fmt: skip
    assert spending == {route.template for route in ROUTES if route.scope is Scope.TRADE}


def test_only_health_and_the_page_are_public() -> None:
    public = {route.template for route in ROUTES if route.scope is Scope.PUBLIC}
    assert public == {"/livez", "/readyz", "/", "/static/{name}"}


def test_a_summary_is_one_line_and_each_handler_says_its_route() -> None:
    for route in ROUTES:
        assert route.summary
        assert "\n" not in route.summary
        assert f"`{route.method} {route.template}`" in (route.handler.__doc__ or "")


def test_a_handler_is_short() -> None:
    for route in ROUTES:
        source = inspect.getsource(route.handler)
        assert len(source.splitlines()) - 2 <= 15, route.template  # Without its name and docstring.


def test_parameters_are_named_in_braces_alone() -> None:
    for route in ROUTES:
        assert re.fullmatch(r"/(?:[a-z.-]+|\{[a-z_]+\}|/)*", route.template)
