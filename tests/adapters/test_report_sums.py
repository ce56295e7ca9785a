"""Money is added up exactly, however many digits it has."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.adapters.report_sums import TOP, Closed, ClosedSums, EquityPath, FillSums, money

AMOUNTS = st.decimals(min_value=-(10**12), max_value=10**12, places=18)
POSITIVE = st.decimals(min_value=0, max_value=10**9, places=12)


def closed(seq: int, net: str, *, channel: str = "@a", day: int = 1) -> Closed:
    return Closed(seq, day, f"call {seq}", None, channel, "BTCUSDT", "BUY", "stop", 1.0, 0.5, net, "0", net)


@given(
    nets=st.lists(st.tuples(AMOUNTS, st.sampled_from(["@a", "@b"]), st.integers(0, 6)), max_size=40),
    cut=st.integers(0, 40),
)
def test_sums_are_those_of_fractions_however_the_rows_come(nets: list[tuple[Decimal, str, int]], cut: int) -> None:
    rows = [closed(seq, str(net), channel=channel, day=day) for seq, (net, channel, day) in enumerate(nets)]
    sums = ClosedSums()
    sums.add(rows[:cut])
    sums.add(rows[cut:])

    assert Fraction(sums.total.net) == sum((Fraction(net) for net, _, _ in nets), Fraction(0))
    for channel, result in sums.by_channel.items():
        assert Fraction(result.net) == sum((Fraction(net) for net, name, _ in nets if name == channel), Fraction(0))
    for day, result in sums.by_day.items():
        assert result.closed == sum(1 for _, _, of in nets if of == day)
    ranked = sorted(rows, key=lambda row: (Decimal(row.net), row.seq))
    assert [one.call for one in sums.worst()] == [row.call for row in ranked if Decimal(row.net) < 0][:TOP]
    ranked = sorted(rows, key=lambda row: (-Decimal(row.net), row.seq))
    assert [one.call for one in sums.best()] == [row.call for row in ranked if Decimal(row.net) > 0][:TOP]


@given(fills=st.lists(st.tuples(POSITIVE, POSITIVE, POSITIVE, st.sampled_from(["USDT", "BNB"])), max_size=20))
def test_volume_and_fees_are_exact(fills: list[tuple[Decimal, Decimal, Decimal, str]]) -> None:
    sums = FillSums()
    sums.add([(str(qty), str(price), str(fee), currency) for qty, price, fee, currency in fills])
    part = sums.part()

    assert part.count == len(fills)
    assert Fraction(part.volume) == sum((Fraction(qty) * Fraction(price) for qty, price, _, _ in fills), Fraction(0))
    for currency, fee in part.fees.items():
        assert Fraction(fee) == sum((Fraction(each) for _, _, each, name in fills if name == currency), Fraction(0))


def test_a_day_begins_with_its_anchor_and_falls_from_its_highest_point() -> None:
    path = EquityPath()
    path.add([("900", "HEARTBEAT"), ("1000", "DAY_ANCHOR"), ("1200.5", "RISK_TICKET")])
    path.add([("1100", "HEARTBEAT"), ("1300", "DAY_ANCHOR"), ("1250", "HEARTBEAT")])
    part = path.part()

    assert (part.start, part.end) == ("1000", "1250")
    assert (part.max_drawdown, part.max_drawdown_share) == ("100.5", round(100.5 / 1200.5, 6))


def test_equity_that_is_nothing_has_no_drawdown() -> None:
    path = EquityPath()
    path.add([("-1", "HEARTBEAT"), ("-5", "HEARTBEAT")])
    part = path.part()
    assert (part.end, part.max_drawdown, part.max_drawdown_share) == ("-5", "4", 0.0)


@pytest.mark.parametrize(
    ("amount", "written"),
    [("0E-20", "0"), ("1E+3", "1000"), ("-0.10", "-0.1"), ("100", "100"), ("1E-20", "0." + "0" * 19 + "1")],
)
def test_money_is_written_without_an_exponent(amount: str, written: str) -> None:
    assert money(Decimal(amount)) == written
