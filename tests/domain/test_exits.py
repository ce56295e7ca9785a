"""Splits, stop moves, the end of unfilled entries, and the record of a closed call."""

import re
from decimal import Decimal
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.exits import (
    BREAKEVEN,
    MOVING_TARGET,
    MOVING_TWO_TARGET,
    NO_MOVER,
    TRAILING,
    Mover,
    Split,
    breakeven,
    entries_over,
    moved_stop,
    mover_of,
    position_closed,
    split,
)
from levibotd.domain.orders import ENTRY, STOP, TARGET
from levibotd.domain.records import RiskSltp
from levibotd.domain.signal import CallKey, Side
from levibotd.settings import StopMover
from tests.domain.desk import Desk, plan

D = Decimal
PATTERN = next(each.pattern for each in get_args(StopMover) if isinstance(each, msgspec.Meta))
FEE = D("0.001")
TICK = D("0.01")


@pytest.mark.parametrize(
    ("name", "count", "shares"),
    [
        ("even", 4, "0.25 0.25 0.25 0.25"),
        ("even", 3, "0.33333333 0.33333333 0.33333334"),
        ("one", 3, "1 0 0"),
        ("two", 3, "0.5 0.5 0"),
        ("three", 2, "0.5 0.5"),
        ("fifty-on-first", 3, "0.5 0.25 0.25"),
        ("fifty-on-first", 1, "1"),
        ("decreasing", 4, "0.53333333 0.26666667 0.13333333 0.06666667"),
        ("increasing", 3, "0.14285714 0.28571429 0.57142857"),
        ((0.5, 0.3, 0.2), 3, "0.5 0.3 0.2"),
        ((0.5, 0.3, 0.2), 2, "0.625 0.375"),
        ((1.0,), 3, "1 0 0"),
    ],
)
def test_a_split_gives_each_leg_its_share(name: Split, count: int, shares: str) -> None:
    assert split(name, count) == tuple(D(share) for share in shares.split())


@given(
    st.sampled_from(["even", "one", "two", "three", "fifty-on-first", "decreasing", "increasing", (0.7, 0.2, 0.1)]),
    st.integers(1, 20),
)
def test_shares_sum_to_one_and_none_is_negative(name: Split, count: int) -> None:
    shares = split(name, count)

    assert sum(shares) == 1
    assert min(shares) >= 0


def held(side: Side = Side.BUY, *, mover_targets: tuple[str, ...] | None = None) -> tuple[Desk, CallKey]:
    """A call of 3 at 100 with three targets, filled."""
    targets = mover_targets or (("110", "120", "130") if side is Side.BUY else ("90", "80", "70"))
    desk = Desk()
    key = desk.opened(plan(side=side, rungs=(("3", "100"),), targets=targets, stop="90" if side is Side.BUY else "110"))
    desk.fill(desk.cids(key, ENTRY)[0], "3", "100", fee="0.3")
    for slot, target in enumerate(targets):
        desk.rest(key, TARGET, "1", price=target, slot=slot)
    return desk, key


def hit(desk: Desk, key: CallKey, count: int) -> None:
    for cid in desk.cids(key, TARGET)[:count]:
        order = desk.order(cid)
        assert order.price is not None
        desk.fill(cid, "1", order.price)


@pytest.mark.parametrize(("side", "level"), [(Side.BUY, "100.21"), (Side.SELL, "99.80")])
def test_breakeven_pays_the_fees_of_both_sides(side: Side, level: str) -> None:
    desk, key = held(side)
    stop = breakeven(desk.call(key), fee=FEE, tick=TICK)

    assert stop == D(level)
    paid = D(100) * (1 + side.sign * FEE)
    back = stop * (1 - side.sign * FEE)
    assert (back - paid) * side.sign >= 0


@pytest.mark.parametrize(
    ("mover", "levels"),
    [
        (NO_MOVER, [None, None, None]),
        (BREAKEVEN, [None, "100.21", "100.21"]),
        (MOVING_TARGET, [None, "100.21", "110"]),
        (MOVING_TWO_TARGET, [None, None, "100.21"]),
    ],
)
def test_the_stop_follows_the_targets_that_have_filled(mover: str, levels: list[str | None]) -> None:
    for count, level in enumerate(levels):
        desk, key = held()
        hit(desk, key, count)

        moved = moved_stop(desk.call(key), desk.ledger.orders_of(key), mover=mover, fee=FEE, tick=TICK)
        assert moved == (None if level is None else D(level)), f"after {count} targets"


@pytest.mark.parametrize(("stop", "moved"), [("100.20", "100.21"), ("100.21", None), ("105", None)])
def test_a_stop_is_only_tightened(stop: str, moved: str | None) -> None:
    desk, key = held()
    hit(desk, key, 1)
    targets = desk.call(key).targets
    desk.write(
        RiskSltp(call=key, stop=D(stop), stop_source="signal", targets=targets, targets_source="signal", why="moved")
    )

    found = moved_stop(desk.call(key), desk.ledger.orders_of(key), mover=BREAKEVEN, fee=FEE, tick=TICK)
    assert found == (None if moved is None else D(moved))


def test_a_target_that_has_filled_in_part_moves_nothing() -> None:
    desk, key = held()
    desk.fill(desk.cids(key, TARGET)[0], "0.4", "110")

    assert moved_stop(desk.call(key), desk.ledger.orders_of(key), mover=BREAKEVEN, fee=FEE, tick=TICK) is None


def test_a_short_stop_is_tightened_downwards() -> None:
    desk, key = held(Side.SELL)
    hit(desk, key, 2)

    found = moved_stop(desk.call(key), desk.ledger.orders_of(key), mover=MOVING_TARGET, fee=FEE, tick=TICK)
    assert found == D(90)


@pytest.mark.parametrize(
    ("side", "low", "high", "why"),
    [
        (Side.BUY, "95", "109.99", None),
        (Side.BUY, "95", "110", "target_traded"),
        (Side.BUY, "90", "101", "stop_traded"),
        (Side.SELL, "90.01", "105", None),
        (Side.SELL, "90", "105", "target_traded"),
        (Side.SELL, "99", "110", "stop_traded"),
    ],
)
def test_the_first_target_or_the_stop_traded_before_a_fill_ends_the_entries(
    side: Side, low: str, high: str, why: str | None
) -> None:
    desk = Desk()
    made = plan(side=side, stop="90" if side is Side.BUY else "110", targets=("110",) if side is Side.BUY else ("90",))
    key = desk.opened(made)

    over = entries_over(desk.call(key), desk.ledger.orders_of(key), now=desk.now, low=D(low), high=D(high))
    assert over == why


def test_the_first_target_after_a_partial_fill_ends_the_rungs_that_are_left() -> None:
    desk = Desk()
    key = desk.opened(plan(rungs=(("1", "100"), ("1", "95"))))
    desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    look = {"now": desk.now, "high": D(110)}
    call, orders = desk.call(key), desk.ledger.orders_of(key)

    assert entries_over(call, orders, low=D(99), **look) == "target_traded"
    # The stop of what is held is the stop order's business.
    assert entries_over(call, orders, now=desk.now, low=D(89), high=D(101)) is None
    desk.fill(desk.cids(key, STOP)[0], "0.5", "90")
    assert entries_over(desk.call(key), desk.ledger.orders_of(key), now=desk.now) == "exited"


def test_the_lifetime_of_an_entry_ends() -> None:
    desk = Desk()
    key = desk.opened()
    call, orders = desk.call(key), desk.ledger.orders_of(key)

    assert entries_over(call, orders, now=call.entry_valid_until - 0.001) is None
    assert entries_over(call, orders, now=call.entry_valid_until) == "expired"


def test_a_closed_position_says_what_was_made_and_how_it_ended() -> None:
    desk, key = held()
    hit(desk, key, 1)
    desk.fill(desk.cids(key, STOP)[0], "2", "90", fee="0.2")

    closed = position_closed(desk.call(key), at=50.0)
    figures = (closed.qty, closed.entry, closed.pnl, closed.fees, closed.net)
    assert [str(figure) for figure in figures] == ["3", "100", "-10", "0.5", "-10.5"]
    assert closed.exit == D("96.666666666667")
    assert closed.r == -1.05
    assert (closed.reason, closed.at) == ("stop", 50.0)
    assert position_closed(desk.call(key), at=50.0, reason="flatten").reason == "flatten"


def test_what_is_held_is_not_closed() -> None:
    desk, key = held()

    with pytest.raises(AssertionError, match="still holds"):
        position_closed(desk.call(key), at=1.0)


@pytest.mark.parametrize(
    ("name", "mover"),
    [
        ("none", Mover(kind=NO_MOVER)),
        ("breakeven", Mover(kind=BREAKEVEN)),
        ("breakeven-tp2", Mover(kind=BREAKEVEN, after=2)),
        ("breakeven-1.5%", Mover(kind=BREAKEVEN, share=D("0.015"))),
        ("moving-target", Mover(kind=MOVING_TARGET)),
        ("moving-two-target", Mover(kind=MOVING_TWO_TARGET, after=2)),
        ("trailing", Mover(kind=TRAILING)),
        ("trailing-2%", Mover(kind=TRAILING, share=D("0.02"))),
    ],
)
def test_a_mover_is_read_by_its_name(name: str, mover: Mover) -> None:
    assert mover_of(name) == mover


@pytest.mark.parametrize("name", ["", "trailing-0%", "breakeven-tp0", "breakeven-tp2%", "moving", "trailing-200%"])
def test_what_is_no_mover_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="mover"):
        mover_of(name)


@pytest.mark.parametrize(
    ("mover", "hit_", "best", "level"),
    [
        ("breakeven-tp2", 1, None, None),
        ("breakeven-tp2", 2, None, "100.21"),
        ("breakeven-1.5%", 0, "101.4", None),
        ("breakeven-1.5%", 0, "101.5", "100.21"),
        ("breakeven-1.5%", 2, None, None),
        ("trailing-2%", 0, None, None),
        ("trailing-2%", 0, "100", "98"),
        ("trailing-2%", 0, "110", "107.80"),
        ("trailing", 0, "101", None),  # It keeps the tenth that was planned, and moves by a tenth of that.
        ("trailing", 0, "102", "91.80"),
    ],
)
def test_a_mover_follows_the_price_where_it_says_so(mover: str, hit_: int, best: str | None, level: str | None) -> None:
    desk, key = held()
    hit(desk, key, hit_)
    seen = None if best is None else D(best)
    found = moved_stop(desk.call(key), desk.ledger.orders_of(key), mover=mover, fee=FEE, tick=TICK, best=seen)
    assert found == (None if level is None else D(level))


MOVERS = ["breakeven", "breakeven-tp2", "breakeven-1%", "moving-target", "moving-two-target", "trailing", "trailing-3%"]


@given(
    mover=st.sampled_from(MOVERS),
    side=st.sampled_from(list(Side)),
    steps=st.lists(st.one_of(st.just("hit"), st.decimals(min_value=60, max_value=140, places=2)), max_size=12),
)
def test_no_mover_ever_loosens_a_stop(mover: str, side: Side, steps: list[str | Decimal]) -> None:
    desk, key = held(side)
    best: Decimal | None = None
    count, sign = 0, side.sign
    for step in steps:
        if isinstance(step, str):
            if count < 2:
                cid = desk.cids(key, TARGET)[count]
                price = desk.order(cid).price
                assert price is not None
                desk.fill(cid, "1", price)
                count += 1
        else:
            best = step if best is None else max(best, step, key=lambda price: price * sign)
        call = desk.call(key)
        level = moved_stop(call, desk.ledger.orders_of(key), mover=mover, fee=FEE, tick=TICK, best=best)
        if level is not None:
            assert (level - call.stop) * sign > 0
            goals = call.targets
            desk.write(
                RiskSltp(call=key, stop=level, stop_source="x", targets=goals, targets_source="signal", why="moved")
            )
            again = moved_stop(call, desk.ledger.orders_of(key), mover=mover, fee=FEE, tick=TICK, best=best)
            assert again is None, "asked again it moves again"


WEIGHTS = st.lists(st.decimals(min_value=0, max_value=1, places=3), min_size=1, max_size=8)


@given(weights=WEIGHTS, count=st.integers(1, 12))
def test_a_custom_split_sums_to_one(weights: list[Decimal], count: int) -> None:
    if not any(weights[:count]):
        return
    shares = split(tuple(float(weight) for weight in weights), count)
    assert sum(shares) == 1
    assert min(shares) >= 0


@given(st.from_regex(re.compile(PATTERN), fullmatch=True))
def test_every_mover_that_settings_take_can_be_read(name: str) -> None:
    assert mover_of(name).kind in (NO_MOVER, BREAKEVEN, MOVING_TARGET, MOVING_TWO_TARGET, TRAILING)
