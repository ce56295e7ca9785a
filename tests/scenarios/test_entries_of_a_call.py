"""
How entries end: their lifetime, what trades before they fill, breakouts, and how far a market entry may run.

One test a rule, named by it. A thousand in quote a call; posts come ten seconds into the first minute, at 100.
"""

import msgspec
import pytest

from levibotd.config import Config
from levibotd.domain.order_records import CancelIntent, EntryArmed, OrderDone, OrderFill, OrderIntent, PositionClosed
from levibotd.domain.records import AutoRouteExecuted, Record, RiskTicket, SignalEdited, SignalExpired, SignalRejected
from levibotd.kernel.clock import Clock
from levibotd.ports.posts import Edited
from levibotd.settings import ChannelConfig
from tests.scenarios.bench import BTC, CHANNEL, T0, Life, World, config_of, flat, minutes

NOW = "BTC/USDT LONG\nEntry: market\nTargets: 105, 110\nStop Loss: 95"
BAND = "BTC/USDT LONG\nEntry: 98 - 99\nTargets: 105\nStop Loss: 95"
LIMIT = "BTC/USDT LONG\nEntry: 96\nTargets: 105\nStop Loss: 94"
SHORT_LIMIT = "BTC/USDT SHORT\nEntry: 104\nTargets: 95\nStop Loss: 106"
ABOVE = "BTC/USDT\nBuy above 102\nTargets: 106\nStop Loss: 99"
Prices = tuple[float, float, float, float]


def config(channel: dict[str, object] | None = None, **settings: str) -> Config:
    made = config_of(settings)
    if channel is None:
        return made
    channels = (msgspec.convert({"id": CHANNEL, **channel}, ChannelConfig),)
    return msgspec.structs.replace(made, telegram=msgspec.structs.replace(made.telegram, channels=channels))


async def play(clock: Clock, text: str, *prices: Prices, by: Config | None = None, late_s: float = 0.0) -> Life:
    """One post in the first minute, and then these bars to their end."""
    world = World({BTC: minutes(*flat(100.0, 1), *prices)}, config=by)
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(text, posted_at=life.clock.time() - late_s)
        await life.minute(len(prices) + 1)
    world.verify()
    return life


def decision(life: Life) -> Record:
    found = life.decision(life.world.script[0].post.trace)
    assert found is not None
    return found


def why_cancelled(life: Life) -> list[str]:
    entries = {one.cid for one in life.of(OrderIntent) if one.role == "e"}
    return [one.why for one in life.of(CancelIntent) if one.cid in entries]


# "TP1 or SL traded before the first fill: cancel all rungs".


@pytest.mark.parametrize(
    ("text", "bar", "why"),
    [
        (BAND, (100.0, 105.5, 100.0, 105.0), "target_traded"),
        (SHORT_LIMIT, (100.0, 100.0, 94.5, 95.0), "target_traded"),
    ],
)
async def test_the_first_target_traded_before_the_first_fill_cancels_all_rungs(
    clock: Clock, text: str, bar: Prices, why: str
) -> None:
    life = await play(clock, text, *flat(100.0, 1), bar, *flat(bar[3], 3))
    assert set(why_cancelled(life)) == {why}
    assert life.of(OrderFill) == []
    assert not life.ledger.calls


async def test_the_stop_traded_before_the_first_fill_cancels_all_rungs(clock: Clock) -> None:
    # A breakout whose stop trades while it waits.
    life = await play(clock, ABOVE, *flat(100.0, 1), (100.0, 100.0, 98.5, 100.0), (100.0, 103.0, 100.0, 103.0))
    assert why_cancelled(life) == ["stop_traded"]
    assert life.of(OrderFill) == []


# "TP1 traded after a partial fill: cancel the unfilled rungs, resize the stop".


async def test_the_first_target_after_a_partial_fill_cancels_the_other_rungs_and_resizes_the_stop(
    clock: Clock,
) -> None:
    text = BAND.replace("105", "105, 110")
    prices = [*flat(100.0, 1), (100.0, 100.0, 98.5, 99.0), (99.0, 105.5, 99.0, 105.0), *flat(105.0, 2)]
    world = World({BTC: minutes(*flat(100.0, 1), *prices)})
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(text)
        await life.minute(len(prices) + 0.5)
        (call,) = life.ledger.calls.values()
        assert call.bought < call.plan.qty
        orders = life.ledger.orders_of(call.key)
        assert not [one for one in orders if one.role == "e" and one.live]
        assert next(one.qty for one in orders if one.role == "s" and one.live) >= call.qty > 0
        assert life.naked.look() == 0.0
    assert why_cancelled(life)


# "Entry lifetime: the post's own, else entry_ttl_h, else strategy.entry_valid_s".


@pytest.mark.parametrize(
    ("said", "channel", "settings", "minute", "source"),
    [
        ("", None, {}, None, "built-in"),
        ("", None, {"LEVI_STRATEGY__ENTRY_VALID_S": "120"}, 2, "global"),
        ("", {"entry_ttl_h": 0.05}, {"LEVI_STRATEGY__ENTRY_VALID_S": "120"}, 3, "channel"),
        ("\nValid for 4 minutes", {"entry_ttl_h": 0.05}, {"LEVI_STRATEGY__ENTRY_VALID_S": "120"}, 4, "signal"),
    ],
)
async def test_the_entry_lifetime_is_the_posts_own_else_the_channels_else_the_global_one(
    clock: Clock, said: str, channel: dict[str, object] | None, settings: dict[str, str], minute: int, source: str
) -> None:
    life = await play(clock, LIMIT + said, *flat(100.0, 7), by=config(channel, **settings))
    entries = {one.cid for one in life.of(OrderIntent) if one.role == "e"}
    cancels = [one for one in life.records if isinstance(one.entry.record, CancelIntent)]
    ends = [one.ts - T0 - 10 for one in cancels if one.entry.record.cid in entries]
    assert [round(at / 60) for at in ends] == ([] if minute is None else [minute])
    (ticket,) = life.of(RiskTicket)
    assert {one.name: one.source for one in ticket.resolved}["entry_valid_s"] == source


# "Above X: armed, not rested; fires on the first trade beyond X, as IOC limit up to the cap".


async def test_above_is_armed_and_fires_on_the_first_trade_beyond_up_to_the_cap(clock: Clock) -> None:
    life = await play(clock, ABOVE, *flat(100.0, 1), (100.0, 102.3, 100.0, 102.3), *flat(102.3, 2))
    (armed,) = life.of(EntryArmed)
    assert str(armed.trigger) == "102"
    assert str(armed.price) == "102.51"  # Half a percent: a quarter of the way to the stop would be more.
    (fill, *_) = life.of(OrderFill)
    assert armed.trigger <= fill.price <= armed.price


async def test_above_that_is_gapped_past_is_skipped(clock: Clock) -> None:
    life = await play(clock, ABOVE, *flat(100.0, 1), (104.0, 104.5, 103.5, 104.0), *flat(104.0, 2))
    assert life.of(OrderFill) == []
    assert "gap" in [one.why for one in life.of(OrderDone)]


async def test_above_that_is_passed_by_more_than_the_cap_at_decision_is_chased(clock: Clock) -> None:
    life = await play(clock, ABOVE.replace("102", "97").replace("99", "94"), *flat(100.0, 2))
    refused = decision(life)
    assert isinstance(refused, SignalRejected)
    assert refused.gate == "chased"


async def test_below_in_a_buy_is_a_limit_and_never_a_breakout(clock: Clock) -> None:
    life = await play(clock, "BTC/USDT\nBuy below 98\nTargets: 106\nStop Loss: 95", *flat(100.0, 2))
    (entry,) = [one for one in life.of(OrderIntent) if one.role == "e"]
    assert (entry.type, str(entry.price)) == ("limit", "98")


# "now / CMP: TTL 60 s, and within the cap of the price at the post's time".


@pytest.mark.parametrize(("late_s", "executed"), [(0.0, True), (59.0, True), (61.0, False)])
async def test_now_is_good_for_sixty_seconds(clock: Clock, late_s: float, executed: bool) -> None:
    life = await play(clock, NOW, *flat(100.0, 2), late_s=late_s)
    assert isinstance(decision(life), AutoRouteExecuted if executed else SignalExpired)


@pytest.mark.parametrize(("price", "executed"), [(100.4, True), (100.6, False), (99.0, True)])
async def test_now_is_good_within_the_cap_of_the_price_when_it_was_posted(
    clock: Clock, price: float, executed: bool
) -> None:
    world = World({BTC: minutes(*flat(100.0, 1), *flat(price, 4))})
    async with world.life(clock) as life:
        await life.until(T0 + 70)
        life.say(NOW, posted_at=T0 + 40)
        await life.minute(4)
    found = decision(life)
    assert isinstance(found, AutoRouteExecuted) if executed else isinstance(found, SignalRejected)
    if isinstance(found, SignalRejected):
        assert found.gate == "chased"


# "Seen late: a late SL moved up beyond the market is an exit".


async def test_a_late_stop_beyond_the_market_is_an_exit(clock: Clock) -> None:
    world = World({BTC: minutes(*flat(100.0, 8))})
    async with world.life(clock) as life:
        await life.until(T0 + 10)
        life.say(NOW)
        await life.minute(4)
        life.say("Move SL to 101", reply_to=1, posted_at=T0 + 61)
        await life.minute(6)
    assert [one.reason for one in life.of(PositionClosed)] == ["close"]


# "Edit while pending = cancel to a terminal state, then n + 1; after the first fill an edit never adds an entry".


@pytest.mark.fault("A22")
@pytest.mark.parametrize("part", range(4))
def test_an_edit_at_any_moment_around_the_fill_never_buys_more_than_was_planned(part: int) -> None:
    prices = [*flat(100.0, 1), (100.0, 100.0, 95.5, 97.0), *[(97.0, 97.0, 96.5, 97.0)] * 2, *flat(97.0, 3)]
    effects = set()
    for step in range(part, 60, 4):
        at = T0 + 178.0 + step * 0.07  # It fills at 180.
        world = World({BTC: minutes(*flat(100.0, 1), *prices)})
        post = world.post(LIMIT, at=T0 + 10).post
        text = LIMIT.replace("96", "97").replace("94", "95")
        world.script.append(Edited(post=msgspec.structs.replace(post, text=text, edited_at=at), received_at=at))
        life = world.run(_to_the_end)
        world.verify()
        planned = life.of(RiskTicket)[0].plan.qty
        bought = sum(one.qty for one in life.of(OrderFill) if one.side == "BUY")
        assert 0 < bought <= planned, f"edited at {at - T0}"
        filled_at = min(one.at for one in life.of(OrderFill))
        late = [one for one in life.of(OrderIntent) if one.role == "e" and one.at > filled_at]
        assert late == [], f"an entry was added to what had filled, edited at {at - T0}"
        (edited,) = life.of(SignalEdited)
        effects.add(edited.effect)
        assert {call.key for call in life.ledger.calls.values()} == {"paper|@calls|1|0"}
        assert life.naked.look() == 0.0
    assert effects == {"replaced", "moved"}


async def _to_the_end(life: Life) -> Life:
    await life.minute(5)
    return life
