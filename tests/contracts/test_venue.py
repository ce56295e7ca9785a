"""What every venue promises, whoever implements it. The simulated one stands on two markets."""

from collections.abc import Callable
from decimal import Decimal

import anyio
import pytest

from levibotd.domain.signal import Side, Symbol
from levibotd.errors import Refused
from levibotd.kernel.clock import Clock
from levibotd.ports.market import Market
from levibotd.ports.venue import Fill, Marked, OrderEnded, Venue, VenueOrder
from levibotd.sim.demo_market import DemoMarket
from levibotd.sim.paper_venue import PaperVenue
from levibotd.sim.recorded_market import RecordedMarket
from tests.sim.memory_candles import MemoryCandles, hourly
from tests.sim.orders import close, limit, stop, target

BTC = Symbol("BTCUSDT")
QUANTITY = "0.5"


class Stand:
    """A venue and prices around its market."""

    def __init__(self, market: Market, clock: Clock) -> None:
        self.market = market
        self.venue: Venue = PaperVenue(market, clock, balance=Decimal(1_000_000))
        mark = market.mark(BTC, clock.time())
        instrument = market.instrument(BTC)
        assert mark is not None
        assert instrument is not None
        self._price, self._tick = mark.price, instrument.tick

    def at(self, share: float) -> str:
        """The market's price plus a share of it, on the tick."""
        price = self._price * Decimal(str(1 + share))
        return str(price // self._tick * self._tick)

    def buy(self, cid: str = "entry") -> VenueOrder:
        return limit(cid, Side.BUY, self.at(0.05), qty=QUANTITY, tif="IOC")


def _recorded(clock: Clock) -> Market:
    first = clock.time() // 3600 * 3600
    return RecordedMarket(MemoryCandles({BTC: hourly(first, *((100.0, 101.0, 99.0, 100.0),) * 50)}))


def _demo(clock: Clock) -> Market:
    return DemoMarket(seed=1)


@pytest.fixture(params=[_recorded, _demo], ids=["recorded", "demo"])
def make(request: pytest.FixtureRequest) -> Callable[[Clock], Market]:
    made: Callable[[Clock], Market] = request.param
    return made


async def test_a_fill_comes_as_an_update_then_the_end(make: Callable[[Clock], Market], clock: Clock) -> None:
    stand = Stand(make(clock), clock)

    ack = await stand.venue.place(stand.buy())
    fill, end = await _until_end(stand.venue, "entry")

    assert ack.cid == "entry"
    assert isinstance(fill, Fill)
    assert (fill.cid, fill.qty, fill.remaining, fill.side) == ("entry", Decimal(QUANTITY), Decimal(0), Side.BUY)
    assert (fill.liquidity, fill.fee_currency) == ("taker", stand.market.stable_quote)
    assert ack.at <= fill.at <= clock.time() + 1e-3
    assert isinstance(end, OrderEnded)
    assert (end.final, end.cum_qty) == ("filled", Decimal(QUANTITY))


async def test_the_same_id_is_never_taken_twice(make: Callable[[Clock], Market], clock: Clock) -> None:
    stand = Stand(make(clock), clock)
    await stand.venue.place(stand.buy())

    with pytest.raises(Refused):
        await stand.venue.place(stand.buy())

    await _until_end(stand.venue, "entry")
    with pytest.raises(Refused):
        await stand.venue.place(stand.buy())


async def test_the_snapshot_holds_orders_positions_and_fills(make: Callable[[Clock], Market], clock: Clock) -> None:
    stand = Stand(make(clock), clock)
    await stand.venue.place(stand.buy())
    fills = await _until_end(stand.venue, "entry")
    await stand.venue.place(stop("stop", Side.SELL, stand.at(-0.3), qty=QUANTITY))

    snapshot = await stand.venue.snapshot(since=0.0)

    assert snapshot.positions == {BTC: Decimal(QUANTITY)}
    assert [state.order.cid for state in snapshot.open_orders] == ["stop"]
    assert list(snapshot.fills) == fills[:1]
    assert (await stand.venue.snapshot(since=clock.time() + 1)).fills == ()


async def test_protection_may_be_there_before_its_position(make: Callable[[Clock], Market], clock: Clock) -> None:
    stand = Stand(make(clock), clock)

    await stand.venue.place(stop("stop", Side.SELL, stand.at(-0.3), qty=QUANTITY))
    await stand.venue.place(target("target", Side.SELL, stand.at(0.3), qty=QUANTITY))
    await stand.venue.place(stand.buy())
    await _until_end(stand.venue, "entry")

    resting = {state.order.cid for state in (await stand.venue.snapshot(since=0.0)).open_orders}
    assert resting == {"stop", "target"}


async def test_a_close_leaves_nothing(make: Callable[[Clock], Market], clock: Clock) -> None:
    stand = Stand(make(clock), clock)
    await stand.venue.place(stand.buy())
    await _until_end(stand.venue, "entry")

    await stand.venue.place(close("close", Side.SELL, qty=QUANTITY))
    fill, end = await _until_end(stand.venue, "close")

    assert isinstance(fill, Fill)
    assert isinstance(end, OrderEnded)
    assert end.final == "filled"
    assert (await stand.venue.snapshot(since=0.0)).positions == {}


async def test_a_cancelled_order_ends_once(make: Callable[[Clock], Market], clock: Clock) -> None:
    stand = Stand(make(clock), clock)
    await stand.venue.place(limit("entry", Side.BUY, stand.at(-0.3), qty=QUANTITY))

    assert await stand.venue.cancel(BTC, "entry")
    assert not await stand.venue.cancel(BTC, "entry")

    (end,) = await _until_end(stand.venue, "entry")
    assert isinstance(end, OrderEnded)
    assert (end.final, end.cum_qty) == ("cancelled", Decimal(0))
    state = await stand.venue.order(BTC, "entry")
    assert state is not None
    assert state.status == "cancelled"


async def test_marks_come_while_something_is_open(make: Callable[[Clock], Market], clock: Clock) -> None:
    stand = Stand(make(clock), clock)
    await stand.venue.place(limit("entry", Side.BUY, stand.at(-0.3), qty=QUANTITY))

    marks: list[Marked] = []
    async for update in stand.venue.updates():
        if isinstance(update, Marked):
            marks.append(update)
        if len(marks) == 3:
            break

    assert all(mark.low <= mark.price <= mark.high for mark in marks)
    assert [mark.at for mark in marks] == sorted({mark.at for mark in marks})


async def _until_end(venue: Venue, cid: str) -> list[Fill | OrderEnded]:
    found: list[Fill | OrderEnded] = []
    updates = venue.updates()
    async for update in updates:
        if isinstance(update, Marked):
            continue
        found.append(update)
        if isinstance(update, OrderEnded) and update.cid == cid:
            # Asking for one more is what says that this one was taken.
            with anyio.move_on_after(0):
                await anext(updates)
            return [each for each in found if each.cid == cid]
    raise AssertionError("updates never end")
