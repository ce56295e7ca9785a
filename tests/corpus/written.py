"""
A call of known content, written in one of many ways: what property tests read back.

`plain` is how each property begins; the strategies draw calls whose numbers leave one reading only.
"""

from hypothesis import strategies as st
from msgspec import Struct

from levibotd.domain.signal import Side

COINS = ("SOL", "AVAX", "DOT", "ATOM", "UNI", "AAVE", "LTC", "NEAR", "INJ", "FIL")

# How a list of targets is written.
NOTATIONS = ("dash", "slash", "comma", "bar", "words", "numbered", "labelled", "keycaps", "superscript", "lines")


class Call(Struct, frozen=True, kw_only=True):
    """What a post means to say; numbers as they are written."""

    coin: str
    side: Side
    entry: tuple[str, ...]
    tps: tuple[str, ...]
    sl: str


@st.composite
def calls(draw: st.DrawFn, *, bands: bool = True) -> Call:
    """A call around a price between 2 and 99, all numbers with the same two to four decimals."""
    decimals = draw(st.integers(2, 4))
    step = 10**decimals
    price = draw(st.integers(2 * step, 99 * step))
    side = draw(st.sampled_from(Side))
    grid = max(1, price // 200)  # Half a percent: no two levels fall together.
    steps = draw(st.lists(st.integers(2, 8), min_size=1, max_size=5))
    levels, at = [], 0
    for one in steps:
        at += one
        levels.append(price + side.sign * at * grid)
    far = -side.sign * draw(st.integers(2, 4)) * grid if bands and draw(st.booleans()) else 0
    stop = price + far - side.sign * draw(st.integers(3, 12)) * grid
    written = [f"{level / step:.{decimals}f}" for level in (price, price + far, *levels, stop)]
    entry = tuple(written[:2]) if far else (written[0],)
    return Call(coin=draw(st.sampled_from(COINS)), side=side, entry=entry, tps=tuple(written[2:-1]), sl=written[-1])


def plain(call: Call, *, quote: str = "USDT", targets: str = "dash") -> str:
    """Write `call` in full, a line a field."""
    word = "LONG" if call.side is Side.BUY else "SHORT"
    lines = [f"#{call.coin}/{quote} {word}", f"Entry: {' - '.join(call.entry)}", *target_lines(call.tps, targets)]
    return "\n".join([*lines, f"SL: {call.sl}"])


def target_lines(tps: tuple[str, ...], notation: str) -> list[str]:
    """The lines that tell the targets, in one of NOTATIONS."""
    if notation == "numbered":
        return ["Targets:", *(f"{number}) {tp}" for number, tp in enumerate(tps, 1))]
    if notation == "labelled":
        return [f"TP{number}: {tp}" for number, tp in enumerate(tps, 1)]
    if notation == "keycaps":
        return ["Targets:", *(f"{number}\ufe0f\u20e3 {tp}" for number, tp in enumerate(tps, 1))]
    if notation == "superscript":
        return [" ".join(f"TP{'¹²³⁴⁵'[number]}: {tp}" for number, tp in enumerate(tps))]
    if notation == "lines":
        return ["Targets:", *tps]
    join = {"dash": " - ", "slash": "/", "comma": ", ", "bar": "|", "words": " "}[notation]
    return [f"Targets: {join.join(tps)}"]
