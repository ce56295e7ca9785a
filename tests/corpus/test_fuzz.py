"""What nobody would write is read without an error, and quickly."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.posts.market_view import EMPTY_VIEW
from levibotd.domain.posts.parse_output import LineParser
from tests.corpus.fuzz import CPU_MS_MAX, cpu_ms, faults
from tests.corpus.strange import posts_with_runs, strange_texts

TEXTS = 20_000
POSTS_WITH_RUNS = 8_000


@pytest.mark.timeout(300)
def test_twenty_thousand_strange_texts_hurt_nobody() -> None:
    assert list(faults(strange_texts(20, TEXTS))) == []


def test_posts_with_long_runs_in_them_cost_no_more() -> None:
    texts = list(posts_with_runs(5, POSTS_WITH_RUNS))
    assert texts == list(posts_with_runs(5, POSTS_WITH_RUNS))
    assert list(faults(texts)) == []


def test_strange_texts_are_the_same_every_time_and_of_every_kind() -> None:
    some = list(strange_texts(7, 600))
    assert some == list(strange_texts(7, 600))
    assert len(set(some)) > 550
    assert max(map(len, some)) > 1000
    assert any("\u202e" in text for text in some)
    assert any("entry" in text for text in some)


@given(st.text(alphabet=st.characters(), max_size=400))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert list(faults([text])) == []


class _Sure:
    """A classifier that costs nothing: what is measured here is the reading."""

    def probs(self, text: str, structure: object) -> dict[str, float]:
        return {"BUY": 0.4, "SELL": 0.3, "NO-TRADE": 0.3}

    def plausible(self, probs: object) -> tuple[str, ...]:
        return ()


LONG = (
    "a" * 100 * 1024,
    "7 " * 100_000,
    *("7," * 4000, "7," * 4000 + " buy 5", "7.7-" * 2000, "5%" * 4000, "%5" * 4000, "0.0" * 2700, "1k " * 2700),
    *("\u202e" * 8000, "#" * 8000, " " * 8000 + "buy 5", "(" * 8000, "e" * 8192, "🅑" * 8000, "а" * 8000 + "buy 1 2"),
    *("1) " * 2700, "1️⃣ 5 " * 1600, "TP1 5% " * 1100, "x20 " * 2000, "20x " * 2000, "tp " + "5\n" * 3900),
    *("target " * 1100 + "5", "entry 5 " * 1000, "buy " * 2000 + "1 2", "sl 4h close below 5 " * 400, "A/" * 4000),
    *("if " * 2600 + "5 entry", "when " * 1600 + "5 5 buy", "profit " * 1000 + "5 5 buy", "هدف ٥٫٣ " * 1000),
    *("close " * 1300, "cancel " * 1100, "move sl " * 1000, "BTC/USDT " * 900, "#A1 buy 5 " * 800, "$ADA\n" * 1600),
    *("#BTC/USDT buy 5 sell 6 sl 4\n" * 290, "https://x.y/BTC_USDT " * 380, "#АDА " * 1600 + " buy 1 2"),
)


@pytest.mark.parametrize("text", LONG, ids=[f"{text[:10]!a}-{len(text)}" for text in LONG])
@pytest.mark.fault("E9")
def test_no_long_text_takes_long(text: str) -> None:
    parser: Any = LineParser(_Sure(), market=EMPTY_VIEW)
    assert cpu_ms(text, parser) <= CPU_MS_MAX
