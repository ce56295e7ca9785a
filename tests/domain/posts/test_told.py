"""Trades told again carry the levels of a call; tense, owner and profit tell them apart, plans and adverts do not."""

import pytest

from levibotd.domain.posts.market_view import EMPTY_VIEW
from levibotd.domain.posts.reading import read
from levibotd.domain.signal import Kind, Post, Reading

LEVELS = "entry 7.20, targets 7.60 - 8.10, stop 6.90"


def reading(text: str) -> Reading:
    return read(Post(channel="c", message_id=1, posted_at=0.0, text=text), EMPTY_VIEW)


@pytest.mark.parametrize(
    "text",
    [
        "We bought #ATOM/USDT at 7.20, targets 7.60 - 8.10, stop 6.90",
        "Subscribers entered #ATOM/USDT long at 7.20, targets 7.60 - 8.10, stop 6.90",
        f"On Friday I was asked about it: #ATOM/USDT long from last week, {LEVELS}",
        f"#ATOM/USDT long, given four days ago: {LEVELS}",
        f"The #ATOM/USDT long since Monday. Signal from Monday: {LEVELS}",
        f"#ATOM/USDT LONG (+6%) {LEVELS}",
        f"#ATOM/USDT long is going fine, the long is going up: {LEVELS}",
        f"#ATOM/USDT long, {LEVELS}, unrealized gain of 40 dollars",
        f"#ATOM/USDT long, {LEVELS}. We are up 3",
        f"Update on our #ATOM/USDT long: {LEVELS}",
        f"Review of trade 9, #ATOM/USDT long: {LEVELS}",
        f"Remember this #ATOM/USDT long: {LEVELS}",
        f"My diary\n#ATOM/USDT long, {LEVELS}",
        f"Her trade: #ATOM/USDT long, {LEVELS}",
        f"Previous call\n#ATOM/USDT long\n{LEVELS}",
        "#ATOM/USDT 7.20 den aldık, hedef 7.60 - 8.10, stop 6.90",
        "#ATOM/USDT лонг, зашли по 7.20, цели 7.60 - 8.10, стоп 6.90",
        "دخلنا #ATOM/USDT شراء 7.20 الاهداف 7.60 - 8.10 وقف 6.90",
        "#ATOM/USDT largo, compramos a 7.20, objetivos 7.60 - 8.10, stop 6.90",
        "#ATOM/USDT لانگ خریدیم ورود 7.20 تارگت 7.60 - 8.10 استاپ 6.90",
    ],
)
def test_a_trade_told_again_is_a_result(text: str) -> None:
    found = reading(text)
    assert (found.kind, found.legs, found.reasons) == (Kind.RESULT, (), ("told",))


@pytest.mark.parametrize(
    "text",
    [
        f"How to read a call:\n#ATOM/USDT long, {LEVELS}",
        f"A good setup looks like this: #ATOM/USDT long, {LEVELS}",
        f"For training only: #ATOM/USDT long, {LEVELS}",
        f"Suppose we see #ATOM/USDT long, {LEVELS}",
        "Örnek: #ATOM/USDT long giriş 7.20 hedef 7.60 - 8.10 stop 6.90",
        "Для примера: #ATOM/USDT лонг, вход 7.20, цели 7.60 - 8.10, стоп 6.90",
    ],
)
def test_a_call_that_teaches_is_chatter(text: str) -> None:
    found = reading(text)
    assert (found.kind, found.legs) == (Kind.CHATTER, ())


@pytest.mark.parametrize(
    "text",
    [
        f"Still time: #ATOM/USDT long, {LEVELS}",
        f"New signal! #ATOM/USDT long, {LEVELS}",
        f"We are buying #ATOM/USDT long: {LEVELS}",
        f"We have opened a new signal: #ATOM/USDT long, {LEVELS}",
        f"#ATOM/USDT long, {LEVELS}\nAfter TP1 keep the stop at entry",
        f"#ATOM/USDT long, {LEVELS}. Expected profit: 12%",
        f"#ATOM/USDT long, {LEVELS}\nYesterday was a good day",
        "#ATOM/USDT long\nBuy at current - 7.20\nTargets 7.60 - 8.10\nStop 6.90",
        f"Holding strong support, and this was the low:\n#ATOM/USDT long, {LEVELS}",
        f"No bad news so far.\n#ATOM/USDT long, {LEVELS}",
        f"#ATOM/USDT long, {LEVELS}\nPotential ROI +60%",
        "#ATOM/USDT LONG\nEntry 7.20\nTP1 7.60 (+5%)\nTP2 8.10 (+12%)\nSL 6.90 (-4%)",
        "#ATOM/USDT лонг, вход 7.20, цели 7.60 - 8.10, стоп 6.90\nВчера был хороший день",
    ],
)
def test_a_call_beside_words_of_the_past_stays_a_call(text: str) -> None:
    found = reading(text)
    assert found.kind is Kind.NEW, found.reasons
    (leg,) = found.legs
    assert (leg.base, leg.entry, leg.tps, leg.sl) == ("ATOM", (7.2,), (7.6, 8.1), 6.9)
