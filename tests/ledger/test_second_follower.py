"""The second follower on cases that can be worked out by hand. Without costs, where they are not the matter."""

from typing import Any

import pytest

from tests.ledger.second_follower import Bar, Outcome, Terms, follow

AT = 1_650_000_001.0
FIRST = 1_650_002_400.0  # The first full hour after it.
FREE = Terms(
    decided_at=AT, mark=100.0, posted_mark=100.0, maker=0.0, taker=0.0, half_spread=0.0, funding=0.0
)  # The slip of a stop is left: .05 %, or a tenth of the bar.
LIMIT: dict[str, Any] = {
    "symbol": "SOL/USDT", "side": "BUY", "entry_type": "limit", "entry": [98.0], "tps": [102.0, 106.0],
    "tp_unit": "price", "sl": 94.0, "sl_kind": "price", "leverage": None, "margin": None, "factor": "1", "zone": False,
}  # fmt: skip


def bars(*rows: tuple[float, float, float, float], from_ts: float = FIRST) -> list[Bar]:
    return [Bar(from_ts + 3600.0 * place, *row) for place, row in enumerate(rows)]


def leg(**changed: Any) -> dict[str, Any]:
    return {**LIMIT, **changed}


# What the plan loses at its stop: four dollars and the slip that was reckoned with, a thousandth of the stop.
RISK = 4.0 + 0.094


def test_a_limit_fills_only_when_the_price_goes_through_it() -> None:
    touched = follow(leg(), bars((100, 101, 98, 99), (99, 100, 98.5, 99)), FREE)
    assert touched.status == "unfilled"
    through = follow(leg(), bars((100, 101, 97.9, 99), (99, 106.5, 98.5, 99)), FREE)
    assert through.status == "filled"
    assert through.r == pytest.approx((0.5 * 4 + 0.5 * 8) / RISK)


def test_an_entry_that_is_never_reached_is_over_after_a_day() -> None:
    quiet = [(100.0, 101.0, 99.0, 100.0)] * 30
    assert follow(leg(), bars(*quiet), FREE) == Outcome("unfilled", "lifetime")
    late = [*quiet[:24], (100.0, 101.0, 97.0, 98.0)]
    assert follow(leg(), bars(*late), FREE).status == "unfilled"


def test_stop_and_target_in_one_bar_are_a_stop_with_both_in_the_bounds() -> None:
    found = follow(leg(), bars((99, 100, 97, 98.5), (98.5, 107, 93, 95)), FREE)
    slip = 0.1 * 14  # A tenth of that bar.
    assert found.r == pytest.approx((94 - slip - 98) / RISK)
    assert found.low == pytest.approx(found.r)
    assert found.high == pytest.approx((0.5 * 4 + 0.5 * 8) / RISK)


def test_a_target_does_not_pay_in_the_bar_of_its_entry_but_may_in_the_bounds() -> None:
    found = follow(leg(tps=[102.0]), bars((100, 103, 97, 99), (99, 99, 93.5, 94)), FREE)
    assert (found.reason, found.r) == ("stop", pytest.approx((94 - 0.55 - 98) / RISK))
    assert found.high == pytest.approx(4 / RISK)


def test_the_first_target_before_any_entry_ends_the_call() -> None:
    assert follow(leg(), bars((100, 102, 99, 101), (101, 101, 90, 91)), FREE) == Outcome("cancelled", "target_traded")


def test_a_band_is_two_halves_and_a_wide_zone_three_thirds() -> None:
    band = leg(entry_type="range", entry=[96.0, 98.0], tps=[104.0])
    both = follow(band, bars((99, 99, 95.5, 97), (97, 105, 97, 104)), FREE)
    assert both.r == pytest.approx((104 - 97) / (3.0 + 0.094))
    near = follow(band, bars((99, 99, 97, 98), (98, 105, 97, 104)), FREE)
    assert near.r == pytest.approx(0.5 * 6 / (3.0 + 0.094))
    assert near.share == pytest.approx(0.5)
    zone = leg(entry_type="range", entry=[95.0, 98.9], zone=True, tps=[104.0])
    assert follow(zone, bars((99, 99, 96.5, 97), (97, 105, 97, 104)), FREE).share == pytest.approx(2 / 3)


def test_rungs_that_are_passed_are_bought_at_once_and_not_above_their_price() -> None:
    passed = leg(entry=[101.0])
    found = follow(passed, bars((100.2, 103, 99.5, 101), (101, 107, 100, 106)), FREE)
    assert found.r == pytest.approx((0.5 * (102 - 100.2) + 0.5 * (106 - 100.2)) / (100.5 - 94 + 0.094))
    ran = follow(passed, bars((100.6, 103, 99.5, 101), (101, 107, 100, 106)), FREE)
    assert ran == Outcome("unfilled", "slippage")


def test_at_market_means_the_open_of_the_next_bar_within_the_cap() -> None:
    now = leg(entry_type="market", entry=[], tps=[106.0])
    found = follow(now, bars((100.4, 107, 99, 105), (105, 107, 99, 100)), FREE)
    assert found.r == pytest.approx((106 - 100.4) / (100.5 - 94 + 0.094))
    assert follow(leg(entry_type="market", entry=[99.0]), bars((100, 101, 99, 100)), FREE).reason == "chased"


def test_below_two_prices_is_a_band_of_a_short_as_well() -> None:
    below = leg(side="SELL", entry_type="below", entry=[102.0, 104.0], tps=[98.0], sl=107.0)
    found = follow(below, bars((101, 104.5, 101, 103), (103, 103, 97, 98)), FREE)
    assert found.r == pytest.approx((103 - 98) / (4.0 + 0.107))
    one = leg(side="SELL", entry_type="below", entry=[99.0], tps=[95.0], sl=107.0)
    assert follow(one, bars((101, 104.5, 100, 103)), FREE).status == "unfilled"


def test_what_is_left_is_sold_by_the_shares_of_the_targets_left() -> None:
    # Half is bought at the open, half within the bar; the first target of that bar pays for the first half alone.
    band = leg(entry_type="range", entry=[99.0, 97.0], tps=[101.0, 104.0, 105.0])
    found = follow(band, bars((98, 102, 96, 99), (99, 104.5, 99, 104), (104, 106, 104, 105)), FREE)
    third, left = 0.5 / 3, (1 - 0.5 / 3) / 2
    assert found.r == pytest.approx((third * 101 + left * 104 + left * 105 - 97.5) / (98 - 94 + 0.094))


def test_what_the_open_passes_is_bought_at_the_open() -> None:
    above = leg(entry_type="above", entry=[101.0], tps=[120.0])
    hours = [(101.2, 102, 101, 101.5), *[(101.5, 102, 101, 101.5)] * 167, (110, 111, 101, 101.5)]
    assert follow(above, bars(*hours), FREE).r == pytest.approx((110 - 101.2) / (101 * 1.005 - 94 + 0.094))


def test_a_breakout_waits_for_its_level_and_lets_a_gap_go() -> None:
    above = leg(entry_type="above", entry=[101.0], tps=[106.0])
    found = follow(above, bars((100, 100.9, 99, 100), (100, 102, 100, 101.5), (101.5, 107, 101, 106)), FREE)
    assert found.r == pytest.approx((106 - 101) / (101 * 1.005 - 94 + 0.094))
    assert follow(above, bars((100, 100.9, 99, 100), (103, 104, 102, 103)), FREE) == Outcome("unfilled", "gap")
    assert follow(above, bars((100, 100.9, 93, 100)), FREE) == Outcome("cancelled", "stop_traded")


def test_a_short_is_the_mirror() -> None:
    short = leg(side="SELL", entry=[102.0], tps=[98.0, 94.0], sl=106.0)
    found = follow(short, bars((101, 103, 100, 101), (101, 101, 93, 94)), FREE)
    assert found.r == pytest.approx((0.5 * 4 + 0.5 * 8) / (4.0 + 0.106))


def test_targets_are_even_and_those_beyond_the_fifth_join_it() -> None:
    many = leg(tps=[99.0, 100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0])
    found = follow(many, bars((98.5, 98.9, 97, 98.2), (98.2, 103.5, 98, 103), (103, 103, 90, 91)), FREE)
    assert found.r == pytest.approx((1 + 2 + 3 + 4 + 4 * 5) / 8 / RISK)


def test_costs_are_paid_on_both_sides_and_reckoned_with_in_the_risk() -> None:
    dear = FREE._replace(maker=0.001, taker=0.002)
    found = follow(leg(tps=[102.0]), bars((99, 99, 97, 98), (98, 103, 98, 102)), dear)
    assert found.r == pytest.approx((4 - 0.001 * 98 - 0.001 * 102) / (RISK + 0.002 * (98 + 94)))


def test_unknown_funding_is_a_band_and_no_zero() -> None:
    held = [(99.0, 99.0, 97.0, 98.0), *[(98.0, 99.0, 97.0, 98.0)] * 16, (98.0, 103.0, 98.0, 102.0)]
    found = follow(leg(tps=[102.0]), bars(*held), FREE._replace(funding=0.0003))
    assert found.r == pytest.approx(4 / RISK)
    assert (found.high - found.r) * RISK == pytest.approx(2 * 0.0003 * 98)
    assert (found.r - found.low) * RISK == pytest.approx(2 * 0.0003 * 98)


def test_after_seven_days_it_is_over_at_the_open() -> None:
    quiet = [(98.0, 99.0, 97.0, 98.0)] * 200
    found = follow(leg(), bars((99, 99, 97, 98), *quiet[:168], (99.5, 100, 99, 99)), FREE)
    assert (found.reason, found.r) == ("horizon", pytest.approx(1.5 / RISK))


def test_a_candle_close_ends_it_at_the_next_open_and_the_wick_does_not() -> None:
    close = leg(sl_kind="4h_close", tps=[110.0])
    start = 1_650_009_600.0  # 08:00 UTC.
    wick = [(99.0, 99.0, 97.0, 98.0), (98.0, 98.0, 92.0, 97.0), (97.0, 98.0, 96.0, 97.0), (97.0, 97.0, 93.0, 93.5)]
    terms = FREE._replace(decided_at=start - 2400.0)
    found = follow(close, bars(*wick, (93.6, 95, 92, 93), from_ts=start), terms)
    disaster = 94 * 0.97
    assert (found.reason, found.r) == ("stop", pytest.approx((93.6 - 98) / (98 - disaster + 0.001 * disaster)))
    crash = follow(close, bars(wick[0], (98, 98, 90, 91), from_ts=start), terms)
    assert crash.r == pytest.approx((disaster - 0.8 - 98) / (98 - disaster + 0.001 * disaster))


def test_without_a_stop_one_is_imputed_and_the_figure_is_in_percent() -> None:
    bare = leg(sl=None, sl_kind=None, tps=[130.0])
    found = follow(bare, bars((99, 99, 97, 98), (98, 98, 80, 81)), FREE._replace(atr=1.0))
    stop = 98 * (1 - 0.5 * 32 / 98)  # Half the way to the target is the widest of the three.
    assert (found.r, found.low, found.high) == (None, None, None)
    assert found.pct == pytest.approx(100 * (stop - 0.1 * 18 - 98) / 98)


def test_the_margin_that_is_named_may_end_before_the_stop() -> None:
    found = follow(leg(leverage=[50, 50]), bars((99, 99, 97.5, 98), (98, 98, 96, 97)), FREE)
    assert (found.reason, found.r) == ("liquidation", pytest.approx(-98 / 50 / RISK))


def test_levels_that_contradict_each_other_are_never_entered() -> None:
    assert follow(leg(sl=98.5), bars((99, 99, 97, 98)), FREE) == Outcome("unfilled", "levels")
    assert follow(leg(tps=[97.0]), bars((99, 99, 97, 98)), FREE) == Outcome("unfilled", "levels")


def test_no_bar_at_the_time_is_no_price() -> None:
    assert follow(leg(), [], FREE) == Outcome("unpriced", "no_price")
    assert follow(leg(), bars((99, 99, 97, 98), from_ts=FIRST + 9000), FREE) == Outcome("unpriced", "no_price")


def test_levels_stand_on_the_tick_each_rounded_to_its_own_side() -> None:
    coarse = FREE._replace(tick=0.5)
    found = follow(leg(entry=[98.3], tps=[102.4], sl=93.7), bars((99, 99, 97.5, 98), (98, 102.1, 98, 102)), coarse)
    assert found.r == pytest.approx((102 - 98) / (98 - 94 + 0.094))  # 98.3 is bid 98, 102.4 asks 102, 93.7 stops at 94.
    assert follow(leg(entry=[98.3]), bars((99, 99, 98, 98)), coarse).status == "unfilled"
    short = leg(side="SELL", entry=[101.7], tps=[97.6], sl=106.3)
    found = follow(short, bars((101, 102.5, 101, 102), (102, 102, 97.9, 98)), coarse)
    assert found.r == pytest.approx((102 - 98) / (106 - 102 + 0.106))


def test_what_takes_at_once_is_rounded_within_its_cap() -> None:
    now = leg(entry_type="market", entry=[], tps=[106.0])  # Half a percent: up to 100.5, of whole dollars 100.
    coarse = FREE._replace(tick=1.0)
    assert follow(now, bars((100.4, 107, 99, 105)), FREE).status == "filled"
    assert follow(now, bars((100.4, 107, 99, 105)), coarse) == Outcome("unfilled", "slippage")
    assert follow(now, bars((100.0, 107, 99, 105)), coarse).status == "filled"


def test_a_level_in_satoshi_is_met_to_the_digit() -> None:
    few = leg(factor="1E-8", entry=[67.0], tps=[69.0, 71.0], sl=56.0)
    terms = FREE._replace(mark=6.8e-7, posted_mark=6.8e-7)
    assert follow(few, bars((6.8e-7, 6.9e-7, 6.8e-7, 6.8e-7)), terms) == Outcome("cancelled", "target_traded")
    assert follow(few, bars((6.8e-7, 6.8e-7, 6.7e-7, 6.8e-7)), terms).status == "unfilled"


def test_what_its_channel_ends_is_sold_at_the_next_open_or_never_bought() -> None:
    said = FREE._replace(ended_at=FIRST + 3601.0, half_spread=0.001, taker=0.002)
    found = follow(leg(), bars((99, 99, 97, 98), (98, 99, 98, 99), (100, 107, 99, 106)), said)
    sold = 100 * 0.999
    assert (found.reason, found.r) == ("announced", pytest.approx((sold * 0.998 - 98) / (RISK + 0.002 * (98 + 94))))
    never = follow(leg(), bars((99, 99, 98.5, 98.6), (98.6, 99, 98.5, 99), (98.4, 99, 93, 94)), said)
    assert never == Outcome("cancelled", "announced")
    before = follow(leg(), bars((99, 99, 97, 98)), FREE._replace(ended_at=AT + 60.0))
    assert before == Outcome("cancelled", "announced")
