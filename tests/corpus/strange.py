"""
Texts that nobody would write, by seed: scrambled grammar, broken posts of the corpus, heaps of signs of every script.

The same seed gives the same texts on every machine.
"""

import random
import re
from collections.abc import Iterator, Sequence

from tests.corpus.rows import rows

LENGTH_MAX = 9000  # A little more than is read of a post.

_PIECES = (
    *("buy", "sell", "long", "short", "entry", "target", "targets", "tp", "sl", "stop", "loss", "now", "cmp", "below"),
    *("above", "zone", "between", "and", "to", "leverage", "x20", "20x", "cross", "isolated", "spot", "futures", "dca"),
    *("close", "cancel", "all", "half", "move", "breakeven", "hit", "done", "if", "breaks", "profit:", "4h", "daily"),
    *("giriş", "hedef", "zarar", "kes", "вход", "цель", "стоп", "лонг", "шорт", "شراء", "هدف", "وقف", "ورود", "تارگت"),
    *("entrada", "objetivo", "compra", "%", "$", "sat", "sats", "#", "/", "-", ".", ",", ":", "(", ")", "|", "_", "+"),
    *(
        "BTC",
        "ETH",
        "USDT",
        "ADA/USDT",
        "#SOL",
        "$NEAR",
        "ONE",
        "BTCUSDT.P",
        "1000PEPE",
        "LOOM_BTC",
        "XBTUSD",
        "EURUSD",
    ),
    *("1)", "2)", "TP1", "T2", "1️⃣", "①", "TP¹", "½", "✅", "☑", "🎯", "0.5", "57,450", "57.450", "1.842,50", ".000022"),
    *("0.00027000 - 28500", "481-487-494", "48|52|56", "51000_25%", "590-750+", "5-7%", "30K", "56.7k", "1" + "0" * 20),
    *(
        "0",
        "0.0",
        "1e9",
        "-5",
        "٥٫٣",
        "۱۲",
        "https://t.me/x",
        "https://a.b/BTC_USDT",
        "@x",
        "\u202e",
        "\u200b",
        "\ud83d",
    ),
    *("İ", "ı", "ß", "\n", "\n", "\n", "\t", "\r\n", "\u2028", "\x00", "\x01"),
)
_RUNS = (
    *" .,-/|:()_+*~=#$%@>✅⚡\n\t0123éaıينли",
    "\n ",
    "\n.",
    "- ",
    ". ",
    "->",
    "1)",
    "a ",
    "x1 ",
    "1x ",
    "\n#a",
) * 100
_SIGNS = (
    (0x20, 0x7E),
    (0x80, 0x24F),
    (0x370, 0x52F),
    (0x590, 0x6FF),
    (0x900, 0x97F),
    (0x2000, 0x206F),
    (0x2070, 0x27BF),
    (0x3000, 0x30FF),
    (0x4E00, 0x4EFF),
    (0xD800, 0xDFFF),
    (0xFE00, 0xFEFF),
    (0xFF00, 0xFFEF),
    (0x1D400, 0x1D7FF),
    (0x1F100, 0x1F6FF),
    (0xE0000, 0xE01EF),
)


def strange_texts(seed: int, count: int) -> Iterator[str]:
    """Yield `count` texts, of the three kinds in turn; now and then one that is as long as can be."""
    choose = random.Random(seed)
    posts = [row["text"] for row in rows() if row["text"]]
    for number in range(count):
        kind = number % 3
        if kind == 0:
            text = _scrambled(choose)
        elif kind == 1:
            text = _mutated(choose, posts)
        else:
            text = _heap(choose)
        if number % 200 == 199:
            text = (text * (LENGTH_MAX // max(1, len(text)) + 1))[: choose.randint(1000, LENGTH_MAX)]
        yield text


def posts_with_runs(seed: int, count: int) -> Iterator[str]:
    """Yield posts in which a word or a few signs stand again and again: what a pattern tries in two ways doubles."""
    choose = random.Random(seed)
    posts = [row["text"] for row in rows() if row["text"]]
    words = sorted({f" {word}" for post in posts for word in post.split() if len(word) <= 6})
    for _ in range(count):
        text, run = choose.choice(posts), "".join(choose.choices((*words, *_RUNS), k=choose.randint(1, 2)))
        ends = [found.end() for found in re.finditer(r"\w+", text)]
        at, times = choose.choice(ends or [0]), choose.choice((20, 40, 100, 400))
        yield text[:at] + (run * times)[:LENGTH_MAX] + text[at:]


def _scrambled(choose: random.Random) -> str:
    return " ".join(choose.choices(_PIECES, k=choose.randint(1, 60)))


def _mutated(choose: random.Random, posts: Sequence[str]) -> str:
    text = choose.choice(posts)
    for _ in range(choose.randint(1, 6)):
        at, to = sorted((choose.randint(0, len(text)), choose.randint(0, len(text))))
        change = choose.randrange(7)
        if change == 0:
            text = text[:at] + text[to:]
        elif change == 1:
            text = text[:to] + text[at:to] + text[to:]
        elif change == 2:
            text = text[:at] + choose.choice(_PIECES) + text[at:]
        elif change == 3:
            other = choose.choice(posts)
            text = text[:at] + other[choose.randint(0, len(other)) :]
        elif change == 4:
            text = text[:at] + text[at:to][::-1] + text[to:]
        elif change == 5:
            text = text[:at] + _sign(choose) + text[at + 1 :]
        else:
            text = "\n".join(choose.sample(lines := text.split("\n"), len(lines)))
    return text


def _heap(choose: random.Random) -> str:
    if choose.random() < 0.3:
        return "".join(choose.choices("0123456789.,-/|%$xk:() \nBTCUSDTbuyselltarget#", k=choose.randint(1, 400)))
    return "".join(_sign(choose) for _ in range(choose.randint(1, 200)))


def _sign(choose: random.Random) -> str:
    first, last = choose.choice(_SIGNS)
    return chr(choose.randint(first, last))
