"""One quote a watched symbol and a heartbeat, on the lane that may be shed."""

from decimal import Decimal
from random import Random

from actors.market import MarketActor
from levibotd.domain.records import Entry, Heartbeat, MarketQuote
from levibotd.domain.signal import Symbol
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import BLOCK, DROP_NEWEST, Box, Ref
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.messages import Append, LoggerMessage, Message
from levibotd.sim.recorded_market import RecordedMarket
from tests.scenarios.bench import BTC, ETH, T0, flat, minutes
from tests.sim.memory_candles import MemoryCandles


class Watched:
    """The actor over a log that nobody empties."""

    def __init__(self, clock: Clock, *, room: int = 64, symbols: tuple[Symbol, ...] = (BTC, ETH)) -> None:
        self.log: Ref[LoggerMessage] = Ref("logger", Box(64, BLOCK, shed=Box(room, DROP_NEWEST)))
        self.ref: Ref[Message] = Ref("market", Box(4))
        candles = MemoryCandles({BTC: minutes(*flat(100.0, 2)), ETH: minutes(*flat(50.0, 1))})
        beat = Heartbeat(equity=Decimal(10_000), open_positions=1, pending_posts=2)

        def make() -> MarketActor:
            return MarketActor(
                market=RecordedMarket(candles),
                symbols=symbols,
                heartbeat=lambda: beat,
                log=self.log,
                clock=clock,
                interval_s=10.0,
            )

        self.beat = beat
        self.system = System(
            Group("root", children=(Child(self.ref, make),)), clock=clock, on_event=lambda event: None, rng=Random(1)
        )

    def shed(self) -> list[tuple[Entry, ...]]:
        low = self.log.mailbox.low
        assert low is not None
        messages = list(low.items)
        assert all(isinstance(message, Append) for message in messages)
        return [message.entries for message in messages]


async def test_quotes_and_a_heartbeat_come_at_every_interval(clock: Clock) -> None:
    watched = Watched(clock)
    await clock.sleep_until(T0 + 5)
    await watched.system.start()
    await clock.sleep(20.5)
    await watched.system.stop()

    first, second, third = watched.shed()
    assert first == second == third == (
        Entry(MarketQuote(price=Decimal("100.0"), at=T0), None, BTC),
        Entry(MarketQuote(price=Decimal("50.0"), at=T0), None, ETH),
        Entry(watched.beat),
    )
    assert len(watched.log) == 0  # Nothing on the lane that must not be shed.


async def test_a_symbol_without_a_fresh_price_is_left_out(clock: Clock) -> None:
    watched = Watched(clock, symbols=(BTC, ETH, Symbol("NOSUCH")))
    await clock.sleep_until(T0 + 65)
    await watched.system.start()
    await clock.sleep(1.0)
    await watched.system.stop()

    assert [[entry.symbol for entry in entries] for entries in watched.shed()] == [[BTC, None]]


async def test_a_log_that_is_full_holds_nobody_up(clock: Clock) -> None:
    watched = Watched(clock, room=1)
    await watched.system.start()
    await clock.sleep(100.5)
    await watched.system.stop()

    assert len(watched.shed()) == 1
    assert watched.system.status("market").restarts == 0
