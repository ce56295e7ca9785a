"""No more nulls are counted than JSON has; where it has no more, its floats are finite."""

import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from levibotd.domain.json_shape import finite_of, members_of, nones_of


class Flat(Struct, frozen=True, kw_only=True):
    name: str = ""
    at: float = 0.0
    price: float = 0.0
    amount: Decimal | None = None


class Inner(Struct, frozen=True, kw_only=True):
    either: float | tuple[float, ...] | None = None
    name: str = ""
    flats: tuple[Flat, ...] = ()


class Plain(Struct, frozen=True, kw_only=True):
    name: str = ""
    number: int = 0


class Outer(Struct, frozen=True, kw_only=True):
    price: float | None = 0.0
    at: float = 0.0
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()
    plains: tuple[Plain, ...] = ()
    shares: dict[str, float] = {}
    anything: object = None


class Shortened(Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str = ""
    inner: Flat | None = None


class Tagged(Struct, frozen=True, tag=True):
    name: str


class InARow(Struct, frozen=True, array_like=True):
    name: str
    price: float | None


_NUMBERS = st.one_of(st.none(), st.just(float("nan")), st.floats(allow_infinity=True))
_FINITE = st.floats(allow_nan=False, allow_infinity=False)
_TEXTS = st.text(':"\\\\ ab')
_FLATS = st.lists(st.builds(Flat, name=_TEXTS, at=_NUMBERS, amount=st.sampled_from([None, Decimal(1)])), max_size=3)
_INNERS = st.builds(Inner, name=_TEXTS, either=_NUMBERS, flats=_FLATS.map(tuple))
_OUTERS = st.builds(
    Outer,
    price=_NUMBERS,
    at=_NUMBERS,
    inner=st.one_of(st.none(), _INNERS),
    inners=st.lists(_INNERS, max_size=3).map(tuple),
    plains=st.lists(st.builds(Plain, name=_TEXTS), max_size=3).map(tuple),
    shares=st.dictionaries(_TEXTS, _NUMBERS, max_size=3),
    anything=st.one_of(_NUMBERS, _TEXTS),
)


@given(_OUTERS)
def test_where_json_holds_no_more_nulls_than_nones_were_counted_every_float_is_finite(value: Outer) -> None:
    nones = nones_of(Outer)
    assert nones is not None
    nulls = msgspec.json.encode(value).count(b"null")

    assert nones(value) <= nulls
    if nones(value) == nulls:
        assert all(map(math.isfinite, _floats(value)))


@given(st.builds(Flat, name=_TEXTS, amount=st.sampled_from([None, Decimal(1)])))
def test_where_a_flat_one_has_no_more_colons_than_members_no_text_holds_one(value: Flat) -> None:
    members = members_of(Flat)
    assert members == len(msgspec.json.decode(msgspec.json.encode(value)))

    assert (msgspec.json.encode(value).count(b":") == members) == (":" not in value.name)


@pytest.mark.parametrize("one", [Shortened(), Shortened(name="a", inner=Flat()), InARow("a", None), Tagged("a")])
def test_what_is_not_written_as_it_stands_counts_for_no_more_than_there_is(one: Struct) -> None:
    nones = nones_of(type(one))

    assert nones is None or nones(one) <= msgspec.json.encode(one).count(b"null")
    assert members_of(type(one)) is None


@given(at=_NUMBERS, price=_NUMBERS)
def test_a_flat_one_is_seen_to_be_finite_by_the_sum_of_its_floats(at: float | None, price: float | None) -> None:
    is_finite = finite_of(Flat)
    assert is_finite is not None
    numbers = (at or 0.0, price or 0.0)

    if is_finite(Flat(at=numbers[0], price=numbers[1])):
        assert all(map(math.isfinite, numbers))
    if all(abs(number) < 1e300 for number in numbers):
        assert is_finite(Flat(at=numbers[0], price=numbers[1]))


def test_only_what_has_its_floats_always_and_no_members_below_is_seen_so() -> None:
    assert finite_of(Plain) is None
    assert finite_of(Outer) is None
    assert finite_of(InARow) is None
    assert members_of(Inner) is None


def _floats(value: object) -> list[float]:
    match value:
        case Struct():
            return [one for item in msgspec.structs.astuple(value) for one in _floats(item)]
        case dict():
            return [one for item in value.values() for one in _floats(item)]
        case list() | tuple():
            return [one for item in value for one in _floats(item)]
    return [value] if isinstance(value, float) else []
