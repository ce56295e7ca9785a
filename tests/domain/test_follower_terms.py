"""From what a leg says to what is followed."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from levibotd.domain.follower_terms import (
    Aim,
    CloseRule,
    Costs,
    Lot,
    NotEntered,
    Result,
    Terms,
    as_planned,
    as_posted,
)
from levibotd.domain.levels import Conditions, Wanted
from levibotd.domain.signal import Side, Symbol
from levibotd.domain.trade_plan import CloseStop, Rung, Target, TradePlan
from tests.domain.followed import DAY, START

BTC = Symbol("BTCUSDT")
COSTS = Costs(maker_fee=0.0002, taker_fee=0.0005, half_spread=0.0005)


def decimals(*numbers: float) -> tuple[Decimal, ...]:
    return tuple(Decimal(str(number)) for number in numbers)


def leg(**changes: object) -> Wanted:
    fields: dict[str, object] = {
        "symbol": BTC,
        "side": Side.BUY,
        "entry_type": "limit",
        "entry": decimals(100),
        "tps": decimals(110, 120),
        "sl": Decimal(90),
    }
    return Wanted(**(fields | changes))  # type: ignore[arg-type]


def posted(want: Wanted, *, mark: float = 105.0, tick: str = "0.01", **conditions: object) -> Terms | NotEntered:
    known = Conditions(mark=Decimal(str(mark)), **conditions)  # type: ignore[arg-type]
    return as_posted(want, known, tick=Decimal(tick), costs=COSTS, decided_at=START)


def terms_of(want: Wanted, *, mark: float = 105.0, tick: str = "0.01", **conditions: object) -> Terms:
    found = posted(want, mark=mark, tick=tick, **conditions)
    assert isinstance(found, Terms), found
    return found


def lots(want: Wanted, *, mark: float = 105.0, **conditions: object) -> list[tuple[str, float, float]]:
    return [(lot.style, lot.price, lot.share) for lot in terms_of(want, mark=mark, **conditions).lots]


def test_a_band_rests_at_both_edges_half_each() -> None:
    assert lots(leg(entry_type="range", entry=decimals(96, 100))) == [("limit", 100.0, 0.5), ("limit", 96.0, 0.5)]


def test_a_wide_zone_has_a_third_rung_and_a_narrow_one_has_not() -> None:
    wide = lots(leg(entry_type="range", entry=decimals(96, 100), zone=True))
    narrow = lots(leg(entry_type="range", entry=decimals(98, 100), zone=True))

    assert [price for _, price, _ in wide] == [100.0, 98.0, 96.0]
    assert sum(share for _, _, share in wide) == 1.0
    assert len(narrow) == 2


def test_rungs_that_the_price_has_passed_take_at_once() -> None:
    want = leg(entry_type="range", entry=decimals(96, 100))

    # Up to half a percent beyond the mark.
    assert lots(want, mark=98) == [("ioc", 98.49, 0.5), ("limit", 96.0, 0.5)]
    assert lots(want, mark=95) == [("ioc", 95.47, 1.0)]


def test_how_far_an_entry_may_run_is_a_quarter_of_the_stop_distance_at_most() -> None:
    want = leg(entry_type="market", entry=(), sl=Decimal(99))

    assert lots(want, mark=100, posted_mark=Decimal(100)) == [("ioc", 100.25, 1.0)]


def test_a_market_call_is_bounded_from_the_price_at_its_posting() -> None:
    want = leg(entry_type="market", entry=())

    assert lots(want, mark=100.4, posted_mark=Decimal(100)) == [("ioc", 100.5, 1.0)]
    assert posted(want, mark=100.6, posted_mark=Decimal(100)) == NotEntered(reason="chased")


def test_a_breakout_is_armed_at_its_level_up_to_its_cap() -> None:
    want = leg(entry_type="above", entry=decimals(108))

    (lot,) = terms_of(want, mark=105).lots
    assert lot == Lot(style="trigger", price=108.54, share=1.0, trigger=108.0)
    assert posted(want, mark=109) == NotEntered(reason="chased")


def test_targets_are_as_posted_and_those_beyond_the_fifth_join_it() -> None:
    found = terms_of(leg(tps=decimals(101, 102, 103, 104, 105.5, 106, 107)), mark=100.5).aims

    assert [aim.price for aim in found] == [101.0, 102.0, 103.0, 104.0, 105.5]
    assert found[-1].share == pytest.approx(3 / 7)
    assert terms_of(leg(tps=())).aims == ()


def test_percent_targets_count_from_the_middle_of_the_entry() -> None:
    want = leg(entry_type="range", entry=decimals(96, 100), tps=decimals(10), tp_unit="pct")

    assert terms_of(want).aims == (Aim(price=107.8, share=1.0),)


def test_what_lies_before_the_worst_entry_is_no_target() -> None:
    assert [aim.price for aim in terms_of(leg(tps=decimals(99, 110))).aims] == [110.0]


def test_a_percent_stop_counts_from_the_average_entry() -> None:
    want = leg(entry_type="range", entry=decimals(96, 100), sl=Decimal(5), sl_kind="pct")

    assert terms_of(want).stop == 93.1


@pytest.mark.parametrize(("atr", "stop"), [(None, 95 * 0.97), (Decimal("1.0"), 95 * 0.97), (Decimal(2), 91.0)])
def test_a_candle_close_stop_is_a_rule_and_a_disaster_stop_beyond(atr: Decimal | None, stop: float) -> None:
    found = terms_of(leg(sl=Decimal(95), sl_kind="4h_close"), close_atr=atr)

    assert found.close_rule == CloseRule(level=95.0, interval_s=14_400.0)
    assert found.stop == pytest.approx(stop, abs=0.01)


@pytest.mark.parametrize(
    ("changes", "conditions", "distance"),
    [
        ({}, {}, 0.07),
        ({}, {"channel_median_stop": 0.04}, 0.05),  # Half the way to the first target.
        ({}, {"atr": Decimal(4)}, 0.10),
        ({"tps": decimals(130)}, {}, 0.15),
        ({"tps": decimals(400)}, {}, 0.9),
    ],
)
def test_the_stop_of_a_leg_without_one_is_imputed(
    changes: dict[str, object], conditions: dict[str, object], distance: float
) -> None:
    assert terms_of(leg(sl=None, **changes), **conditions).stop == pytest.approx(100 * (1 - distance))


def test_a_rung_beyond_the_imputed_stop_joins_the_last_before_it() -> None:
    want = leg(entry_type="ladder", entry=decimals(100, 96, 80), sl=None)

    assert [(price, share) for _, price, share in lots(want)] == [
        (100.0, pytest.approx(1 / 3)),
        (96.0, pytest.approx(2 / 3)),
    ]


def test_where_every_entry_lies_beyond_the_stop_there_is_nothing_to_follow() -> None:
    assert posted(leg(sl=Decimal(101))) == NotEntered(reason="sl_wrong_side")


def test_one_r_is_the_loss_of_the_whole_plan_with_its_costs() -> None:
    found = terms_of(leg(entry_type="range", entry=decimals(96, 100)), atr=Decimal(2))

    # Ten and six to the stop, taker on both sides, a tenth of the range of an hour.
    assert found.planned_loss == pytest.approx(8 + 0.0005 * (98 + 90) + 0.2)


def test_leverage_counts_where_it_is_above_one() -> None:
    assert terms_of(leg(leverage=10)).leverage == 10
    assert terms_of(leg(leverage=1)).leverage is None


def test_a_short_has_all_levels_on_the_other_side() -> None:
    want = leg(side=Side.SELL, entry_type="range", entry=decimals(110, 114), tps=decimals(100, 90), sl=Decimal(120))

    found = terms_of(want)
    assert [lot.price for lot in found.lots] == [110.0, 114.0]
    assert [aim.price for aim in found.aims] == [100.0, 90.0]
    assert found.stop == 120.0


def test_an_entry_is_good_for_a_day() -> None:
    assert terms_of(leg()).entry_until == START + DAY


def test_a_plan_of_ours_is_followed_by_its_own_rungs_and_shares() -> None:
    plan = TradePlan(
        symbol=BTC,
        side=Side.BUY,
        rungs=(
            Rung(style="limit", qty=Decimal(3), price=Decimal(100)),
            Rung(style="ioc", qty=Decimal(1), price=Decimal(99)),
        ),
        targets=(Target(price=Decimal(110), share=Decimal(1)),),
        stop=Decimal(90),
        stop_source="signal",
        targets_source="signal",
        qty=Decimal(4),
        notional=Decimal(399),
        planned_loss=Decimal(42),
        leverage=3,
        mark=Decimal(105),
        price_cap=Decimal(100),
    )

    found = as_planned(plan, costs=COSTS, decided_at=START, valid_s=3 * DAY, mover="breakeven")

    assert [(lot.style, lot.share) for lot in found.lots] == [("limit", 0.75), ("ioc", 0.25)]
    assert (found.planned_loss, found.entry_until, found.mover) == (10.5, START + 3 * DAY, "breakeven")
    assert found.close_rule is None
    kept = replace(plan, close_stop=CloseStop(price=Decimal(93), interval_s=14_400.0))
    ruled = as_planned(kept, costs=COSTS, decided_at=START, valid_s=DAY).close_rule
    assert ruled == CloseRule(level=93.0, interval_s=14_400.0)


def test_what_may_have_won_and_may_have_lost_is_undecided() -> None:
    either = Result(status="filled", reason=None, at=START, r=-1.0, r_low=-1.0, r_high=0.5)
    lost = Result(status="filled", reason=None, at=START, r=-1.0, r_low=-1.0, r_high=0.0)

    assert (either.undecided, lost.undecided) == (True, False)
