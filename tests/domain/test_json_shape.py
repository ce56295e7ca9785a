"""As many colons as its texts hold are counted in a record, and every float that is not as it may be is met."""

import math
from decimal import Decimal
from enum import StrEnum
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Struct, UnsetType

from levibotd.domain.json_shape import colons_of
from levibotd.domain.rounding import NotFinite, rounder_of, six_digits
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


_NUMBERS = st.one_of(st.sampled_from([0.0, math.nan, math.inf, -math.inf, 1e308]), st.floats())
_TEXTS = st.text(':"\\\\ ab', max_size=3)


def outers(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Outer]:
    mixed = st.one_of(numbers, _TEXTS)
    flats = st.builds(Flat, name=_TEXTS, at=numbers, price=numbers, amount=st.sampled_from([None, Decimal(1)]))
    inners = st.builds(
        Inner,
        either=st.one_of(st.none(), mixed),
        name=_TEXTS,
        flats=st.lists(flats, max_size=2).map(tuple),
        pair=st.one_of(st.none(), st.tuples(numbers, flats)),
        flat=flats,
    )
    return st.builds(
        Outer,
        price=st.one_of(st.none(), numbers),
        at=numbers,
        inner=st.one_of(st.none(), inners),
        inners=st.lists(inners, max_size=2).map(tuple),
        plains=st.lists(st.builds(Plain, name=_TEXTS), max_size=2).map(tuple),
        inners_of=st.dictionaries(_TEXTS, inners, max_size=2),
        shares=st.dictionaries(_TEXTS, numbers, max_size=2),
        mixed=st.dictionaries(_TEXTS, mixed, max_size=2),
        names=st.lists(_TEXTS, max_size=2).map(tuple),
        anything=st.one_of(st.none(), mixed),
    )


# With any number in it nearly each of them is not finite somewhere; with one that need not be rounded none is odd.
_ANY_OUTERS = st.one_of(outers(_NUMBERS), outers(st.sampled_from([0.0, 0.25, -1.5])))


@given(_ANY_OUTERS)
def test_the_colons_of_all_texts_are_counted_and_nan_is_met(value: Outer) -> None:
    colons = colons_of(Outer)(value)

    floats, texts = list(leaves_of(value, float)), list(leaves_of(value, str))
    if math.isnan(colons):
        assert not math.isfinite(sum(map(abs, floats)))
    else:
        assert all(map(math.isfinite, floats))
        assert colons == sum(text.count(":") for text in texts)


# Shares and times, the short ways for them, and what stands on either side of each.
_AS_WRITTEN = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 0.25, 0.123456, 1e-7, 999_999.0, -1.5, 1730805032.5, 1730805032.124, 1e300]),
    st.integers(-9, 9_999_999).map(float),
    st.integers(0, 10**7).map(lambda parts: parts / 1e6),
    st.integers(0, 2 * 10**12).map(lambda ms: ms / 1e3),
)
_ALMOST = _AS_WRITTEN.map(lambda number: math.nextafter(number, math.inf))


@given(_ANY_OUTERS, st.one_of(_AS_WRITTEN, _ALMOST, _NUMBERS), st.one_of(_AS_WRITTEN, _ALMOST, _NUMBERS))
def test_with_rounding_nan_tells_whatever_would_be_rounded_or_refused(value: Outer, share: float, until: float) -> None:
    tidy = rounder_of(Outer, rounded=True)
    assert tidy is not None

    for one in (value, Outer(price=share, valid_until=until, shares={"a": share}, inner=Inner(pair=(share, Flat())))):
        colons = colons_of(Outer, rounded=True)(one)
        try:
            is_tidy = tidy(one) is one
        except NotFinite:
            is_tidy = False
        assert is_tidy == (not math.isnan(colons))
        if is_tidy:
            assert colons == sum(text.count(":") for text in leaves_of(one, str))


@pytest.mark.parametrize("share", [0.123456, 0.000001, 0.25, 0.999999, 0.1])
def test_a_share_of_six_decimals_is_told_from_what_is_almost_one(share: float) -> None:
    colons = colons_of(Outer, rounded=True)

    assert colons(Outer(price=share)) == 0
    for almost in (math.nextafter(share, 0.0), math.nextafter(share, 1.0), share + 4e-9, share - 4e-9):
        assert math.isnan(colons(Outer(price=almost))) == (six_digits(almost) != almost)
    assert math.isnan(colons(Outer(price=share + 1e-12)))


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("anything", [{"a": {"b": 1}}, ["a:b"], Plain(name="a:b"), b"a:b", (math.nan,)])
def test_a_value_of_any_type_that_is_more_than_a_text_or_a_number_asks_for_a_closer_look(
    anything: object, rounded: bool
) -> None:
    assert math.isnan(colons_of(Outer, rounded=rounded)(Outer(anything=anything)))


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("anything", [None, True, 7, 0.25, Decimal(1), "a"])
def test_a_value_of_any_type_that_is_plain_does_not(anything: object, rounded: bool) -> None:
    assert colons_of(Outer, rounded=rounded)(Outer(anything=anything)) == 0


@given(st.builds(Posted, channel=st.sampled_from(["tg:1", "tg:1:2", "tg", "token: tg:1", ""]), text=_TEXTS))
def test_only_the_colon_of_a_channels_own_name_does_not_count(one: Posted) -> None:
    assert colons_of(Posted)(one) == f"{one.channel}{one.text}".count(":") - one.channel.startswith("tg:")


class Sure(StrEnum):
    YES = "yes"


class Odd(StrEnum):
    ODD = "odd:"


class Closed(Struct, frozen=True):
    sure: Sure
    word: Literal["a", "b"]
    name: str = ""


class OddlyClosed(Struct, frozen=True):
    odd: Odd


class OddWord(Struct, frozen=True):
    word: Literal["a:b"]


@pytest.mark.parametrize(
    ("one", "colons"),
    [(Closed(Sure.YES, "a", "x:"), 1), (Shortened(), 0), (Shortened(name=":"), 1), (InARow("a:", None), 1)],
)
def test_what_is_ours_alone_holds_none_and_how_a_record_is_written_does_not_matter(one: Struct, colons: int) -> None:
    assert colons_of(type(one))(one) == colons


@pytest.mark.parametrize("one", [MaybeUnset(), Either(1.0), Listed([1.0]), OddlyClosed(Odd.ODD), OddWord("a:b")])
def test_a_type_that_does_not_tell_asks_for_a_closer_look(one: Struct) -> None:
    assert math.isnan(colons_of(type(one))(one))
