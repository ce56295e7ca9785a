"""
Stops that look at closes alone: out at the first close of a bar of four hours beyond X, from the post to the venue.

All begins six minutes before midnight, when such a bar ends. At 98 the stop at the venue lies at 95.06.
"""

from decimal import Decimal as D
from functools import cache

import pytest

from levibotd.domain.order_records import CancelIntent, OrderFill, OrderIntent, PositionClosed
from levibotd.domain.records import AutoRouteExecuted, Control, Logged, RiskSltp
from levibotd.domain.trade_plan import CloseStop
from tests.scenarios.bench import BTC, MINUTE_S, Life, World, config_of, flat, minutes

MIDNIGHT = 1_700_006_400.0
BEGIN = MIDNIGHT - 6 * MINUTE_S
LONG = "BTC/USDT LONG\nEntry: market\nTargets: 105, 110\nStop Loss: 4H close below 98"
ARMED = "BTC/USDT LONG\nEntry: above 101\nTargets: 105, 110\nStop Loss: 4H close below 99.7"
SHORT = "BTC/USDT SHORT\nEntry: market\nTargets: 95, 90\nStop Loss: 4H close above 102"
NAKED_S = 5.0

Prices = list[tuple[float, float, float, float]]
FALLS: Prices = [(100.0, 100.0, 97.0, 97.5), *flat(97.5, 2)]


def new_world(*prices: tuple[float, float, float, float], **settings: str) -> World:
    return World({BTC: minutes(*flat(100.0, 2), *prices, start=BEGIN)}, config=config_of(settings))


async def to_the_end(life: Life) -> Life:
    await life.until(MIDNIGHT + 5 * MINUTE_S + 30)
    return life


def outs(world: World) -> list[tuple[str, float]]:
    """Why positions were closed, and in which minute from midnight on: at the open of the next bar at the earliest."""
    closed = [one.entry.record for one in world.records() if isinstance(one.entry.record, PositionClosed)]
    return [(one.reason, (one.at - MIDNIGHT) // MINUTE_S) for one in closed]


@pytest.mark.parametrize(
    ("name", "text", "prices", "ends"),
    [
        ("closed beyond", LONG, [*FALLS, *flat(97.5, 8)], [("stop", 1)]),
        ("closed at it", LONG, [*flat(98.0, 11)], []),
        ("was beyond, closed before", LONG, [*FALLS, (97.5, 98.5, 97.5, 98.5), *flat(98.5, 8)], []),
        ("went beyond afterwards", LONG, [*flat(100.0, 4), (100.0, 100.0, 97.0, 97.5), *flat(97.5, 7)], []),
        ("the disaster comes first", LONG, [(100.0, 100.0, 94.0, 94.5), *flat(94.5, 11)], [("stop", -3)]),
        ("short, closed beyond", SHORT, [(100.0, 103.0, 100.0, 102.5), *flat(102.5, 9)], [("stop", 1)]),
        ("short, closed before", SHORT, [(100.0, 103.0, 100.0, 101.5), *flat(101.5, 9)], []),
    ],
)
def test_it_is_out_at_the_first_close_beyond(
    name: str, text: str, prices: Prices, ends: list[tuple[str, float]]
) -> None:
    world = new_world(*prices)
    world.post(text, at=BEGIN + 10)
    life = world.run(to_the_end, at=BEGIN)
    world.verify()
    assert outs(world) == ends, name
    assert bool(life.ledger.calls) == (not ends)
    assert life.naked.look() == 0.0


def test_ticket_and_levels_name_the_rule_and_the_venue_has_the_stop_behind_it() -> None:
    world = new_world(*flat(100.0, 9))

    async def look(life: Life) -> None:
        life.say(LONG)
        await life.until(BEGIN + 60)
        (call,) = life.ledger.calls.values()
        rule = CloseStop(price=D(98), interval_s=14_400.0)
        assert call.close_stop == call.plan.close_stop == rule
        assert [one.close_stop for one in life.of(RiskSltp)] == [rule]
        stop = next(one for one in life.of(OrderIntent) if one.role == "s")
        assert (call.stop, stop.trigger) == (D("95.06"), D("95.06"))

    world.run(look, at=BEGIN)


def test_the_stop_rests_until_the_way_out_is_over() -> None:
    world = new_world(*FALLS, *flat(97.5, 8))
    world.post(LONG, at=BEGIN + 10)
    life = world.run(to_the_end, at=BEGIN)
    story = [one.entry.record for one in world.records()]
    (out,) = (one for one in life.of(OrderIntent) if one.role == "c")
    sold = next(i for i, one in enumerate(story) if isinstance(one, OrderFill) and one.cid == out.cid)
    stop = next(one.cid for one in life.of(OrderIntent) if one.role == "s")
    gone = next(i for i, one in enumerate(story) if isinstance(one, CancelIntent) and one.cid == stop)
    assert sold < gone
    assert [(one.command, one.by) for one in life.of(Control)] == [("close", "stop")]


def test_entries_that_wait_are_ended_by_a_close_beyond() -> None:
    world = new_world(*flat(100.0, 3), (100.0, 100.0, 99.5, 99.5), *flat(99.5, 6))
    world.post(ARMED, at=BEGIN + 10)
    life = world.run(to_the_end, at=BEGIN)
    assert [one.effect for one in life.of(AutoRouteExecuted)] == ["opened"]
    assert [one.why for one in life.of(CancelIntent)][:1] == ["stop"]
    assert not life.ledger.calls
    assert not life.of(OrderFill)


@pytest.mark.parametrize("down_until", [MIDNIGHT + 0.5, MIDNIGHT + 90.0, MIDNIGHT + 200.0])
def test_a_bar_that_closed_while_the_daemon_was_down_acts_at_its_start(down_until: float) -> None:
    world = new_world(*FALLS, *flat(97.5, 8))
    world.post(LONG, at=BEGIN + 10)

    async def first(life: Life) -> None:
        await life.until(MIDNIGHT - 60)

    world.run(first, at=BEGIN)
    life = world.run(to_the_end, at=down_until)
    (closed,) = life.of(PositionClosed)
    assert closed.reason == "stop"
    assert closed.at - down_until <= MINUTE_S
    assert life.naked.look() <= NAKED_S


def test_what_is_told_of_prices_changes_nothing() -> None:
    """A venue that tells every bar, and one that leaves out the calm ones: the same records."""
    logs = []
    for restless in (False, True):
        world = new_world(*flat(100.0, 3), *FALLS, *flat(97.5, 6))
        world.post(LONG, at=BEGIN + 10)
        world.run(to_the_end, at=BEGIN, restless=restless)
        logs.append([one.entry.record for one in world.records()])
    assert logs[0] == logs[1]


@cache
def whole() -> tuple[World, list[Logged]]:
    world = new_world(*FALLS, *flat(97.5, 8))
    world.post(LONG, at=BEGIN + 10)
    world.post("Close half", at=BEGIN + 200, reply_to=1)
    world.run(to_the_end, at=BEGIN)
    return world, world.records()


def test_a_process_killed_behind_any_record_is_out_once() -> None:
    first, records = whole()
    assert outs(first) == [("stop", 1)]
    for seq in range(1, len(records)):
        world = first.after_kill(seq)
        life = world.run(to_the_end, at=records[seq - 1].ts + (0.0, 0.3, 20.0, 90.0)[seq % 4])
        behind = f"killed behind {seq} ({records[seq - 1].event_type})"
        world.verify()
        assert not life.ledger.calls, behind
        assert life.venue.account.positions == {}, behind
        assert life.naked.look() <= NAKED_S, behind
        told = [one for one in life.of(Control) if one.by == "stop"]
        opened = bool(life.of(OrderFill))
        assert len(told) == opened, behind
        assert [reason for reason, _ in outs(world)] == ["stop"] * opened, behind
        assert world.fold() == life.ledger
