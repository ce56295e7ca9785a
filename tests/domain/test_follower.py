"""Every rule of the follower, on bars that can be reckoned by hand."""

import pytest
from msgspec.structs import replace

from levibotd.domain.follower import Follow, follow
from levibotd.domain.follower_terms import CloseRule, Costs, Lot, Result, Terms
from levibotd.domain.signal import Side
from levibotd.ports.market import Bar
from tests.domain.followed import DAY, HOUR, START, aims, hours, limits, quiet, terms


def followed(one: Terms, *bars: Bar, announced_at: float | None = None) -> Result:
    result = follow(one, bars, announced_at=announced_at)
    assert result is not None, "not over"
    return result


def test_a_limit_fills_only_when_the_price_trades_through_it() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))

    touched = followed(one, *hours((105, 106, 100.0, 101), (101, 111, 101, 110)))
    through = followed(one, *hours((105, 106, 99.99, 101), (101, 111, 101, 110)))

    assert (touched.status, touched.reason) == ("cancelled", "target_traded")
    assert (through.status, through.ended_by, through.r) == ("filled", "target", 1.0)


def test_a_target_fills_only_when_the_price_trades_through_it() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))

    assert follow(one, hours((105, 106, 99, 101), (101, 110.0, 101, 110))) is None
    assert followed(one, *hours((105, 106, 99, 101), (101, 110.01, 101, 110))).r == 1.0


def test_a_stop_fires_when_its_price_trades() -> None:
    one = terms(*limits(100.0))

    result = followed(one, *hours((105, 106, 99, 101), (101, 101, 90.0, 95)))

    # A tenth of the range of eleven beyond the stop.
    assert (result.ended_by, result.exit) == ("stop", 90.0 - 1.1)
    assert result.r == pytest.approx(-1.11)


def test_a_stop_slips_by_five_hundredths_of_a_percent_at_least() -> None:
    result = followed(terms(*limits(100.0)), *hours((105, 106, 99, 101), (90.02, 90.05, 90.0, 90.02)))

    assert result.exit == pytest.approx(90.0 * (1 - 0.0005))


def test_a_gap_below_the_stop_fills_at_the_open() -> None:
    result = followed(terms(*limits(100.0)), *hours((105, 106, 99, 101), (80, 81, 79, 80)))

    assert result.exit == pytest.approx(80.0 - 0.2)


def test_in_one_bar_the_stop_comes_before_the_target() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))

    result = followed(one, *hours((105, 106, 99, 101), (101, 111, 89, 105)))

    assert (result.ended_by, result.r_high, result.undecided) == ("stop", 1.0, True)
    assert result.r == result.r_low == pytest.approx(-1.22)


def test_an_entry_filled_inside_a_bar_meets_its_stop_there_and_none_of_its_targets() -> None:
    one = terms(*limits(100.0), targets=aims(104.0))

    stopped = followed(one, *hours((103, 103.5, 89, 95)))
    waited = followed(one, *hours((103, 103.9, 99, 101), (101, 105, 101, 104)))

    assert stopped.ended_by == "stop"
    assert waited.opened_at == START + 3600


def test_no_bar_before_the_decision_counts() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))
    before = hours((105, 106, 99, 101), begin=START - 1)

    assert follow(one, [*before, *quiet(105.0, 3)]) is None


def test_what_takes_at_once_pays_the_first_open_and_waits_for_no_other_price() -> None:
    taken = followed(
        terms(Lot(style="ioc", price=100.5, share=1.0), targets=aims(110.0)), *hours((100.4, 111, 100, 110))
    )
    missed = followed(terms(Lot(style="ioc", price=100.5, share=1.0)), *hours((100.6, 111, 95, 110)))

    assert (taken.entry, taken.ended_by) == (100.4, "target")
    assert (missed.status, missed.reason, missed.r) == ("unfilled", "slippage", 0.0)


def test_a_target_that_trades_before_the_first_fill_cancels_it() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))

    result = followed(one, *hours((105, 110.0, 104, 108), (108, 108, 90, 95)))

    assert (result.status, result.reason, result.at) == ("cancelled", "target_traded", START + HOUR)
    assert (result.r, result.filled_share, result.opened_at) == (0.0, 0.0, None)


def test_a_target_and_an_entry_in_one_bar_are_followed_both_ways() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))

    # Entered, and no target in its bar; or the target first, and cancelled.
    result = followed(one, *hours((105, 111, 99, 101), (101, 101, 90.0, 91)))

    assert (result.status, result.r_high) == ("filled", 1.0)
    assert result.r == result.r_low == pytest.approx(-1.11)


def test_a_target_that_trades_after_a_part_was_bought_cancels_the_rest() -> None:
    one = terms(*limits(100.0, 96.0), targets=aims(110.0, 120.0))
    bars = hours((105, 106, 99, 101), (101, 111, 101, 110), (110, 110, 95, 96), (96, 96, 89, 90))

    result = followed(one, *bars)

    # Half the plan: half of it sold at 110, half stopped at 90 less a tenth of seven.
    assert result.filled_share == 0.5
    assert result.r == pytest.approx((0.25 * 10 + 0.25 * (90 - 0.7 - 100)) / 10)


def test_all_rungs_that_a_bar_trades_through_fill_before_its_stop() -> None:
    result = followed(terms(*limits(100.0, 96.0)), *hours((105, 106, 88, 89)))

    assert result.entry == 98.0
    assert result.exit == pytest.approx(90.0 - 1.8)


def test_a_breakout_waits_for_a_trade_beyond_its_level_and_pays_what_is_asked() -> None:
    lot = Lot(style="trigger", price=101.0, share=1.0, trigger=100.0)
    one = terms(lot, targets=aims(110.0), costs=Costs(maker_fee=0.0, taker_fee=0.0, half_spread=0.001))

    result = followed(one, *hours((98, 100.0, 97, 99), (99, 101, 98, 101), (101, 111, 101, 110)))

    assert result.entry == pytest.approx(100.1)
    assert result.opened_at == START + 2 * HOUR


def test_a_breakout_that_jumps_past_its_cap_is_left_alone() -> None:
    lot = Lot(style="trigger", price=101.0, share=1.0, trigger=100.0)

    result = followed(terms(lot), *hours((98, 99, 97, 99), (101.5, 103, 101, 102)))

    assert (result.status, result.reason) == ("unfilled", "gap")


def test_a_breakout_whose_stop_trades_first_is_cancelled() -> None:
    lot = Lot(style="trigger", price=101.0, share=1.0, trigger=100.0)

    result = followed(terms(lot), *hours((98, 99, 90.0, 95)))

    assert (result.status, result.reason) == ("cancelled", "stop_traded")


def test_a_breakout_and_its_stop_in_one_bar_are_followed_both_ways() -> None:
    lot = Lot(style="trigger", price=101.0, share=1.0, trigger=100.0)

    result = followed(terms(lot), *hours((98, 100.5, 89, 95)))

    assert (result.ended_by, result.r_high) == ("stop", 0.0)
    assert result.r_low == result.r < -1.0


def test_an_entry_waits_a_day_and_a_bar_that_ends_later_fills_nothing() -> None:
    early = [*quiet(105.0, 23), *hours((105, 105, 99, 104), begin=START + 23 * HOUR)]
    late = [*quiet(105.0, 24), *hours((105, 105, 99, 104), begin=START + DAY)]

    assert follow(terms(*limits(100.0)), early) is None
    result = followed(terms(*limits(100.0)), *late)
    assert (result.status, result.reason, result.at) == ("unfilled", "expired", START + DAY)


def test_what_is_open_after_seven_days_is_closed_at_that_open() -> None:
    bars = [*hours((105, 106, 99, 101)), *quiet(101.0, 167, begin=START + HOUR)]
    costs = Costs(maker_fee=0.0, taker_fee=0.0, half_spread=0.01)
    one = terms(*limits(100.0), targets=aims(110.0), costs=costs)

    assert follow(one, [*bars, *hours((101, 101, 101, 101), begin=START + 168 * HOUR)]) is None
    result = followed(one, *bars, *hours((101,) * 4, (102, 103, 101, 102), begin=START + 168 * HOUR))

    assert (result.ended_by, result.at) == ("horizon", START + 169 * HOUR)
    assert result.exit == pytest.approx(102 * 0.99)


def test_an_announced_exit_takes_the_first_open_after_it() -> None:
    bars = hours((105, 106, 99, 101), (101, 102, 100.5, 101), (103, 104, 102, 103), (90, 90, 80, 80))

    result = followed(terms(*limits(100.0)), *bars, announced_at=START + HOUR + 1)

    assert (result.ended_by, result.at, result.exit) == ("announced", START + 2 * HOUR, 103.0)
    assert result.r == pytest.approx(0.3)


def test_an_announced_exit_before_the_first_fill_cancels() -> None:
    result = followed(terms(*limits(100.0)), *quiet(105.0, 3), announced_at=START + HOUR + 1)

    assert (result.status, result.reason, result.at) == ("cancelled", "announced", START + 2 * HOUR)


def test_a_candle_close_beyond_its_level_ends_at_the_next_open() -> None:
    one = terms(*limits(100.0), close_rule=CloseRule(level=95.0, interval_s=4 * HOUR))
    below = (96, 96, 94, 94.5)

    # Closed below at three and at four, and only the latter ends a bar of four hours.
    bars = hours((105, 106, 99, 101), (101, 101, 96, 96), below, below, (94.2, 94.2, 94, 94))
    result = followed(one, *bars)

    assert (result.ended_by, result.at, result.exit) == ("stop", START + 4 * HOUR, 94.2)


def test_a_weekly_close_is_that_of_the_sunday() -> None:
    monday = START + 6 * DAY  # 20 November 2023; the first bar here is of a Wednesday.
    one = terms(*limits(100.0), close_rule=CloseRule(level=95.0, interval_s=7 * DAY))
    bars = [*hours((105, 106, 94.5, 94.6)), *quiet(94.8, 200, begin=START + HOUR)]

    assert followed(one, *bars).at == monday - DAY


def test_targets_share_what_was_bought_evenly() -> None:
    one = terms(*limits(100.0), targets=aims(105.0, 110.0, 120.0))

    result = followed(
        one, *hours((101, 102, 99, 101), (101, 106, 101, 105), (105, 111, 105, 110), (100, 100, 90.0, 91))
    )

    assert result.r == pytest.approx((5 + 10 + (90 - 1.0 - 100)) / 3 / 10)
    assert result.ended_by == "stop"


@pytest.mark.parametrize(
    ("mover", "exit_"), [("breakeven", 100.0), ("moving-target", 100.0), ("moving-two-target", 90.0), ("none", 90.0)]
)
def test_a_target_moves_the_stop_from_the_next_bar_on(mover: str, exit_: float) -> None:
    one = terms(*limits(100.0), targets=aims(105.0, 110.0), mover=mover)

    result = followed(one, *hours((101, 102, 99, 101), (101, 106, 101, 105), (105, 105, 89, 90)))

    assert result.r == pytest.approx((5 + (exit_ - 1.6 - 100)) / 2 / 10)


def test_a_target_and_the_stop_that_it_moves_in_one_bar_are_followed_both_ways() -> None:
    one = terms(*limits(100.0), targets=aims(105.0, 110.0), mover="breakeven")

    result = followed(one, *hours((101, 102, 99, 101), (101, 106, 99, 105), (105, 111, 105, 110)))

    assert result.r == result.r_high == pytest.approx(0.75)
    assert result.r_low == pytest.approx((5 + (100 - 0.7 - 100)) / 2 / 10)


def test_the_venue_takes_the_margin_before_a_stop_that_lies_beyond() -> None:
    # Twenty times: five percent of margin, half a percent of it kept.
    result = followed(terms(*limits(100.0), leverage=20), *hours((105, 106, 99, 101), (101, 101, 95.5, 96)))

    assert (result.ended_by, result.exit) == ("liquidation", 95.0)


def test_a_stop_before_the_liquidation_rules() -> None:
    result = followed(terms(*limits(100.0), leverage=5), *hours((105, 106, 99, 101), (101, 101, 89, 96)))

    assert result.ended_by == "stop"


def test_fees_and_spread_are_taken_on_both_sides() -> None:
    costs = Costs(maker_fee=0.0002, taker_fee=0.0005, half_spread=0.001)
    one = terms(Lot(style="ioc", price=102.0, share=1.0), targets=aims(110.0), costs=costs)

    result = followed(one, *hours((100, 111, 100, 110)))

    entry = 100 * 1.001
    assert result.r == pytest.approx((110 - entry - entry * 0.0005 - 110 * 0.0002) / 10)
    assert result.return_pct == pytest.approx(100 * result.r * 10 / entry)


def test_funding_is_a_band_about_the_figure() -> None:
    costs = Costs(maker_fee=0.0, taker_fee=0.0, half_spread=0.0, funded=True)
    bars = [
        *hours((105, 106, 99, 101)),
        *quiet(101.0, 16, begin=START + HOUR),
        *hours((101, 111, 101, 110), begin=START + 17 * HOUR),
    ]

    result = followed(terms(*limits(100.0), targets=aims(110.0), costs=costs), *bars)

    # Held at 08:00 and at 16:00.
    assert (result.r_low, result.r, result.r_high) == pytest.approx((1 - 0.006, 1.0, 1 + 0.006))


def test_a_short_is_a_long_in_the_mirror() -> None:
    lot = Lot(style="limit", price=100.0, share=1.0)
    one = terms(lot, side=Side.SELL, targets=aims(90.0), stop=110.0)

    won = followed(one, *hours((95, 101, 94, 99), (99, 99, 89, 90)))
    lost = followed(one, *hours((95, 101, 94, 99), (99, 110.0, 99, 109)))

    assert (won.r, won.entry, won.exit) == (1.0, 100.0, 90.0)
    assert lost.exit == pytest.approx(110 + 1.1)


def test_the_deepest_excursion_is_kept() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))

    result = followed(
        one, *hours((105, 106, 99, 101), (101, 102, 93, 99), *[(99, 100, 97, 99)] * 5, (99, 111, 99, 110))
    )

    assert result.worst_pct == pytest.approx(-7.0)


def test_near_a_stop_the_extremes_of_another_market_leave_it_open() -> None:
    near = replace(terms(*limits(100.0), targets=aims(110.0)), fuzz=0.003)

    spared = followed(near, *hours((105, 106, 99, 101), (101, 101, 90.2, 91), (91, 111, 91, 110)))
    caught = followed(near, *hours((105, 106, 99, 101), (101, 101, 89.8, 91), (91, 111, 91, 110)))

    assert (spared.ended_by, spared.undecided) == ("target", True)
    assert (caught.ended_by, caught.undecided) == ("stop", True)


def test_a_gap_in_the_bars_is_told_by_the_next_one() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))

    result = followed(one, *hours((105, 106, 99, 101)), *hours((85, 86, 84, 85), begin=START + 50 * HOUR))

    assert (result.ended_by, result.at) == ("stop", START + 51 * HOUR)


def test_where_bars_end_for_good_it_is_settled_at_the_last_close() -> None:
    held, waiting, blind = (Follow(terms(*limits(100.0))) for _ in range(3))
    held.advance(hours((105, 106, 96, 97)))
    waiting.advance(quiet(105.0, 2))

    assert not held.settle(START + HOUR + 7 * DAY)
    assert held.settle(START + 2 * HOUR + 7 * DAY)
    assert waiting.settle(START + DAY + HOUR)
    assert blind.settle(START + DAY + HOUR)

    settled = held.result()
    assert (settled.ended_by, settled.reason, settled.at, settled.exit) == (
        "delisted",
        "candles_end",
        START + HOUR,
        97.0,
    )
    assert (waiting.result().status, waiting.result().reason) == ("unfilled", "candles_end")
    assert (blind.result().status, blind.result().reason) == ("unpriced", "no_candles")


def test_r_so_far_counts_what_is_realised_and_closes_the_rest() -> None:
    costs = Costs(maker_fee=0.0, taker_fee=0.001, half_spread=0.001)
    one = Follow(terms(*limits(100.0), targets=aims(110.0, 120.0), costs=costs))

    assert one.so_far(50.0) == 0.0
    one.advance(hours((105, 106, 99, 101), (101, 111, 101, 110)))

    out = 108 * 0.999
    assert one.so_far(108.0) == pytest.approx((5 + 0.5 * (out - 100) - 0.5 * out * 0.001) / 10)


def test_bars_that_cannot_be_prices_are_left_out() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))
    nan = float("nan")

    result = followed(
        one, *hours((105, 106, 99, 101), (nan,) * 4, (0.0, 0.0, 0.0, 0.0), (101, 99, 105, 101), (101, 111, 101, 110))
    )

    assert result.r == 1.0


def test_an_entry_whose_time_ends_within_the_bar_that_reaches_it_is_followed_both_ways() -> None:
    one = terms(*limits(100.0), targets=aims(110.0))
    days = hours((105, 106, 99, 101), (101, 111, 101, 110), begin=START + HOUR, interval_s=DAY)

    result = followed(one, *days)

    assert (result.status, result.reason, result.at) == ("unfilled", "expired", START + DAY)
    assert (result.r_low, result.r_high) == (0.0, 1.0)


def test_a_trailing_stop_follows_from_bar_to_bar() -> None:
    one = terms(*limits(100.0), mover="trailing-5%")

    result = followed(one, *hours((101, 102, 99, 101), (116, 120, 115, 118), (118, 118, 113.5, 114)))

    # Five percent behind 120, less a tenth of the range.
    assert (result.ended_by, result.exit) == ("stop", pytest.approx(114.0 - 0.45))


def test_a_trailing_stop_that_the_same_bar_may_have_met_is_followed_both_ways() -> None:
    one = terms(*limits(100.0), targets=aims(130.0), mover="trailing-5%")

    result = followed(one, *hours((101, 102, 99, 101), (101, 120, 101, 119), (119, 131, 119, 130)))

    assert (result.ended_by, result.r) == ("target", 3.0)
    assert result.r_low == pytest.approx((101 - 1.9 - 100) / 10)


def test_funding_is_due_on_what_was_held_before_its_moment() -> None:
    costs = Costs(maker_fee=0.0, taker_fee=0.0, half_spread=0.0, funded=True)
    eight = START + 8 * HOUR

    def times(*bars: Bar, announced_at: float | None = None) -> int:
        one = terms(*limits(100.0), targets=aims(110.0), costs=costs)
        result = followed(one, *bars, announced_at=announced_at)
        return round((result.r_high - result.r) * 10 / (100 * 0.0003))

    fills, wins = (105.0, 106.0, 99.0, 101.0), (101.0, 111.0, 101.0, 110.0)
    # Bought before eight and sold after it; sold before it; bought after it; left at its very open.
    assert times(*hours(fills, wins, begin=eight - HOUR)) == 1
    assert times(*hours(fills, wins, begin=eight - 2 * HOUR)) == 0
    assert times(*hours(fills, wins, begin=eight)) == 0
    assert times(*hours(fills, wins, begin=eight - HOUR), announced_at=eight) == 1


def test_a_calm_bar_that_is_told_again_turns_no_time_back() -> None:
    one = Follow(terms(*limits(100.0), targets=aims(110.0, 120.0)))
    bars = hours((105, 106, 99, 101), (101, 102, 100.5, 101), (101, 102, 100.5, 101), (101, 111, 101, 110))

    one.advance(bars)
    before = one.cursor
    one.advance(bars[1:2])

    assert one.cursor == before
    assert one.so_far(100.0) == 0.5
