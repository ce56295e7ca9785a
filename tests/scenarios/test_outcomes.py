"""
From the text of a post to money, worked out by hand.

A thousand in quote a call, a taker fee of 5 bp, a maker fee of 2 bp, half a spread of 2 bp, ticks
of a cent, steps of a thousandth. A post comes ten seconds into the first minute; a market entry
fills at the open of the next one.
"""

from decimal import Decimal as D

import msgspec
import pytest

from levibotd.config import Config
from levibotd.domain.order_records import (
    CancelIntent,
    EntryArmed,
    OrderAck,
    OrderDone,
    OrderFill,
    OrderIntent,
    PositionClosed,
    PositionOpened,
)
from levibotd.domain.records import AutoRouteDryrun, AutoRouteExecuted, RiskSltp, RiskTicket, SignalRejected
from levibotd.domain.signal import CallKey
from levibotd.kernel.clock import Clock
from levibotd.messages import ClosePosition
from levibotd.settings import ChannelConfig
from tests.scenarios.bench import BTC, CHANNEL, ETH, T0, Life, World, bars, config_of, flat, key_of, minutes

LONG = "BTC/USDT LONG\nEntry: market\nTargets: 105, 110\nStop Loss: 95"
SHORT = "BTC/USDT SHORT\nEntry: market\nTargets: 95, 90\nStop Loss: 105"
BAND = "BTC/USDT LONG\nEntry: 98 - 99\nTargets: 105\nStop Loss: 95"
LIMIT = "BTC/USDT LONG\nEntry: 98\nTargets: 105\nStop Loss: 95"
BREAKOUT = "BTC/USDT\nBuy above 102\nTargets: 106\nStop Loss: 99"
Prices = tuple[float, float, float, float]


async def play(clock: Clock, text: str, *prices: Prices, config: Config | None = None) -> Life:
    """One post in the first minute, and then these bars to their end."""
    world = World({BTC: minutes(*flat(100.0, 1), *prices)}, config=config)
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(text)
        await life.minute(len(prices) + 1)
    world.verify()
    return life


def channel(**settings: object) -> Config:
    """The bench's configuration with these of the one channel."""
    config = config_of()
    channels = (msgspec.convert({"id": CHANNEL, **settings}, ChannelConfig),)
    return msgspec.structs.replace(config, telegram=msgspec.structs.replace(config.telegram, channels=channels))


def close_to(value: D | float, expected: str) -> bool:
    return abs(D(value) - D(expected)) <= D("1e-9")


def expect_closed(life: Life, *, qty: str, entry: str, exit_: str, pnl: str, fees: str, reason: str) -> PositionClosed:
    """One trade, with these figures, and an account and a ledger that say the same."""
    (closed,) = life.of(PositionClosed)
    assert (str(closed.qty), closed.reason) == (qty, reason)
    figures = {"entry": (closed.entry, entry), "exit": (closed.exit, exit_), "pnl": (closed.pnl, pnl)}
    figures |= {"fees": (closed.fees, fees), "net": (closed.net, str(D(pnl) - D(fees)))}
    wrong = {name: pair for name, pair in figures.items() if not close_to(*pair)}
    assert not wrong
    ledger = life.ledger
    assert not ledger.calls
    assert close_to(ledger.realised, pnl)
    assert close_to(ledger.cash, str(D(10_000) + D(pnl) - D(fees)))
    assert close_to(life.venue.account.cash, str(ledger.cash))
    return closed


def expect_nothing(life: Life, *, finals: list[str]) -> None:
    """A call that came to nothing: no fill, no cent moved, no order left."""
    assert life.of(OrderFill) == []
    assert life.of(PositionClosed) == []
    assert [done.final for done in life.of(OrderDone)] == finals
    assert life.ledger.cash == 10_000
    assert not life.ledger.calls


async def test_a_market_entry_and_both_targets(clock: Clock) -> None:
    life = await play(clock, LONG, *flat(100.0, 2), (100.0, 106.0, 99.5, 105.5), (105.5, 111.0, 105.0, 110.5))

    # 1000 / 100.5 (the most it may pay) = 9.950; bought at 100 x 1.0002; 4.975 sold at each target.
    # Fees: 9.95 x 100.02 x .0005 + 4.975 x 105 x .0002 + 4.975 x 110 x .0002.
    closed = expect_closed(
        life, qty="9.95", entry="100.02", exit_="107.5", pnl="74.426", fees="0.7115245", reason="target"
    )
    # Planned loss of a unit: 5.5 to the stop + .0005 x (100.5 + 95) + a slip of .095 = 5.69275; times 9.95.
    assert closed.r == pytest.approx(73.7144755 / 56.6428625, abs=1e-5)
    (ticket,) = life.of(RiskTicket)
    assert close_to(ticket.plan.planned_loss, "56.6428625")
    assert (closed.opened_at, closed.at) == (T0 + 60, T0 + 300)


async def test_a_short_and_both_targets(clock: Clock) -> None:
    life = await play(clock, SHORT, *flat(100.0, 2), (100.0, 100.5, 94.0, 94.5), (94.5, 95.0, 89.0, 89.5))

    # 1000 / 99.5 = 10.050; sold at 100 x .9998; fees .5023995 + .095475 + .09045.
    expect_closed(life, qty="10.05", entry="99.98", exit_="92.5", pnl="75.174", fees="0.6883245", reason="target")


async def test_of_target_and_stop_in_one_bar_the_stop_comes_first(clock: Clock) -> None:
    life = await play(clock, LONG, *flat(100.0, 2), (100.0, 106.0, 94.0, 100.0))

    # The stop at 95 slips by a tenth of the bar's range of 12.
    expect_closed(life, qty="9.95", entry="100.02", exit_="93.8", pnl="-61.889", fees="0.9642545", reason="stop")


async def test_of_target_and_stop_in_one_bar_the_stop_comes_first_for_a_short_too(clock: Clock) -> None:
    life = await play(clock, SHORT, *flat(100.0, 2), (100.0, 106.0, 94.0, 100.0))

    # 105 + 1.2 = 106.2; 10.05 x (99.98 - 106.2); fees .5023995 + 10.05 x 106.2 x .0005.
    expect_closed(life, qty="10.05", entry="99.98", exit_="106.2", pnl="-62.511", fees="1.0360545", reason="stop")


async def test_a_gap_through_the_stop_fills_at_the_open(clock: Clock) -> None:
    life = await play(clock, LONG, *flat(100.0, 2), (90.0, 91.0, 89.0, 90.0))

    # Not at 95, which never traded: at 90 less a tenth of the range of 2.
    expect_closed(life, qty="9.95", entry="100.02", exit_="89.8", pnl="-101.689", fees="0.9443545", reason="stop")


async def test_a_stop_after_the_first_target_sells_what_is_left(clock: Clock) -> None:
    life = await play(clock, LONG, *flat(100.0, 2), (100.0, 106.0, 99.5, 100.0), (100.0, 100.0, 94.0, 95.0))

    # 4.975 x 4.98 at the target, 4.975 x (94.4 - 100.02) at the stop; fees .4975995 + .104475 + .23482.
    expect_closed(life, qty="9.95", entry="100.02", exit_="99.7", pnl="-3.184", fees="0.8368945", reason="stop")


async def test_after_the_first_target_the_stop_moves_to_break_even(clock: Clock) -> None:
    life = await play(
        clock,
        LONG,
        *flat(100.0, 2),
        (100.0, 106.0, 99.5, 105.5),
        (105.5, 105.5, 101.0, 101.0),
        (101.0, 101.0, 99.0, 99.5),
        config=channel(stop_mover="breakeven"),
    )

    # 100.02 x 1.0005 / .9995 = 100.12007..., up to the tick: 100.13. It slips by a tenth of 2.
    moved = [record for record in life.of(RiskSltp) if record.why == "moved"]
    assert [(record.stop, record.stop_source) for record in moved] == [(D("100.13"), "breakeven")]
    # 4.975 x 4.98 + 4.975 x (99.93 - 100.02); fees .4975995 + .104475 + 4.975 x 99.93 x .0005.
    expect_closed(life, qty="9.95", entry="100.02", exit_="102.465", pnl="24.32775", fees="0.850650375", reason="stop")
    # The new stop was there before the old one went.
    stops = [intent.cid for intent in life.of(OrderIntent) if intent.role == "s"]
    told = [one.entry.record for one in life.records]
    acked = next(place for place, one in enumerate(told) if isinstance(one, OrderAck) and one.cid == stops[1])
    cancelled = next(place for place, one in enumerate(told) if isinstance(one, CancelIntent) and one.cid == stops[0])
    assert acked < cancelled


async def test_of_a_band_only_the_near_rung_fills(clock: Clock) -> None:
    life = await play(clock, BAND, *flat(100.0, 1), (100.0, 100.0, 98.5, 99.5), (99.5, 106.0, 99.4, 105.5))

    # 1000 / 98.5 = 10.152, half at 99 and half at 98; 98 never trades, so 5.076 is all there is to sell.
    # Fees: 5.076 x 99 x .0002 + 5.076 x 105 x .0002.
    expect_closed(life, qty="5.076", entry="99", exit_="105", pnl="30.456", fees="0.2071008", reason="target")
    cancelled = [done for done in life.of(OrderDone) if done.final == "cancelled"]
    assert len(cancelled) == 2  # The far rung, and the stop.


async def test_both_rungs_of_a_band_fill_in_one_fall(clock: Clock) -> None:
    life = await play(clock, BAND, *flat(100.0, 1), (100.0, 100.0, 97.0, 99.5), (99.5, 106.0, 99.4, 105.5))

    # 5.076 at 99 and 5.076 at 98; 10.152 x (105 - 98.5); fees .1005048 + .0994896 + .213192.
    expect_closed(life, qty="10.152", entry="98.5", exit_="105", pnl="65.988", fees="0.4131864", reason="target")


async def test_a_limit_that_is_only_touched_does_not_fill_and_expires(clock: Clock) -> None:
    life = await play(
        clock, LIMIT, *flat(100.0, 1), (100.0, 100.0, 98.0, 99.0), *flat(99.0, 2), (99.0, 99.0, 97.0, 98.5),
        config=channel(entry_ttl_h=0.05),
    )  # fmt: skip

    expect_nothing(life, finals=["cancelled", "cancelled"])
    assert [cancel.why for cancel in life.of(CancelIntent)] == ["expired", "unfilled"]


async def test_an_entry_whose_target_traded_first_is_withdrawn(clock: Clock) -> None:
    life = await play(clock, LIMIT, (100.0, 106.0, 100.0, 105.0), *flat(100.0, 1), (100.0, 100.0, 96.0, 97.0))

    expect_nothing(life, finals=["cancelled", "cancelled"])
    assert [cancel.why for cancel in life.of(CancelIntent)] == ["target_traded", "unfilled"]


async def test_a_breakout_waits_for_its_level(clock: Clock) -> None:
    life = await play(
        clock, BREAKOUT, *flat(100.0, 2), (100.0, 103.0, 100.0, 102.5), *flat(102.5, 1), (102.5, 107.0, 102.0, 106.5)
    )

    (armed,) = life.of(EntryArmed)
    assert (armed.trigger, armed.price) == (D(102), D("102.51"))
    # 1000 / 102.51 = 9.755, bought at 102 x 1.0002, up to the tick.
    expect_closed(life, qty="9.755", entry="102.03", exit_="106", pnl="38.72735", fees="0.704457325", reason="target")


async def test_a_breakout_that_gaps_past_its_cap_is_skipped(clock: Clock) -> None:
    life = await play(clock, BREAKOUT, *flat(100.0, 2), (103.5, 104.0, 103.0, 103.5), *flat(103.5, 1))

    expect_nothing(life, finals=["expired", "cancelled"])
    assert life.of(OrderDone)[0].why == "gap"


async def test_no_bar_no_fill_and_the_next_one_decides(clock: Clock) -> None:
    hole = 30 * 60.0
    world = World({BTC: minutes(*flat(100.0, 3)) + bars((94.0, 94.5, 93.0, 94.0), start=T0 + hole)})
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(29)
        assert life.of(PositionOpened)
        assert life.of(PositionClosed) == []
        await life.minute(31)

    # At the first price after the hole: 94 less a tenth of the range of 1.5.
    closed = expect_closed(
        life, qty="9.95", entry="100.02", exit_="93.85", pnl="-61.3915", fees="0.96450325", reason="stop"
    )
    assert closed.at == T0 + hole + 60


async def test_a_channel_closes_its_call_by_a_reply(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 3), *flat(102.0, 4))})
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.until(T0 + 150)
        trace = life.say("Close this trade now", reply_to=1)
        await life.minute(5)

    assert life.decision(trace) == AutoRouteExecuted(legs=life.of(AutoRouteExecuted)[1].legs, effect="closed")
    # Sold at the open of the next minute: 102 x .9998, down to the tick.
    expect_closed(life, qty="9.95", entry="100.02", exit_="101.97", pnl="19.4025", fees="1.00490025", reason="close")


@pytest.mark.parametrize(("calls", "reason"), [((), "flatten"), ((key_of(1),), "close")])
async def test_an_operator_closes_a_call(clock: Clock, calls: tuple[CallKey, ...], reason: str) -> None:
    world = World({BTC: minutes(*flat(100.0, 3), *flat(102.0, 4))})
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.until(T0 + 150)
        command = ClosePosition(calls=calls, by="operator", reason="enough")
        assert await life.wired.exec_.ask(command, timeout_s=5) == (key_of(1),)
        await life.minute(5)

    expect_closed(life, qty="9.95", entry="100.02", exit_="101.97", pnl="19.4025", fees="1.00490025", reason=reason)


async def test_a_call_that_never_filled_is_closed_by_taking_it_back(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 4), (100.0, 100.0, 96.0, 97.0), *flat(97.0, 2))})
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(LIMIT)
        await life.until(T0 + 150)
        trace = life.say("Cancel this signal", reply_to=1)
        await life.minute(6)

    decision = life.decision(trace)
    assert isinstance(decision, AutoRouteExecuted)
    assert decision.effect == "cancelled"
    expect_nothing(life, finals=["cancelled", "cancelled"])


@pytest.mark.fault("B24")
async def test_a_second_call_on_a_held_symbol_is_refused_and_changes_nothing(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 4), (100.0, 106.0, 99.5, 105.5), (105.5, 111.0, 105.0, 110.5))})
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.until(T0 + 130)
        orders = {cid: order for cid, order in life.ledger.orders.items() if not order.terminal}
        others = [life.say(text, channel=name) for text in (SHORT, LONG) for name in ("@others", CHANNEL)]
        await life.until(T0 + 150)
        refusals = [life.decision(trace) for trace in others]
        assert {cid: order for cid, order in life.ledger.orders.items() if not order.terminal} == orders
        await life.minute(6)

    for refusal in refusals:
        assert isinstance(refusal, SignalRejected)
        assert (refusal.gate, refusal.owner, refusal.side) == ("symbol_busy", key_of(1), "BUY")
    # As if nobody else had said a word.
    expect_closed(life, qty="9.95", entry="100.02", exit_="107.5", pnl="74.426", fees="0.7115245", reason="target")
    assert len({sent.order.cid for sent in world.sent}) == len(world.sent) == 4


async def test_in_stage_observe_a_call_is_a_dry_run(clock: Clock) -> None:
    life = await play(clock, LONG, *flat(100.0, 3), config=config_of({"LEVI_EXCHANGE__STAGE": "observe"}))

    (dry,) = life.of(AutoRouteDryrun)
    assert [(leg.symbol, leg.outcome) for leg in dry.legs] == [(BTC, "dryrun")]
    assert life.world.sent == []
    assert life.of(RiskTicket) == []
    assert life.ledger.cash == 10_000


async def test_two_coins_in_one_post_are_two_trades_and_one_decision(clock: Clock) -> None:
    both = f"{LONG}\n\nETH/USDT LONG\nEntry: market\nTargets: 52, 54\nStop Loss: 48"
    world = World(
        {
            BTC: minutes(*flat(100.0, 3), (100.0, 106.0, 99.5, 105.5), (105.5, 111.0, 105.0, 110.5)),
            ETH: minutes(*flat(50.0, 3), (50.0, 50.0, 47.0, 48.0), *flat(48.0, 1)),
        }
    )
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        trace = life.say(both)
        await life.minute(6)

    decision = life.decision(trace)
    assert isinstance(decision, AutoRouteExecuted)
    assert [(leg.symbol, leg.outcome) for leg in decision.legs] == [(BTC, "intent"), (ETH, "intent")]
    closed = {record.call: record for record in life.of(PositionClosed)}
    assert list(closed) == [key_of(1), key_of(1, leg=1)] or list(closed) == [key_of(1, leg=1), key_of(1)]
    assert close_to(closed[key_of(1)].net, "73.7144755")
    # 1000 / 50.25 = 19.900 at 50.01; stopped at 48 less a tenth of 3 = 47.7; fees .4975995 + .474615.
    assert close_to(closed[key_of(1, leg=1)].net, "-46.9412145")
    assert close_to(life.ledger.cash, "10026.773261")
