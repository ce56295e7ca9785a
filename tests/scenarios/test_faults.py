"""Bad days of the whole pipeline, one test a case."""

from decimal import Decimal as D

import pytest

from levibotd.domain.order_records import (
    OrderAbandoned,
    OrderIntent,
    OrderReject,
    OrderResolved,
    OrderUnknown,
    PositionClosed,
    Protect,
)
from levibotd.domain.records import (
    AutoRouteExecuted,
    DayAnchor,
    KillSwitch,
    RiskState,
    RiskTicket,
    SignalExpired,
    SignalIngest,
    SignalRejected,
)
from levibotd.errors import OutcomeUnknown, Refused, Unavailable
from levibotd.kernel.clock import Clock
from levibotd.kernel.control import Resume, Suspend
from levibotd.messages import ClosePosition, IngestPost, SetKillSwitch, Switch
from levibotd.ports.posts import Posted
from tests.scenarios.bench import BTC, CHANNEL, ETH, T0, Life, World, bars, config_of, flat, key_of, minutes

LONG = "BTC/USDT LONG\nEntry: market\nTargets: 105, 110\nStop Loss: 95"
LIMIT = "BTC/USDT LONG\nEntry: 98\nTargets: 105\nStop Loss: 95"
OTHER = "ETH/USDT LONG\nEntry: market\nTargets: 52, 54\nStop Loss: 48"
MIDNIGHT = 1_700_006_400.0
STOP_OUT = (100.0, 100.0, 94.0, 94.5)


def calm() -> World:
    return World({BTC: minutes(*flat(100.0, 12)), ETH: minutes(*flat(50.0, 12))})


# --- Told again and again ---------------------------------------------------------------------


@pytest.mark.fault("A15")
async def test_a_post_that_is_told_a_hundred_times_is_one_call(clock: Clock) -> None:
    world = calm()
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        trace = life.say(LONG)
        (event,) = world.script
        assert isinstance(event, Posted)
        for _ in range(60):
            life.posts.say(event)
        for _ in range(40):
            answer = await life.wired.telegram.ask(IngestPost(post=event.post), timeout_s=5)
            assert answer.trace == trace
        forwarded = life.say(LONG, number=77, channel="@copycats")
        await life.minute(3)

    assert len([one for one in life.of(SignalIngest) if one.post.trace == trace]) == 1
    assert len(life.of(RiskTicket)) == 1
    assert [one.role for one in life.of(OrderIntent)] == ["s", "e", "t", "t"]
    assert len({sent.order.cid for sent in world.sent}) == len(world.sent) == 4
    copy = life.decision(forwarded)
    assert isinstance(copy, SignalRejected)
    assert (copy.gate, copy.owner) == ("symbol_busy", key_of(1))
    world.verify()


@pytest.mark.fault("A15")
async def test_a_ticket_that_is_delivered_twice_is_spent_once(clock: Clock) -> None:
    world = calm()
    async with world.life(clock, double=("exec",)) as life:
        await life.until(T0 + 10)
        trace = life.say(LONG)
        await life.minute(3)

    assert isinstance(life.decision(trace), AutoRouteExecuted)
    assert [one.role for one in life.of(OrderIntent)] == ["s", "e", "t", "t"]
    assert len({sent.order.cid for sent in world.sent}) == len(world.sent) == 4
    assert life.ledger.calls[key_of(1)].qty == D("9.950")


# --- Answers that are lost ----------------------------------------------------------------------


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_lost_answer_to_an_entry_is_asked_about_and_never_sent_again(clock: Clock, accepted: bool) -> None:
    world = calm()
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(LIMIT)
        await life.until(T0 + 10.25)  # The stop is acknowledged; the entry is on its way.
        life.venue.fail_next(OutcomeUnknown("read timed out"), accepted=accepted)
        await life.minute(2)

    assert len(life.of(OrderUnknown)) == 1
    assert [one.outcome for one in life.of(OrderResolved)] == ["ADOPTED" if accepted else "ABSENT"]
    assert [one.why for one in life.of(OrderAbandoned)] == ([] if accepted else ["absent"])
    assert [sent.order.type for sent in world.sent] == ["stop", "limit"]
    assert bool(life.ledger.calls) is accepted


async def test_an_entry_whose_venue_cannot_be_asked_stays_unknown_and_is_asked_about_again(clock: Clock) -> None:
    world = calm()
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(LIMIT)
        await life.until(T0 + 10.25)
        life.venue.fail_next(OutcomeUnknown("read timed out"), accepted=True)
        for _ in range(5):
            life.venue.fail_next(Unavailable("maintenance"), method="order")
        await life.minute(2)

    assert [one.outcome for one in life.of(OrderResolved)] == ["ADOPTED"]
    assert len(world.sent) == 2
    assert "actor_crash" not in life.operator.getvalue()


async def test_no_entry_goes_out_when_its_stop_is_refused(clock: Clock) -> None:
    world = calm()
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.venue.fail_next(Refused("margin", reason="insufficient_margin"))
        life.say(LONG)
        await life.minute(3)

    assert len(life.of(OrderReject)) == 1
    assert [(one.why) for one in life.of(OrderAbandoned)] == ["unprotected"]
    assert not [sent for sent in world.sent if not sent.order.reduce_only]
    assert not life.ledger.calls


# --- Risk ---------------------------------------------------------------------------------------


def losing_world() -> World:
    """A stop-out of six percent of a tenth of the account on the evening before, and calm days after."""
    evening = minutes(*flat(100.0, 3), STOP_OUT, *flat(94.5, 4))
    night = bars(*flat(94.5, 10), start=MIDNIGHT - 300.0)
    morning = bars(*flat(94.5, 10), start=MIDNIGHT + 600.0)
    later = minutes(*flat(50.0, 200))
    settings = {"LEVI_RISK__DAILY_LOSS_LIMIT": "0.005"}
    return World({BTC: evening + night + morning, ETH: later}, config=config_of(settings))


async def lose(life: Life) -> Life:
    await life.until(T0 + 10)
    life.say(LONG)
    await life.minute(6)
    return life


async def say_other(life: Life) -> Life:
    await life.until(life.clock.time() + 10)
    trace = life.say(OTHER)
    await life.until(life.clock.time() + 10)
    decision = life.decision(trace)
    assert isinstance(decision, SignalRejected)
    assert (decision.gate, decision.value) == ("kill_switch", "equity")
    return life


@pytest.mark.fault("C1")
def test_a_tripped_kill_switch_stays_tripped_over_restarts_and_midnight(clock: Clock) -> None:
    world = losing_world()
    life = world.run(lose)
    (tripped,) = life.of(KillSwitch)
    assert (tripped.tripped, tripped.why, tripped.by) == (True, "equity", "risk")
    assert [one.state for one in life.of(RiskState)] == ["HALTED"]

    for at in (T0 + 600, MIDNIGHT - 60, MIDNIGHT + 60, MIDNIGHT + 700):
        life = world.run(say_other, at=at)
        assert life.ledger.control.kill.tripped
    assert [one.day for one in life.of(DayAnchor)] == ["2023-11-14", "2023-11-15"]
    assert len(life.of(KillSwitch)) == 1

    async def re_arm(life: Life) -> Life:
        await life.wired.exec_.ask(SetKillSwitch(tripped=False, by="operator", reason="looked at it"), timeout_s=5)
        trace = life.say(OTHER)
        await life.until(life.clock.time() + 30)
        assert isinstance(life.decision(trace), AutoRouteExecuted)
        return life

    life = world.run(re_arm, at=MIDNIGHT + 800)
    assert life.ledger.control.risk_state == "ACTIVE"
    world.verify()


@pytest.mark.fault("C1")
def test_midnight_passes_while_the_kill_switch_is_tripped(clock: Clock) -> None:
    world = losing_world()

    async def over_midnight(life: Life) -> Life:
        await lose(life)
        await life.until(MIDNIGHT + 5)
        assert [one.day for one in life.of(DayAnchor)] == ["2023-11-14", "2023-11-15"]
        return await say_other(life)

    assert world.run(over_midnight).ledger.control.kill.tripped


@pytest.mark.fault("C7")
def test_a_clock_that_jumps_over_midnight_and_back_begins_each_day_once() -> None:
    world = calm()

    async def nothing(life: Life) -> Life:
        await life.until(life.clock.time() + 5)
        return life

    day_s = 86_400.0
    starts = (T0, T0 + 25 * 3600, T0, T0 + 600, T0 + day_s, T0 + 25 * 3600 + 60, T0 + 2 * day_s)
    lives = [world.run(nothing, at=at) for at in starts]

    anchors = lives[-1].of(DayAnchor)
    assert [one.day for one in anchors] == ["2023-11-14", "2023-11-15", "2023-11-16"]
    assert [one.equity for one in anchors] == [D(10_000)] * 3


@pytest.mark.fault("C8")
async def test_while_risk_is_stuck_nothing_opens_and_closes_pass(clock: Clock) -> None:
    world = calm()
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        life.wired.risk.control(Suspend())
        late = life.say(OTHER)
        closing = life.say("Close this trade now", reply_to=1)
        await life.minute(5)
        assert isinstance(life.decision(closing), AutoRouteExecuted)
        assert [one.reason for one in life.of(PositionClosed)] == ["close"]
        assert life.decision(late) is None
        life.wired.risk.control(Resume())
        await life.minute(6)

    # A call that waited for longer than its time opens nothing any more.
    decision = life.decision(late)
    assert isinstance(decision, SignalRejected)
    assert decision.gate == "ttl"
    assert {sent.order.symbol for sent in world.sent} == {BTC}


@pytest.mark.fault("C8")
async def test_while_risk_keeps_crashing_nothing_opens_and_the_operator_closes(clock: Clock) -> None:
    world = calm()
    async with world.life(clock, poison={"risk": OTHER}) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        others = [life.say(OTHER) for _ in range(2)]
        assert await life.wired.exec_.ask(ClosePosition(by="operator", reason="out"), timeout_s=5) == (key_of(1),)
        await life.minute(5)

    assert [one.reason for one in life.of(PositionClosed)] == ["flatten"]
    assert {sent.order.symbol for sent in world.sent} == {BTC}
    assert all(isinstance(life.decision(trace), SignalRejected) for trace in others)


@pytest.mark.fault("C12")
async def test_what_is_below_the_minimum_is_refused_and_never_rounded_up(clock: Clock) -> None:
    settings = {"LEVI_RISK__NOTIONAL_MAX": '"5.4"'}
    world = World({BTC: minutes(*flat(100.0, 4))}, config=config_of(settings))
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        trace = life.say(LONG)
        await life.minute(2)

    decision = life.decision(trace)
    assert isinstance(decision, SignalRejected)
    # 5.4 / 100.5 = .053 (of a thousandth), which is 5.3265 in quote; at least 5 x 1.1 it would have to be.
    assert (decision.gate, decision.value, decision.limit) == ("too_small", D("5.3265"), D("5.5"))
    assert world.sent == []


@pytest.mark.fault("C12")
async def test_rungs_that_are_too_thin_for_the_venue_become_one(clock: Clock) -> None:
    settings = {"LEVI_RISK__NOTIONAL_MAX": '"8"'}
    world = World({BTC: minutes(*flat(100.0, 4))}, config=config_of(settings))
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say("BTC/USDT LONG\nEntry: 98 - 99\nTargets: 105, 110\nStop Loss: 95")
        await life.minute(2)

    (ticket,) = life.of(RiskTicket)
    # Four in quote a rung is less than 5.5; 8 / 99 = .080 at the near edge alone.
    assert [(rung.price, rung.qty) for rung in ticket.plan.rungs] == [(D(99), D("0.080"))]
    assert ticket.plan.notes


@pytest.mark.fault("C13")
def test_cooldowns_and_a_spent_ticket_survive_a_kill(clock: Clock) -> None:
    settings = {"LEVI_RISK__COOLDOWN_STOP_S": "1800", "LEVI_RISK__COOLDOWN_S": "60"}
    world = World(
        {BTC: minutes(*flat(100.0, 3), STOP_OUT, *flat(94.5, 60))},
        config=config_of(settings),
    )
    life = world.run(lose)
    closed = next(one.seq for one in life.records if isinstance(one.entry.record, PositionClosed))
    (stopped,) = life.of(PositionClosed)
    killed = world.after_kill(closed)

    async def again(life: Life) -> Life:
        decisions = []
        for wait_s in (1750, 90):
            await life.until(life.clock.time() + wait_s)
            trace = life.say("BTC/USDT LONG\nEntry: market\nTargets: 99, 105\nStop Loss: 90")
            await life.until(life.clock.time() + 5)
            decisions.append(life.decision(trace))
        assert isinstance(decisions[0], SignalRejected)
        assert decisions[0].gate == "cooldown_stop"
        assert isinstance(decisions[1], AutoRouteExecuted)
        return life

    life = killed.run(again, at=stopped.at + 1)
    assert len([one for one in life.of(OrderIntent) if one.call == key_of(1) and one.role == "e"]) == 1


@pytest.mark.fault("C13")
def test_a_ticket_that_outlived_its_time_is_not_spent_by_the_next_life() -> None:
    world = calm()

    async def one_call(life: Life) -> Life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        return life

    life = world.run(one_call)
    ticket = next(one.seq for one in life.records if isinstance(one.entry.record, RiskTicket))
    for down_s, opens in ((5.0, True), (31.0, False), (100.0, False)):
        killed = world.after_kill(ticket)
        life = killed.run(_wait, at=T0 + 10 + down_s)
        assert bool(killed.sent) is opens, down_s
        assert len(life.of(RiskTicket)) == 1
        killed.verify()


async def _wait(life: Life) -> Life:
    await life.until(life.clock.time() + 90)
    assert not life.ledger.pending
    return life


# --- The end of the process ---------------------------------------------------------------------


@pytest.mark.fault("F1")
@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.19, 0.21, 0.3, 0.41, 0.5, 49.9, 50.01, 50.1, 50.3, 51.0])
def test_a_stop_in_the_middle_of_anything_leaves_a_log_to_go_on_with(after_s: float) -> None:
    rising = ((100.0, 106.0, 99.5, 105.5), (105.5, 111.0, 105.0, 110.5))
    world = World({BTC: minutes(*flat(100.0, 4), *rising, *flat(110.5, 4))})

    async def stopped(life: Life) -> float:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.until(T0 + 10 + after_s)
        report = await life.system.stop()
        assert report.unstopped == ()
        return report.elapsed_s

    assert world.run(stopped) < 5.0
    assert world.records()[-1].event_type == "FILE_SEAL"
    held = next(iter(world.fold().positions.values()), None)

    async def on(life: Life) -> Life:
        if held is not None:
            assert life.venue.account.positions == {BTC: held.qty}
        await life.minute(9)
        return life

    life = world.run(on, at=T0 + 10 + after_s + 1)
    world.verify()
    assert len({sent.order.cid for sent in world.sent}) == len(world.sent)
    assert life.naked.look() <= 5.0
    assert not life.ledger.calls
    assert not life.ledger.pending
    assert life.ledger == world.fold()


@pytest.mark.fault("F1")
def test_a_stop_while_an_answer_is_lost_leaves_an_unknown_order_that_the_next_life_resolves() -> None:
    world = calm()

    async def stopped(life: Life) -> None:
        await life.until(T0 + 10)
        life.say(LIMIT)
        await life.until(T0 + 10.25)
        life.venue.fail_next(OutcomeUnknown("read timed out"), accepted=False)
        for _ in range(1000):
            life.venue.fail_next(Unavailable("maintenance"), method="order")
        await life.until(T0 + 15)
        report = await life.system.stop()
        assert report.elapsed_s < 18.0

    world.run(stopped)
    life = world.run(_wait, at=T0 + 60)
    assert [one.outcome for one in life.of(OrderResolved)] == ["ABSENT"]
    assert len(world.sent) == 2
    assert not life.ledger.calls
    world.verify()


# --- Intake -------------------------------------------------------------------------------------


@pytest.mark.fault("E3")
@pytest.mark.parametrize(("down_s", "ends"), [(5.0, AutoRouteExecuted), (61.0, SignalExpired)])
def test_a_post_without_a_decision_is_driven_again_from_the_log(down_s: float, ends: type) -> None:
    world = calm()

    async def one_call(life: Life) -> Life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.until(T0 + 11)
        return life

    life = world.run(one_call)
    ingest = next(one for one in life.records if isinstance(one.entry.record, SignalIngest))
    killed = world.after_kill(ingest.seq)
    killed.script = []  # The source never says it again: all there is, is the log.
    life = killed.run(_wait, at=T0 + 10 + down_s)

    assert ingest.entry.trace is not None
    assert type(life.decision(ingest.entry.trace)) is ends
    assert len(life.of(SignalIngest)) == 1


@pytest.mark.fault("E3")
def test_a_late_close_still_acts(clock: Clock) -> None:
    world = calm()

    async def one_call(life: Life) -> Life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.until(T0 + 150)
        life.say("Close this trade now", reply_to=1)
        await life.until(T0 + 151)
        return life

    life = world.run(one_call)
    ingest = [one for one in life.records if isinstance(one.entry.record, SignalIngest)][1]
    killed = world.after_kill(ingest.seq)
    life = killed.run(_wait, at=T0 + 150 + 300)

    assert ingest.entry.trace is not None
    assert isinstance(life.decision(ingest.entry.trace), AutoRouteExecuted)
    assert [one.reason for one in life.of(PositionClosed)] == ["close"]


# --- Control ------------------------------------------------------------------------------------


async def test_with_the_switch_off_nothing_opens_and_what_is_open_stays_protected(clock: Clock) -> None:
    world = calm()
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        assert await life.wired.exec_.ask(Switch(on=False, by="operator", reason="night"), timeout_s=5) is True
        refused = life.say(OTHER)
        await life.minute(3)
        stops = [order for order in life.ledger.open_orders() if order.role == "s"]
        assert [stop.resting for stop in stops] == [True]
        assert life.of(Protect) == []
        await life.wired.exec_.ask(Switch(on=True, by="operator", reason="day"), timeout_s=5)
        taken = life.say(OTHER)
        await life.minute(4)

    decision = life.decision(refused)
    assert isinstance(decision, SignalRejected)
    assert (decision.gate, decision.value) == ("switch", "off")
    assert isinstance(life.decision(taken), AutoRouteExecuted)


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.25, 0.5, 20.0])
async def test_a_trip_ends_what_has_not_filled_and_nothing_opens_after_it(clock: Clock, after_s: float) -> None:
    world = World({BTC: minutes(*flat(100.0, 3), (100.0, 100.0, 97.0, 99.0), *flat(99.0, 4))})
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(LIMIT, channel=CHANNEL)
        await life.until(T0 + 10 + after_s)
        await life.wired.exec_.ask(SetKillSwitch(tripped=True, by="operator", reason="stop it"), timeout_s=5)
        await life.minute(5)

    assert [sent for sent in world.sent if sent.forbidden and not sent.order.reduce_only] == []
    assert life.venue.account.positions == {}
    assert not life.ledger.calls


def test_a_trip_that_a_death_cut_short_is_carried_on() -> None:
    world = World({BTC: minutes(*flat(100.0, 6), (100.0, 100.0, 97.0, 99.0), *flat(99.0, 4))})

    async def trip(life: Life) -> Life:
        await life.until(T0 + 10)
        life.say(LIMIT)
        await life.minute(1)
        await life.wired.exec_.ask(SetKillSwitch(tripped=True, by="operator", reason="stop it"), timeout_s=5)
        return life

    life = world.run(trip)
    tripped = next(one.seq for one in life.records if isinstance(one.entry.record, KillSwitch))
    killed = world.after_kill(tripped)
    life = killed.run(_wait_long, at=T0 + 80)
    assert life.venue.account.positions == {}
    assert not life.ledger.calls


async def _wait_long(life: Life) -> Life:
    await life.minute(9)
    return life
