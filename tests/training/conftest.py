"""Small generated labels: enough channels to hold some out, seeded."""

import random

import pytest

from levibotd.domain.signal import Post
from levibotd.training.dataset import Example


def _text(chosen: random.Random, label: str) -> str:
    coin = chosen.choice(["ADA", "XRP", "SOL", "LINK", "DOT"])
    price = chosen.uniform(1, 9)
    if label != "NO-TRADE":
        sign, side = (1, "long") if label == "BUY" else (-1, "short")
        targets = " - ".join(f"{price * (1 + sign * step):.3f}" for step in (0.05, 0.1))
        return f"#{coin}/USDT {side}\nEntry {price:.3f}\nTargets {targets}\nSL {price * (1 - sign * 0.05):.3f}"
    return chosen.choice(
        [
            f"#{coin}/USDT target 1 done, {price:.1f}% profit",
            "good morning traders, have a nice day",
            f"bitcoin dominance is {price:.1f}% today",
            "join our vip channel, contact the admin",
        ]
    )


def make_examples(count: int = 160, channels: int = 8) -> list[Example]:
    chosen = random.Random(7)
    out = []
    for number in range(count):
        label = chosen.choice(["BUY", "SELL", "NO-TRADE", "NO-TRADE"])
        group = f"c{number % channels}"
        post = Post(channel=group, message_id=number, posted_at=1e9 + number, text=_text(chosen, label))
        weight = chosen.choice([0.5, 1.0, 2.0])
        out.append(
            Example(id=str(number), group=group, post=post, label=label, expected=label, weight=weight, language="en")
        )
    return out


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """A hundred and sixty posts of eight channels."""
    return make_examples()
