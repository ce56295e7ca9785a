"""Quote and unit: what is written, then the last price, then magnitude."""

from decimal import Decimal

import pytest

from levibotd.domain.posts.market_view import EMPTY_VIEW, ListedMarketView, MarketView
from levibotd.domain.posts.refusal import Unsolved
from levibotd.domain.posts.units import Unit, Written, settle


def view(**prices: float) -> MarketView:
    return ListedMarketView(bases=frozenset(), prices={key.replace("_", "/"): value for key, value in prices.items()})


def told(
    base: str, price: float, *, quote: str | None = None, satoshi: bool = False, far: bool = False,
    market: MarketView = EMPTY_VIEW,
) -> Unit:  # fmt: skip
    written = Written(base=base, quote=quote, price=price, dollars=False, satoshi=satoshi, futures=False, far=far)
    return settle(written, market=market)


@pytest.mark.parametrize(
    ("base", "quote", "price", "name", "found"),
    [
        ("CELR", None, 940, "satoshi", "BTC"),
        ("ETH", None, 2300, "quote", "USDT"),
        ("AION", None, 0.204, "quote", "USDT"),
        ("XMR", None, 0.0077, "quote", "BTC"),
        ("SNM", None, 0.00000149, "quote", "BTC"),
        ("WTC", "BTC", 1575, "satoshi", "BTC"),
        ("ETC", "BTC", 0.00204, "quote", "BTC"),
        ("SHIB", "USDT", 7000, "truncated", "USDT"),
        ("XBT", None, 9700, "quote", "USD"),
        ("ADAM20", None, 576, "satoshi", ""),
        ("NEO", None, 0.0061, "quote", "BTC"),
        ("TROY", None, 12, "satoshi", "BTC"),
        ("ONE", "USDT", 515, "truncated", "USDT"),
    ],
)
def test_without_a_last_price_magnitude_decides(
    base: str, quote: str | None, price: float, name: str, found: str
) -> None:
    unit = told(base, price, quote=quote)
    assert (unit.name, unit.quote) == (name, found)


@pytest.mark.parametrize(
    ("base", "quote", "price"),
    [
        ("ANT", "BTC", 980),
        ("XRP", None, 65500),
        ("REP", None, 560),
        ("BNB", None, 3900),
        ("BTC", "USDT", 57.3),
        ("DENT", None, 0.72),
        ("SHIB", None, 0.0128),
    ],
)
def test_what_a_coin_never_cost_in_any_unit_is_refused(base: str, quote: str | None, price: float) -> None:
    with pytest.raises(Unsolved, match="unit_unclear"):
        told(base, price, quote=quote)


def test_who_writes_satoshi_means_them_whatever_the_coin_has_cost() -> None:
    assert told("PERP", 240, quote="BTC", satoshi=True).name == "satoshi"
    with pytest.raises(Unsolved, match="unit_unclear"):
        told("PERP", 240, quote="BTC")


def test_a_last_price_is_believed_before_what_a_coin_has_cost() -> None:
    assert told("BTC", 57.3, quote="USDT", market=view(BTC_USDT=57.0)).name == "quote"


def test_the_last_price_decides_between_dollars_and_satoshi() -> None:
    assert told("AAA", 30, market=view(AAA_USDT=31.0, AAA_BTC=0.0007)).name == "quote"
    assert told("AAA", 30, market=view(AAA_USDT=0.012, AAA_BTC=3.1e-7)).name == "satoshi"


def test_missing_zeros_are_filled_in_from_the_last_price() -> None:
    unit = told("ZEN", 6450, quote="BTC", market=view(ZEN_BTC=0.00066))
    assert (unit.name, unit.factor) == ("truncated", Decimal("1E-7"))


@pytest.mark.parametrize("last", [0.95 * 10, 0.95 / 10, 0.95 * 100])
def test_a_factor_of_ten_or_a_hundred_is_a_typo(last: float) -> None:
    with pytest.raises(Unsolved, match="price_far_from_market"):
        told("AAA", 0.95, quote="USDT", market=view(AAA_USDT=last))


@pytest.mark.parametrize("last", [9.5, 0.95])
def test_one_or_two_missing_zeros_are_a_typo_too(last: float) -> None:
    with pytest.raises(Unsolved, match="price_far_from_market"):
        told("AAA", 95, quote="USDT", market=view(AAA_USDT=last))


def test_a_ladder_may_begin_further_from_the_market_than_a_limit() -> None:
    market = view(AAA_USDT=1.5)
    assert told("AAA", 1.0, quote="USDT", far=True, market=market).name == "quote"
    with pytest.raises(Unsolved):
        told("AAA", 1.0, quote="USDT", market=market)


def test_satoshi_of_dollars_is_refused() -> None:
    with pytest.raises(Unsolved, match="satoshi_of_dollars"):
        told("AAA", 250, quote="USDT", satoshi=True)
