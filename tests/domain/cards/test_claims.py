"""What a result post says of the call."""

import pytest

from levibotd.domain.cards.claims import claim_of


@pytest.mark.parametrize(
    "text",
    [
        "BTC/USDT target 1 hit ✅",
        "#ETH TP2 done, +4.2 %",
        "All targets smashed 💰",
        "Цель достигнута, прибыль 12%",
        "SOL hedef 1 tamam",
        "تم تحقيق الهدف الاول ربح",
    ],
)
def test_it_says_that_it_won(text: str) -> None:
    assert claim_of(text) is True


@pytest.mark.parametrize(
    "text",
    ["BTC stopped out", "#ETH SL hit", "Closed at a loss", "SOL -3.1 %", "Выбило по стопу", "حد ضرر خورد"],
)
def test_it_says_that_it_lost(text: str) -> None:
    assert claim_of(text) is False


@pytest.mark.parametrize("text", ["Good morning", "", "TP1 hit ✅ then SL hit"])
def test_it_says_neither_or_both(text: str) -> None:
    assert claim_of(text) is None
