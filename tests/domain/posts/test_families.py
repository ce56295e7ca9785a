"""Families of notation, each with texts made up of its parts: what is read does not depend on the numbers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.posts.market_view import EMPTY_VIEW, ListedMarketView
from levibotd.domain.posts.reading import read
from levibotd.domain.signal import Kind, Leg, Post, Reading, Side

BLOCK = "\nTargets: 5.5 - 5.9\nSL 4.8"


def reading(text: str, *, parent: str | None = None) -> Reading:
    before = reading(parent) if parent is not None else None
    return read(Post(channel="c", message_id=1, posted_at=0.0, text=text), EMPTY_VIEW, parent=before)


def leg(text: str) -> Leg:
    found = reading(text)
    assert found.kind is Kind.NEW, found.reasons
    (only,) = found.legs
    return only


def refused(text: str) -> str:
    found = reading(text)
    assert not found.legs
    return found.reasons[0]


@pytest.mark.parametrize(
    "coin",
    [
        *("#ADA/USDT", "ADAUSDT", "#ADA/#USDT", "ADAUSDT.P", "ADA/USDT:USDT", "ADA-USDT", "ADA_USDT", "$ADA | USDT"),
        *("#АDА/USDT", "Coin ~ ADA", "Пара: ADA/USDT", "Ada", "Cardano", "🅐🅓🅐/USDT", "#ADA\u200b/USDT"),
    ],
)
def test_a_coin_is_the_same_however_it_is_written(coin: str) -> None:
    found = leg(f"{coin}\nBuy 5.0 - 5.1{BLOCK}")
    assert (found.base, found.entry, found.tps, found.sl) == ("ADA", (5.0, 5.1), (5.5, 5.9), 4.8)


@pytest.mark.parametrize(
    "entry",
    [
        *("Entry: 5.0", "E: 5.0", "Buy @ 5.0", "Open at 5.0", "Open around:- 5.0", "Entry Orders: 5.0", "EP : 5.0"),
        *("Вход: 5.0", "Твх: 5.0", "Зона входа 5.0", "Giriş: 5.0", "سعر الدخول : 5.0", "Entrada: 5.0", "ورود: 5.0"),
        *("Buy: ٥٫٠", "Buy ５.0", "LONG\n5.0", "Long from 5.0", "Buy on margin @5.0"),
    ],
)
def test_an_entry_is_the_same_however_it_is_called(entry: str) -> None:
    found = leg(f"#ADA/USDT\n{entry}{BLOCK}")
    assert (found.side, found.entry, found.tps, found.sl) == (Side.BUY, (5.0,), (5.5, 5.9), 4.8)


@pytest.mark.parametrize(
    "targets",
    [
        *("TP 5.5 5.9", "T: 5.5, 5.9", "TP1: 5.5\nTP2: 5.9", "1) 5.5\n2) 5.9", "① 5.5\n② 5.9", "1️⃣ 5.5\n2️⃣ 5.9"),
        *(
            "1 👉 $5.5\n2 👉 $5.9",
            "5.5|5.9+",
            "5.5_25% 5.9_75%",
            "5.5 (10%)\n5.9 (18%)",
            "TP¹ 5.5 TP² 5.9",
            "5.5 / 5.9",
        ),
    ],
)
def test_targets_are_the_same_however_they_are_counted(targets: str) -> None:
    found = leg(f"#ADA/USDT\nBuy 5.0\nTargets\n{targets}\nSL 4.8")
    assert (found.tps, found.tp_unit) == ((5.5, 5.9), "price")


@pytest.mark.parametrize(
    "label",
    ["Take Profit", "Take-Profit Orders", "Profit Area", "Цели", "Hedefler", "Objetivos", "الاهداف", "Sell", "تارگت"],
)
def test_targets_are_the_same_however_they_are_called(label: str) -> None:
    assert leg(f"#ADA/USDT\nBuy 5.0\n{label}: 5.5 - 5.9\nSL 4.8").tps == (5.5, 5.9)


@pytest.mark.parametrize(
    ("stop", "value", "kind"),
    [
        *(("SL 4.8", 4.8, "price"), ("S: 4.8", 4.8, "price"), ("S.L- 4.8", 4.8, "price"), ("S/L 4.8", 4.8, "price")),
        *(("Стоп: 4.8", 4.8, "price"), ("Stop Loss Orders: 4.8", 4.8, "price"), ("وقف الخسارة 4.8", 4.8, "price")),
        *(("SL 4%", (4.0,), "pct"), ("stop loss %4-", (4.0,), "pct"), ("SL: 4-6%", (4.0, 6.0), "pct")),
        *(("SL: H4 close below 4.8", 4.8, "4h_close"), ("SL 4h candle close below 4.8", 4.8, "4h_close")),
        *(("SL: D1 close below 4.8", 4.8, "daily_close"), ("Stop\n1) 4.8 (Daily Candle Close)", 4.8, "daily_close")),
        *(("SL weekly close 4.8", 4.8, "weekly_close"), ("", None, None)),
    ],
)
def test_a_stop_is_a_price_a_share_or_a_close(stop: str, value: object, kind: str | None) -> None:
    found = leg(f"#ADA/USDT\nBuy 5.0\nTargets 5.5 - 5.9\n{stop}")
    assert (found.sl, found.sl_kind) == (value, kind)


@pytest.mark.parametrize(
    ("text", "entry", "tps"),
    [
        ("Buy 0.00027000 - 28500\nSell 0.00034000", (0.00027, 0.000285), (0.00034,)),
        ("Buy .000022/25\nSell .000030", (2.2e-05, 2.5e-05), (3e-05,)),
        ("Buy 0.0005500\nSell 590 - 750", (0.00055,), (0.00059, 0.00075)),
        ("Buy 0.0374\nTargets 377-379-381", (0.0374,), (0.0377, 0.0379, 0.0381)),
        ("Buy 0.00010000\nSell 12000 - 14500", (0.0001,), (0.00012, 0.000145)),
    ],
)
def test_half_written_prices_are_completed(text: str, entry: tuple[float, ...], tps: tuple[float, ...]) -> None:
    found = leg(f"#XVG/BTC\n{text}")
    assert found.entry == pytest.approx(entry)
    assert found.tps == pytest.approx(tps)


@given(st.integers(200, 9000), st.integers(2, 6))
def test_a_stairway_of_targets_names_each_step_once(first: int, count: int) -> None:
    steps = [round(first * (1.1 + i / 10)) for i in range(count + 1)]
    lines = "\n".join(f"🤑 {low}-{high}" for low, high in pairwise(steps))
    assert leg(f"#POA/BTC\nBuy {first}\nSell\n{lines} & above").tps == tuple(map(float, steps))


@given(st.sampled_from(["27,350 28,400 26,900", "27.350 28.400 26.900", "27350 28400 26900", "27.35k 28.4k 26.9k"]))
def test_thousands_are_the_same_in_every_notation(numbers: str) -> None:
    entry, target, stop = numbers.split()
    found = leg(f"BTC/USDT\nLong {entry}\nTP {target}\nSL {stop}")
    assert (found.entry, found.tps, found.sl) == ((27350.0,), (28400.0,), 26900.0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#WAVES/BTC\nBuy 1395\nSell 1488\nSL 1116", "refused:unit_unclear"),
        ("#ZEN\nBuy 6450\nSell 7500", "refused:unit_unclear"),
        ("#XEM BUY 3380-3440\nTARGET 3500-3600\nLEV 3-5X", "refused:unit_unclear"),
        ("#PROS/ETH Buy 430-437\nTarget 460-480", "refused:unit_unclear"),
        ("#DENT/USDT SHORT 0.5840\nTP 0.5687\nSL 0.61", "refused:unit_unclear"),
        ("#FARM\nBuy 5889-6367\nSell 6656", "refused:unit_unclear"),
        ("XRP/U19\nLong\nEntry 2892-2910\nTargets 2935-2965\nStop 2855", "refused:dated_contract"),
        ("#XRP/USDT\nEntry 0.512\nTP 5.20 - 5.35\nSL 0.498", "refused:target_far"),
        ("#ADA/USDT\nBuy 1.15\nShort 1.15\nTargets 1.20\nStop 1.10", "refused:both_sides"),
        (
            "Everyone in our club was told by me to buy #ADA at 5.0 and target 5.5",
            "refused:told_in_a_story",
        ),
        ("#EGLD\nBuying below $320 and will average down to $300\nTargets $375", "refused:averaging"),
        (
            "#ZEC/USDT short\nentry 28.40\n(1) 27.80\n(2) 27.10\ntake profits above\nsl 29.30",
            "refused:targets_or_entries",
        ),
        ("#ADA long\nОчень хорошо: 5.0\nTP 5.5\nSL 4.8", "refused:no_entry"),
        ("#ADA\nBuy 5.0\nОчень хорошо 5.5", "refused:bare_entry"),
        ("BUY NEAR 8.90\nBUY #ADA 1.5\nTARGET 1.7", "refused:another_coin"),
        ("ALICE long 13.95\n#ADA long 1.5\nTARGET 1.7", "refused:another_coin"),
        ("#ost breakout 69 here\nNext short term target 80", "refused:no_entry"),
    ],
)
def test_what_may_be_meant_otherwise_is_refused(text: str, reason: str) -> None:
    assert refused(text) == reason


def test_the_last_price_settles_what_magnitude_cannot() -> None:
    text = "#WAVES/BTC\nBuy 1395\nSell 1488\nSL 1116"
    view = ListedMarketView(bases=frozenset({"WAVES"}), prices={"WAVES/BTC": 0.0000139})
    found = read(Post(channel="c", message_id=1, posted_at=0.0, text=text), view)
    assert [one.price_unit for one in found.legs] == ["satoshi"]


def test_what_a_card_quotes_is_not_read_twice() -> None:
    card = "#XEM\nSell 0.00002510\nBuy 0.00002200\nNow 0.00002244\nStop 0.00002134\nOriginal signal quote:\nBuy 220 230"
    found = leg(card)
    assert (found.entry, found.tps, found.sl) == ((2.2e-05,), (2.51e-05,), 2.134e-05)


def test_levels_of_the_market_are_no_entry() -> None:
    found = leg("BTC > 42.000$ bullish\nBTC < 34.000$ bearish\nBTC Short Now : 33.200$ - 33.100$\nTarget : 30.000")
    assert (found.side, found.entry, found.tps) == (Side.SELL, (33200.0, 33100.0), (30000.0,))


def test_the_side_that_ends_is_not_the_one_meant() -> None:
    assert leg("EXIT LONG AND PLACE\nSHORT CALL\n#ETHUSD\nENTRY: 144\nTargets 140 - 135").side is Side.SELL


def test_a_header_is_said_of_every_coin_below_it() -> None:
    found = reading("📊SPOT picks\n#ADA/USDT\nBuy 1.0\nSell 1.1\n#XRP/USDT\nBuy 0.5\nSell 0.6")
    assert [(one.base, one.market) for one in found.legs] == [("ADA", "spot"), ("XRP", "spot")]


@pytest.mark.parametrize(
    "text",
    [
        "SL hit ❌ #SOL/USDT\nEntry 20.5\nStop 19.5",
        "Our members booked 40% on #ARB\nEntry: 1.02\nExit: 1.11",
        "#COTI BUY ORDERS FILLED\nSELL TARGETS : 0.64 - 0.66",
    ],
)
def test_a_call_that_is_over_is_a_result(text: str) -> None:
    assert reading(text).kind is Kind.RESULT


@pytest.mark.parametrize(
    "text",
    [
        "#BTC/USDT eğer 28.400 üstünde kapanış olursa long: hedef 29.200, stop 27.900",
        "Si BTC cierra por encima de 28400 buscaremos largo a 29200, stop 27900",
        "#BNB/USDT once it breaks above 222 and retests, long to 230",
        "Should ADA lose 0.24 we may short it to 0.23 and 0.22",
    ],
)
def test_a_condition_in_any_language_is_an_idea(text: str) -> None:
    assert reading(text).kind is Kind.IDEA


@pytest.mark.parametrize(
    "text", ["sell gbp/usd at 1.37140\nTp:1.36440\nSl:1.38040", "TSLA long at 248, stop 239, target 265 - stock pick"]
)
def test_other_markets_are_chatter(text: str) -> None:
    assert reading(text).kind is Kind.CHATTER


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Don't close yet, hold", Kind.UPDATE),
        ("We never close trades in panic", Kind.CHATTER),
        ("Should we close the XRP short now?", Kind.CHATTER),
        ("You may close ATOM here or hold for more", Kind.IDEA),
        ("The stock market is closed on Monday", Kind.CHATTER),
        ("Please do not cancel your subscription", Kind.CHATTER),
        ("Close #LINK/USDT at market", Kind.CLOSE),
        ("close this now", Kind.CLOSE),
    ],
)
def test_only_a_command_closes(text: str, kind: Kind) -> None:
    assert reading(text).kind is kind


def test_a_reply_completes_the_call_its_parent_began() -> None:
    found = reading("Entry 5.0 - 5.1" + BLOCK, parent="Next trade is #ADA/USDT long, levels in a minute")
    assert (found.kind, found.reasons) == (Kind.NEW, ("completes_parent",))
    assert [(one.symbol, one.entry, one.tps, one.sl) for one in found.legs] == [
        ("ADA/USDT", (5.0, 5.1), (5.5, 5.9), 4.8)
    ]
    began = reading("Targets 21.40 - 22.30, stop 19.60", parent="Going long $SOL at 20.50, rest follows")
    assert [(one.entry, one.tps, one.sl) for one in began.legs] == [((20.5,), (21.4, 22.3), 19.6)]
    assert reading("Targets: 5.5 - 5.9\nSL 4.8", parent="#ADA").legs == ()  # Where to enter, nobody said.


def test_a_reply_to_a_whole_call_changes_it_and_opens_nothing() -> None:
    parent = f"#ADA/USDT\nBuy 5.0{BLOCK}"
    told = reading("Stop 4.9, targets 5.6 - 6.0", parent=parent)
    again = reading("#ADA/USDT\nBuy 5.0\nTargets: 5.6 - 6.0\nSL 4.9", parent=parent)
    for found in (told, again):
        assert (found.kind, found.legs) == (Kind.UPDATE, ())
        assert found.change is not None
        assert (found.change.stop, found.change.targets) == (4.9, (5.6, 6.0))


@pytest.mark.parametrize(
    "parent", ["We might buy #ADA soon", "Good morning", "#ADA target 1 done", "#ADA #XRP long soon"]
)
def test_only_a_plain_beginning_is_completed(parent: str) -> None:
    assert reading("Entry 5.0 - 5.1" + BLOCK, parent=parent).legs == ()


def test_a_text_of_more_than_any_call_is_too_dense() -> None:
    for text in ("word " * 1100, "buy #ADA " + "5.1 " * 130):
        assert (reading(text).kind, reading(text).reasons) == (Kind.AMBIGUOUS, ("too_dense",))


def test_what_a_target_pays_is_no_target() -> None:
    found = leg("COIN: $ADA\nBUY\n24 - 28\nSELL TARGETS\n1) 45 (88% Profit)\n2) 60 (150% Profit)")
    assert (found.tps, found.tp_unit) == ((45.0, 60.0), "price")


def test_a_count_before_a_word_is_no_target() -> None:
    assert leg("We are buying #CTK now\nTargets\n1 👉 $2.23\n2 👉 $2.25\n3 👉 Moon").tps == (2.23, 2.25)


@pytest.mark.parametrize("written", ["You can use 5-10x leverage.", "Lev: 5-10x", "Leverage- X5 ~ 10x", "Cross 5x-10x"])
def test_leverage_is_read_in_a_sentence_too(written: str) -> None:
    found = leg(f"#ADA/USDT\nBuy 5.0{BLOCK}\n{written}")
    assert (found.leverage, found.market) == ((5.0, 10.0), "futures")


@pytest.mark.parametrize("written", ["It can give 2x easily", "X2 potential coin", "Still in zone, easily 3x"])
def test_a_promise_is_no_leverage(written: str) -> None:
    assert leg(f"#ADA/USDT\nBuy 5.0{BLOCK}\n{written}").leverage is None


def test_targets_in_percent_may_go_beyond_a_hundred() -> None:
    found = leg("SFP LONG 1.80-1.81\nTARGET 10-100% ON 10X")
    assert (found.tps, found.tp_unit) == ((10.0, 100.0), "pct")


def test_a_remark_on_spot_names_no_market() -> None:
    assert leg(f"#LONG $ADA\nENTRY: 5.0{BLOCK}\nU can accumulate some in spot also").market is None


@pytest.mark.parametrize(
    "text",
    [
        "Coin: ADA/USDT\nTrade: Long\nZone: 5.0 - 5.1\nTake: 5.5 / 5.9\nCut: 4.8",
        "#ADA/USDT\nDirection 🔼 LONG\nEntry 🎯 5.0 - 5.1\nProfit 💰 5.5 | 5.9\nLoss 🛑 4.8",
        "🟢 LONG #ADA/USDT\n📥 5.0 - 5.1 entry\n🎯 5.5 target\n🎯 5.9 target\n⛔ 4.8 stop",
        "Покупка #ADA/USDT: 5.0-5.1\nФиксация: 5.5 / 5.9\nСтоп: 4.8",
        "Comprar #ADA/USDT\nPrecio: 5.0 - 5.1\nMetas: 5.5 - 5.9\nStop: 4.8",
        "Señal LONG #ADA/USDT\nEntrada: 5.0 - 5.1\nToma de ganancias 1: 5.5\nToma de ganancias 2: 5.9\nStop loss: 4.8",
        "#ADA/USDT LONG\nGiriş: 5.0 - 5.1\nHedef: 5.5 - 5.9\nZarar durdur: 4.8",
        "لونج #ADA/USDT\nدخول 5.0 - 5.1\nالأهداف 5.5 5.9\nوقف الخسارة 4.8",
        "لانگ #ADA/USDT\nورود: ۵.۰ - ۵.۱\nتارگت: ۵.۵ - ۵.۹\nحد ضرر: ۴.۸",
    ],
)
def test_a_block_is_the_same_in_every_wording(text: str) -> None:
    found = leg(text)
    assert (found.base, found.side, found.entry, found.tps, found.sl) == ("ADA", Side.BUY, (5.0, 5.1), (5.5, 5.9), 4.8)


@pytest.mark.parametrize(
    "text",
    [
        "Just a little update: the target buy price of $ETH is 4200, not 4500 as was written",
        "$ETH charts show a big move. There will soon be one target 530 - 600. You can buy",
        "$ADA is sitting at the bottom of this channel which has been a good place to buy\nT1 is 3.8\nT2 is 7.5",
    ],
)
def test_targets_of_a_story_are_no_call_at_market(text: str) -> None:
    assert not reading(text).legs


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("above 1.0 buy", "above"),
        ("Only above 1.0 long", "above"),
        ("Breakout above 1.0 buy", "above"),
        ("1.0 üstü al", "above"),
        ("below 1.0 buy", "below"),
        ("1.0 buy", "limit"),
    ],
)
def test_a_level_may_be_told_before_what_to_do_there(words: str, kind: str) -> None:
    assert leg(f"#ADA/USDT {words}\nTargets: 1.05, 1.1\nSL 0.95").entry_type == kind
