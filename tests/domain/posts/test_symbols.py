"""Which coins a text names."""

import pytest

from levibotd.domain.posts.market_view import EMPTY_VIEW
from levibotd.domain.posts.symbols import find_symbols, is_foreign, nearby_quote


def named(text: str) -> list[tuple[str, str | None]]:
    return [(mention.base, mention.quote) for mention in find_symbols(text, market=EMPTY_VIEW)]


@pytest.mark.parametrize(
    ("text", "base", "quote"),
    [
        ("BTC/USDT", "BTC", "USDT"),
        ("BTCUSDT", "BTC", "USDT"),
        ("#BTC/USDT", "BTC", "USDT"),
        ("BTC-USDT long", "BTC", "USDT"),
        ("BTC.USDT", "BTC", "USDT"),
        ("BTCUSDT.P", "BTC", "USDT"),
        ("BTC/USDT:USDT", "BTC", "USDT"),
        ("LOOM_BTC", "LOOM", "BTC"),
        ("# LOOM", "LOOM", None),
        ("$ONDO", "ONDO", None),
        ("waxp / Usdt", "WAXP", "USDT"),
        ("1000PEPE/USDT", "1000PEPE", "USDT"),
        ("kPEPE/USDT", "KPEPE", "USDT"),
        ("XBTUSD", "XBT", "USD"),
        ("XRP/U19", "XRP", "U19"),
        ("Coin: AST", "AST", None),
        ("SHORT XRP BYBIT", "XRP", None),
        ("buy Iotx at", "IOTX", None),
        ("https://www.binance.com/trade/index?symbol=RVN_BTC", "RVN", "BTC"),
        ("SRMLONG 5.16", "SRM", None),
        ("👁 COIN 〰 POE", "POE", None),
        ("Troy on Binance", "TROY", None),
        ("Long Bitcoin now", "BTC", None),
        ("BTC is calm\nNAV BUY 925", "NAV", None),
        ("Buy POE at 0.0000046 BTC, sell at 0.0000051 BTC", "POE", None),
        ("#SOL long 95\n#BTC #crypto", "SOL", None),
        ("#CND buy\n#ALT season", "CND", None),
        ("#OGN #BTC buy 512 sats", "OGN", None),
    ],
)
def test_a_coin_is_found_however_it_is_written(text: str, base: str, quote: str | None) -> None:
    assert named(text) == [(base, quote)]


def test_a_pair_outranks_the_hashtags_below_it() -> None:
    assert named("#BTC/USDT\n#ETH #TA #VIP_SIGNAL") == [("BTC", "USDT")]


@pytest.mark.parametrize(
    "text", ["ONE more target", "the LINK is below", "GAS fees", "FOR members", "#BINANCE #signal", "JOIN VIP NOW"]
)
def test_a_word_in_capitals_is_no_coin(text: str) -> None:
    assert named(text) == []


def test_a_word_is_a_coin_behind_a_sign_or_before_a_quote() -> None:
    assert named("#ONE long") == [("ONE", None)]
    assert named("ONE/USDT") == [("ONE", "USDT")]


def test_a_quote_may_stand_by_itself_behind_the_coin() -> None:
    text = "#FIO\n#USDT\nBUY 0.2"
    (mention,) = find_symbols(text, market=EMPTY_VIEW)
    assert nearby_quote(text, mention) == "USDT"


@pytest.mark.parametrize("text", ["XAU/USD buy", "EURUSD sell", "GOLD buy now", "#GBPJPY", "NAS100 long"])
def test_currencies_and_metals_are_foreign(text: str) -> None:
    assert is_foreign(text)


def test_entry_is_no_pair_of_lira() -> None:
    assert named("ENTRY: 5.2") == []


def test_a_pair_without_a_sign_between_is_left_alone() -> None:
    assert named("OCEAN BTC LONG 1990") == [("OCEAN", None), ("BTC", None)]
    assert named("#OGN #BTC buy 512") == [("OGN", None), ("BTC", None)]


def test_two_tags_alone_in_a_line_above_whole_numbers_are_a_pair() -> None:
    assert named("#OGN #BTC\nbuy 880 - 830") == [("OGN", None)]
    assert named("#ADA #BTC\nbuy 1.18") == [("ADA", None), ("BTC", None)]
    assert named("#ETH #BTC\nbuy 3000") == [("ETH", None), ("BTC", None)]


def test_a_coin_that_begins_with_a_digit_is_found_wherever_it_stands() -> None:
    assert named("1inch is up, buy 1inch below 2.4") == [("1INCH", None), ("1INCH", None)]


def test_prices_in_bitcoin_tell_the_quote() -> None:
    text = "Buy POE at 0.0000046 BTC, sell at 0.0000051 BTC"
    assert nearby_quote(text, find_symbols(text, market=EMPTY_VIEW)[0]) == "BTC"
