"""What fills do to money: figures computed by hand, and what holds for all of them."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levibotd.domain.book import CLOSING, OPEN
from levibotd.domain.ledger import Ledger
from levibotd.domain.orders import CLOSE, ENTRY, STOP, TARGET
from levibotd.domain.signal import Side
from tests.domain.desk import BALANCE, Desk, plan, random_history

D = Decimal


# Money, computed by hand: side, trades (role, quantity, price, fee), then realised, fees, open quantity, paid for it.
HAND_COMPUTED = [
    ("a long that gains", Side.BUY, [("e", "1", "100", "0"), ("t", "1", "110", "0")], "10", "0", "0", "0"),
    ("a long that loses", Side.BUY, [("e", "1", "100", "0"), ("s", "1", "90", "0")], "-10", "0", "0", "0"),
    ("a short that gains", Side.SELL, [("e", "1", "100", "0"), ("t", "1", "90", "0")], "10", "0", "0", "0"),
    ("a short that loses", Side.SELL, [("e", "1", "100", "0"), ("s", "1", "110", "0")], "-10", "0", "0", "0"),
    ("fees go from cash", Side.BUY, [("e", "2", "50", "0.05"), ("t", "2", "55", "0.055")], "10", "0.105", "0", "0"),
    ("a rebate comes to cash", Side.BUY, [("e", "2", "50", "-0.01"), ("t", "2", "50", "0")], "0", "-0.01", "0", "0"),
    ("only bought", Side.BUY, [("e", "0.5", "200", "0.1")], "0", "0.1", "0.5", "100"),
    ("two rungs", Side.BUY, [("e", "1", "100", "0"), ("e", "1", "90", "0")], "0", "0", "2", "190"),
    (
        "two rungs, half out",  # Paid 190 for 2, so 95 for the 1 that goes at 100.
        Side.BUY,
        [("e", "1", "100", "0"), ("e", "1", "90", "0"), ("t", "1", "100", "0")],
        "5",
        "0",
        "1",
        "95",
    ),
    (
        "a ladder of targets",  # 3 at 100: +5, +10, +15.
        Side.BUY,
        [("e", "3", "100", "0"), ("t", "1", "105", "0"), ("t", "1", "110", "0"), ("t", "1", "115", "0")],
        "30",
        "0",
        "0",
        "0",
    ),
    (
        "first target, then the stop at breakeven",
        Side.BUY,
        [("e", "2", "100", "0.2"), ("t", "1", "106", "0.1"), ("s", "1", "100.2", "0.1")],
        "6.2",
        "0.4",
        "0",
        "0",
    ),
    (
        "a short ladder, first target, then stopped",  # (100 + 104) / 2 = 102: +6 on one, -3 on the other.
        Side.SELL,
        [("e", "1", "100", "0"), ("e", "1", "104", "0"), ("t", "1", "96", "0"), ("s", "1", "105", "0")],
        "3",
        "0",
        "0",
        "0",
    ),
    (
        "an entry after a first exit",  # 1 at 100 out at 110 (+10); 1 at 90 out at 95 (+5).
        Side.BUY,
        [("e", "1", "100", "0"), ("t", "1", "110", "0"), ("e", "1", "90", "0"), ("t", "1", "95", "0")],
        "15",
        "0",
        "0",
        "0",
    ),
    (
        "thirds of a price that has no thirds",  # 0.3 for 10: exits bring 1.2 in all, so 0.2 whatever the parts.
        Side.BUY,
        [("e", "1", "0.3", "0"), ("e", "2", "0.35", "0"), ("t", "1", "0.4", "0"), ("c", "2", "0.4", "0")],
        "0.2",
        "0",
        "0",
        "0",
    ),
    (
        "a partial exit is rounded to 1e-12",  # 100 paid for 3, so 33.333333333333 for one.
        Side.BUY,
        [("e", "1", "34", "0"), ("e", "2", "33", "0"), ("t", "1", "34", "0")],
        "0.666666666667",
        "0",
        "2",
        "66.666666666667",
    ),
    (
        "what is rounded in parts is exact in whole",  # 102 for 3, out at 100: -2.
        Side.BUY,
        [
            ("e", "1", "34", "0"),
            ("e", "2", "34", "0"),
            ("t", "1", "33", "0"),
            ("t", "1", "33", "0"),
            ("c", "1", "34", "0"),
        ],
        "-2",
        "0",
        "0",
        "0",
    ),
    (
        "small coins, many of them",  # 123456789 x (0.00001239 - 0.00001234) = 123456789 x 5e-8.
        Side.BUY,
        [("e", "123456789", "0.00001234", "0"), ("t", "123456789", "0.00001239", "0")],
        "6.17283945",
        "0",
        "0",
        "0",
    ),
    (
        "sums that no currency has",  # A third of 1e18 + 1 and a cent.
        Side.BUY,
        [("e", "3", "333333333333333333.67", "0"), ("t", "1", "333333333333333333.67", "0")],
        "0",
        "0",
        "2",
        "666666666666666667.34",
    ),
    (
        "a gap through the stop",
        Side.BUY,
        [("e", "0.25", "40000", "5"), ("s", "0.25", "38500", "4.8125")],
        "-375",
        "9.8125",
        "0",
        "0",
    ),
]


@pytest.mark.parametrize(
    ("side", "trades", "realised", "fees", "qty", "paid"),
    [pytest.param(*case[1:], id=case[0]) for case in HAND_COMPUTED],
)
def test_money_to_the_digit(
    side: Side, trades: list[tuple[str, str, str, str]], realised: str, fees: str, qty: str, paid: str
) -> None:
    desk = Desk()
    key = desk.ticket(plan(side=side, stop="1" if side is Side.BUY else "99999"))
    for slot, (role, amount, price, fee) in enumerate(trades):
        desk.fill(desk.rest(key, role, amount, price=price, slot=slot), amount, price, fee=fee)

    call = desk.call(key)
    assert (call.realised, call.fees, call.qty, call.entry_value) == (D(realised), D(fees), D(qty), D(paid))
    assert desk.ledger.realised == D(realised)
    assert desk.ledger.cash == BALANCE + D(realised) - D(fees)


@pytest.mark.parametrize(("role", "status"), [(CLOSE, CLOSING), (STOP, OPEN), (TARGET, OPEN)])
def test_what_comes_in_after_a_call_was_closed_is_to_be_closed_too(role: str, status: str) -> None:
    desk = Desk()
    key = desk.opened(plan(rungs=(("1", "100"), ("1", "98"))))
    first, late = desk.cids(key, ENTRY)
    desk.fill(first, "1", "100")
    desk.fill(desk.rest(key, role, "1", price="101", slot=1), "1", "101")
    desk.fill(late, "1", "98")

    assert desk.call(key).status == status


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_flat_call_made_what_it_sold_for_less_what_it_paid(seed: int) -> None:
    ledger = Ledger(balance=BALANCE)
    for entry in random_history(seed):
        ledger.apply(entry)
        for call in ledger.calls.values():
            if call.flat:
                assert call.realised == (call.sold_value - call.bought_value) * call.side.sign
                assert call.entry_value == 0
