"""TOML to struct trees: every fault at once, each with its path."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct
from msgspec.structs import replace

from levibotd.strict_toml import Overlay, build, parse, paths


class Inner(Struct, frozen=True, kw_only=True):
    size: Annotated[int, Meta(ge=1)] = 1
    name: str | None = None


class Item(Struct, frozen=True, kw_only=True):
    id: int


class Tree(Struct, frozen=True, kw_only=True):
    share: Annotated[float, Meta(ge=0, le=1)] = 0.5
    colour: Literal["red", "blue"] = "red"
    when: Annotated[str, Meta(pattern="^\\d\\d:\\d\\d$", description="a time of day")] = "00:00"
    on: bool = False
    weight: float = 0.0
    words: tuple[str, ...] = ()
    inner: Inner = Inner()
    maybe: Inner | None = None
    items: tuple[Item, ...] = ()
    by_name: dict[str, Inner] = msgspec.field(default_factory=dict)


def faults(document: str, environ: dict[str, str] | None = None) -> list[str]:
    raw = parse(document)
    overlay = Overlay(environ or {}, prefix="T_")
    overlay.apply(raw, Tree)
    return build(Tree, raw, names=overlay.names)[1]


def made(document: str, environ: dict[str, str] | None = None) -> Tree:
    raw = parse(document)
    overlay = Overlay(environ or {}, prefix="T_")
    overlay.apply(raw, Tree)
    tree, found = build(Tree, raw, names=overlay.names)
    assert tree is not None
    assert found == []
    return tree


def test_an_empty_document_is_the_defaults() -> None:
    assert made("") == Tree()


def test_every_table_is_read() -> None:
    tree = made(
        'share = 1\nwords = ["a"]\n[inner]\nsize = 3\n[maybe]\nname = "x"\n[[items]]\nid = 1\n[[items]]\nid = 2\n'
        "[by_name.one]\nsize = 9\n"
    )

    assert tree == Tree(
        share=1.0,
        words=("a",),
        inner=Inner(size=3),
        maybe=Inner(name="x"),
        items=(Item(id=1), Item(id=2)),
        by_name={"one": Inner(size=9)},
    )


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ("share = 1.5", "$.share: expected <= 1.0"),
        ("share = -0.1", "$.share: expected >= 0.0"),
        ("share = nan", "$.share: expected >= 0.0"),
        ("weight = inf", "$.weight: expected a finite number"),
        ("weight = nan", "$.weight: expected a finite number"),
        ('share = "x"', "$.share: expected float, got str"),
        ("share = true", "$.share: expected float, got bool"),
        ('colour = "green"', "$.colour: expected one of red, blue"),
        ("colour = 1", "$.colour: expected one of red, blue"),
        ('when = "noon"', "$.when: expected a time of day"),
        ("on = 1", "$.on: expected bool, got int"),
        ('words = "a"', "$.words: expected array, got str"),
        ('words = ["a", 1]', "$.words[1]: expected str, got int"),
        ("inner = 1", "$.inner: expected a table"),
        ("[inner]\nsize = 0", "$.inner.size: expected >= 1"),
        ("[inner]\nname = 1", "$.inner.name: expected str, got int"),
        ("[maybe]\nsize = 0", "$.maybe.size: expected >= 1"),
        ("[[items]]\nid = 1\n[[items]]", "$.items[1].id: missing"),
        ("items = 1", "$.items: expected array, got int"),
        ("by_name = 1", "$.by_name: expected object, got int"),
        ("[by_name.one]\nsize = 0", "$.by_name.one.size: expected >= 1"),
        ("shares = 1", "$.shares: unknown key (did you mean share?)"),
        ("qqqq = 1", "$.qqqq: unknown key"),
    ],
)
def test_a_fault_names_its_path_and_what_was_expected(document: str, fault: str) -> None:
    assert faults(document) == [fault]


def test_all_faults_are_found_at_once() -> None:
    assert faults('share = 2\ncolour = "x"\nbogus = 1\n[inner]\nsize = 0\n') == [
        "$.bogus: unknown key",
        "$.share: expected <= 1.0",
        "$.colour: expected one of red, blue",
        "$.inner.size: expected >= 1",
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("T_SHARE", "0.25", Tree(share=0.25)),
        ("T_COLOUR", "blue", Tree(colour="blue")),
        ("T_ON", "true", Tree(on=True)),
        ("T_WORDS", '["a", "b"]', Tree(words=("a", "b"))),
        ("T_WHEN", "03:00", Tree(when="03:00")),
        ("T_INNER__NAME", "12", Tree(inner=Inner(name="12"))),
        ("T_MAYBE__SIZE", "7", Tree(maybe=Inner(size=7))),
        ("T_BY_NAME__ONE__SIZE", "7", Tree(by_name={"one": Inner(size=7)})),
    ],
)
def test_a_variable_goes_over_the_document(name: str, text: str, expected: Tree) -> None:
    assert made("", {name: text}) == expected


def test_an_empty_variable_is_not_set() -> None:
    assert made("share = 0.1", {"T_SHARE": ""}).share == 0.1


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("T_SHARE", "1.5", "$.share (T_SHARE): expected <= 1.0"),
        ("T_SHARE", "much", "$.share (T_SHARE): expected float, got str"),
        ("T_SHAER", "1", "$.shaer (T_SHAER): unknown key (did you mean share?)"),
        ("T_INNER", "x", "$.inner (T_INNER): expected a table"),
        ("T_INNER__SIZE", "0", "$.inner.size (T_INNER__SIZE): expected >= 1"),
        ("T_WORDS", "[1]", "$.words[0] (T_WORDS): expected str, got int"),
    ],
)
def test_a_bad_variable_is_named(name: str, text: str, fault: str) -> None:
    assert faults("", {name: text}) == [fault]


def test_what_is_no_toml_says_where() -> None:
    with pytest.raises(ValueError, match="line 2"):
        parse("a = 1\nb = = 2\n")


def test_paths_name_every_value_that_is_set() -> None:
    assert list(paths(parse("share = 1\n[inner]\nsize = 1\n[[items]]\nid = 1\n"))) == ["share", "inner.size", "items"]


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["share", "colour", "when", "on", "weight", "words", "inner", "maybe", "items", "by_name", "else"]
)


@given(raw=st.dictionaries(KEYS, VALUES))
def test_any_document_is_a_tree_or_a_list_of_faults(raw: dict[str, Any]) -> None:
    tree, found = build(Tree, raw, names={})

    assert tree is not None or found
    assert all(fault.startswith("$.") for fault in found)
    if tree is not None:
        assert build(Tree, msgspec.to_builtins(tree) | {"maybe": {}}, names={})[1] == []


def test_what_is_at_fault_has_its_default_and_the_rest_what_was_written() -> None:
    tree, found = build(Tree, {"share": 7, "inner": {"size": 0, "name": "x"}, "words": ["a"]}, names={})

    assert len(found) == 2
    assert tree == replace(Tree(), inner=replace(Inner(), name="x"), words=("a",))


def test_nothing_is_made_where_something_without_a_default_is_missing() -> None:
    assert build(Item, {}, names={})[0] is None
    tree, found = build(Tree, {"items": [{"id": 1}, {}]}, names={})
    assert (tree, len(found)) == (Tree(), 1)  # All rows or none: their places are named elsewhere.
