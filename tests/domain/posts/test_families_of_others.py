"""Formats that were met in no channel of ours: labels of other languages, signs, dates, plans beside a call."""

import pytest

from levibotd.domain.posts.market_view import EMPTY_VIEW
from levibotd.domain.posts.reading import read
from levibotd.domain.signal import Kind, Leg, Post, Reading, Side


def reading(text: str) -> Reading:
    return read(Post(channel="c", message_id=1, posted_at=0.0, text=text), EMPTY_VIEW)


def leg(text: str) -> Leg:
    found = reading(text)
    assert found.kind is Kind.NEW, found.reasons
    (only,) = found.legs
    return only


@pytest.mark.parametrize(
    "text",
    [
        "#SUI/USDT COMPRA\nEntrada: 5.0\nAlvo 1: 5.5\nAlvo 2: 5.9\nStop: 4.8",
        "SUIUSDT 做多\n入场: 5.0\n止盈: 5.5/5.9\n止损: 4.8",
        "SUIUSDT 롱\n진입가: 5.0\n목표가: 5.5 / 5.9\n손절가: 4.8",
        "#SUIUSDT LONG\nVào lệnh: 5.0\nChốt lời: 5.5 - 5.9\nCắt lỗ: 4.8",
        "#SUI/USDT\nBELI: 5.0\nTarget jual: 5.5 - 5.9\nCut loss: 4.8",
        "SUI/USDT LONG\nIngresso: 5.0\nObiettivo 1: 5.5\nObiettivo 2: 5.9\nStop loss: 4.8",
        "SUI/USDT LONG\nWejście: 5.0\nCel 1: 5.5\nCel 2: 5.9\nSL: 4.8",
        "#SUIUSDT ЛОНГ\nВхід: 5.0\nЦілі: 5.5, 5.9\nСтоп: 4.8",
        "SUI/USDT ЛОНГ\nЛимитка: 5.0\nЦели: 5.5 / 5.9\nСтоп-лосс: 4.8",
    ],
)
def test_a_call_is_the_same_in_every_language(text: str) -> None:
    found = leg(text)
    assert (found.symbol, found.side, found.entry, found.tps, found.sl) == (
        "SUI/USDT",
        Side.BUY,
        (5.0,),
        (5.5, 5.9),
        4.8,
    )


@pytest.mark.parametrize(
    "levels",
    [
        "LONG\n💵 5.0\n🎯 5.5\n🎯 5.9\n🛑 4.8",
        "LONG 5.0\n🎯 $5.5\n🎯 $5.9\n⛔ $4.8",
        "Buy sl=4.8 tp=5.5,5.9 entry=5.0",
        "Long\nEntry 5.0\nTP1 (1:2.5): 5.5\nTP2 (1:5): 5.9\nSL 4.8 (1R)",
        "Long\nEntry 5.0\nTP 5.5 5.9\nInvalidation: 4.8",
        "14.03.2025 12:45 UTC\nLong\nEntry 5.0\nTP 5.5 5.9\nSL 4.8\n2025-03-14 12:45:10",
        "Long\nEntry 5.0\nTP 5.5 5.9\nSL 4.8\nAfter TP1 is hit move SL to entry",
        "Long\nEntry 5.0\nTP 5.5 5.9\nSL 4.8\nMove stop to breakeven once the first target is reached",
        "✅ Long\n✅ Entry 5.0\n✅ TP1 5.5\n✅ TP2 5.9\n❌ SL 4.8",
    ],
)
def test_levels_are_the_same_whatever_stands_beside_them(levels: str) -> None:
    found = leg(f"ADA/USDT\n{levels}")
    assert (found.side, found.entry, found.tps, found.sl) == (Side.BUY, (5.0,), (5.5, 5.9), 4.8)


def test_a_decimal_comma_makes_no_thousands_of_a_coin_that_costs_a_few_dollars() -> None:
    found = leg("#TIA/USDT LONG\nEntry: 5,127\nTP: 5,230\nSL: 4,905")
    assert (found.entry, found.tps, found.sl, found.price_unit) == ((5.127,), (5.23,), 4.905, "quote")
    assert leg("#ETH/USDT LONG\nEntry: 3,127\nTP: 3,230\nSL: 2,905").entry == (3127.0,)


def test_both_ends_of_a_stop_in_percent_are_read_behind_counted_targets() -> None:
    found = leg("#ARB/USDT\nEntry Targets:\n0.8125\nTake-Profit Targets:\n1) 0.829\n2) 0.8475\nStop Targets:\n5-10%")
    assert (found.sl, found.sl_kind) == ((5.0, 10.0), "pct")


@pytest.mark.parametrize("name", ["WUSDT", "1000BONKUSDT", "$PIPPIN LONG", "#BANANAS31 LONG", "#1000SATS"])
def test_a_coin_nobody_listed_is_read_where_it_is_marked(name: str) -> None:
    found = leg(f"{name}\nBuy 5.0\nTargets: 5.5 - 5.9\nSL 4.8")
    assert found.base == name.removesuffix("USDT").removesuffix(" LONG").strip("#$")


@pytest.mark.parametrize(
    "text",
    [
        "#SUI/USDT LONG\nEntry 3.4\n✅ TP1 3.5\n✅ TP2 3.6\nTP3 3.7",
        "Results of the week:\n#SUI LONG entry 3.4 target 3.6 +67%\n#WIF LONG entry 2.1 target 2.3 +85%",
        "Members got this yesterday:\n#HYPE/USDT LONG\nEntry 36.1\nTP 39.2\nSL 34.9",
        "#ADA/USDT\nEntry 0.5 filled\nTP1 0.55\nSL 0.45",
        "Trade closed\nPair: TIA/USDT\nSide: LONG\nEntry: 5.1\nExit: 5.3\nPnL: +46.4%",
        "Still holding my ENA long from 0.446, TP 0.48, SL 0.42",
        "Idea (not a signal yet): ONDO long 1.08, TP 1.16, SL 1.04",
        "Сигнал отработал\n#SUI LONG\nВход 3.4\nТейк 3.5",
        "#SUI LONG\nEntrada 3.4\nAlvo 1: 3.5 atingido\nStop 3.2",
        "[DEMO] example of a signal: LONG BTCUSDT Entry 60000 TP 62000 SL 59000",
        "Would you long BTC at 97250 with SL 95400 and TP 101500?",
    ],
)
def test_what_is_over_or_only_asked_opens_nothing(text: str) -> None:
    assert reading(text).legs == ()


def test_kar_al_takes_profit_and_buys_nothing() -> None:
    found = leg("#ARBUSDT AL\nGiriş fiyatı: 5.0\nKar al 1: 5.5\nKar al 2: 5.9\nStop: 4.8")
    assert (found.entry, found.tps, found.sl) == ((5.0,), (5.5, 5.9), 4.8)


def test_an_entry_that_is_called_market_is_one() -> None:
    found = leg("ETHUSDT LONG\nMarket entry: 3284\nTP: 3335, 3402\nSL: 3188")
    assert (found.entry_type, found.entry) == ("market", (3284.0,))


@pytest.mark.parametrize(
    "text",
    [
        "ETH long entry 3284 is still valid, TP 3402, SL 3188",
        "BACKTEST: LONG SUIUSDT entry 3.4 tp 3.6 sl 3.2",
        "How to set a stop. Example: buy BTC at 60000, SL 58000, TP 64000",
        "Active trades\n1. HYPE long 38.42 (tp 41.6)\n2. WIF long 2.184 (tp 2.375)",
        "#XRP/USDT LONG ❌ stopped\nEntry 2.44\nSL 2.35",
        "Signal expired: KAITO/USDT LONG entry 1.20 TP 1.28 SL 1.14",
        "ARB long running +3%. entry 0.81 tp 0.87 sl 0.77",
        "We are in WIF long from 2.18. TP 2.37 SL 2.08",
        "Already in: ENA long 0.44, tp 0.48, sl 0.42",
        "Paper trade: long BTCUSDT entry 97250 tp 98400 sl 95400",
        "Сделка в плюсе: SUI лонг вход 3.4 тейк 3.6 стоп 3.2",
        "Analyst Bob says long BTC 97250, target 101500, stop 95400",
        "#ONDO/USDT\nEntry ✔ 1.08\nTP1 1.10\nSL 1.04",
    ],
)
def test_what_is_shown_again_opens_nothing(text: str) -> None:
    assert reading(text).legs == ()
