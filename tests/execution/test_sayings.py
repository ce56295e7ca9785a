"""From what a channel says about its calls to the command that goes to Exec."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from levibotd.domain.book import Call
from levibotd.domain.leg_read import LegRead
from levibotd.domain.lifecycle import CallOnItsWay
from levibotd.domain.orders import ENTRY
from levibotd.domain.records import AutoRouteSkipped, SignalEdited, SignalExpired
from levibotd.domain.signal import CallKey, Change, Kind, Leg, Post, Reading, Scored, Side, Symbol, call_key
from levibotd.execution.sayings import asked_by_edit, asked_by_reply, sold_by
from levibotd.messages import Asked, EndCalls, PostArrived, ReviseCalls
from levibotd.sim.recorded_market import RecordedMarket
from tests.domain.desk import BTC, Desk
from tests.scenarios.bench import T0, flat, minutes
from tests.sim.memory_candles import MemoryCandles

KEY = call_key("paper", "@c", 1, 0)
OTHER = call_key("paper", "@c", 1, 1)
LEG = Leg(symbol="BTC/USDT", side=Side.BUY, entry_type="limit", entry=(100.0,), tps=(110.0,), sl=90.0, sl_kind="price")
POST = Post(channel="@c", message_id=2, posted_at=T0, text="an update", reply_to=1)


def reply(change: Change, *, calls: tuple[CallKey, ...] = (KEY,), age_s: float = 1.0, late: bool = False) -> object:
    message = PostArrived(trace=POST.trace, post=POST, received_at=T0, late=late)
    return asked_by_reply(message, change, calls, now=T0 + age_s, limit_s=60.0)


def test_a_reply_asks_each_call_it_means() -> None:
    found = reply(Change(breakeven=True), calls=(KEY, OTHER))
    assert isinstance(found, ReviseCalls)
    assert [one.call for one in found.asked] == [KEY, OTHER]
    assert not found.needs_plan


def test_one_level_cannot_be_meant_for_two_calls() -> None:
    assert reply(Change(stop=95.0), calls=(KEY, OTHER)) == AutoRouteSkipped(reason="review.which_call")


@pytest.mark.parametrize(("age_s", "late"), [(61.0, False), (1.0, True)])
def test_a_late_entry_is_expired_and_what_comes_with_it_is_not(age_s: float, late: bool) -> None:
    assert reply(Change(entry=(97.0,)), age_s=age_s, late=late) == SignalExpired(age_s=age_s, limit_s=60.0)
    both = reply(Change(entry=(97.0,), stop=95.0), age_s=age_s, late=late)
    assert isinstance(both, ReviseCalls)
    assert [one.what for one in both.asked] == [Change(stop=95.0)]
    assert isinstance(in_time := reply(Change(entry=(97.0,))), ReviseCalls)
    assert in_time.needs_plan


def edited(
    reading: Reading, *, late: bool = False, symbols: tuple[Symbol, ...] = (BTC,), pending: bool = True
) -> EndCalls | ReviseCalls | SignalEdited:
    desk = Desk()
    key = desk.opened()
    desk.call(key).leg = LegRead.of(LEG)
    if not pending:
        desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    calls = {
        call_key("paper", "@c", 1, number): CallOnItsWay(channel="@c", key=KEY, symbol=symbol)
        for number, symbol in enumerate(symbols)
    }
    edit = SignalEdited(channel="@c", message_id=1, revision=1, text="x", edited_at=T0, effect="noted")
    scored = Scored(reading=reading, label="BUY", probs={"BUY": 1.0, "SELL": 0.0, "NO-TRADE": 0.0})
    found = asked_by_edit(
        edit, scored, calls, ledger=desk.ledger, symbol_of=lambda leg: Symbol(leg.symbol.replace("/", "")), late=late
    )
    assert isinstance(found, EndCalls | ReviseCalls | SignalEdited)
    return found


def test_an_edit_asks_by_what_it_says_now() -> None:
    leg = replace(LEG, sl=95.0)
    found = edited(Reading(kind=Kind.NEW, legs=(leg,)))
    assert isinstance(found, ReviseCalls)
    assert found.asked == (Asked(call=KEY, what=leg),)


@pytest.mark.parametrize(("late", "refused"), [(False, None), (True, "late")])
def test_another_entry_needs_a_plan_unless_it_is_late(late: bool, refused: str | None) -> None:
    found = edited(Reading(kind=Kind.NEW, legs=(replace(LEG, entry=(99.0,)),)), late=late)
    assert isinstance(found, ReviseCalls)
    assert [(one.wants_plan, one.refused) for one in found.asked] == [(True, refused)]
    assert found.needs_plan is not late


@pytest.mark.parametrize(
    ("sl", "kind", "pending", "late", "wants_plan"),
    [
        (85.0, "price", True, False, True),
        (95.0, "price", True, False, False),  # Tighter: the stop moves, and all else stays.
        (85.0, "price", False, False, False),  # Of what is held people must say so.
        (85.0, "price", True, True, False),
        (92.0, "4h_close", True, False, True),  # Its stop at the venue lies elsewhere: only a plan can tell.
        (None, None, True, False, False),
    ],
)
def test_a_wider_stop_needs_a_plan_while_nothing_has_filled(
    sl: float | None, kind: str | None, pending: bool, late: bool, wants_plan: bool
) -> None:
    leg = replace(LEG, sl=sl, sl_kind=kind)
    found = edited(Reading(kind=Kind.NEW, legs=(leg,)), late=late, pending=pending)
    assert isinstance(found, ReviseCalls)
    assert [(one.wants_plan, one.refused) for one in found.asked] == [(wants_plan, None)]


@pytest.mark.parametrize("kind", [Kind.CLOSE, Kind.CANCEL])
def test_an_edit_that_ends_its_call_ends_it(kind: Kind) -> None:
    found = edited(Reading(kind=kind, every_call=True, symbols=("ETH",)))
    assert isinstance(found, EndCalls)
    assert found.calls == (KEY,)  # Of its own post alone, whatever it names.


@pytest.mark.parametrize(
    ("reading", "effect"),
    [
        (Reading(kind=Kind.RESULT), "noted"),
        (Reading(kind=Kind.CHATTER), "review"),
        (Reading(kind=Kind.AMBIGUOUS), "review"),
        (Reading(kind=Kind.NEW, legs=(replace(LEG, symbol="ETH/USDT"),)), "review"),
    ],
)
def test_an_edit_that_says_nothing_clear_changes_nothing(reading: Reading, effect: str) -> None:
    found = edited(reading)
    assert isinstance(found, SignalEdited)
    assert found.effect == effect


def test_an_edit_of_a_post_without_calls_is_noted() -> None:
    found = edited(Reading(kind=Kind.NEW, legs=(LEG,)), symbols=())
    assert isinstance(found, SignalEdited)
    assert (found.effect, found.reason) == ("noted", "")


@pytest.mark.parametrize(
    ("channel", "side", "can_short", "ends"),
    [("@c", Side.SELL, False, True), ("@d", Side.SELL, False, False), ("@c", Side.BUY, False, False),
     ("@c", Side.SELL, True, False)],
)  # fmt: skip
def test_where_nothing_can_be_shorted_a_sell_ends_what_its_channel_bought(
    channel: str, side: Side, can_short: bool, ends: bool
) -> None:
    market = RecordedMarket(MemoryCandles({BTC: minutes(*flat(100.0, 3))}), market="swap" if can_short else "spot")
    desk = Desk()
    calls: list[Call] = [desk.call(desk.opened())]
    post = replace(POST, channel=channel)
    reading = Reading(kind=Kind.NEW, legs=(replace(LEG, side=side),))
    assert sold_by(post, reading, calls, market, at=T0 + 70) == ((KEY,) if ends else ())
    assert Decimal(1) == calls[0].plan.qty
