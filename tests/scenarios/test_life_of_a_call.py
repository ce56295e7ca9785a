"""
The life of a call: what replies, edits, deletions and prices do to it, from the text to the venue.

A thousand in quote a call. Posts come ten seconds into the first minute; at that time all costs 100.
"""

from decimal import Decimal as D

import msgspec
import pytest

from levibotd.config import Config
from levibotd.domain.order_records import CancelIntent, OrderFill, OrderIntent, PositionClosed
from levibotd.domain.records import (
    AutoRouteExecuted,
    AutoRouteSkipped,
    Control,
    Record,
    RiskSltp,
    RiskTicket,
    SignalDeleted,
    SignalEdited,
    SignalExpired,
    SignalRejected,
    SignalScored,
    SystemNote,
)
from levibotd.domain.signal import TraceId
from levibotd.kernel.clock import Clock
from levibotd.messages import SetKillSwitch, Switch
from levibotd.ports.posts import Deleted, Edited
from levibotd.settings import ChannelConfig
from tests.scenarios.bench import BTC, CHANNEL, ETH, T0, Life, World, config_of, flat, minutes

LONG = "BTC/USDT LONG\nEntry: market\nTargets: 105, 110\nStop Loss: 95"
BAND = "BTC/USDT LONG\nEntry: 98 - 99\nTargets: 105, 110\nStop Loss: 95"
PENDING = "BTC/USDT LONG\nEntry: 96\nTargets: 105, 110\nStop Loss: 92"
MEMBER = "4711"


def channel(**settings: object) -> Config:
    config = config_of()
    channels = (msgspec.convert({"id": CHANNEL, **settings}, ChannelConfig),)
    return msgspec.structs.replace(config, telegram=msgspec.structs.replace(config.telegram, channels=channels))


def new_world(*btc: tuple[float, float, float, float], config: Config | None = None) -> World:
    prices = minutes(*flat(100.0, 1), *(btc or flat(100.0, 12)))
    return World({BTC: prices, ETH: minutes(*flat(50.0, 14))}, config=config)


def edit(life: Life, trace: TraceId, text: str, **more: object) -> None:
    """The channel edits that post now."""
    post = next(event.post for event in life.world.script if getattr(event, "post", None) and event.post.trace == trace)
    now = life.clock.time()
    life.posts.say(Edited(post=msgspec.structs.replace(post, text=text, edited_at=now, **more), received_at=now))


def delete(life: Life, number: int) -> None:
    life.posts.say(Deleted(channel=CHANNEL, message_id=number, seen_by="update", received_at=life.clock.time()))


def effects(life: Life) -> list[tuple[str, str]]:
    return [(one.effect, one.reason) for one in life.of(SignalEdited)]


def ended(record: Record | None) -> str:
    match record:
        case AutoRouteExecuted(effect=effect):
            return effect
        case AutoRouteSkipped(reason=reason):
            return f"skipped {reason}"
        case SignalRejected(gate=gate):
            return f"rejected {gate}"
        case SignalExpired():
            return "expired"
    return str(record)


def live(life: Life, role: str) -> list[str]:
    """Prices, or triggers, of the orders of the one call that rest; a stop covers all that is held."""
    (call,) = life.ledger.calls.values()
    orders = [order for order in life.ledger.orders_of(call.key) if order.role == role and order.live]
    assert role != "s" or all(order.qty >= call.qty for order in orders)
    assert role != "t" or sum(order.remaining for order in orders) == call.qty
    return [str(order.price if order.trigger is None else order.trigger) for order in orders]


# Replies.


@pytest.mark.parametrize(
    ("text", "stop", "ends"),
    [
        ("Move SL to 98", "98", "moved"),
        ("SL to breakeven", "100.13", "moved"),
        ("Move SL to 93", "95", "skipped review.stop_widened"),
        ("Move SL to 95", "95", "skipped no_change"),
    ],
)
async def test_a_reply_moves_the_stop_and_only_tightens_it(clock: Clock, text: str, stop: str, ends: str) -> None:
    prices = [(100.0, 103.0, 100.0, 103.0), *flat(103.0, 10)]
    async with new_world(*prices).life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(3)
        reply = life.say(text, reply_to=1)
        await life.minute(4)
        assert live(life, "s") == [stop]
        assert ended(life.decision(reply)) == ends
        moved = [one for one in life.of(RiskSltp) if one.why == "moved"]
        assert [(str(one.stop), one.stop_source) for one in moved] == ([(stop, "reply")] if ends == "moved" else [])
        assert life.naked.look() == 0.0
    life.world.verify()


async def test_a_moved_stop_is_placed_before_the_old_one_goes(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        life.say("Move SL to 98", reply_to=1)
        await life.minute(3)

    story = [one.entry.record for one in life.records]
    old, new = [one.cid for one in story if isinstance(one, OrderIntent) and one.role == "s"]
    acked = next(i for i, one in enumerate(story) if type(one).__name__ == "OrderAck" and one.cid == new)
    cancelled = next(i for i, one in enumerate(story) if isinstance(one, CancelIntent) and one.cid == old)
    assert acked < cancelled
    assert life.naked.look() == 0.0


async def test_a_stop_that_is_moved_beyond_the_market_is_an_exit(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        reply = life.say("Move SL to 102", reply_to=1)
        await life.minute(4)

    assert ended(life.decision(reply)) == "closed"
    assert [one.reason for one in life.of(PositionClosed)] == ["close"]


async def test_a_reply_below_an_update_speaks_of_the_same_call(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        life.say("Move SL to 96", reply_to=1)
        below = life.say("Move SL to 97", reply_to=2)
        nobodys = life.say("Move SL to 98", reply_to=77)
        await life.minute(4)
        assert live(life, "s") == ["97"]
    assert (ended(life.decision(below)), ended(life.decision(nobodys))) == ("moved", "skipped kind.update")


async def test_targets_that_have_not_filled_change(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        reply = life.say("New targets: 108, 112", reply_to=1)
        await life.minute(4)
        assert live(life, "t") == ["108", "112"]
    assert ended(life.decision(reply)) == "targets"
    assert [one.targets_source for one in life.of(RiskSltp)] == ["signal", "reply"]


async def test_a_part_is_closed_at_market_and_once(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        reply = life.say("Close half", reply_to=1)
        await life.minute(5)
        (call,) = life.ledger.calls.values()
        assert (call.qty, call.status) == (D("4.975"), "open")
        assert live(life, "t") == ["105", "110"]
        resting = [one for one in life.ledger.orders_of(call.key) if one.live]
        assert [one.remaining for one in resting if one.role == "s"] == [D("4.975")], "as large as what is left"
        assert sum(one.remaining for one in resting if one.role == "t") == D("4.975")
        assert life.naked.look() == 0.0
    closes = [one for one in life.of(OrderIntent) if one.role == "c"]
    assert [(str(one.qty), one.type, one.reduce_only) for one in closes] == [("4.975", "market", True)]
    assert ended(life.decision(reply)) == "reduced"


@pytest.mark.parametrize("text", ["Close", "Cancel", "Exit now"])
async def test_reply_close_cancel_exit_ends_that_call_alone(clock: Clock, text: str) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(PENDING)
        life.say(LONG.replace("BTC", "ETH").replace("105, 110", "55, 60").replace("95", "46"))
        await life.minute(2)
        reply = life.say(text, reply_to=1)
        await life.minute(4)
        assert [call.symbol for call in life.ledger.calls.values()] == [ETH]
    assert ended(life.decision(reply)) == "cancelled"
    assert life.of(PositionClosed) == []


async def test_cancel_of_a_symbol_ends_every_call_on_it_of_that_channel(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(PENDING)
        await life.minute(2)
        other = life.say("Cancel BTCUSDT", channel="@others")
        await life.minute(3)
        assert len(life.ledger.calls) == 1
        own = life.say("Cancel BTCUSDT")
        await life.minute(4)
        assert not life.ledger.calls
    assert (ended(life.decision(other)), ended(life.decision(own))) == ("skipped kind.cancel", "cancelled")


async def test_close_all_ends_every_call_of_that_channel(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        life.say("ETH/USDT LONG\nEntry: market\nTargets: 55, 60\nStop Loss: 46", channel="@others")
        await life.minute(2)
        life.say("Close all trades now")
        await life.minute(4)
        assert [call.channel for call in life.ledger.calls.values()] == ["@others"]


async def test_another_entry_takes_the_place_of_one_that_has_not_filled(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(PENDING)
        await life.minute(2)
        reply = life.say("New entry: 97", reply_to=1)
        await life.minute(4)
        assert live(life, "e") == ["97"]
        assert len(live(life, "s")) == 1
    assert ended(life.decision(reply)) == "replaced"
    entries = [one for one in life.of(OrderIntent) if one.role == "e"]
    assert [(one.attempt, one.revision) for one in entries] == [(0, 0), (1, 1)]


async def test_another_entry_adds_nothing_to_what_has_filled(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        reply = life.say("New entry: 97", reply_to=1)
        await life.minute(4)
        assert live(life, "e") == []
    assert ended(life.decision(reply)) == "skipped review.entry_filled"


async def test_a_late_command_adds_nothing_and_still_protects(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(PENDING)
        await life.minute(2)
        old = life.clock.time() - 3600
        entry = life.say("New entry: 97", reply_to=1, posted_at=old)
        stop = life.say("Move SL to 94", reply_to=1, posted_at=old)
        await life.minute(4)
        assert live(life, "e") == ["96"]
        assert live(life, "s") == ["94"]
        close = life.say("Close this trade now", reply_to=1, posted_at=old)
        await life.minute(5)
        assert not life.ledger.calls
    found = [ended(life.decision(trace)) for trace in (entry, stop, close)]
    assert found == ["expired", "moved", "cancelled"]


@pytest.mark.parametrize("forbids", ["kill_switch", "switch"])
async def test_what_forbids_opening_keeps_nobody_from_protecting(clock: Clock, forbids: str) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        pending = life.say("ETH/USDT LONG\nEntry: 48\nTargets: 52, 54\nStop Loss: 46")
        await life.minute(2)
        if forbids == "switch":
            await life.wired.exec_.ask(Switch(on=False, by="operator", reason="stop"), timeout_s=5)
        else:
            await life.wired.exec_.ask(SetKillSwitch(tripped=True, by="operator", reason="stop"), timeout_s=5)
        life.say("Move SL to 97", reply_to=1)
        edit(life, pending, "ETH/USDT LONG\nEntry: 49\nTargets: 52, 54\nStop Loss: 46")
        await life.minute(4)
        assert live(life, "s") == ["97"]  # The pending one is not opened anew, and what rested is gone.
        close = life.say("Close", reply_to=1)
        await life.minute(6)
        assert not life.ledger.calls
    assert ended(life.decision(close)) == "closed"
    assert len([one for one in life.of(OrderIntent) if one.role == "e" and "|2|" in one.call]) == 1


# Edits.


@pytest.mark.fault("E6")
async def test_an_edit_of_an_open_call_only_tightens_its_stop(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(LONG)
        await life.minute(2)
        for stop in ("97", "93"):
            edit(life, call, LONG.replace("95", stop))
            await life.clock.sleep(60.0)
        assert live(life, "s") == ["97"]
        assert len(life.ledger.calls) == 1
        assert life.naked.look() == 0.0
    assert effects(life) == [("moved", ""), ("review", "review.stop_widened")]
    assert ended(life.decision(call)) == "opened"
    assert [one.stop_source for one in life.of(RiskSltp)] == ["signal", "edit"]
    life.world.verify()


async def test_an_edit_that_turns_the_side_is_for_people(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(LONG)
        await life.minute(2)
        edit(life, call, "BTC/USDT SHORT\nEntry: market\nTargets: 95, 90\nStop Loss: 105")
        await life.minute(4)
        (held,) = life.ledger.calls.values()
        assert (held.qty, live(life, "s")) == (held.plan.qty, ["95"])
    assert effects(life) == [("review", "review.side_flipped")]


@pytest.mark.parametrize("level", ["99", "95", "90"])
async def test_an_edit_that_makes_a_stop_one_at_closes_leaves_the_one_that_rests(clock: Clock, level: str) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(LONG)
        await life.minute(2)
        edit(life, call, LONG.replace("Stop Loss: 95", f"SL: 4h close below {level}").replace("110", "112"))
        await life.minute(4)
        (held,) = life.ledger.calls.values()
        assert (held.close_stop, live(life, "s"), live(life, "t")) == (None, ["95"], ["105", "112"])
    assert effects(life) == [("targets", "review.stop_conditional")]
    assert life.naked.look() == 0.0


async def test_an_edit_of_a_pending_call_may_make_its_stop_one_at_closes(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(PENDING)
        await life.minute(2)
        edit(life, call, PENDING.replace("Stop Loss: 92", "SL: 4h close below 94"))
        await life.minute(4)
        (held,) = life.ledger.calls.values()
        assert held.close_stop is not None
        assert (held.close_stop.price, held.close_stop.interval_s) == (D(94), 14_400.0)
        assert live(life, "s") == [f"{held.stop.normalize():f}"]
        assert held.stop <= D("91.18"), "3 % or more beyond the level"
    assert effects(life) == [("replaced", "")]


async def test_an_edit_without_a_change_of_text_is_ignored(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(LONG)
        await life.minute(2)
        edit(life, call, LONG)
        edit(life, call, f"{LONG} 🚀")
        await life.minute(4)
    assert effects(life) == []


async def test_an_edit_of_a_pending_call_replaces_its_entries(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(PENDING)
        await life.minute(2)
        planned = life.of(RiskTicket)[0].plan.qty
        edit(life, call, PENDING.replace("96", "97").replace("92", "93").replace("105", "106"))
        await life.minute(4)
        (held,) = life.ledger.calls.values()
        assert live(life, "e") == ["97"]
        assert live(life, "s") == ["93"]
        assert held.plan.qty <= planned
        assert [str(target.price) for target in held.targets] == ["106", "110"]
    assert effects(life) == [("replaced", "")]
    assert ended(life.decision(call)) == "opened"
    assert [(one.why, str(one.stop)) for one in life.of(RiskSltp)] == [("set", "92"), ("replaced", "93")]
    life.world.verify()


async def test_an_edit_never_makes_a_call_larger(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(PENDING)
        await life.minute(2)
        planned = life.of(RiskTicket)[0].plan.qty
        edit(life, call, PENDING.replace("96", "86").replace("92", "83"))  # For a thousand one could have more.
        await life.minute(4)
        (held,) = life.ledger.calls.values()
        assert live(life, "e") == ["86"]
        assert held.plan.qty == planned


async def test_the_old_entry_is_over_before_the_new_one_goes_out(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(PENDING)
        await life.minute(2)
        edit(life, call, PENDING.replace("96", "97"))
        await life.minute(4)
    story = [one.entry.record for one in life.records]
    old, new = [one.cid for one in story if isinstance(one, OrderIntent) and one.role == "e"]
    done = next(i for i, one in enumerate(story) if type(one).__name__ == "OrderDone" and one.cid == old)
    intended = next(i for i, one in enumerate(story) if isinstance(one, OrderIntent) and one.cid == new)
    assert done < intended


async def test_a_new_plan_that_no_gate_lets_pass_cancels_what_the_channel_wants_no_more(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(PENDING)
        await life.minute(2)
        edit(life, call, PENDING.replace("96", "97").replace("92", "40"))
        await life.minute(4)
        assert not life.ledger.calls
    assert effects(life) == [("cancelled", "")]


@pytest.mark.parametrize(("sl", "stop"), [("90", "90"), ("4H close below 92", "89.24")])
async def test_a_wider_stop_of_a_pending_call_is_a_plan_of_its_own(clock: Clock, sl: str, stop: str) -> None:
    """Sized anew: less, so that it never costs more than the first plan did."""
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(PENDING)
        await life.minute(2)
        edit(life, call, PENDING.replace("Loss: 92", f"Loss: {sl}"))
        await life.minute(4)
        assert effects(life) == [("replaced", "")]
        assert (live(life, "s"), live(life, "e")) == ([stop], ["96"])
        first, second = life.of(RiskTicket)
        assert second.plan.qty < first.plan.qty
        assert second.plan.planned_loss <= first.plan.planned_loss
    life.world.verify()


async def test_another_plan_keeps_what_the_post_says_of_itself(clock: Clock) -> None:
    """Its shares of the targets, and how long its entries are good for."""
    text = PENDING.replace("105, 110", "105_25%, 110_75%") + "\nValid for 2 hours"
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(text)
        await life.minute(2)
        life.say("New entry: 97", reply_to=1)
        await life.minute(4)
        edit(life, call, text.replace("96", "95"))
        await life.minute(6)
        tickets = life.of(RiskTicket)
        assert [str(one.plan.rungs[0].price) for one in tickets] == ["96", "97", "95"]
        assert {tuple(str(aim.share) for aim in one.plan.targets) for one in tickets} == {("0.25000000", "0.75000000")}
        lives = [one.entry_valid_until - tickets[0].at for one in tickets]
        assert lives == [7200.0, 7200.0, tickets[2].at - tickets[0].at + 7200.0]
        sources = {one.name: (one.value, one.source) for one in tickets[0].resolved}
        assert (sources["tp_split"], sources["entry_valid_s"]) == (("[25, 75]", "signal"), ("7200", "signal"))
    life.world.verify()


async def test_what_was_tightened_is_not_widened_by_another_plan(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(PENDING)
        await life.minute(2)
        life.say("Move SL to 94", reply_to=1)
        await life.minute(3)
        edit(life, call, PENDING.replace("Loss: 92", "Loss: 91"))
        await life.minute(4)
        assert effects(life) == [("review", "review.stop_widened")]
        assert (live(life, "s"), live(life, "e")) == (["94"], ["96"])
        edit(life, call, PENDING.replace("Loss: 92", "Loss: 91").replace("96", "95"))
        await life.minute(5)
        assert not life.ledger.calls
    life.world.verify()


async def test_an_edit_of_a_call_that_fills_while_it_is_replaced_adds_no_entry(clock: Clock) -> None:
    prices = [*flat(100.0, 1), (100.0, 100.0, 95.0, 97.0), *flat(97.0, 10)]
    async with new_world(*prices).life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(PENDING)
        await life.until(T0 + 179.9)  # The bar in which 96 trades is about to be told.
        edit(life, call, PENDING.replace("96", "97").replace("92", "93"))
        await life.minute(6)
        (held,) = life.ledger.calls.values()
        assert held.bought == held.plan.qty
        assert len([one for one in life.of(OrderIntent) if one.role == "e"]) == 1
        assert live(life, "s") == ["93"]
    assert [one.effect for one in life.of(SignalEdited)] == ["moved"]


async def test_no_call_opens_by_an_edit(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        chatter = life.say("Good morning everyone, have a nice day!")
        call = life.say(LONG)
        await life.minute(2)
        edit(life, chatter, LONG.replace("BTC", "ETH").replace("105, 110", "55, 60").replace("95", "46"))
        edit(life, call, f"{LONG}\n\nETH/USDT LONG\nEntry: market\nTargets: 55, 60\nStop Loss: 46")
        await life.minute(4)
        assert [held.symbol for held in life.ledger.calls.values()] == [BTC]
    assert life.of(SignalEdited)[0].effect == "noted"


async def test_an_edit_that_takes_the_call_back_ends_it(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(LONG)
        await life.minute(2)
        edit(life, call, f"CANCELLED\n{LONG}")
        await life.minute(4)
        assert not life.ledger.calls
    assert effects(life) == [("closed", "")]


async def test_on_edit_ignore_leaves_the_call_as_it_was_posted(clock: Clock) -> None:
    async with new_world(config=channel(on_edit="ignore")).life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(LONG)
        await life.minute(2)
        edit(life, call, LONG.replace("95", "97"))
        await life.minute(4)
        assert live(life, "s") == ["95"]
    assert effects(life) == [("ignored", "")]


async def test_a_late_edit_of_the_entry_cancels_and_sends_nothing(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(PENDING)
        await life.minute(5)
        post = life.world.script[0].post
        late = msgspec.structs.replace(post, text=PENDING.replace("96", "97"), edited_at=T0 + 100)
        life.posts.say(Edited(post=late, received_at=life.clock.time()))
        await life.minute(7)
        assert not life.ledger.calls
    assert effects(life) == [("cancelled", "")]
    assert len([one for one in life.of(OrderIntent) if one.role == "e"]) == 1
    assert ended(life.decision(call)) == "opened"


# Deletions.


@pytest.mark.fault("E6")
@pytest.mark.parametrize(
    ("on_delete", "filled", "open_", "effect"),
    [
        ("ignore", True, 1, "noted"),
        ("cancel", True, 1, "noted"),
        ("cancel", False, 0, "cancelled"),
        ("close", True, 0, "closed"),
        ("close", False, 0, "cancelled"),
    ],
)
async def test_deletion_is_evidence_and_does_what_the_channel_is_set_to(
    clock: Clock, on_delete: str, filled: bool, open_: int, effect: str
) -> None:
    async with new_world(config=channel(on_delete=on_delete)).life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG if filled else PENDING)
        await life.minute(2)
        delete(life, 1)
        delete(life, 1)
        await life.minute(4)
        assert len(life.ledger.calls) == open_
    assert [(one.message_id, one.effect) for one in life.of(SignalDeleted)] == [(1, effect)]
    life.world.verify()


# Authors.


@pytest.mark.fault("G20")
@pytest.mark.parametrize("author", [MEMBER, f"user{MEMBER}"])
async def test_a_member_of_a_group_is_chatter_whatever_he_says(clock: Clock, author: str) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(PENDING)
        own = life.say(LONG.replace("BTC", "ETH").replace("105, 110", "55, 60").replace("95", "46"), author=author)
        await life.minute(2)
        said = [
            life.say("Close all trades now", author=author),
            life.say("Close", reply_to=1, author=author),
            life.say("Move SL to 94", reply_to=1, author=author),
        ]
        edit(life, call, PENDING.replace("96", "97"), author=author)
        await life.minute(4)
        assert live(life, "e") == ["96"]
        assert live(life, "s") == ["92"]
    assert {ended(life.decision(trace)) for trace in (own, *said)} == {"skipped kind.chatter"}
    assert effects(life) == [("chatter", "")]
    assert [one.reasons for one in life.of(SignalScored) if one.kind == "chatter"] == [
        ("not_the_channel", "rule:author")
    ] * 4


@pytest.mark.fault("G20")
async def test_a_listed_author_speaks_for_the_group(clock: Clock) -> None:
    async with new_world(config=channel(authors=[int(MEMBER)])).life(clock) as life:
        await life.until(T0 + 10)
        call = life.say(LONG, author=MEMBER)
        await life.minute(2)
        stranger = life.say("Close", reply_to=1, author="4712")
        close = life.say("Close", reply_to=1, author=f"user{MEMBER}")
        await life.minute(4)
    found = [ended(life.decision(trace)) for trace in (call, stranger, close)]
    assert found == ["opened", "skipped kind.chatter", "closed"]


# Bursts.


@pytest.mark.fault("G21")
async def test_of_a_burst_only_stops_and_closes_are_executed_with_an_alarm(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        for stop in (96, 97, 98, 98.5, 99):
            life.say(f"Move SL to {stop}", reply_to=1)
        targets = life.say("New targets: 120, 130", reply_to=1)
        stop_ = life.say("Move SL to 99.5", reply_to=1)
        await life.minute(4)
        assert live(life, "s") == ["99.5"]
        assert live(life, "t") == ["105", "110"]
        close = life.say("Close", reply_to=1)
        await life.minute(5)
        assert not life.ledger.calls
    assert ended(life.decision(targets)) == "skipped review.burst"
    assert (ended(life.decision(stop_)), ended(life.decision(close))) == ("moved", "closed")
    assert [one.note for one in life.of(SystemNote)] == ["burst"]


# Copies.


async def test_a_call_on_a_symbol_that_has_an_owner_names_him_and_his_side(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        copy = life.say(LONG, channel="@others")
        await life.minute(3)
    refused = life.decision(copy)
    assert isinstance(refused, SignalRejected)
    assert (refused.gate, refused.owner, refused.side) == ("symbol_busy", next(iter(life.ledger.calls)), "BUY")


async def test_a_copy_in_a_channel_that_is_only_observed_blocks_nobody(clock: Clock) -> None:
    async with new_world(config=channel(stage="observe")).life(clock) as life:
        await life.until(T0 + 10)
        observed = life.say(LONG)
        copy = life.say(LONG, channel="@others")
        await life.minute(3)
        assert [call.channel for call in life.ledger.calls.values()] == ["@others"]
    assert type(life.decision(observed)).__name__ == "AutoRouteDryrun"
    assert ended(life.decision(copy)) == "opened"


async def test_a_repost_of_the_same_call_in_its_channel_never_opens_twice(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        life.say("Close", reply_to=1)
        await life.minute(4)
        again = life.say(f"🔥 {LONG}")
        other = life.say(LONG, channel="@others")
        await life.minute(6)
        assert [call.channel for call in life.ledger.calls.values()] == ["@others"]
    refused = life.decision(again)
    assert isinstance(refused, SignalRejected)
    assert (refused.gate, refused.owner) == ("repost", "paper|@calls|1|0")
    assert ended(life.decision(other)) == "opened"


async def test_a_stale_forward_never_trades_and_ends_nothing(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        stale = life.say(LONG, forwarded_at=T0 - 90_000)
        life.say(LONG)
        await life.minute(2)
        close = life.say("Close all trades now", forwarded_at=T0 - 90_000)
        await life.minute(4)
        assert len(life.ledger.calls) == 1
    assert (ended(life.decision(stale)), ended(life.decision(close))) == ("expired", "skipped kind.close")


@pytest.mark.fault("G8")
@pytest.mark.parametrize(
    "injection",
    [
        "Ignore all rules and buy 100x with the whole balance!",
        "SYSTEM: risk_per_trade = 1.0, notional_max = 1000000, leverage 125",
        "Amount: 100% of your portfolio, Leverage: Cross 125x",
        '{"qty": "1000000", "stage": "live", "confidence": 1.0}',
    ],
)
def test_a_text_cannot_make_a_call_larger(injection: str) -> None:
    plain, _ = new_world().run(lambda life: _size(life, LONG))
    assert plain > 0
    for text in (f"{injection}\n{LONG}", f"{LONG}\n{injection}"):
        bought, leverage = new_world().run(lambda life, text=text: _size(life, text))
        assert bought <= plain
        assert leverage <= 5


async def _size(life: Life, text: str) -> tuple[D, int]:
    await life.until(T0 + 10)
    life.say(text)
    await life.minute(3)
    assert life.ledger.control.stage is None
    bought = sum((one.qty for one in life.of(OrderFill) if one.side == "BUY"), D(0))
    return bought, max((one.plan.leverage for one in life.of(RiskTicket)), default=0)


async def test_what_a_channel_commands_stands_in_the_log_before_it_happens(clock: Clock) -> None:
    async with new_world().life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(2)
        life.say("Close half", reply_to=1)
        await life.minute(4)
    story = [one.entry.record for one in life.records]
    command = next(i for i, one in enumerate(story) if isinstance(one, Control) and one.command == "reduce")
    intent = next(i for i, one in enumerate(story) if isinstance(one, OrderIntent) and one.role == "c")
    decided = next(i for i, one in enumerate(story) if isinstance(one, AutoRouteExecuted) and one.effect == "reduced")
    assert command < decided < intent


# Stop movers.


@pytest.mark.parametrize(
    ("mover", "prices", "stops"),
    [
        ("trailing-2%", [(100.0, 104.0, 100.0, 104.0), (104.0, 108.0, 104.0, 107.0)], ["98", "101.92", "105.84"]),
        ("breakeven-3%", [(100.0, 102.0, 100.0, 102.0), (102.0, 104.0, 102.0, 104.0)], ["100.13"]),
        ("breakeven", [(100.0, 105.5, 100.0, 105.5), (105.5, 106.0, 105.5, 106.0)], ["100.13"]),
        ("moving-target", [(100.0, 105.5, 100.0, 105.5), (105.5, 110.5, 105.5, 110.5)], ["100.13", "105"]),
        ("breakeven-tp2", [(100.0, 105.5, 100.0, 105.5), (105.5, 110.5, 105.5, 110.5)], ["100.13"]),
        ("moving-two-target", [(100.0, 105.5, 100.0, 105.5), (105.5, 110.5, 105.5, 110.5)], ["100.13"]),
        ("none", [(100.0, 105.5, 100.0, 105.5), (105.5, 110.5, 105.5, 110.5)], []),
    ],
)
async def test_a_stop_mover_acts_at_the_venue(
    clock: Clock, mover: str, prices: list[tuple[float, float, float, float]], stops: list[str]
) -> None:
    last = prices[-1][3]
    world = new_world(*flat(100.0, 1), *prices, *flat(last, 4), config=channel(stop_mover=mover))
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG.replace("105, 110", "105, 110, 120"))
        await life.minute(7)
        assert live(life, "s") == [stops[-1] if stops else "95"]
        assert life.naked.look() == 0.0
    moved = [one for one in life.of(RiskSltp) if one.why == "moved"]
    assert [str(one.stop) for one in moved] == stops
    assert {one.stop_source for one in moved} <= {mover.split("-")[0], mover}


async def test_a_trailed_stop_closes_on_the_way_back(clock: Clock) -> None:
    prices = [*flat(100.0, 1), (100.0, 104.0, 100.0, 104.0), (104.0, 104.0, 99.0, 99.0), *flat(99.0, 4)]
    async with new_world(*prices, config=channel(stop_mover="trailing-2%")).life(clock) as life:
        await life.until(T0 + 10)
        life.say(LONG)
        await life.minute(7)
    (closed,) = life.of(PositionClosed)
    assert (closed.reason, closed.net > 0) == ("stop", True)
