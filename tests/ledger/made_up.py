"""
Calls and candles that nobody made, by seed: every kind of entry, stop and target, on prices that wander.

Some calls are ended by a later word of their channel. In bitcoin ADA and LINK have candles of their own, and the others
none.
"""

import json
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

START = 1_700_006_400.0  # A full hour.
HOURS = 24 * 30
COINS = {"BTC": 40_000.0, "ETH": 2_000.0, "SOL": 60.0, "ADA": 0.4, "LINK": 14.0, "XRP": 0.6}
HOUR_S = 3600.0

Row = tuple[float, float, float, float, float, float]  # ts, open, high, low, close, volume.


def candles(seed: int, *, noise: float = 0.012) -> dict[str, list[Row]]:
    """Hourly bars of every coin, from ten days before the first post."""
    chance = random.Random(seed)
    found: dict[str, list[Row]] = {}
    for coin, first in COINS.items():
        price, rows = first, []
        volume = chance.choice((1e5, 1e6, 1e7)) / first
        for hour in range(-240, HOURS):
            last = price * (1 + chance.gauss(0, noise)) + (first - price) * 0.01
            opened = price * (1 + chance.gauss(0, noise / 10))
            high, low = (max(opened, last) * (1 + abs(chance.gauss(0, noise / 2)))), min(opened, last)
            low *= 1 - abs(chance.gauss(0, noise / 2))
            row = [float(f"{one:.6g}") for one in (opened, high, low, last)]
            rows.append((START + HOUR_S * hour, *row, float(f"{volume:.6g}")))
            price = last
        found[f"{coin}USDT"] = rows
    for coin in ("ADA", "LINK"):
        found[f"{coin}BTC"] = [
            _over(row, other) for row, other in zip(found[f"{coin}USDT"], found["BTCUSDT"], strict=True)
        ]
    return found


def posts(seed: int, count: int, bars: dict[str, list[Row]], quote: str) -> Iterator[dict[str, object]]:
    """Calls around the price of their moment, a few channels in turn."""
    chance = random.Random(seed + 1)
    for number in range(1, count + 1):
        at = START + chance.uniform(0, (HOURS - 24 * 10) * HOUR_S)
        coin = chance.choice([coin for coin in COINS if coin != quote])
        rows = bars[f"{coin}USDT"]
        place = int((at - rows[0][0]) // HOUR_S)
        price = rows[place][1] / (1.0 if quote == "USDT" else bars[f"{quote}USDT"][place][1])
        post = {"channel": f"@channel{number % 4}", "ts": round(at, 3)}
        yield {"id": f"c-{number}", "msg_id": number, **post, "text": _text(chance, coin, price, quote)}
        said = random.Random(f"{seed} {number}")
        post["ts"] = round(at + said.uniform(60.0, 40 * HOUR_S), 3)
        if number % 8 == 0:
            yield {
                "id": f"r-{number}",
                "msg_id": count + number,
                **post,
                "text": "Close this trade now",
                "reply_to": number,
            }
        elif number % 125 == 1:
            yield {"id": f"r-{number}", "msg_id": count + number, **post, "text": "Close all trades now"}
        elif number % 25 == 2:
            yield {"id": f"r-{number}", "msg_id": count + number, **post, "text": f"Close #{coin}/{quote} now"}


def write(folder: Path, seed: int, count: int, quote: str = "USDT") -> tuple[Path, Path, dict[str, list[Row]]]:
    """Write posts and candles as files that replay reads; returns the bars too."""
    bars = candles(seed)
    messages, file = folder / "posts.jsonl", folder / "candles.csv"
    messages.write_text("".join(json.dumps(post) + "\n" for post in posts(seed, count, bars, quote)), "utf-8")
    lines = (f"{name},{int(ts * 1000)},{','.join(map(repr, row))}" for name, rows in bars.items() for ts, *row in rows)
    file.write_text("symbol,ts,open,high,low,close,volume\n" + "\n".join(lines) + "\n", "utf-8")
    return messages, file, bars


def _over(row: Row, other: Row) -> Row:
    first, high, low, last = (round(row[at] / other[at], 8) for at in (1, 2, 3, 4))
    return row[0], first, max(first, high, last), min(first, low, last), last, row[5]


# As people write: five digits, no exponent.
def _w(price: float) -> str:
    return f"{Decimal(f'{price:.5g}'):f}"


def _text(chance: random.Random, coin: str, price: float, quote: str) -> str:
    sign = chance.choice((1, -1))
    word = "LONG" if sign > 0 else "SHORT"
    near = price * (1 + sign * chance.uniform(-0.03, 0.004))
    kind = chance.choice(("limit", "band", "zone", "ladder", "breakout", "market", "market_at", "below"))
    entry = f"Entry: {_w(near)}"
    if kind == "band":
        entry = f"Entry: {_w(near)} - {_w(near * (1 - sign * chance.uniform(0.004, 0.02)))}"
    elif kind == "zone":
        entry = f"Entry zone: {_w(near)} - {_w(near * (1 - sign * chance.uniform(0.01, 0.05)))}"
    elif kind == "ladder":
        entry = "Entries: " + ", ".join(f"{_w(near * (1 - sign * 0.012 * step))}" for step in range(3))
    elif kind == "below":
        entry = f"Entry below {_w(near)} - {_w(near * (1 - sign * chance.uniform(0.004, 0.02)))}"
    elif kind == "breakout":
        near = price * (1 + sign * chance.uniform(0.001, 0.02))
        entry = f"Entry {'above' if sign > 0 else 'below'} {_w(near)}"
    elif kind == "market":
        near, entry = price, "Entry: market"
    elif kind == "market_at":
        near = price * (1 + sign * chance.uniform(-0.009, 0.004))
        entry = f"Entry: now {_w(near)}"
    steps = [chance.uniform(0.005, 0.02) for _ in range(chance.choice((1, 2, 3, 5, 7)))]
    tps = [near * (1 + sign * (0.01 + sum(steps[: place + 1]))) for place in range(len(steps))]
    far = near * (1 - sign * chance.uniform(0.055, 0.09))
    stop = chance.choice(
        (
            *(f"SL: {_w(far)}",) * 4,
            f"SL: {chance.choice((6, 7, 8))}%",
            f"SL: 4h close {'below' if sign > 0 else 'above'} {_w(far)}",
            f"SL: daily close {'below' if sign > 0 else 'above'} {_w(far)}",
            "",
            "",
        )
    )
    lever = chance.choice(("", "", "", "Leverage: 5x", "Leverage: Isolated 20x", "Leverage: Cross 10x", "Spot"))
    lines = (f"#{coin}/{quote} {word}", entry, "Targets: " + " - ".join(f"{_w(tp)}" for tp in tps), stop, lever)
    return "\n".join(line for line in lines if line and not (line == "Spot" and sign < 0))
