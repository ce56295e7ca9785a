"""Posts that are made up, as many as wanted: the demo's templates with other prices. The same seed gives the same."""

from collections.abc import Iterator
from random import Random

from levibotd.domain.signal import Post
from levibotd.sim.demo_texts import CALLS, NOISE, SIDE_WORDS, TALK

COINS = (("BTC", 60_000.0), ("ETH", 3_000.0), ("SOL", 150.0), ("XRP", 0.5), ("LINK", 14.0), ("ADA", 0.45))
# As in recorded channels: one post in seven is a call.
CALL_SHARE = 0.15
TALK_SHARE = 0.55


def posts(count: int, *, channels: int = 8, begun: float = 1_700_000_000.0, step_s: float = 60.0) -> Iterator[Post]:
    """One in seven is a call, half are talk, the rest other noise."""
    for post, _ in labelled(count, channels=channels, begun=begun, step_s=step_s):
        yield post


def labelled(
    count: int, *, channels: int = 8, begun: float = 1_700_000_000.0, step_s: float = 60.0
) -> Iterator[tuple[Post, str]]:
    """The same with what they are: BUY, SELL or NO-TRADE."""
    chance = Random(7)
    for number in range(count):
        text, language, label = _text(chance)
        post = Post(
            channel=f"@made_up_{number % channels}",
            message_id=number + 1,
            posted_at=begun + number * step_s,
            text=text,
            language=language,
        )
        yield post, label


def _text(chance: Random) -> tuple[str, str, str]:
    kind = chance.random()
    templates = CALLS if kind < CALL_SHARE else TALK if kind < CALL_SHARE + TALK_SHARE else NOISE
    template, buys = chance.choice(templates), chance.random() < 0.5
    coin, usual = chance.choice(COINS)
    price, away = usual * chance.uniform(0.8, 1.2), 1 if buys else -1
    side = SIDE_WORDS[template.language][0 if buys else 1]
    steps = {"at": 0, "near": 0, "far": 0.004, "t1": 0.01, "t2": 0.02, "t3": 0.04, "sl": -0.02}
    numbers = {name: f"{price * (1 + away * step):.5g}" for name, step in steps.items()}
    text = template.text.format(
        coin=coin, pair=f"{coin}/USDT", flat=f"{coin}USDT", side=side, Side=side.capitalize(),
        lev=chance.randrange(2, 20), **numbers,
    )  # fmt: skip
    label = ("BUY" if buys else "SELL") if templates is CALLS else "NO-TRADE"
    return text, template.language, label
