"""What the account is worth, and what trips on it."""

from collections.abc import Sequence
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.book import KillState
from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import OrderFilled, OrderIntent
from levibotd.domain.records import DayAnchor, Entry, KillSwitch, Record, RiskTicket
from levibotd.domain.signal import Side
from levibotd.execution.equity import DAY_S, EquityWatch, until_midnight_s
from levibotd.ports.market import Bar
from levibotd.sim.recorded_market import RecordedMarket
from tests.execution.orders import KEY, PLAN, TRACE
from tests.scenarios.bench import BTC, T0, bars
from tests.sim.memory_candles import MemoryCandles

DAY = "2023-11-14"


def anchored(*more: Record, equity: str = "10000") -> Ledger:
    ledger = Ledger(balance=D(10_000))
    for record in (DayAnchor(day=DAY, equity=D(equity), at=T0), *more):
        ledger.apply(Entry(record, TRACE, BTC))
    return ledger


def bought(qty: str, price: str, *, fee: str = "0") -> tuple[Record, ...]:
    """A call that holds this much."""
    ticket = RiskTicket(
        call=KEY, channel="@calls", plan=PLAN, gates=(), policy="moderate", policy_hash="", equity=D(10_000),
        exposure_seq=0, entry_valid_until=T0 + 3600, expires_at=T0 + 30, at=T0,
    )  # fmt: skip
    intent = OrderIntent(
        cid="c", call=KEY, role="e", slot=0, attempt=0, side=Side.BUY, type="limit", tif="GTC", qty=D(qty),
        price=D(price), venue="paper", at=T0,
    )  # fmt: skip
    fill = OrderFilled(
        cid="c", trade_id="c-1", side=Side.BUY, qty=D(qty), price=D(price), fee=D(fee), fee_currency="USDT",
        liquidity="taker", cum_qty=D(qty), at=T0,
    )  # fmt: skip
    return ticket, intent, fill


def watch(ledger: Ledger, prices: Sequence[Bar], *, limit: str = "0.02", peak: str | None = None) -> EquityWatch:
    return EquityWatch(
        ledger=lambda: ledger,
        market=RecordedMarket(MemoryCandles({BTC: prices})),
        daily_loss_limit=lambda: D(limit),
        peak_loss_limit=lambda: None if peak is None else D(peak),
    )


def prices(*levels: float) -> list[Bar]:
    return bars(*[(level, level, level, level) for level in levels], start=T0)


def test_equity_is_cash_and_what_is_open_at_its_price() -> None:
    ledger = anchored(*bought("10", "100", fee="0.5"))
    seen = watch(ledger, prices(100.0, 103.0))

    assert seen.equity(T0 + 5) == D("9999.5")
    assert seen.equity(T0 + 65) == D("10029.5")


def test_a_symbol_without_a_price_keeps_its_last_good_one() -> None:
    ledger = anchored(*bought("10", "100"))
    seen = watch(ledger, prices(90.0))

    assert seen.equity(T0 + 5) == 9_900
    assert seen.equity(T0 + 10_000) == 9_900
    assert watch(ledger, prices(90.0)).equity(T0 + 10_000) == 10_000  # One that never had any counts as paid.


@pytest.mark.fault("C4")
@pytest.mark.parametrize("bad", ["NaN", "Infinity", "0", "-1"])
def test_a_price_that_is_none_moves_nothing(bad: str) -> None:
    ledger = anchored(*bought("10", "100"))
    seen = watch(ledger, prices(99.0))
    seen.price(BTC, D("99"))
    seen.price(BTC, D(bad))

    assert seen.equity(T0 + 10_000) == 9_990
    assert seen.trip(T0 + 10_000) is None


@pytest.mark.parametrize(("price", "trips"), [(80.01, False), (80.0, True), (20.0, True)])
def test_a_loss_that_is_not_realised_trips_at_the_limit(price: float, trips: bool) -> None:
    ledger = anchored(*bought("10", "100"))
    tripped = watch(ledger, prices(price)).trip(T0 + 5)

    assert (tripped is not None) is trips
    if tripped is not None:
        assert (tripped.why, tripped.anchor, tripped.limit) == ("equity", D(10_000), D("9800.00"))


def test_a_fall_from_the_days_peak_trips_where_that_has_a_limit() -> None:
    ledger = anchored(*bought("10", "100"))
    seen = watch(ledger, prices(150.0, 140.0, 134.0), peak="0.015")

    assert seen.trip(T0 + 5) is None
    assert seen.trip(T0 + 65) is None
    tripped = seen.trip(T0 + 125)  # 10,500 at its best, 10,340 now: 1.52 % below.
    assert tripped is not None
    assert tripped.why == "peak"


def test_what_has_tripped_does_not_trip_again_and_without_an_anchor_nothing_does() -> None:
    tripped = KillSwitch(tripped=True, why="equity", by="risk")
    ledger = anchored(*bought("10", "100"), tripped)
    assert ledger.control.kill == KillState(tripped=True, why="equity", by="risk")
    assert watch(ledger, prices(10.0)).trip(T0 + 5) is None

    fresh = Ledger(balance=D(10_000))
    assert watch(fresh, prices(10.0)).trip(T0 + 5) is None


@pytest.mark.fault("C7")
def test_a_day_is_anchored_once_and_at_the_price_of_its_midnight() -> None:
    ledger = anchored(*bought("10", "100"))
    midnight = T0 + until_midnight_s(T0)
    seen = watch(ledger, bars((110.0, 110.0, 110.0, 110.0), (90.0, 90.0, 90.0, 90.0), start=midnight))

    assert seen.anchor(midnight - 1) is None
    anchor = seen.anchor(midnight + 65)  # A late start: the loss since midnight is this day's own.
    assert anchor == DayAnchor(day="2023-11-15", equity=D(10_100), at=midnight + 65)
    ledger.apply(Entry(anchor))
    assert seen.anchor(midnight + 70) is None
    assert seen.anchor(midnight - 25 * 3600) is None
    assert seen.anchor(midnight + DAY_S) is not None


def test_asking_for_the_anchor_within_a_day_prices_nothing_at_its_midnight() -> None:
    ledger = anchored(*bought("10", "100"))
    midnight = T0 + until_midnight_s(T0) - DAY_S
    seen = watch(ledger, bars((10.0, 10.0, 10.0, 10.0), start=midnight))

    assert seen.anchor(T0 + 3600) is None
    assert seen.trip(T0 + 3600) is None
    assert seen.equity(T0 + 3600) == D(10_000)


@pytest.mark.parametrize(("at", "left_s"), [(0.0, 86_400.0), (1.0, 86_399.0), (86_399.5, 0.5), (86_400.0, 86_400.0)])
def test_midnight_is_never_now(at: float, left_s: float) -> None:
    assert until_midnight_s(at) == left_s


@given(
    first=st.integers(900, 1100),
    then=st.lists(st.integers(800, 1200), min_size=1, max_size=8),
    limit=st.sampled_from(["0.002", "0.01"]),
    peak=st.sampled_from([None, "0.001", "0.005"]),
)
def test_between_the_bounds_of_a_calm_nothing_trips_and_no_peak_is_reached(
    first: int, then: list[int], limit: str, peak: str | None
) -> None:
    ledger = anchored(*bought("10", "100"))
    levels = [first / 10, *(level / 10 for level in then)]
    seen, often = (watch(ledger, prices(*levels), limit=limit, peak=peak) for _ in range(2))
    if seen.trip(T0 + 5) is not None or (calm := seen.calm()) is None:
        return
    often.trip(T0 + 5)
    highest = often._peak
    least, most = calm.bounds[BTC]

    assert least <= levels[0] <= most
    for number, level in enumerate(levels):
        if not least <= level <= most:
            return
        assert often.trip(T0 + 60 * number + 5) is None
        assert often._peak == highest


def test_there_is_no_calm_where_nothing_is_watched_or_a_price_is_missing() -> None:
    tripped = anchored(*bought("10", "100"), KillSwitch(tripped=True, why="equity", by="risk"))
    for ledger, at in ((anchored(), T0 + 5), (tripped, T0 + 5), (anchored(*bought("10", "100")), T0 + 10_000)):
        seen = watch(ledger, prices(100.0))
        seen.trip(at)

        assert seen.calm() is None
