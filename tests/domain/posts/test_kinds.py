"""What a post is when no leg comes out of it."""

import pytest

from levibotd.domain.posts.glance import glance
from levibotd.domain.posts.kinds import names_all, spoils_call, tell
from levibotd.domain.posts.normalise import normalise
from levibotd.domain.signal import Kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Target 1 done, 12% profit", Kind.RESULT),
        ("#ADA reached 1.20", Kind.RESULT),
        ("Первая цель достигнута", Kind.RESULT),
        ("hedef alındı", Kind.RESULT),
        ("move your stop to entry", Kind.UPDATE),
        ("SL to breakeven please", Kind.UPDATE),
        ("Close LINK here", Kind.CLOSE),
        ("exit now", Kind.CLOSE),
        ("Exit!", Kind.CLOSE),
        ("Exit at cost", Kind.CLOSE),
        ("EXIT BTCUSDT", Kind.CLOSE),
        ("Выходим", Kind.CLOSE),
        ("закрыть все", Kind.CLOSE),
        ("exit strategy for the weekend", Kind.CHATTER),
        ("No exit", Kind.CHATTER),
        ("exit liquidity", Kind.CHATTER),
        ("закрываем позицию", Kind.CLOSE),
        ("cancel this order", Kind.CANCEL),
        ("отменяем ордер", Kind.CANCEL),
        ("we could see a bounce", Kind.IDEA),
        ("if it breaks 5 we go long", Kind.IDEA),
        ("good morning", Kind.CHATTER),
        ("4h close above 5 is needed", Kind.IDEA),
    ],
)
def test_words_tell_the_kind(text: str, kind: Kind) -> None:
    assert tell(glance(normalise(text)), call_like=False) is kind


def test_what_looks_like_a_call_and_is_none_is_ambiguous() -> None:
    assert tell(glance("ADA 5 6 7"), call_like=True) is Kind.AMBIGUOUS


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Entry 5\nTarget 1: 6 ✅", Kind.RESULT),
        ("Cancelled: entry 5 target 6", Kind.CANCEL),
        ("Entry 5 target 6 if it closes above 4.9", Kind.IDEA),
        ("New stop loss: 5", Kind.RESULT),
        ("Take profit: 5", None),
        ("Entry 5\nTarget 6\nStop 4", None),
    ],
)
def test_a_call_that_is_over_or_conditional_is_none(text: str, kind: Kind | None) -> None:
    assert spoils_call(glance(text)) is kind


def test_close_all_means_every_call() -> None:
    assert names_all(glance("close all positions"))
    assert not names_all(glance("close ADA"))


def test_a_long_story_about_closing_closes_nothing() -> None:
    assert tell(glance("close it " + "and so on " * 50), call_like=False) is Kind.CHATTER


@pytest.mark.parametrize(
    "text",
    [
        "stop: close of two 4h candles under 0.48",
        "it would be good to close the daily candle above 31200",
        "اغلاق يومي فوق 31200",
        "نحتاج إغلاق شمعة 4 ساعات",
    ],
)
def test_a_candle_that_closes_closes_no_trade(text: str) -> None:
    assert tell(glance(text), call_like=False) is not Kind.CLOSE


@pytest.mark.parametrize(
    "text",
    [
        "ALL TARGETS :\n1) 0.45",
        "target will be hit today",
        "It is still in the falling wedge",
        "stop if 4h close below 88",
    ],
)
def test_what_is_no_news_spoils_no_call(text: str) -> None:
    assert spoils_call(glance(text)) is None


@pytest.mark.parametrize("text", ["all targets done", "target hit today", "we are still in the trade"])
def test_what_is_news_does(text: str) -> None:
    assert spoils_call(glance(text)) is Kind.RESULT
