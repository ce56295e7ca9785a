"""
Demo channels: a post every few seconds, most of them calls around the price of the moment.

The same seed, the same last ids and the same prices give the same posts. A feed that begins anew after
a restart goes on where it was, but for its first post: that one comes soon and is a call.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from random import Random

from levibotd.domain.records import TgCursor
from levibotd.domain.signal import Post, Side, Symbol
from levibotd.kernel.clock import Clock
from levibotd.ports.market import Instrument, Market
from levibotd.ports.posts import Posted, PostEvent
from levibotd.sim.demo_texts import CALLS, NOISE, SIDE_WORDS, TALK, Template

# Each channel keeps to its languages.
CHANNELS: Mapping[str, tuple[str, ...]] = {
    "demo:alpha": ("en",),
    "demo:bravo": ("en", "es"),
    "demo:volga": ("ru", "tr"),
    "demo:atlas": ("ar", "fa", "en"),
}

_GAP_S = (2.0, 5.0)
_FIRST_GAP_S = (0.5, 2.0)
_CALL_SHARE = 0.65
_DIGITS = 5

# Shares of the price. The entry is beyond the market, so that it fills at once; the stop is far enough away
# to outweigh the costs, and the targets are near enough for a position to end within a minute.
_BEYOND = 0.0008
_BAND = 0.002
_STOP = (0.0085, 0.0115)
_TARGET = (0.006, 0.008)
_TARGET_STEP = 0.001


class DemoFeed:
    """The posts port of the demo. Never ends."""

    name = "demo"

    def __init__(self, market: Market, *, symbols: Sequence[Symbol], clock: Clock, seed: int = 0) -> None:
        self._market = market
        self._symbols = tuple(symbols)
        self._clock = clock
        self._seed = seed

    async def events(self, cursors: Mapping[str, TgCursor]) -> AsyncIterator[PostEvent]:
        """Posts numbered onward from `cursors`. The first comes within two seconds and is a call."""
        last_ids = {channel: cursors[channel].upto if channel in cursors else 0 for channel in CHANNELS}
        first = True
        while True:
            written = sum(last_ids.values())
            chance = Random(f"{self._seed}|{written}")
            await self._clock.sleep(chance.uniform(*(_FIRST_GAP_S if first else _GAP_S)))

            channel = chance.choice(tuple(CHANNELS))
            last_ids[channel] += 1
            post = self._post(channel, last_ids[channel], chance=chance, symbol=self._symbol(written), call=first)
            yield Posted(
                post=post, received_at=post.posted_at, cursor=TgCursor(channel=channel, upto=last_ids[channel])
            )
            first = False

    # Every symbol has its turn before one comes again, so that a position has time to end.
    def _symbol(self, written: int) -> Symbol:
        turn, place = divmod(written, len(self._symbols))
        return Random(f"{self._seed}|turn|{turn}").sample(self._symbols, len(self._symbols))[place]

    def _post(self, channel: str, message_id: int, *, chance: Random, symbol: Symbol, call: bool) -> Post:
        now = self._clock.time()
        instrument = self._market.instrument(symbol)
        mark = self._market.mark(symbol, now)
        wanted = CALLS if chance.random() < _CALL_SHARE or call else NOISE
        if instrument is None or mark is None:
            wanted = TALK
        template = chance.choice([each for each in wanted if each.language in CHANNELS[channel]])
        text = template.text
        if instrument is not None and mark is not None:
            text = text.format(**_fields(template, float(mark.price), instrument, chance))
        return Post(channel=channel, message_id=message_id, posted_at=now, text=text, language=template.language)


def _fields(template: Template, price: float, instrument: Instrument, chance: Random) -> dict[str, str]:
    side = chance.choice((Side.BUY, Side.SELL)) if instrument.can_short else Side.BUY
    word = SIDE_WORDS[template.language][side is Side.SELL]
    return {
        "coin": instrument.base,
        "pair": f"{instrument.base}/{instrument.quote}",
        "flat": f"{instrument.base}{instrument.quote}",
        "side": word,
        "Side": word.upper(),
        "lev": str(chance.choice((3, 5, 10))),
        **_levels(price, side, instrument, chance),
    }


def _levels(price: float, side: Side, instrument: Instrument, chance: Random) -> dict[str, str]:
    at = price * (1 + side.sign * _BEYOND)
    target = chance.uniform(*_TARGET)
    shares = {
        "at": 0.0,
        "near": 0.0,
        "far": -_BAND,
        "t1": target,
        "t2": target + _TARGET_STEP,
        "t3": target + 2 * _TARGET_STEP,
        "sl": -chance.uniform(*_STOP),
    }
    return {field: _written(at * (1 + side.sign * share), instrument.tick) for field, share in shares.items()}


def _written(price: float, tick: Decimal) -> str:
    # As people write prices: five digits, and never finer than the venue's own step.
    exact = Decimal(price)
    step = max(tick, Decimal(1).scaleb(exact.adjusted() - _DIGITS + 1))
    return f"{(exact / step).to_integral_value() * step:f}"
