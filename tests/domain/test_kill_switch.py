"""When the kill switch trips, and when a day begins."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.kill_switch import check_kill, new_day
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import DayAnchor, Entry
from levibotd.domain.risk import day_of


@pytest.mark.parametrize(
    ("equity", "realised", "peak", "why"),
    [
        ("9700.01", "0", None, None),
        ("9700", "0", None, "equity"),
        ("9700", "400", None, "equity"),  # Only unrealised: closed trades are in profit.
        ("9999", "-300", None, "realised"),
        ("9999", "-299.99", None, None),
        ("9921", "-79", None, None),  # 0.79 % is not 3 %.
        ("10400", "400", None, None),
        ("10285.01", "0", "10500", None),
        ("10290", "0", "10500", "peak"),
        ("NaN", "-9999", None, None),
        ("Infinity", "0", None, None),
    ],
)
def test_the_kill_switch_trips_on_equity_realised_or_peak(
    equity: str, realised: str, peak: str | None, why: str | None
) -> None:
    tripped = check_kill(
        equity=D(equity),
        realised_today=D(realised),
        anchor=D(10_000),
        daily_loss_limit=0.03,
        peak=None if peak is None else D(peak),
        peak_loss_limit=0.02 if why == "peak" else 0.0205,
    )
    assert (tripped.why if tripped else None) == why
    if tripped is not None:
        assert tripped.tripped
        assert tripped.anchor == D(10_000)
        assert tripped.limit is not None


def test_without_an_anchor_above_zero_nothing_trips() -> None:
    assert check_kill(equity=D(0), realised_today=D(-9), anchor=D(0), daily_loss_limit=D("0.03")) is None


# Days.

MIDNIGHT = 1_767_312_000.0  # 2026-01-02 00:00 UTC.


@pytest.mark.parametrize(("at", "day"), [(MIDNIGHT - 0.001, "2026-01-01"), (MIDNIGHT, "2026-01-02")])
def test_days_are_utc_days(at: float, day: str) -> None:
    assert day_of(at) == day


@pytest.mark.fault("C7")
@pytest.mark.parametrize("jump_h", [25, -25])
def test_a_clock_that_jumps_over_midnight_begins_one_day(jump_h: int) -> None:
    start = MIDNIGHT + 86_400 * 3 - 1_800.0
    anchor = new_day(None, at=start, equity=D(100))
    assert anchor is not None
    begun = [anchor.day]
    # It jumps, comes back, and then the true midnight passes.
    for at in (start + 60, start + jump_h * 3600, start + 120, start + 1_799, start + 1_801, start + 3_600):
        found = new_day(anchor, at=at, equity=D(90))
        if found is not None:
            begun.append(found.day)
            anchor = found
    assert begun == sorted(set(begun)), "monotone, none twice"
    assert len(begun) == 2


@pytest.mark.fault("C7")
@given(st.lists(st.floats(-25 * 3600, 25 * 3600), max_size=20))
def test_however_the_clock_jumps_days_only_go_on(jumps: list[float]) -> None:
    ledger = Ledger(balance=D(100))
    at = MIDNIGHT
    days: list[str] = []
    for jump in jumps:
        at += jump
        found = new_day(ledger.day_anchor, at=at, equity=D(100))
        if found is not None:
            ledger.apply(Entry(found))
            days.append(found.day)
        anchor = ledger.day_anchor
        assert isinstance(anchor, DayAnchor)
        assert anchor.day >= day_of(at)
    assert days == sorted(set(days))
