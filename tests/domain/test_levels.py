"""From a leg to prices that orders can have."""

from decimal import Decimal

import pytest

from levibotd.domain.gates import GateName, Refusal
from levibotd.domain.levels import (
    Conditions,
    Level,
    Stop,
    Wanted,
    average_price,
    chase_cap,
    entry_levels,
    entry_prices,
    imputed_distance,
    signal_stop,
    targets,
    wanted,
    worst_price,
)
from levibotd.domain.signal import Leg, Side, Symbol
from levibotd.domain.trade_plan import CloseStop, StopTerms

D = Decimal
TICK = D("0.01")
SYMBOL = Symbol("ABCUSDT")


def want(side: Side = Side.BUY, entry_type: str = "limit", *entry: str, **more: object) -> Wanted:
    prices = tuple(D(price) for price in entry)
    return Wanted(symbol=SYMBOL, side=side, entry_type=entry_type, entry=prices, **more)  # type: ignore[arg-type]


def rungs(wish: Wanted, *, mark: str, cap: str = "0.005") -> list[tuple[str, str, str]]:
    """Style, price and share of the rungs of a wish at this mark."""
    prices = entry_prices(wish, mark=D(mark))
    levels = entry_levels(wish, prices, mark=D(mark), cap=D(cap), tick=TICK)
    return [(level.style, f"{level.price:f}", f"{level.weight.normalize():f}") for level in levels]


def test_numbers_come_into_the_unit_of_the_quote() -> None:
    leg = Leg(
        symbol="ADA/BTC",
        side=Side.BUY,
        entry_type="range",
        entry=(1250.0, 1300.5),
        tps=(1400.0,),
        sl=1100.0,
        leverage=(5.0, 10.0),
        price_unit="satoshi",
        factor=D("1e-8"),
    )
    made = wanted(leg, symbol=Symbol("ADABTC"))

    assert made.entry == (D("0.0000125"), D("0.000013005"))
    assert (made.tps, made.sl) == ((D("0.000014"),), D("0.000011"))
    assert made.leverage == 5
    assert wanted(leg, symbol=Symbol("ADABTC"), cross=D(2)).sl == D("0.000022")


def test_percents_and_multiples_are_not_rescaled() -> None:
    leg = Leg(
        symbol="A/USDT",
        side=Side.BUY,
        entry=(2.0,),
        tps=(3.0, 5.0),
        tp_unit="pct",
        sl=(2.0, 4.0),
        sl_kind="pct",
        factor=D(1000),
    )
    made = wanted(leg, symbol=SYMBOL)

    assert (made.entry, made.tps, made.sl) == ((D(2000),), (D(3), D(5)), D(4))
    assert made.entry_type == "limit"


def test_what_a_float_was_written_as_is_what_counts() -> None:
    leg = Leg(symbol="A/USDT", side=Side.BUY, entry=(0.1, 0.30000000000000004), sl=0.07)

    assert wanted(leg, symbol=SYMBOL).entry[0] == D("0.1")


@pytest.mark.parametrize(
    ("wish", "prices"),
    [
        (want(Side.BUY, "range", "90", "110"), "110 90"),
        (want(Side.SELL, "range", "110", "90"), "90 110"),
        (want(Side.BUY, "ladder", "110", "90"), "110 90"),
        (want(Side.BUY, "ladder", "98", "100", "96"), "100 98 96"),
        (want(Side.SELL, "ladder", "98", "100", "96"), "96 98 100"),
        (want(Side.BUY, "range", "99", "100", zone=True), "100 99"),
        (want(Side.BUY, "range", "90", "100", zone=True), "100 95 90"),
        (want(Side.BUY, "range", "100", "100"), "100"),
        (want(Side.BUY, "below", "90", "95"), "95 90"),
        (want(Side.BUY, "above", "105", "103"), "103 105"),
        (want(Side.SELL, "below", "95", "97"), "95 97"),  # "Below A-B" is a band, whichever the side.
        (want(Side.BUY, "above", "95", "97"), "95 97"),
        (want(Side.BUY, "market"), "101.5"),
        (want(Side.BUY, "market", "100"), "101.5"),
        (want(Side.BUY, "ladder", *(str(price) for price in range(80, 95))), "94 93 92 91 90 89 88 87 86 85"),
    ],
)
def test_entries_are_ordered_by_which_is_reached_first(wish: Wanted, prices: str) -> None:
    assert entry_prices(wish, mark=D("101.5")) == tuple(D(price) for price in prices.split())


@pytest.mark.parametrize(
    ("wish", "mark", "expected"),
    [
        # A band above its market rests on both edges; inside, the passed edge is taken at once; below, both are.
        (want(Side.BUY, "range", "90", "100"), "105", [("limit", "100", "0.5"), ("limit", "90", "0.5")]),
        (want(Side.BUY, "range", "90", "100"), "95", [("ioc", "95.47", "0.5"), ("limit", "90", "0.5")]),
        (want(Side.BUY, "range", "90", "100"), "99.9", [("ioc", "100", "0.5"), ("limit", "90", "0.5")]),
        (want(Side.BUY, "range", "90", "100"), "89", [("ioc", "89.44", "1")]),
        (want(Side.SELL, "range", "90", "100"), "95", [("ioc", "94.53", "0.5"), ("limit", "100", "0.5")]),
        (want(Side.SELL, "range", "90", "100"), "85", [("limit", "90", "0.5"), ("limit", "100", "0.5")]),
        # A limit that can be had is taken up to its price, never beyond.
        (want(Side.BUY, "limit", "100"), "101", [("limit", "100", "1")]),
        (want(Side.BUY, "limit", "100"), "100", [("ioc", "100", "1")]),
        (want(Side.BUY, "limit", "100"), "99", [("ioc", "99.49", "1")]),
        (want(Side.BUY, "below", "100"), "101", [("limit", "100", "1")]),
        (want(Side.BUY, "limit", "99.999"), "101", [("limit", "99.99", "1")]),
        (want(Side.SELL, "limit", "99.991"), "98", [("limit", "100", "1")]),
        # Market: up to the cap.
        (want(Side.BUY, "market"), "100", [("ioc", "100.5", "1")]),
        (want(Side.SELL, "market"), "100", [("ioc", "99.5", "1")]),
        # Breakouts wait.
        (want(Side.BUY, "above", "101"), "100", [("trigger", "101.5", "1")]),
        (want(Side.SELL, "below", "99"), "100", [("trigger", "98.51", "1")]),
        (want(Side.BUY, "above", "101", "103"), "100", [("trigger", "101.5", "0.5"), ("trigger", "103.51", "0.5")]),
        # Two rungs on one tick are one.
        (want(Side.BUY, "range", "90.001", "90.002"), "95", [("limit", "90", "1")]),
    ],
)
def test_rungs_at_the_mark(wish: Wanted, mark: str, expected: list[tuple[str, str, str]]) -> None:
    assert rungs(wish, mark=mark) == expected


def test_the_trigger_of_a_breakout_is_beyond_its_level() -> None:
    (level,) = entry_levels(
        want(Side.BUY, "above", "101.001"), (D("101.001"),), mark=D(100), cap=D("0.00001"), tick=TICK
    )

    assert (level.trigger, level.price) == (D("101.01"), D("101.01"))


def test_the_worst_and_the_average_price_of_rungs() -> None:
    levels = (
        Level(style="limit", price=D(100), weight=D("0.75")),
        Level(style="limit", price=D(90), weight=D("0.25")),
    )

    assert (worst_price(levels, side=Side.BUY), worst_price(levels, side=Side.SELL)) == (100, 90)
    assert average_price(levels) == D("97.5")


@pytest.mark.parametrize(("distance", "cap"), [("0.01", "0.0025"), ("0.02", "0.005"), ("0.2", "0.005")])
def test_an_entry_may_run_a_quarter_of_the_stop_distance_after_the_price(distance: str, cap: str) -> None:
    assert chase_cap(D(distance)) == D(cap)


ONE = (Level(style="limit", price=D(100), weight=D(1)),)


@pytest.mark.parametrize(
    ("wish", "stop"),
    [
        (want(sl=D("95.001")), "95.01"),
        (want(Side.SELL, sl=D("104.999")), "104.99"),
        (want(sl=D(4), sl_kind="pct"), "96.00"),
        (want(Side.SELL, sl=D(4), sl_kind="pct"), "104"),
    ],
)
def test_a_stop_goes_to_the_tick_that_triggers_earlier(wish: Wanted, stop: str) -> None:
    found = signal_stop(wish, Conditions(mark=D(100)), levels=ONE, tick=TICK)

    assert found == Stop(price=D(stop), source="signal")


@pytest.mark.parametrize("sl", ["100", "101", "-1", "0"])
def test_a_stop_on_the_wrong_side_is_refused(sl: str) -> None:
    found = signal_stop(want(sl=D(sl)), Conditions(mark=D(100)), levels=ONE, tick=TICK)

    assert isinstance(found, Refusal)
    assert found.gate is GateName.SL_WRONG_SIDE


@pytest.mark.parametrize(
    ("close_atr", "stop"),
    [(None, "92.15"), ("1", "92.15"), ("3", "89.00")],  # 95 less 3 %, or less two ranges.
)
def test_a_candle_close_stop_has_a_disaster_stop_beyond_it(close_atr: str | None, stop: str) -> None:
    conditions = Conditions(mark=D(100), close_atr=None if close_atr is None else D(close_atr))
    found = signal_stop(want(sl=D(95), sl_kind="4h_close"), conditions, levels=ONE, tick=TICK)

    assert isinstance(found, Stop)
    assert found.price == D(stop)
    assert found.close == CloseStop(price=D(95), interval_s=14_400.0)
    assert "4h_close beyond 95" in found.notes[0]


def test_a_disaster_stop_without_room_is_refused() -> None:
    found = signal_stop(
        want(sl=D(88), sl_kind="daily_close"), Conditions(mark=D(100), close_atr=D(2)), levels=ONE, tick=TICK
    )

    assert isinstance(found, Refusal)
    assert (found.gate, found.value, found.limit) == (GateName.SL_CONDITIONAL, D("0.16"), D("0.15"))


@pytest.mark.parametrize(
    ("atr", "median", "tps", "distance"),
    [
        (None, None, (), "0.07"),
        ("2", None, (), "0.07"),
        ("4", None, (), "0.1"),  # 2.5 ranges of 4 at 100.
        ("1", 0.03, (), "0.03"),
        ("1", 0.03, ("112",), "0.06"),  # Half the way to the first target.
        (None, 0.12, ("104",), "0.12"),
    ],
)
def test_the_largest_of_three_terms_is_the_imputed_distance(
    atr: str | None, median: float | None, tps: tuple[str, ...], distance: str
) -> None:
    conditions = Conditions(mark=D(100), atr=None if atr is None else D(atr), channel_median_stop=median)
    wish = want(tps=tuple(D(tp) for tp in tps))
    found, terms = imputed_distance(wish, conditions, worst=D(100), atrs=D("2.5"))

    assert found == D(distance)
    assert terms.channel_median == median


def test_terms_that_nobody_knows_stay_empty() -> None:
    found = imputed_distance(want(), Conditions(mark=D(100)), worst=D(100), atrs=D(2))

    assert found == (D("0.07"), StopTerms())


def aims(wish: Wanted, *, most: int = 5, how: str = "even", stop: str = "95") -> list[tuple[str, str]] | GateName:
    found = targets(wish, prices=(D(100),), stop=D(stop), tick=TICK, no_tp_r=D(2), how=how, most=most)
    if isinstance(found, Refusal):
        return found.gate
    assert sum(aim.share for aim in found) == 1
    return [(f"{aim.price:f}", f"{aim.share.normalize():f}") for aim in found]


def test_targets_are_split_evenly_and_rounded_toward_the_fill() -> None:
    assert aims(want(tps=(D("110.019"), D(105)))) == [("105", "0.5"), ("110.01", "0.5")]
    assert aims(want(Side.SELL, tps=(D(95), D("90.001"))), stop="105") == [("95", "0.5"), ("90.01", "0.5")]


def test_targets_beyond_the_last_one_join_it() -> None:
    wish = want(tps=tuple(D(price) for price in (101, 102, 103, 104, 105, 106, 107, 108)))

    assert aims(wish) == [(f"{price}", "0.125") for price in (101, 102, 103, 104)] + [("105", "0.5")]
    assert aims(wish, most=1) == [("101", "1")]
    assert aims(wish, how="two") == [("101", "0.5"), ("102", "0.5")]


def test_percents_multiples_and_none() -> None:
    assert aims(want(tps=(D(2), D(4)), tp_unit="pct")) == [("102", "0.5"), ("104", "0.5")]
    assert aims(want(Side.SELL, tps=(D(2),), tp_unit="pct"), stop="105") == [("98", "1")]
    assert aims(want(tps=(D(2), D("1.5")), tp_unit="multiple")) == [("150", "0.5"), ("200", "0.5")]
    assert aims(want()) == [("110", "1")]
    assert aims(want(Side.SELL), stop="105") == [("90", "1")]


def test_targets_on_one_tick_are_one() -> None:
    assert aims(want(tps=(D("110.001"), D("110.002")))) == [("110", "1")]


@pytest.mark.parametrize("tps", [("99",), ("99", "110"), ("100",), ("100.009",)])
def test_a_target_before_the_entry_refuses_the_call(tps: tuple[str, ...]) -> None:
    assert aims(want(tps=tuple(D(tp) for tp in tps))) is GateName.TP_WRONG_SIDE


def test_a_short_target_below_nothing_refuses_the_call() -> None:
    assert aims(want(Side.SELL, tps=(D(120),), tp_unit="pct"), stop="105") is GateName.TP_WRONG_SIDE
