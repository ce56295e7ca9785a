"""The records of what the venue has told."""

from decimal import Decimal as D

import msgspec

from levibotd.domain.order_records import OrderFilled, OrderPartialFill
from levibotd.domain.records import Gate, RiskTicket
from levibotd.execution.told import armed, fill_record, opened, outcome
from levibotd.ports.venue import Fill
from tests.execution.orders import KEY, PLAN
from tests.execution.test_equity import anchored, bought
from tests.scenarios.bench import BTC, T0

LEDGER = anchored(*bought("10", "100"))
ORDER = LEDGER.orders_of(KEY)[0]
FILL = Fill(
    cid="c", trade_id="c-2", symbol=BTC, side=ORDER.side, qty=D(2), price=D(101), fee=D("0.1"), fee_currency="USDT",
    liquidity="maker", remaining=D(0), at=T0,
)  # fmt: skip


def ticket() -> RiskTicket:
    found = bought("10", "100")[0]
    assert isinstance(found, RiskTicket)
    return found


def test_a_fill_that_leaves_nothing_ends_the_order_and_counts_what_was_done_before() -> None:
    whole = fill_record(ORDER, FILL)
    part = fill_record(ORDER, msgspec.structs.replace(FILL, remaining=D(1)))

    assert (type(whole), type(part)) == (OrderFilled, OrderPartialFill)
    assert whole.cum_qty == ORDER.filled + 2
    assert (whole.price, whole.fee, whole.liquidity) == (D(101), D("0.1"), "maker")


def test_a_position_is_opened_by_its_first_fill() -> None:
    record = opened(LEDGER.calls[KEY], FILL)

    assert (record.call, record.qty, record.price, record.at) == (KEY, D(2), D(101), T0)


def test_a_leg_is_blocked_by_a_gate_or_goes_out() -> None:
    assert outcome(ticket(), Gate(name="max_open", value=1, limit=1)).outcome == "blocked"
    assert outcome(ticket(), None).outcome == "intent"
    waits = msgspec.structs.replace(
        PLAN, rungs=tuple(msgspec.structs.replace(rung, style="trigger") for rung in PLAN.rungs)
    )
    assert outcome(msgspec.structs.replace(ticket(), plan=waits), None).outcome == "armed"


def test_what_waits_for_a_trigger_says_at_which_price() -> None:
    intent = next(record for record in bought("10", "100") if hasattr(record, "cid"))
    record = armed(ticket(), intent)  # type: ignore[arg-type]

    assert (record.cid, record.trigger, record.price) == ("c", D(100), D(100))
    assert record.valid_until == ticket().entry_valid_until
