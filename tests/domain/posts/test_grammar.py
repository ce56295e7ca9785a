"""Coins, then fields, then the solver, coin by coin."""

from levibotd.domain.posts.grammar import COINS_MAX, draft, named_coins
from levibotd.domain.posts.market_view import EMPTY_VIEW

_BLOCK = "#{coin}/USDT\nBuy 1.00\nSell 1.10\nSL 0.90\n"


def test_each_coin_has_its_own_stretch_of_text() -> None:
    found = draft("".join(_BLOCK.format(coin=coin) for coin in ("ADA", "XRP")), market=EMPTY_VIEW)
    assert [leg.symbol for leg in found.legs] == ["ADA/USDT", "XRP/USDT"]


def test_one_coin_that_does_not_solve_spoils_all() -> None:
    text = _BLOCK.format(coin="ADA") + "#XRP/USDT\nBuy 1.00\nSell 1.10\nSL 1.20"
    found = draft(text, market=EMPTY_VIEW)
    assert found.legs == ()
    assert found.refusal == "geometry"
    assert found.call_like


def test_too_many_coins_are_a_list_and_no_call() -> None:
    text = "".join(_BLOCK.format(coin=f"COIN{letter}") for letter in "ABCDEFGHIJ"[: COINS_MAX + 1])
    assert draft(text, market=EMPTY_VIEW).refusal == "too_many_coins"


def test_levels_without_a_coin_look_like_a_call() -> None:
    found = draft("Buy at 0.512\nTargets 0.54 - 0.58\nStop 0.48", market=EMPTY_VIEW)
    assert (found.refusal, found.call_like) == ("no_symbol", True)


def test_a_link_counts_for_the_coin_but_not_for_numbers() -> None:
    text = "https://www.binance.com/trade/index?symbol=RVN_BTC&ref=12345\nBuy 370-374\nTarget 390"
    (leg,) = draft(text, market=EMPTY_VIEW).legs
    assert leg.symbol == "RVN/BTC"
    assert leg.entry == (370.0, 374.0)


def test_names_are_found_without_a_call() -> None:
    assert named_coins("close #ADA and XRP/USDT", market=EMPTY_VIEW) == ("XRP/USDT",)
    assert named_coins("close #ADA and #XRP", market=EMPTY_VIEW) == ("ADA", "XRP")


def test_a_coin_that_is_priced_in_two_quotes_is_refused() -> None:
    both = draft("BUY #PERLBTC @ 412\nBUY #PERLUSDT at 0.0912\nTarget 0.0981", market=EMPTY_VIEW)
    assert both.refusal == "two_quotes"
    assert draft("#PERLBTC #PERLUSDT\nBuy 0.0912\nTarget 0.0981", market=EMPTY_VIEW).refusal != "two_quotes"
