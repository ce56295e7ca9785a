"""
Posts in real formats, newly written, with what they say; and texts that must not hurt.

`tests/corpus` holds one file per format.
"""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.posts.market_view import EMPTY_VIEW, ListedMarketView
from levibotd.domain.posts.normalise import TEXT_MAX
from levibotd.domain.posts.reading import read
from levibotd.domain.signal import Kind, Post, Reading

CORPUS = Path(__file__).parent.parent.parent / "corpus"


def post(text: str, *, fwd_h: float | None = None) -> Post:
    at = 1_600_000_000.0
    return Post(
        channel="c",
        message_id=1,
        posted_at=at,
        text=text,
        forwarded_at=None if fwd_h is None else at - fwd_h * 3600,
    )


def reading(text: str) -> Reading:
    return read(post(text), EMPTY_VIEW)


def examples() -> list[Any]:
    rows = [
        json.loads(line) for path in sorted(CORPUS.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()
    ]
    return [pytest.param(row, id=row["name"]) for row in rows]


@pytest.mark.parametrize("row", examples())
def test_the_corpus_is_read_as_written(row: dict[str, Any]) -> None:
    found = reading(row["text"])
    assert found.kind == row["kind"]
    assert len(found.legs) == len(row["legs"])
    for leg, expected in zip(found.legs, row["legs"], strict=True):
        for key, value in expected.items():
            got = getattr(leg, key)
            assert (list(got) if isinstance(got, tuple) else got) == value, key


def test_the_corpus_covers_every_format() -> None:
    assert len(list(CORPUS.glob("*.jsonl"))) >= 11
    assert len(examples()) >= 60


def test_an_old_forward_keeps_its_legs_and_is_stale() -> None:
    text = "#ADA/USDT\nBuy 1.00\nSell 1.10\nSL 0.90"
    assert read(post(text, fwd_h=24.1), EMPTY_VIEW).stale
    assert read(post(text, fwd_h=24.1), EMPTY_VIEW).legs
    assert not read(post(text, fwd_h=23.9), EMPTY_VIEW).stale


def test_what_is_too_long_stays_unread() -> None:
    text = "#ADA/USDT\nBuy 1.00\nSell 1.10\nSL 0.90"
    found = reading(text + " " * (TEXT_MAX - len(text) + 1))
    assert (found.kind, found.reasons, found.legs) == (Kind.AMBIGUOUS, ("too_long",), ())
    assert reading(text + " " * (TEXT_MAX - len(text))).legs


def test_a_close_names_its_coins_or_those_of_the_post_it_replies_to() -> None:
    parent = reading("#ADA/USDT\nBuy 1.00\nSell 1.10\nSL 0.90")
    assert reading("close #XRP/USDT now").symbols == ("XRP/USDT",)
    assert read(post("close this now"), EMPTY_VIEW, parent=parent).symbols == ("ADA/USDT",)
    assert read(post("cancel #XRP"), EMPTY_VIEW, parent=parent).symbols == ("XRP",)
    assert reading("close all trades").every_call


def test_a_price_far_from_the_market_is_ambiguous() -> None:
    view = ListedMarketView(bases=frozenset({"ADA"}), prices={"ADA/USDT": 10.2})
    text = "#ADA/USDT\nBuy 1.00\nSell 1.10\nSL 0.90"
    assert read(post(text), view).kind is Kind.AMBIGUOUS
    assert read(post(text), EMPTY_VIEW).kind is Kind.NEW


_PIECES = [
    *("buy", "sell", "long", "short", "entry", "target", "tp", "sl", "stop", "loss", "now", "below", "above", "zone"),
    *("leverage", "x20", "20x", "cross", "%", "$", "sat", "sats", "#", "/", "-", ".", ",", ":", "(", ")", "|", "BTC"),
    *("ETH", "USDT", "ADA/USDT", "#SOL", "1)", "2)", "TP1", "0.5", "57,450", "57.450", ".000022", "1" + "0" * 20, "0"),
    *("0.0", "1e9", "5-7%", "4h", "close", "✅", "🎯", "١٢", "½", "1️⃣", "if", "breaks", "cancel", "hit", "done"),
    *("profit:", "https://t.me/x", "@x", "\n", "\u202e", "\u200b", "\ud83d", "İ", "ı", "ß"),
]


def test_twenty_thousand_scrambled_posts_raise_nothing() -> None:
    choose = random.Random(20)
    for _ in range(20_000):
        found = reading(" ".join(choose.choices(_PIECES, k=choose.randint(1, 30))))
        assert (found.kind is Kind.NEW) == bool(found.legs)


@given(st.text(alphabet=st.characters(), max_size=400))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert isinstance(reading(text), Reading)


@given(st.text(alphabet="0123456789.,-/|%$xk:() \nBTCUSDTbuyselltarget#", max_size=400))
def test_any_heap_of_numbers_is_read_without_an_error(text: str) -> None:
    assert isinstance(reading(text), Reading)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100 * 1024,
        "7 " * 100_000,
        "7," * 4000,
        "7," * 4000 + " buy 5",
        "7.7-" * 2000,
        "\u202e" * 8000,
        "#" * 8000,
        " " * 8000 + "buy 5",
        "target " * 1100 + "5",
        "entry 5 " * 1000,
        "A/" * 4000,
        "if " * 2600 + "5 entry",
        "(" * 8000,
        "1) " * 2700,
        "BTC/USDT " * 900,
        "#A1 buy 5 " * 800,
        "tp " + "5\n" * 3900,
    ],
    ids=lambda text: repr(text[:10]),
)
def test_no_text_takes_long(text: str) -> None:
    # The least of three, for a busy machine; the limit is far above what is measured and far below what explodes.
    best = min(_cpu_ms(text) for _ in range(3))
    assert best < 60


def _cpu_ms(text: str) -> float:
    begun = time.process_time()
    reading(text)
    return (time.process_time() - begun) * 1000
