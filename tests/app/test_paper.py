"""The paper exchange as the configuration wants it, and as the log remembers it."""

from decimal import Decimal

import pytest

from levibotd.app.paper import paper_venue, recorded_market, restore
from levibotd.config import Config, load
from levibotd.domain.signal import Side, Symbol
from levibotd.errors import Refused
from levibotd.kernel.clock import Clock
from levibotd.ports.market import Bar, Market
from levibotd.sim.recorded_market import RecordedMarket
from tests.domain.desk import BTC, Desk, plan
from tests.sim.memory_candles import MemoryCandles, hourly

START = 1_699_999_200.0


def configured(**environ: str) -> Config:
    return load(environ={f"LEVI_{key.upper().replace('_', '__', 1)}": value for key, value in environ.items()})


def candles() -> MemoryCandles:
    return MemoryCandles({"BTCUSDT": hourly(START, *[(100.0, 101.0, 99.0, 100.0)] * 48, volume=1e6)})


def market(config: Config | None = None) -> RecordedMarket:
    return recorded_market(config or configured(), candles())


def test_fees_are_the_venues_unless_they_are_set() -> None:
    usual = market().instrument(BTC)
    own = market(configured(paper_maker_fee="0.0001", paper_taker_fee="0.0009")).instrument(BTC)

    assert usual is not None
    assert own is not None
    assert (own.maker_fee, own.taker_fee) == (Decimal("0.0001"), Decimal("0.0009"))
    assert usual.taker_fee not in (own.taker_fee, 0)


def test_steps_are_told_by_the_prices_unless_they_are_set() -> None:
    own = configured(paper_default_filters__tick="0.5", paper_default_filters__min_notional="25")

    found = market(own).instrument(BTC)

    assert found is not None
    assert (found.tick, found.min_notional, found.filters) == (Decimal("0.5"), Decimal(25), "default")
    usual = market().instrument(BTC)
    assert usual is not None
    assert usual.min_notional != Decimal(25)


@pytest.mark.parametrize(("kind", "can_short"), [("spot", False), ("swap", True)])
def test_a_market_of_swaps_can_be_shorted(kind: str, can_short: bool) -> None:
    found = market(configured(exchange_market=kind)).instrument(BTC)

    assert found is not None
    assert found.can_short is can_short


async def test_the_account_begins_with_the_balance(clock: Clock) -> None:
    venue = paper_venue(configured(paper_balance="250.5"), market(), clock)

    snapshot = await venue.snapshot(since=0.0)

    assert (snapshot.open_orders, snapshot.positions, snapshot.fills) == ((), {}, ())
    assert venue.account.cash == Decimal("250.5")


async def test_a_new_exchange_is_what_the_log_says_of_the_old_one(clock: Clock) -> None:
    desk = Desk()
    key = desk.opened(plan(rungs=(("1", "100"), ("2", "95")), targets=("110",), stop="90"))
    desk.fill(desk.cids(key, "e")[0], "1", "100")
    venue = paper_venue(configured(), market_at(clock), clock)

    restore(venue, desk.ledger, equity=Decimal(9_990))

    snapshot = await venue.snapshot(since=0.0)
    assert {state.order.cid for state in snapshot.open_orders} == {*desk.cids(key, "s"), desk.cids(key, "e")[1]}
    assert snapshot.positions == {BTC: Decimal(1)}
    (stop,) = (state.order for state in snapshot.open_orders if state.order.reduce_only)
    assert (stop.type, stop.trigger, stop.side, stop.qty) == ("stop", Decimal(90), Side.SELL, Decimal(3))


async def test_an_order_without_an_ack_is_not_on_the_exchange(clock: Clock) -> None:
    desk = Desk()
    desk.post(1)
    key = desk.ticket(plan())
    cid = desk.intent(key, "e", qty="1", price="100")
    venue = paper_venue(configured(), market_at(clock), clock)

    restore(venue, desk.ledger, equity=Decimal(10_000))

    assert (await venue.snapshot(since=0.0)).open_orders == ()
    assert await venue.order(BTC, cid) is None


async def test_an_id_that_ended_is_never_taken_again(clock: Clock) -> None:
    desk = Desk()
    key = desk.opened(plan())
    taken = desk.cids(key, "e")[0]
    sent = next(order for order in desk.ledger.open_orders() if order.cid == taken)
    desk.finish(key)
    venue = paper_venue(configured(), market_at(clock), clock)

    restore(venue, desk.ledger, equity=Decimal(10_000))

    state = await venue.order(BTC, taken)
    assert state is not None
    assert state.status == "cancelled"
    with pytest.raises(Refused):
        await venue.place(state.order)
    assert sent.qty == state.order.qty


def market_at(clock: Clock) -> Market:
    """Candles around the moment at which the test begins."""
    start = clock.time() // 3600 * 3600 - 24 * 3600
    bars = [Bar(start + 3600 * hour, 100.0, 101.0, 99.0, 100.0, 1e6, 3600.0) for hour in range(72)]
    return recorded_market(configured(exchange_market="swap"), MemoryCandles({str(Symbol("BTCUSDT")): bars}))
