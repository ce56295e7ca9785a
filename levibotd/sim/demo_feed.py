"""
Demo channels: a post every few seconds, most of them calls around the price of the moment.

The same seed, the same last ids and the same prices give the same posts. A feed that begins anew after
a restart goes on where it was, but for its first posts: the first comes soon, and all of them are calls.
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

GAP_S = (2.0, 5.0)
_FIRST_GAP_S = (0.5, 2.0)
_CALLS_FIRST = 4  # So many positions at once that one of them has ended within a minute.
_CALL_SHARE = 0.65
_DIGITS = 5
_KNOWS_SHARE = 0.45
_KNOWS_S = 60.0

# Shares of the price. The entry is beyond the market, so that it fills at once; the stop is far enough away
# to outweigh the costs, and the targets are near enough for a position to end within a minute.
_BEYOND = 0.0008
_BAND = 0.002
_STOP = (0.0078, 0.0095)
_TARGET = (0.0045, 0.006)
_TARGET_STEP = 0.0008


class DemoFeed:
    """The posts port of the demo. Never ends. `gap_s` is the least and the most between two posts."""

    name = "demo"

    def __init__(
        self,
        market: Market,
        *,
        symbols: Sequence[Symbol],
        clock: Clock,
        seed: int = 0,
        gap_s: tuple[float, float] = GAP_S,
    ) -> None:
        self._market = market
        self._symbols = tuple(symbols)
        self._clock = clock
        self._seed = seed
        self._gap_s = gap_s

    async def events(self, cursors: Mapping[str, TgCursor]) -> AsyncIterator[PostEvent]:
        """Posts numbered onward from `cursors`. The first comes within two seconds; the first few are calls."""
        last_ids = {channel: cursors[channel].upto if channel in cursors else 0 for channel in CHANNELS}
        told = 0
        while True:
            written = sum(last_ids.values())
            chance = Random(f"{self._seed}|{written}")
            await self._clock.sleep(chance.uniform(*(self._gap_s if told else _FIRST_GAP_S)))

            channel = chance.choice(tuple(CHANNELS))
            last_ids[channel] += 1
            symbol, is_call = self._symbol(written), told < _CALLS_FIRST
            post = self._post(channel, last_ids[channel], chance=chance, symbol=symbol, call=is_call)
            yield Posted(
                post=post, received_at=post.posted_at, cursor=TgCursor(channel=channel, upto=last_ids[channel])
            )
            told += 1

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
            side = self._side(instrument, now, chance, knows=call or chance.random() < _KNOWS_SHARE)
            text = text.format(**_fields(template, float(mark.price), side, instrument, chance))
        return Post(channel=channel, message_id=message_id, posted_at=now, text=text, language=template.language)

    # These channels know the future, sometimes: by chance alone the costs would end every demo at its loss limit.
    def _side(self, instrument: Instrument, now: float, chance: Random, *, knows: bool) -> Side:
        either = chance.choice((Side.BUY, Side.SELL))
        if not instrument.can_short:
            return Side.BUY
        bars = self._market.bars(instrument.symbol, since=now, until=now + _KNOWS_S) if knows else ()
        for bar in bars:
            move = bar.close / bars[0].open - 1
            if abs(move) > _TARGET[1]:
                return Side.BUY if move > 0 else Side.SELL
        return either


def _fields(template: Template, price: float, side: Side, instrument: Instrument, chance: Random) -> dict[str, str]:
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
