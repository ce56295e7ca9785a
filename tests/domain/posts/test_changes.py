"""What an update asks of open calls, in six languages, and what only sounds like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.posts.changes import LENGTH_MAX, change_asked
from levibotd.domain.posts.glance import glance
from levibotd.domain.posts.market_view import EMPTY_VIEW
from levibotd.domain.posts.normalise import normalise
from levibotd.domain.posts.reading import read
from levibotd.domain.signal import Change, Kind, Post, Reading


def asked(text: str, *, near: float | None = None) -> Change | None:
    return change_asked(glance(normalise(text)), near=near)


def reading(text: str, *, parent: Reading | None = None) -> Reading:
    return read(Post(channel="c", message_id=1, posted_at=0.0, text=text), EMPTY_VIEW, parent=parent)


@pytest.mark.parametrize(
    "text",
    [
        "Move SL to entry",
        "move your stop loss to breakeven",
        "SL to BE",
        "SL -> entry price",
        "Please set stops at entry for the rest",
        "TP1 hit, move stop to entry!",
        "Stop loss moved to break even",
        "set breakeven",
        "Перенесите стоп в безубыток",
        "стоп в бу",
        "Стоп-лосс переводим на точку входа",
        "Stopu girişe çekin",
        "SL'yi başabaşa çekin",
        "stop girişe",
        "انقل وقف الخسارة الى سعر الدخول",
        "الوقف عند نقطة الدخول",
        "Mover SL a la entrada",
        "mueve el stop al punto de entrada",
        "استاپ رو به نقطه ورود منتقل کنید",
        "حد ضرر به ورود",
    ],
)
def test_a_stop_goes_to_the_entry_in_every_language(text: str) -> None:
    assert asked(text) == Change(breakeven=True)


@pytest.mark.parametrize(
    ("text", "stop"),
    [
        ("move SL to 45000", 45000.0),
        ("SL to 45,000", 45000.0),
        ("New stop loss: 0.345$", 0.345),
        ("Stop loss moved to 59K", 59000.0),
        ("#ADAUSDT update sl: 1.15", 1.15),
        ("SL 2.85", 2.85),
        ("raise your stop to $12.4", 12.4),
        ("переставьте стоп на 6150", 6150.0),
        ("стоп на 6150", 6150.0),
        ("yeni stop: 0.95", 0.95),
        ("Stopu 0.95 seviyesine çekin", 0.95),
        ("نقل الوقف الى 1.25", 1.25),
        ("وقف الخسارة الجديد: 1.25", 1.25),
        ("nuevo stop: 31.5", 31.5),
        ("حد ضرر جدید: 1.25", 1.25),
    ],
)
def test_a_stop_goes_to_a_price_in_every_language(text: str, stop: float) -> None:
    assert asked(text) == Change(stop=stop)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("close half", 0.5),
        ("Close 50% here", 0.5),
        ("sell 25% and hold the rest", 0.25),
        ("Book 30% now", 0.3),
        ("take 40% off the table", 0.4),
        ("Закройте половину", 0.5),
        ("фиксируем 30%", 0.3),
        ("yarısını kapatın", 0.5),
        ("%50 kapatın", 0.5),
        ("اغلق نصف الصفقة", 0.5),
        ("cerrar la mitad", 0.5),
        ("cierren el 30%", 0.3),
        ("نصف پوزیشن را ببندید", 0.5),
    ],
)
def test_a_part_is_closed_in_every_language(text: str, share: float) -> None:
    assert asked(text) == Change(close_share=share)


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("New targets: 5.2 - 5.6 - 6", (5.2, 5.6, 6.0)),
        ("Targets changed to 5.2, 5.6", (5.2, 5.6)),
        ("updated targets\n1) 5.2\n2) 5.6", (5.2, 5.6)),
        ("New targets\nTP1: 5.2\nTP2: 5.6", (5.2, 5.6)),
        ("change TP to 71k", (71000.0,)),
        ("новые цели: 5.2 / 5.6", (5.2, 5.6)),
        ("yeni hedefler 5.2 - 5.6", (5.2, 5.6)),
        ("اهداف جديدة 5.2 - 5.6", (5.2, 5.6)),
        ("nuevos objetivos: 5.2 - 5.6", (5.2, 5.6)),
    ],
)
def test_targets_are_set_anew(text: str, targets: tuple[float, ...]) -> None:
    found = asked(text)
    assert found is not None
    assert found.targets == targets


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("entry changed to 3.15", (3.15,)),
        ("New entry: 3.1 - 3.2", (3.1, 3.2)),
        ("Update entry price to 3.15", (3.15,)),
        ("новый вход 3.15", (3.15,)),
        ("yeni giriş: 3.15", (3.15,)),
        ("nueva entrada: 3.15", (3.15,)),
    ],
)
def test_an_entry_is_set_anew(text: str, entry: tuple[float, ...]) -> None:
    found = asked(text)
    assert found is not None
    assert found.entry == entry


def test_several_commands_of_one_post_come_together() -> None:
    assert asked("TP1 done! Close half and move SL to entry") == Change(breakeven=True, close_share=0.5)
    assert asked("Close 30%, SL to 2.85") == Change(stop=2.85, close_share=0.3)


@pytest.mark.parametrize(
    "text",
    [
        "TP1 hit",
        "Stop hit at entry",
        "SL hit at 45000",
        "closed at breakeven",
        "Target 2 done, 12% profit",
        "If it drops below 3 move SL to entry",
        "After TP1 move stop to entry",
        "don't move your SL to entry yet",
        "Should I move SL to 45000?",
        "booked 50% profit",
        "close 50% profit reached",
        "move SL to 2%",
        "move SL to 45000, sorry SL to 46000",
        "set SL to 57.450",
        "new stop : 1. 4",
        "new stop: 0.045K",
        "New stop 29.8 on a closing 2h candle",
        "make sure to be ready before the stop",
        "BTC stop dumping as many traders buy back",
        "Entry with stops below the wedge",
        "Close it, swing traders hold with SL at entry",
        "close 100%",
        "GBPUSD SELL 1.37145\nTP1.36923\nSL1.37652",
        "После первой цели стоп в безубыток",
        "если пробьет, стоп в бу",
        "good morning",
    ],
)
def test_what_is_no_plain_command_changes_nothing(text: str) -> None:
    assert asked(text) is None


def test_a_long_story_changes_nothing() -> None:
    assert asked("Move SL to entry. " + "And so on we go. " * (LENGTH_MAX // 15)) is None


def test_the_price_of_the_call_decides_what_a_dot_means() -> None:
    assert asked("SL to 57.450", near=58000.0) == Change(stop=57450.0)
    assert asked("SL to 57.450", near=58.0) == Change(stop=57.45)


def test_an_update_names_its_coin_or_that_of_the_post_it_replies_to() -> None:
    parent = reading("#ADA/USDT\nBuy 1.00\nSell 1.10\nSL 0.90")
    own, replied = reading("#XRP move SL to entry"), reading("move SL to entry", parent=parent)
    assert (own.kind, own.symbols) == (Kind.UPDATE, ("XRP",))
    assert (replied.kind, replied.symbols, replied.change) == (Kind.UPDATE, ("ADA/USDT",), Change(breakeven=True))


def test_a_part_closed_is_an_update_and_no_close() -> None:
    assert reading("close half").kind is Kind.UPDATE
    assert reading("close 50% of the position").kind is Kind.UPDATE
    assert (reading("close it").kind, reading("close it").change) == (Kind.CLOSE, None)


def test_one_level_cannot_be_meant_for_two_coins() -> None:
    assert reading("#ADA #XRP move SL to 1.05").change is None
    assert reading("#ADA #XRP move SL to entry").change == Change(breakeven=True)


def test_every_stop_of_a_channel_may_be_meant() -> None:
    assert reading("Move all stops to entry").every_call
    assert not reading("Move SL to entry").every_call


def test_a_cancel_asks_for_no_change() -> None:
    assert reading("cancel this one, SL to entry for the other").change is None


_WORDS = ["move", "sl", "to", "entry", "45", "%", "close", "half", "new", "targets", "5.2", "-", ",", "if", "hit", "be"]


@given(st.lists(st.sampled_from(_WORDS)))
def test_any_order_of_words_is_read_without_an_error(words: list[str]) -> None:
    found = asked(" ".join(words))
    assert found is None or found != Change()
