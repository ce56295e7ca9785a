"""Where JSON has as many colons as members were counted, no text holds one and every float is finite."""

import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Struct, UnsetType

from levibotd.domain.json_shape import members_of
from levibotd.domain.rounding import NotFinite, rounder_of
from tests.any_record import leaves_of


class Flat(Struct, frozen=True, kw_only=True):
    name: str = ""
    at: float = 0.0
    price: float = 0.0
    amount: Decimal | None = None


class Inner(Struct, frozen=True, kw_only=True):
    either: float | str | None = None
    name: str = ""
    flats: tuple[Flat, ...] = ()
    pair: tuple[float, Flat] | None = None
    flat: Flat = Flat()


class Plain(Struct, frozen=True, kw_only=True):
    name: str = ""
    number: int = 0


class Outer(Struct, frozen=True, kw_only=True):
    price: float | None = 0.0
    at: float = 0.0
    valid_until: float | None = None
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    plains: tuple[Plain, ...] = ()
    inners_of: dict[str, Inner] = {}
    shares: dict[str, float] = {}
    mixed: dict[str, float | str] = {}
    names: tuple[str, ...] = ()
    anything: object = None


class Posted(Struct, frozen=True, kw_only=True):
    channel: str
    text: str


class Shortened(Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str = ""
    inner: Flat | None = None


class Tagged(Struct, frozen=True, tag=True):
    name: str


class InARow(Struct, frozen=True, array_like=True):
    name: str
    price: float | None


class Either(Struct, frozen=True):
    either: float | tuple[float, ...]


class Listed(Struct, frozen=True):
    prices: list[float]


class MaybeUnset(Struct, frozen=True):
    name: str = ""
    number: int | UnsetType = UNSET


class Around(Struct, frozen=True):
    inner: Shortened


_NUMBERS = st.one_of(st.sampled_from([0.0, math.nan, math.inf, -math.inf, 1e308]), st.floats())
_OPTIONAL = st.one_of(st.none(), _NUMBERS)
_TEXTS = st.text(':"\\\\ ab', max_size=3)
_MIXED = st.one_of(_NUMBERS, _TEXTS)
_FLATS = st.builds(Flat, name=_TEXTS, at=_NUMBERS, price=_NUMBERS, amount=st.sampled_from([None, Decimal(1)]))
_INNERS = st.builds(
    Inner,
    either=st.one_of(st.none(), _MIXED),
    name=_TEXTS,
    flats=st.lists(_FLATS, max_size=2).map(tuple),
    pair=st.one_of(st.none(), st.tuples(_NUMBERS, _FLATS)),
    flat=_FLATS,
)
_OUTERS = st.builds(
    Outer,
    price=_OPTIONAL,
    at=_NUMBERS,
    inner=st.one_of(st.none(), _INNERS),
    inners=st.lists(_INNERS, max_size=2).map(tuple),
    plains=st.lists(st.builds(Plain, name=_TEXTS), max_size=2).map(tuple),
    inners_of=st.dictionaries(_TEXTS, _INNERS, max_size=2),
    shares=st.dictionaries(_TEXTS, _NUMBERS, max_size=2),
    mixed=st.dictionaries(_TEXTS, _MIXED, max_size=2),
    names=st.lists(_TEXTS, max_size=2).map(tuple),
    anything=st.one_of(st.none(), _MIXED),
)


@given(_OUTERS)
def test_a_colon_more_than_members_stands_in_a_text_and_nan_is_met(value: Outer) -> None:
    members = members_of(Outer)(value)

    floats, texts = list(leaves_of(value, float)), list(leaves_of(value, str))
    if math.isnan(members):
        assert not math.isfinite(sum(map(abs, floats)))
    else:
        assert all(map(math.isfinite, floats))
        colons = msgspec.json.encode(value).count(b":")
        assert colons - members == sum(text.count(":") for text in texts)


# Shares and times, the short ways for them, and what stands on either side of each.
_AS_WRITTEN = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 0.25, 0.123456, 1e-7, 999_999.0, -1.5, 1730805032.5, 1730805032.124, 1e300]),
    st.integers(-9, 9_999_999).map(float),
    st.integers(0, 10**7).map(lambda parts: parts / 1e6),
    st.integers(0, 2 * 10**12).map(lambda ms: ms / 1e3),
)
_ALMOST = _AS_WRITTEN.map(lambda number: math.nextafter(number, math.inf))


@given(_OUTERS, st.one_of(_AS_WRITTEN, _ALMOST, _NUMBERS), st.one_of(_AS_WRITTEN, _ALMOST, _NUMBERS))
def test_with_rounding_nan_tells_whatever_would_be_rounded_or_refused(value: Outer, share: float, until: float) -> None:
    tidy = rounder_of(Outer, rounded=True)
    assert tidy is not None

    for one in (value, Outer(price=share, valid_until=until, shares={"a": share}, inner=Inner(pair=(share, Flat())))):
        members = members_of(Outer, rounded=True)(one)
        try:
            is_tidy = tidy(one) is one
        except NotFinite:
            is_tidy = False
        assert is_tidy == (not math.isnan(members))
        if is_tidy:
            colons = msgspec.json.encode(one).count(b":")
            assert colons - members == sum(text.count(":") for text in leaves_of(one, str))


@given(_OPTIONAL)
def test_a_value_of_any_type_is_only_looked_at_where_it_is_a_float(value: float | None) -> None:
    members = members_of(Outer)

    for anything in ({"a": {"b": 1}}, ["a:b"], Plain(name="a:b")):
        outer = Outer(price=value, anything=anything)
        assert not members(outer) > msgspec.json.encode(outer).count(b":")


@given(st.builds(Posted, channel=st.sampled_from(["tg:1", "tg:1:2", "tg", "token: tg:1", ""]), text=_TEXTS))
def test_only_the_colon_of_a_channels_own_name_counts_as_a_member(one: Posted) -> None:
    colons = msgspec.json.encode(one).count(b":")

    assert colons - members_of(Posted)(one) == f"{one.channel}{one.text}".count(":") - one.channel.startswith("tg:")


def test_what_always_has_the_same_members_is_not_walked() -> None:
    assert members_of(Plain)(None) == 2


@pytest.mark.parametrize(
    "one",
    [Shortened(), InARow("a", None), Tagged("a"), MaybeUnset(), Either(1.0), Listed([1.0]), Around(Shortened())],
)
def test_a_type_that_does_not_tell_asks_for_a_closer_look(one: Struct) -> None:
    assert math.isnan(members_of(type(one))(one))
