"""What a channel may change about an open call: tighter stops, unfilled targets, a part closed; never more risk."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.amendments import Amendment, Rulings, Wish, amend, wish_of_change, wish_of_edit
from levibotd.domain.leg_read import LegRead
from levibotd.domain.orders import ENTRY, STOP, TARGET
from levibotd.domain.signal import CallKey, Change, Leg, Side
from levibotd.domain.sizing import Filters
from levibotd.domain.trade_plan import Target
from tests.domain.desk import Desk, plan

D = Decimal
FILTERS = Filters(
    tick=D("0.01"), step=D("0.001"), min_qty=D("0.01"), max_qty=D(10**9), min_notional=D(5),
    taker_fee=D("0.001"), maker_fee=D("0.001"), can_short=True,
)  # fmt: skip
LONG = Leg(symbol="BTC/USDT", side=Side.BUY, entry_type="limit", entry=(100.0,), tps=(110.0, 120.0), sl=90.0,
           sl_kind="price")  # fmt: skip


def held(side: Side = Side.BUY, *, filled: str | None = "3", leg: Leg | None = LONG) -> tuple[Desk, CallKey]:
    """A call of 3 at 100 with two targets and a stop ten away."""
    long = side is Side.BUY
    made = plan(
        side=side, rungs=(("3", "100"),), targets=("110", "120") if long else ("90", "80"), stop="90" if long else "110"
    )
    desk = Desk()
    key = desk.opened(made)
    desk.call(key).leg = LegRead.of(leg) if leg is not None else None
    if filled is not None:
        desk.fill(desk.cids(key, ENTRY)[0], filled, "100", fee="0.3")
    return desk, key


def amended(desk: Desk, key: CallKey, wish: Wish, **more: object) -> Amendment:
    rules = Rulings(**{"filters": FILTERS, "mark": D(100), **more})  # type: ignore[arg-type]
    return amend(desk.call(key), desk.ledger.orders_of(key), wish, rules)


@pytest.mark.parametrize(
    ("side", "stop", "effect", "review"),
    [
        (Side.BUY, "95", "moved", ()),
        (Side.BUY, "90", "", ()),
        (Side.BUY, "85", "", ("stop_widened",)),
        (Side.BUY, "100", "closed", ()),  # At the market: a way out.
        (Side.BUY, "101", "closed", ()),
        (Side.BUY, "125", "", ("stop_beyond_targets",)),
        (Side.SELL, "105", "moved", ()),
        (Side.SELL, "115", "", ("stop_widened",)),
        (Side.SELL, "99", "closed", ()),
        (Side.SELL, "79", "", ("stop_beyond_targets",)),
    ],
)
def test_a_stop_is_only_tightened_and_beyond_the_market_it_is_a_way_out(
    side: Side, stop: str, effect: str, review: tuple[str, ...]
) -> None:
    desk, key = held(side)
    found = amended(desk, key, Wish(stop=D(stop)))
    assert (found.effect, found.review) == (effect, review)
    assert found.stop == (D(stop) if effect == "moved" else None)


def test_breakeven_pays_the_fees_and_waits_for_a_fill() -> None:
    desk, key = held()
    found = amended(desk, key, Wish(breakeven=True), mark=D(104))
    assert found.stop == D("100.21")
    desk, key = held(filled=None)
    assert amended(desk, key, Wish(breakeven=True)) == Amendment(review=("not_filled",))


def test_breakeven_below_a_tighter_stop_changes_nothing() -> None:
    desk, key = held()
    desk.call(key).stop = D(105)
    assert amended(desk, key, Wish(breakeven=True), mark=D(108)) == Amendment()


def test_new_targets_take_the_place_of_those_that_have_not_filled() -> None:
    desk, key = held()
    first = desk.rest(key, TARGET, "1.5", price="110")
    desk.fill(first, "1", "110")
    found = amended(desk, key, Wish(targets=(D(130), D(105), D(115))), mark=D(108))
    assert found.targets == (
        Target(price=D(110), share=D("0.5")),
        Target(price=D(115), share=D("0.25")),
        Target(price=D(130), share=D("0.25")),
    )


@pytest.mark.parametrize(("targets", "review"), [(("95",), "target_wrong_side"), (("89", "120"), "target_wrong_side")])
def test_a_target_on_the_wrong_side_is_none(targets: tuple[str, ...], review: str) -> None:
    desk, key = held()
    found = amended(desk, key, Wish(targets=tuple(map(D, targets))))
    assert found == Amendment(review=(review,))


@pytest.mark.parametrize(
    ("share", "found"),
    [
        ("0.5", Amendment(reduce=D("1.5"))),
        ("1", Amendment(close=True)),
        ("0.9999", Amendment(close=True)),  # What is left could not be closed by itself.
        ("0.0001", Amendment(review=("too_small",))),
    ],
)
def test_a_part_is_closed_as_far_as_the_venue_can(share: str, found: Amendment) -> None:
    desk, key = held()
    assert amended(desk, key, Wish(close_share=D(share))) == found


def test_nothing_is_closed_of_what_is_not_filled() -> None:
    desk, key = held(filled=None)
    assert amended(desk, key, Wish(close_share=D("0.5"))).review == ("not_filled",)


def test_in_a_burst_only_protection_is_granted() -> None:
    desk, key = held()
    wish = Wish(stop=D(95), targets=(D(130),), close_share=D("0.5"))
    found = amended(desk, key, wish, only_protects=True)
    assert found == Amendment(stop=D(95), reduce=D("1.5"), review=("burst",))


def test_a_new_entry_in_a_burst_is_left_to_people_because_of_the_burst() -> None:
    desk, key = held(filled=None)
    assert amended(desk, key, Wish(entry=True), only_protects=True).review == ("burst",)
    assert amended(desk, key, Wish(entry=True)).review == ("entry_not_planned",)


def test_another_entry_is_never_added_to_what_has_filled() -> None:
    desk, key = held()
    assert amended(desk, key, Wish(entry=True)) == Amendment(review=("entry_filled",))


def test_rungs_that_would_be_bought_into_the_new_stop_go() -> None:
    desk = Desk()
    key = desk.opened(plan(rungs=(("1", "100"), ("1", "96")), targets=("110",)))
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    assert amended(desk, key, Wish(stop=D(97)), mark=D(99)) == Amendment(stop=D(97), end_entries=True)
    assert amended(desk, key, Wish(stop=D(95)), mark=D(99)) == Amendment(stop=D(95))


def test_a_pending_call_whose_entries_lie_beyond_the_new_stop_is_left_to_people() -> None:
    desk, key = held(filled=None)
    assert amended(desk, key, Wish(stop=D("100.5"))) == Amendment(review=("stop_beyond_entry",))


@pytest.mark.parametrize(
    ("written", "factor", "stop"),
    [
        (95.0, "1", "95"),
        (0.095, "1", "95"),  # In thousands.
        (9500000000.0, "1e-8", "95"),
        (950.0, "1", None),  # A factor of ten is a typo.
        (9.5, "1", None),
    ],
)
def test_a_written_level_is_read_in_the_unit_that_brings_it_near_the_entry(
    written: float, factor: str, stop: str | None
) -> None:
    desk, key = held(leg=replace(LONG, factor=D(factor)))
    wish = wish_of_change(Change(stop=written), desk.call(key))
    assert wish.stop == (None if stop is None else D(stop))
    assert wish.unclear == (() if stop is not None else ("stop_unclear",))


@pytest.mark.parametrize(
    ("edit", "wish"),
    [
        ({}, Wish()),
        ({"sl": 95.0}, Wish(stop=D(95))),
        ({"sl": (5.0,), "sl_kind": "pct"}, Wish(stop=D(95))),
        ({"sl": None, "sl_kind": None}, Wish()),
        ({"sl": 95.0, "sl_kind": "4h_close"}, Wish(unclear=("stop_conditional",))),
        ({"sl": 90.0, "sl_kind": "daily_close"}, Wish(unclear=("stop_conditional",))),
        ({"sl": 80.0, "sl_kind": "weekly_close"}, Wish(unclear=("stop_conditional",))),
        ({"sl": 95.0, "sl_kind": "4h_close", "tps": (115.0,)}, Wish(unclear=("stop_conditional",), targets=(D(115),))),
        ({"tps": (115.0,)}, Wish(targets=(D(115),))),
        ({"entry": (99.0,)}, Wish(entry=True)),
        ({"side": Side.SELL}, Wish(unclear=("side_flipped",))),
    ],
)
def test_an_edit_asks_for_what_it_changes_and_nothing_else(edit: dict[str, object], wish: Wish) -> None:
    desk, key = held()
    assert wish_of_edit(replace(LONG, **edit), desk.call(key)) == wish


LEVELS = st.decimals(min_value=1, max_value=300, places=2)


@given(
    side=st.sampled_from(list(Side)),
    stop=st.none() | LEVELS,
    breakeven=st.booleans(),
    targets=st.lists(LEVELS, max_size=6),
    share=st.none() | st.decimals(min_value=0, max_value=2, places=3),
    mark=st.none() | LEVELS,
    filled=st.sampled_from([None, "1", "3"]),
    hit=st.sampled_from([None, "0.4", "1.5"]),
    split=st.sampled_from(["even", "one", "decreasing", "increasing", (0.7, 0.2, 0.1)]),
    protects=st.booleans(),
)
def test_no_wish_ever_adds_risk(
    side: Side,
    stop: Decimal | None,
    breakeven: bool,
    targets: list[Decimal],
    share: Decimal | None,
    mark: Decimal | None,
    filled: str | None,
    hit: str | None,
    split: str,
    protects: bool,
) -> None:
    desk, key = held(side, filled=filled)
    before = desk.call(key).targets
    if hit is not None and filled == "3":
        desk.fill(desk.rest(key, TARGET, "1.5", price=before[0].price), hit, before[0].price)
    call, orders = desk.call(key), desk.ledger.orders_of(key)
    wish = Wish(stop=stop, breakeven=breakeven, targets=tuple(targets), close_share=share)
    found = amend(call, orders, wish, Rulings(filters=FILTERS, mark=mark, tp_split=split, only_protects=protects))

    sign = side.sign
    if found.stop is not None:
        assert (found.stop - call.stop) * sign > 0, "a stop was loosened"
        assert found.stop == found.stop.quantize(D("0.01"))
        assert not call.qty or mark is None or (mark - found.stop) * sign > 0, "a stop was set beyond the market"
    assert 0 <= found.reduce <= call.qty
    if found.targets is not None:
        assert sum(target.share for target in found.targets) == 1
        assert all(target.share > 0 for target in found.targets)
        prices = [target.price * sign for target in found.targets]
        assert prices == sorted(set(prices))
        assert hit is None or filled != "3" or found.targets[0] == before[0]
    if protects:
        assert found.targets is None


def test_a_call_on_its_way_out_is_left_alone() -> None:
    desk, key = held()
    desk.intent(key, "c", "3")
    assert amended(desk, key, Wish(stop=D(95))) == Amendment(review=("closing",))
    assert desk.cids(key, STOP)
