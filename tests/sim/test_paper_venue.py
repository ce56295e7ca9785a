from decimal import Decimal
from typing import Literal

import anyio
import pytest

from levibotd.domain.signal import Side, Symbol
from levibotd.errors import OutcomeUnknown, Refused, Unavailable
from levibotd.kernel.clock import Clock
from levibotd.kernel.virtual_time import EPOCH
from levibotd.ports.market import Bar
from levibotd.ports.venue import Fill, Marked, OrderEnded, OrderState, VenueOrder, VenueUpdate
from levibotd.sim.demo_market import DemoMarket
from levibotd.sim.paper_venue import FINISHED_MAX, PaperVenue
from levibotd.sim.recorded_market import Filters, RecordedMarket
from tests.sim.memory_candles import MemoryCandles, hourly
from tests.sim.orders import BTC, close, limit, stop, target

BUY, SELL = Side.BUY, Side.SELL
HOUR = 3600.0
# Bars begin on the hour; the tests' clock begins 2800 seconds before this one.
FIRST = EPOCH + 2800.0
ETH = Symbol("ETHUSDT")
FLAT = (100.0, 100.5, 99.5, 100.0)
FILTERS = Filters(
    tick=Decimal("0.01"), step=Decimal("0.001"), min_qty=Decimal("0.01"), max_qty=Decimal(50), min_notional=Decimal(5)
)


async def test_an_order_reaches_the_venue_after_its_latency_and_fills_at_the_next_open(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,) * 3)

    ack = await venue.place(limit("e", BUY, "101", tif="IOC"))
    fill, end = await _next(venue, 2)

    assert ack.at == pytest.approx(EPOCH + 0.2)
    assert isinstance(fill, Fill)
    # Hardly any volume: half a spread of 0.15 %. 100 x 1.0015 = 100.15; fee x 0.0005.
    assert (fill.price, fill.fee, fill.at, fill.filters) == (Decimal("100.15"), Decimal("0.050075"), FIRST, "default")
    assert end == OrderEnded(cid="e", symbol=BTC, final="filled", cum_qty=Decimal(1), at=FIRST)
    assert clock.time() == pytest.approx(FIRST)


async def test_what_happens_inside_a_bar_is_told_at_its_end(clock: Clock) -> None:
    venue = _venue(clock, (FLAT, (100.0, 100.0, 98.0, 99.0)))
    await venue.place(limit("e", BUY, "99"))

    updates = await _next(venue, 4)

    assert [type(update) for update in updates] == [Marked, Fill, OrderEnded, Marked]
    assert [update.at for update in updates] == [FIRST + HOUR] + [FIRST + 2 * HOUR] * 3
    assert clock.time() == pytest.approx(FIRST + 2 * HOUR)


async def test_a_mark_tells_close_low_and_high_of_its_bar(clock: Clock) -> None:
    venue = _venue(clock, ((100.0, 101.0, 98.5, 99.5),))
    await venue.place(limit("e", BUY, "90"))

    (marked,) = await _next(venue, 1)

    assert marked == Marked(
        symbol=BTC, price=Decimal("99.5"), low=Decimal("98.5"), high=Decimal("101.0"), at=FIRST + HOUR
    )


async def test_a_stop_placed_at_once_protects_in_the_bar_of_the_entry(clock: Clock) -> None:
    venue = _venue(clock, ((100.0, 100.5, 94.0, 96.0),))
    await venue.place(limit("e", BUY, "101", tif="IOC"))
    await _next(venue, 2)
    await venue.place(stop("s", SELL, "95"))

    fill, end, _ = await _next(venue, 3)

    assert isinstance(fill, Fill)
    # Range 6.5: 95 - 0.65 = 94.35.
    assert (fill.price, fill.at) == (Decimal("94.35"), FIRST + HOUR)
    assert isinstance(end, OrderEnded)


async def test_a_new_order_wakes_a_venue_that_sleeps(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,) * 30, eth=(FLAT,) * 30)
    seen: list[VenueUpdate] = []

    async def consume() -> None:
        async for update in venue.updates():
            seen.append(update)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(consume)
        await clock.sleep(10.0)
        await venue.place(limit("e", BUY, "101", tif="IOC"))
        await clock.sleep_until(FIRST + 1.0)
        await venue.place(limit("f", BUY, "101", tif="IOC", symbol=ETH))
        await clock.sleep_until(FIRST + HOUR + 1.0)
        tasks.cancel_scope.cancel()

    assert [update.cid for update in seen if isinstance(update, Fill)] == ["e", "f"]


async def test_an_update_that_was_not_taken_is_told_again(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,) * 3)
    await venue.place(limit("e", BUY, "101", tif="IOC"))
    (first,) = await _next(venue, 1, taken=False)

    again, end = await _next(venue, 2)

    assert first == again
    assert isinstance(end, OrderEnded)


async def test_symbols_take_their_turn_by_name(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,) * 3, eth=(FLAT,) * 3)
    await venue.place(limit("f", BUY, "101", tif="IOC", symbol=ETH))
    await venue.place(limit("e", BUY, "101", tif="IOC"))

    updates = await _next(venue, 6)

    assert [update.symbol for update in updates] == [BTC, BTC, ETH, ETH, BTC, ETH]


async def test_a_slow_consumer_changes_nothing_but_the_time_of_telling(clock: Clock) -> None:
    venue = _venue(clock, (FLAT, (100.0, 100.0, 98.0, 99.0), FLAT, FLAT))
    await venue.place(limit("e", BUY, "99"))
    await clock.sleep_until(FIRST + 2.5 * HOUR)
    # Brings the venue up to now: the entry filled half an hour ago, so this stop is not early.
    await venue.place(stop("s", SELL, "90"))

    snapshot = await venue.snapshot(since=0.0)

    assert snapshot.positions == {BTC: Decimal(1)}
    assert [fill.at for fill in snapshot.fills] == [FIRST + 2 * HOUR]
    assert [type(update) for update in await _next(venue, 4)] == [Marked, Fill, OrderEnded, Marked]


async def test_an_entry_that_finds_no_bar_expires_after_two_bar_lengths(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,), start=FIRST - HOUR)
    await venue.place(limit("e", BUY, "101", tif="IOC"))

    (end,) = await _next(venue, 1)

    assert isinstance(end, OrderEnded)
    assert (end.final, end.why) == ("expired", "no_price")
    assert end.at == pytest.approx(EPOCH + 0.2 + 2 * HOUR)


async def test_a_close_waits_for_the_next_bar_that_exists(clock: Clock) -> None:
    bars = [*hourly(FIRST - HOUR, FLAT, FLAT), *hourly(FIRST + 30 * HOUR, (90.0, 91.0, 89.0, 90.0))]
    venue = PaperVenue(RecordedMarket(MemoryCandles({BTC: bars}), default_filters=FILTERS), clock)
    await venue.place(limit("e", BUY, "101", tif="IOC"))
    await _next(venue, 3)
    await venue.place(close("c", SELL))

    fill, end = await _next(venue, 2)

    assert isinstance(fill, Fill)
    # 90 x 0.9985 = 89.865 -> 89.86.
    assert (fill.price, fill.at) == (Decimal("89.86"), FIRST + 30 * HOUR)
    assert isinstance(end, OrderEnded)


async def test_a_position_whose_candles_ended_stays_open_and_costs_few_looks(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,))
    await venue.place(limit("e", BUY, "101", tif="IOC"))
    await _next(venue, 3)

    with anyio.move_on_after(300 * 86_400.0) as waited:
        await _next(venue, 1)

    assert waited.cancelled_caught
    assert (await venue.snapshot(since=0.0)).positions == {BTC: Decimal(1)}


async def test_cancel_ends_an_open_order_once(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,) * 3)
    await venue.place(limit("e", BUY, "90"))

    assert await venue.cancel(BTC, "e")
    assert not await venue.cancel(BTC, "e")
    assert not await venue.cancel(ETH, "never")
    (end,) = await _next(venue, 1)
    assert isinstance(end, OrderEnded)
    assert (end.cid, end.final, end.cum_qty) == ("e", "cancelled", Decimal(0))


async def test_a_fill_wins_against_a_cancel_that_comes_after_it(clock: Clock) -> None:
    venue = _venue(clock, ((100.0, 100.0, 98.0, 99.0), FLAT))
    await venue.place(limit("e", BUY, "99"))
    await clock.sleep_until(FIRST + HOUR + 5.0)

    assert not await venue.cancel(BTC, "e")
    assert isinstance((await _next(venue, 1))[0], Fill)


async def test_the_venue_knows_open_and_ended_orders(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,) * 3)
    await venue.place(limit("e", BUY, "101", tif="IOC"))
    await venue.place(target("t", SELL, "120"))
    await _next(venue, 2)

    ended, resting = await venue.order(BTC, "e"), await venue.order(BTC, "t")

    assert ended is not None
    assert resting is not None
    assert (ended.status, ended.cum_qty) == ("filled", Decimal(1))
    assert (resting.status, resting.cum_qty) == ("open", Decimal(0))
    assert await venue.order(BTC, "other") is None
    assert [state.order.cid for state in (await venue.snapshot(since=0.0)).open_orders] == ["t"]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (limit("x", BUY, "99.001"), "tick"),
        (limit("x", BUY, "-1"), "tick"),
        (limit("x", BUY, "99", qty="0.0101"), "step"),
        (limit("x", BUY, "99", qty="0"), "step"),
        (limit("x", BUY, "99", qty="51"), "max_qty"),
        (limit("x", BUY, "99", qty="1e40"), "max_qty"),
        (limit("x", BUY, "99", qty="NaN"), "malformed"),
        (limit("x", BUY, "Infinity"), "malformed"),
        (limit("x", BUY, "1e40"), "tick"),
        (limit("x", BUY, "99", qty="0.009"), "min_qty"),
        (limit("x", BUY, "99", qty="0.05"), "min_notional"),
        (limit("x", BUY, "99", symbol=Symbol("NOSUCH")), "unknown_symbol"),
        (limit("x", BUY, "99", tif="FOK"), "malformed"),
        (stop("x", SELL, "95.005"), "tick"),
        (close("x", SELL, qty="0.0005"), "step"),
        (VenueOrder(cid="x", symbol=BTC, side=BUY, type="limit", tif="GTC", qty=Decimal(1)), "malformed"),
        (VenueOrder(cid="x", symbol=BTC, side=BUY, type="market", tif="IOC", qty=Decimal(1)), "market_entry"),
        (limit("used", BUY, "99"), "duplicate_cid"),
    ],
)
async def test_what_a_venue_would_refuse_is_refused(clock: Clock, order: VenueOrder, reason: str) -> None:
    venue = _venue(clock, (FLAT,) * 3, start=FIRST - HOUR)
    await venue.place(limit("used", BUY, "90"))

    with pytest.raises(Refused) as refusal:
        await venue.place(order)

    assert refusal.value.reason == reason
    assert len((await venue.snapshot(since=0.0)).open_orders) == 1


async def test_the_id_of_an_ended_order_is_not_used_again(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,) * 3, start=FIRST - HOUR)
    await venue.place(limit("e", BUY, "90"))
    await venue.cancel(BTC, "e")

    with pytest.raises(Refused, match="used before"):
        await venue.place(limit("e", BUY, "90"))


async def test_spot_sells_only_what_is_there(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,) * 3, start=FIRST - HOUR, market="spot")

    with pytest.raises(Refused) as refusal:
        await venue.place(limit("e", SELL, "99"))

    assert refusal.value.reason == "cannot_short"


async def test_an_order_is_checked_against_the_position_of_its_own_moment(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,) * 3, market="spot")
    await venue.place(limit("e", BUY, "101", tif="IOC"))
    await clock.sleep_until(FIRST + 60.0)

    # Nobody has listened, and yet there is something to sell.
    ack = await venue.place(limit("x", SELL, "110"))

    assert ack.cid == "x"


async def test_an_entry_needs_a_price_and_a_protective_order_does_not(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,) * 3)
    await venue.place(stop("s", SELL, "90"))
    await venue.place(limit("e", BUY, "90"))
    late = PaperVenue(RecordedMarket(MemoryCandles({BTC: hourly(FIRST - 9 * HOUR, FLAT)})), clock)

    with pytest.raises(Refused) as refusal:
        await late.place(limit("e", BUY, "90"))

    assert refusal.value.reason == "no_price"


async def test_margin_is_what_the_account_can_carry(clock: Clock) -> None:
    # 10 x 99 / 20 = 49.5 a time; the balance carries two.
    venue = _venue(clock, (FLAT,) * 3, start=FIRST - HOUR, balance="100")
    await venue.place(limit("a", BUY, "99", qty="10"))
    await venue.place(limit("b", BUY, "99", qty="10"))

    with pytest.raises(Refused) as refusal:
        await venue.place(limit("c", BUY, "99", qty="10"))

    assert refusal.value.reason == "insufficient_margin"


async def test_a_lost_answer_may_hide_an_order_that_was_taken(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,) * 3, start=FIRST - HOUR)
    venue.fail_next(OutcomeUnknown("no answer"))
    venue.fail_next(OutcomeUnknown("no answer"), accepted=True)

    with pytest.raises(OutcomeUnknown):
        await venue.place(limit("gone", BUY, "90"))
    with pytest.raises(OutcomeUnknown):
        await venue.place(limit("taken", BUY, "90"))

    assert await venue.order(BTC, "gone") is None
    assert await venue.order(BTC, "taken") is not None


async def test_bad_days_of_queries(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,) * 3, start=FIRST - HOUR)
    await venue.place(limit("e", BUY, "90"))
    for method in ("order", "snapshot"):
        venue.fail_next(Unavailable("down"), method=method)
    venue.fail_next(OutcomeUnknown("no answer"), method="cancel", accepted=True)

    with pytest.raises(Unavailable):
        await venue.order(BTC, "e")
    with pytest.raises(Unavailable):
        await venue.snapshot(since=0.0)
    with pytest.raises(OutcomeUnknown):
        await venue.cancel(BTC, "e")
    assert (await venue.snapshot(since=0.0)).open_orders == ()


async def test_a_new_process_goes_on_with_what_the_log_knows(clock: Clock) -> None:
    market = RecordedMarket(
        MemoryCandles({BTC: hourly(FIRST - HOUR, FLAT, FLAT, (100.0, 106.0, 99.0, 105.0))}), default_filters=FILTERS
    )
    venue = PaperVenue(market, clock)
    resting = OrderState(order=target("t", SELL, "105", qty="2"), venue_id="x", status="open", cum_qty=Decimal("0.5"))
    ended = OrderState(order=limit("e", BUY, "99"), venue_id="x", status="filled", cum_qty=Decimal(1))
    venue.restore(orders=[resting, ended], positions={BTC: Decimal(1)}, equity=Decimal(9_900))

    _, fill, _ = await _next(venue, 3)

    assert isinstance(fill, Fill)
    assert (fill.cid, fill.qty, fill.trade_id, fill.remaining) == ("t", Decimal(1), "t-1.5", Decimal("0.5"))
    assert await venue.order(BTC, "e") == ended
    # Worth 9900 with one at 100: cash 9800, plus 105, less 105 x 0.0002.
    assert venue.account.cash == Decimal("9904.979")


@pytest.mark.fault("C4")
@pytest.mark.parametrize("bad", [(0.0, 0.0, 0.0, 0.0), (float("nan"),) * 4, (1e308, 1e308, 1e308, 1e308)])
async def test_nothing_fills_and_nothing_is_marked_on_a_bad_bar(
    clock: Clock, bad: tuple[float, float, float, float]
) -> None:
    venue = _venue(clock, (FLAT, bad, FLAT))
    await venue.place(limit("e", BUY, "101", tif="IOC"))
    await venue.place(stop("s", SELL, "95"))
    await venue.place(target("t", SELL, "105"))

    updates = await _next(venue, 4)

    assert [type(update) for update in updates] == [Fill, OrderEnded, Marked, Marked]
    assert [update.at for update in updates[2:]] == [FIRST + HOUR, FIRST + 3 * HOUR]
    assert venue.bad_bars == 1


@pytest.mark.fault("C4")
async def test_nothing_fills_where_there_are_no_bars(clock: Clock) -> None:
    bars = [*hourly(FIRST - HOUR, FLAT, FLAT), *hourly(FIRST + 5 * HOUR, (80.0, 81.0, 79.0, 80.0))]
    venue = PaperVenue(RecordedMarket(MemoryCandles({BTC: bars}), default_filters=FILTERS), clock)
    await venue.place(limit("e", BUY, "101", tif="IOC"))
    await venue.place(stop("s", SELL, "95"))

    *_, fill, end, marked = await _next(venue, 6)

    assert isinstance(fill, Fill)
    # Nothing for four hours, then a gap: 80 - 0.2 = 79.8.
    assert (fill.price, fill.at) == (Decimal("79.8"), FIRST + 6 * HOUR)
    assert isinstance(end, OrderEnded)
    assert isinstance(marked, Marked)


async def test_ended_orders_are_remembered_in_bounded_number(clock: Clock) -> None:
    venue = _venue(clock, (FLAT,) * 3, start=FIRST - HOUR, latency_ms=0.0)
    for number in range(FINISHED_MAX + 10):
        await venue.place(limit(f"e{number}", BUY, "90"))
        await venue.cancel(BTC, f"e{number}")

    assert await venue.order(BTC, "e0") is None
    assert await venue.order(BTC, f"e{FINISHED_MAX}") is not None


async def test_a_demo_call_resolves_on_one_second_bars(clock: Clock) -> None:
    market = DemoMarket(seed=3)
    venue = PaperVenue(market, clock)
    mark = market.mark(BTC, clock.time())
    assert mark is not None
    tick = Decimal("0.1")
    await venue.place(limit("e", BUY, str((mark.price * Decimal("1.01")).quantize(tick)), qty="0.01", tif="IOC"))
    await venue.place(stop("s", SELL, str((mark.price * Decimal("0.99")).quantize(tick)), qty="0.01"))
    await venue.place(target("t", SELL, str((mark.price * Decimal("1.01")).quantize(tick)), qty="0.01"))
    fills: list[Fill] = []

    async for update in venue.updates():
        if isinstance(update, Fill):
            fills.append(update)
        if len(fills) == 2:
            break

    assert fills[1].cid in ("s", "t")
    assert clock.time() - EPOCH < 300.0
    spent = sum((-fill.side.sign * fill.qty * fill.price - fill.fee for fill in fills), Decimal(0))
    assert venue.account.cash == Decimal(10_000) + spent


def _venue(
    clock: Clock,
    btc: tuple[tuple[float, float, float, float], ...],
    *,
    eth: tuple[tuple[float, float, float, float], ...] = (),
    start: float = FIRST,
    market: Literal["spot", "swap"] = "swap",
    balance: str = "10000",
    latency_ms: float = 200.0,
) -> PaperVenue:
    # A bar an hour before the first one, so that entries have a price when they are placed.
    before = hourly(start - HOUR, FLAT, volume=0.0)
    bars: dict[str, list[Bar]] = {BTC: before + hourly(start, *btc)}
    if eth:
        bars[ETH] = before + hourly(start, *eth)
    recorded = RecordedMarket(MemoryCandles(bars), market=market, default_filters=FILTERS)
    return PaperVenue(recorded, clock, balance=Decimal(balance), latency_ms=latency_ms)


async def _next(venue: PaperVenue, count: int, *, taken: bool = True) -> list[VenueUpdate]:
    found: list[VenueUpdate] = []
    updates = venue.updates()
    async for update in updates:
        found.append(update)
        if len(found) == count and not taken:
            break
        if len(found) == count:
            # Asking for one more is what says that the last one was taken.
            with anyio.move_on_after(0):
                await anext(updates)
            break
    return found
