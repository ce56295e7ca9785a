"""The built-in names."""

from levibotd.domain.posts.tickers import CHEAP, CONTRACT, DEAR, FIAT, NO_COIN, WELL_KNOWN


def test_a_currency_is_no_coin() -> None:
    assert not FIAT & WELL_KNOWN


def test_no_coin_is_dear_and_cheap_at_once() -> None:
    assert not DEAR & CHEAP


def test_venues_and_field_names_are_no_coins() -> None:
    assert {"BINANCE", "ENTRY", "TARGETS", "STOPLOSS", "LONG"} <= NO_COIN
    assert not {"BINANCE", "ENTRY", "TARGETS", "STOPLOSS"} & WELL_KNOWN


def test_a_dated_contract_is_told_from_a_coin() -> None:
    assert CONTRACT.fullmatch("ADAM20")
    assert CONTRACT.fullmatch("XRPU19")
    assert not CONTRACT.fullmatch("C98")
