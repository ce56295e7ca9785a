"""
MarketActor: what things cost now.

Decisions read the market port themselves, as of their own moment; this actor is the operator's
eye on the feed: one quote a symbol in the log, and a word when a price no longer moves.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from levibotd.domain.records import Entry, Heartbeat, MarketQuote
from levibotd.domain.signal import Symbol
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import Ref
from levibotd.messages import Append, LoggerMessage, Message
from levibotd.ports.market import Market


class MarketActor(Actor[Message]):
    """
    Shed one MARKET_QUOTE per watched symbol and a HEARTBEAT every `interval_s`.

    Both are class S: under pressure they go first. A restart loses nothing.
    """

    def __init__(
        self,
        *,
        market: Market,
        symbols: Sequence[Symbol],
        heartbeat: Callable[[], Heartbeat],
        log: Ref[LoggerMessage],
        clock: Clock,
        interval_s: float,
    ) -> None:
        self._market = market
        self._symbols = tuple(symbols)
        self._heartbeat = heartbeat
        self._log = log
        self._clock = clock
        self._interval_s = interval_s

    def sources(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        return (self._watch,)

    async def receive(self, message: Message) -> None:
        """Nobody tells the market anything."""

    async def _watch(self) -> None:
        while True:
            now = self._clock.time()
            quotes = [self._quote(symbol, now) for symbol in self._symbols]
            entries = (*(quote for quote in quotes if quote is not None), Entry(self._heartbeat()))
            self._log.shed(Append(entries=entries))
            await self._clock.sleep(self._interval_s)

    def _quote(self, symbol: Symbol, now: float) -> Entry | None:
        mark = self._market.mark(symbol, now)
        if mark is None or mark.fresh_until < now:
            return None
        return Entry(MarketQuote(price=mark.price, at=mark.at), None, symbol)
