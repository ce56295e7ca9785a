"""What stands in the sentences of the levels tells a trade again; what stands elsewhere in a post is chat."""

import pytest

from levibotd.domain.posts.beside import is_framed, is_told
from levibotd.domain.posts.glance import glance
from levibotd.domain.posts.normalise import normalise
from levibotd.domain.signal import Leg, Side

LEG = Leg(symbol="ATOM/USDT", side=Side.BUY, entry_type="limit", entry=(7.2,), tps=(7.6, 8.1), sl=6.9, sl_kind="price")
LEVELS = "targets 7.60 - 8.10, stop 6.90"


def told(text: str) -> bool:
    return is_told(glance(normalise(text)), [LEG])


@pytest.mark.parametrize(
    "text",
    [
        f"Snatched #ATOM/USDT around 7.20, {LEVELS}",
        f"#ATOM/USDT entry was 7.20, {LEVELS}",
        f"Three hours ago, #ATOM/USDT long at 7.20: {LEVELS}",
        f"A student of ours is in #ATOM/USDT, 7.20, {LEVELS}",
        f"#ATOM/USDT long 7.20, trades at 7.45, {LEVELS}",
        f"#ATOM/USDT long\nopened: 7.20\n{LEVELS}",
        f"#ATOM/USDT long from 7.20, {LEVELS}, already +4%",
        f"#ATOM/USDT 7.20, {LEVELS}\nThat makes +1.4R",
        f"#ATOM/USDT long 7.20, {LEVELS}. Should we close it?",
        "#ATOM/USDT 7.20 seviyesinden topladık, hedef 7.60 - 8.10, stop 6.90",
        "Набрали #ATOM/USDT по 7.20, цели 7.60 - 8.10, стоп 6.90",
        f"#ATOM/USDT 7.20 plays out, {LEVELS}",
        "#ATOM/USDT с прошлого вторника: 7.20, цели 7.60 - 8.10, стоп 6.90",
        "Ayer en #ATOM/USDT: largo 7.20, objetivos 7.60 - 8.10, stop 6.90",
        "J'ai pris #ATOM/USDT à 7.20, objectifs 7.60 - 8.10, stop 6.90",
        "Seit Montag im Depot: #ATOM/USDT 7.20, Ziele 7.60 - 8.10, Stop 6.90",
        "صفقة مفعلة #ATOM/USDT شراء 7.20 الاهداف 7.60 - 8.10 وقف 6.90",
        "دیروز #ATOM/USDT لانگ 7.20 تارگت 7.60 - 8.10 استاپ 6.90",
        f"#ATOM/USDT\nBuy 7.20\n{LEVELS}\nOriginal signal:\nATOM hit its target",
    ],
)
def test_a_trade_is_told_by_the_sentences_of_its_levels(text: str) -> None:
    assert told(text)


@pytest.mark.parametrize(
    "text",
    [
        f"We sold too early yesterday. #ATOM/USDT long 7.20, {LEVELS}",
        f"Support was tested and held.\n#ATOM/USDT long 7.20, {LEVELS}",
        f"#ATOM/USDT broke out and retested 7.20. Long 7.20, {LEVELS}",
        f"Our students made 9 %.\n#ATOM/USDT\nEntry 7.20\n{LEVELS}",
        f"Yesterday we won, today we try again: #ATOM/USDT long 7.20, {LEVELS}",
        f"Recommended entry 7.20 for #ATOM/USDT, {LEVELS}",
        f"Did you miss it? Here it is: #ATOM/USDT long 7.20, {LEVELS}",
        f"#ATOM/USDT long 7.20, {LEVELS}. After TP1 move the stop.",
        "#ATOM/USDT long, giriş 7.20, hedef 7.60 - 8.10, stop 6.90. Dün çok iyiydi.",
        "Уровень пробили.\n#ATOM/USDT лонг, вход 7.20, цели 7.60 - 8.10, стоп 6.90",
        f"#ATOM/USDT long on a dip at 7.20, {LEVELS}",
        f"#ATOM/USDT long, isolated x5, entry 7.20, {LEVELS}",
        f"#ATOM/USDT long\nPreferred entry: 7.20\n{LEVELS}",
        f"#ATOM/USDT remains bullish: long 7.20, {LEVELS}",
        f"#ATOM/USDT long 7.20, {LEVELS}. Who is in?",
        "#ATOM/USDT Long, Einstieg hier 7.20, Ziele 7.60 - 8.10, Stop 6.90",
        "#ATOM/USDT largo desde 7.20, objetivos 7.60 - 8.10, stop 6.90",
        "#ATOM/USDT compra 7.20 até 7.10, alvos 7.60 - 8.10, stop 6.90",
        "#ATOM/USDT лонг 7.20, цели до конца недели 7.60 - 8.10, стоп 6.90",
        "شراء اتوم بدل سولانا #ATOM/USDT 7.20 الاهداف 7.60 - 8.10 وقف 6.90",
        "سیگنال تقدیم شما #ATOM/USDT لانگ 7.20 تارگت 7.60 - 8.10 استاپ 6.90",
    ],
)
def test_what_is_said_elsewhere_in_a_post_is_chat(text: str) -> None:
    assert not told(text)


def test_a_trade_shown_to_teach_is_framed() -> None:
    assert is_framed(glance("exercise 4: #ATOM/USDT long 7.20"))
    assert is_framed(glance("Sample of our feed\n#ATOM/USDT long 7.20"))
    assert not is_framed(glance("I did my homework. #ATOM/USDT long 7.20"))


def test_a_long_sentence_after_a_deed_comes_to_an_end() -> None:
    # Tried in two ways each, these words would take years.
    assert not told(f"#ATOM/USDT chart: sold{' in it' * 60} and so forth, long 7.20, {LEVELS}")
