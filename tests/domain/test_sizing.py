"""Sizing: the loss at the stop rules the size; nothing is ever rounded up."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.gates import GateName, Refusal
from levibotd.domain.levels import Conditions, Wanted
from levibotd.domain.signal import Side, Symbol
from levibotd.domain.sizing import Filters, Limits, is_thin, plan_trade, target_quantities
from levibotd.domain.trade_plan import TradePlan

D = Decimal
FILTERS = Filters(
    tick=D("0.01"),
    step=D("0.001"),
    min_qty=D("0.001"),
    max_qty=D(1_000_000),
    min_notional=D(5),
    taker_fee=D(0),
    maker_fee=D(0),
    max_leverage=20,
    can_short=True,
)
LIMITS = Limits(
    equity=D(10_000),
    risk_per_trade=D("0.005"),
    notional_max=D(1_000),
    no_sl_atr=D("2.5"),
    no_tp_r=D(2),
    max_leverage=5,
)
AT_100 = Conditions(mark=D(100))


def want(side: Side = Side.BUY, entry_type: str = "limit", *entry: str, **more: object) -> Wanted:
    values: dict[str, object] = {"tps": (D(120),) if side is Side.BUY else (D(80),), "sl": D(90), **more}
    prices = tuple(D(price) for price in entry)
    return Wanted(symbol=Symbol("ABCUSDT"), side=side, entry_type=entry_type, entry=prices, **values)  # type: ignore[arg-type]


def planned(
    wish: Wanted, *, filters: Filters = FILTERS, limits: Limits = LIMITS, conditions: Conditions = AT_100
) -> TradePlan:
    plan = plan_trade(wish, filters=filters, limits=limits, conditions=conditions)
    assert isinstance(plan, TradePlan), plan
    return plan


def refused(
    wish: Wanted, *, filters: Filters = FILTERS, limits: Limits = LIMITS, conditions: Conditions = AT_100
) -> tuple[str, object, object]:
    refusal = plan_trade(wish, filters=filters, limits=limits, conditions=conditions)
    assert isinstance(refusal, Refusal), refusal
    return (refusal.gate.value, refusal.value, refusal.limit)


# Hand-computed sizes. The budget is 50 (0.5 % of 10,000); a stop slips 0.1 % of its price.


def test_the_size_is_the_budget_over_the_loss_of_a_unit() -> None:
    # 99 - 90 = 9, slip 0.09: 50 / 9.09 = 5.5005..
    plan = planned(want(Side.BUY, "limit", "99"))

    assert (plan.qty, plan.notional, plan.planned_loss) == (D("5.5"), D("544.5"), D("49.995"))
    assert [(rung.style, rung.qty, rung.price) for rung in plan.rungs] == [("limit", D("5.5"), D(99))]
    assert (plan.stop, plan.stop_source, plan.targets_source) == (D(90), "signal", "signal")
    assert (plan.mark, plan.price_cap) == (D(100), D(99))


def test_fees_of_both_sides_and_funding_count_as_loss() -> None:
    # 9 + 0.1 % of (99 + 90) + 0.09 + 1 % of 99 = 10.269: 50 / 10.269 = 4.869..
    filters = replace(FILTERS, taker_fee=D("0.001"))
    plan = planned(want(Side.BUY, "limit", "99"), filters=filters, conditions=replace(AT_100, funding=D("-0.01")))

    assert (plan.qty, plan.planned_loss) == (D("4.869"), D("49.999761"))


def test_a_wild_market_slips_by_a_tenth_of_its_range() -> None:
    # 9 + 0.1 x 10 = 10.
    assert planned(want(Side.BUY, "limit", "99"), conditions=replace(AT_100, atr=D(10))).qty == D(5)


def test_a_less_certain_reading_risks_half() -> None:
    assert planned(want(Side.BUY, "limit", "99"), limits=replace(LIMITS, p_call=0.899)).qty == D("2.75")
    assert planned(want(Side.BUY, "limit", "99"), limits=replace(LIMITS, p_call=0.9)).qty == D("5.5")


def test_the_notional_only_lowers() -> None:
    assert planned(want(Side.BUY, "limit", "99", sl=D("97.5"))).qty == D("10.101"), "1000 / 99, not 50 / 1.5975"


def test_heat_that_is_left_and_volume_lower_the_size_and_say_so() -> None:
    heat = planned(want(Side.BUY, "limit", "99"), limits=replace(LIMITS, heat_left=D(25)))
    assert (heat.qty, heat.notes) == (D("2.75"), ("heat lowers the size",))

    volume = planned(want(Side.BUY, "limit", "99"), conditions=replace(AT_100, volume_24h=D(19_800)))
    assert (volume.qty, volume.notes) == (D(1), ("24 h volume lowers the size",))


def test_a_short_is_the_mirror() -> None:
    # 110 - 101 = 9, slip 0.11: 50 / 9.11 = 5.488..
    plan = planned(want(Side.SELL, "limit", "101", sl=D(110)))

    assert (plan.side, plan.qty, plan.planned_loss) == (Side.SELL, D("5.488"), D("49.99568"))


def test_the_rungs_of_a_band_share_the_loss() -> None:
    # Weights 1/2 at 98 and 94: (8.09 + 4.09) / 2 = 6.09; 50 / 6.09 = 8.210. 4.105 each.
    plan = planned(want(Side.BUY, "range", "94", "98"))

    assert [(rung.qty, rung.price) for rung in plan.rungs] == [(D("4.105"), D(98)), (D("4.105"), D(94))]
    assert plan.planned_loss == D("4.105") * (D("8.09") + D("4.09"))


def test_what_steps_leave_over_goes_where_a_unit_loses_least() -> None:
    plan = planned(want(Side.BUY, "range", "94", "98"), filters=replace(FILTERS, step=D(1), min_qty=D(1)))

    assert [rung.qty for rung in plan.rungs] == [D(4), D(4)]
    plan = planned(want(Side.BUY, "ladder", "94", "96", "98"), filters=replace(FILTERS, step=D(1), min_qty=D(1)))
    assert [rung.qty for rung in plan.rungs] == [D(2), D(2), D(4)]


def test_what_steps_leave_over_never_breaks_the_notional() -> None:
    # Three at 102 on average cost 306; two of them at 104 make it 308.
    limits = replace(LIMITS, risk_per_trade=D("0.5"), notional_max=D("306.5"))
    wish = want(Side.SELL, "range", "100", "104", sl=D(110))
    plan = planned(
        wish, limits=limits, filters=replace(FILTERS, step=D(1), min_qty=D(1)), conditions=Conditions(mark=D(99))
    )

    assert [rung.qty for rung in plan.rungs] == [D(1), D(1)]


# Refusals.


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (want(Side.BUY, "limit", "99", sl=D(100)), ("sl_wrong_side", D(100), D(99))),
        (want(Side.SELL, "limit", "101", sl=D(100)), ("sl_wrong_side", D(100), D(101))),
        (want(Side.BUY, "range", "90", "98", sl=D(92)), ("sl_wrong_side", D(92), D(90))),
        (want(Side.BUY, "limit", "120", sl=D("100.5"), tps=(D(130),)), ("sl_wrong_side", D("100.5"), D("100.5"))),
        (want(Side.BUY, "limit", "99", tps=(D(98),)), ("tp_wrong_side", D(98), D(99))),
        (want(Side.BUY, "limit", "95", tps=(D(99),)), ("tp_passed", D(100), D(99))),
        (want(Side.BUY, "market", tps=(D(100),)), ("tp_wrong_side", D(100), D(100))),
        (want(Side.BUY, "limit", "99", sl=D("98.7")), ("sl_too_tight", D("0.003030303"), D("0.004"))),
        (want(Side.BUY, "limit", "99", sl=D("69")), ("sl_too_wide", D("0.3030303"), D("0.3"))),
        (want(Side.BUY, "above", "99"), ("chased", D("0.01010101"), D("0.005"))),
        (want(Side.SELL, "below", "101", sl=D(110)), ("chased", D("0.0099009901"), D("0.005"))),
        (want(Side.BUY, "market", "99"), ("chased", D("0.01010101"), D("0.005"))),
        (want(Side.BUY, "limit", "0"), ("entry", D(0), None)),
        (want(Side.BUY, "limit", "0.004", sl=D("0.003")), ("tick", D("0.004"), D("0.01"))),
    ],
)
def test_a_refusal_names_gate_value_and_limit(wish: Wanted, expected: tuple[str, object, object]) -> None:
    assert refused(wish) == expected


def test_a_call_whose_stop_has_traded_is_refused() -> None:
    wish = want(Side.BUY, "limit", "101", sl=D("99.8"))

    assert refused(wish, conditions=Conditions(mark=D("99.7")))[0] in ("sl_wrong_side", "sl_passed")
    breakout = want(Side.BUY, "above", "101", sl=D("99.8"))
    assert refused(breakout, conditions=Conditions(mark=D("99.7"))) == ("sl_passed", D("99.7"), D("99.8"))


@pytest.mark.parametrize("mark", ["0", "-1", "NaN", "Infinity"])
def test_what_is_no_price_plans_nothing(mark: str) -> None:
    assert refused(want(Side.BUY, "limit", "99"), conditions=Conditions(mark=D(mark)))[0] == "no_price"


def test_a_stop_within_four_round_trips_is_noise() -> None:
    costly = replace(FILTERS, taker_fee=D("0.002"), half_spread=D("0.0005"))

    assert refused(want(Side.BUY, "limit", "99", sl=D("97.1")), filters=costly) == (
        "sl_too_tight",
        D("0.019191919"),
        D("0.0200"),
    )


def test_a_market_call_is_measured_from_the_price_at_the_post() -> None:
    late = Conditions(mark=D(101), posted_mark=D(100))
    assert refused(want(Side.BUY, "market"), conditions=late) == ("chased", D("0.01"), D("0.005"))

    close = planned(want(Side.BUY, "market"), conditions=Conditions(mark=D("100.4"), posted_mark=D(100)))
    assert close.price_cap == D("100.5"), "not 100.90: the post's price rules"
    fallen = planned(want(Side.BUY, "market"), conditions=Conditions(mark=D(98), posted_mark=D(100)))
    assert fallen.price_cap == D("98.49")


@pytest.mark.fault("C12")
@pytest.mark.parametrize(
    ("limits", "filters", "expected"),
    [
        # 0.055 of 99 is 5.445, below 5 x 1.1.
        ({"equity": D(100)}, {}, ("too_small", D("5.445"), D("5.5"))),
        ({"notional_min": D(600)}, {}, ("too_small", D("544.5"), D(600))),
        ({}, {"min_qty": D(6)}, ("too_small", D("5.5"), D(6))),
        ({}, {"step": D(10), "min_qty": D(10)}, ("too_small", D(0), D(10))),
        ({"equity": D(0)}, {}, ("too_small", D(0), D("0.001"))),
        ({"equity": D(-5)}, {}, ("too_small", D(0), D("0.001"))),
        ({"heat_left": D(0)}, {}, ("too_small", D(0), D("0.001"))),
    ],
)
def test_too_small_is_refused_never_rounded_up(
    limits: dict[str, Decimal], filters: dict[str, Decimal], expected: tuple[str, object, object]
) -> None:
    wish = want(Side.BUY, "limit", "99")
    found = refused(wish, filters=replace(FILTERS, **filters), limits=replace(LIMITS, **limits))

    assert (found[0], D(str(found[1])), D(str(found[2]))) == expected


@pytest.mark.fault("C12")
def test_rungs_too_thin_for_the_venue_join_the_one_nearer_to_the_market() -> None:
    # Five rungs of about 1.5 each (at 150 a rung); the venue takes 200.
    filters = replace(FILTERS, min_notional=D(200))
    plan = planned(want(Side.BUY, "ladder", "98", "97", "96", "95", "94"), filters=filters)

    assert all(rung.qty * rung.price >= D(220) for rung in plan.rungs)
    assert sum(rung.qty for rung in plan.rungs) == plan.qty
    assert [rung.price for rung in plan.rungs] == [D(98), D(95)]
    assert plan.planned_loss <= D(50)
    assert any("thin rungs" in note for note in plan.notes)


@pytest.mark.fault("C12")
def test_on_spot_targets_too_thin_join_the_one_nearer_to_the_entry() -> None:
    aims = tuple(D(price) for price in (104, 106, 108, 110))
    wish = want(Side.BUY, "limit", "99", tps=aims)
    small = replace(LIMITS, risk_per_trade=D("0.00015"))  # 0.165 units, 16.3 in quote.

    spot = planned(wish, limits=small, filters=replace(FILTERS, spot=True))
    assert [(aim.price, aim.share) for aim in spot.targets] == [(D(104), D("0.5")), (D(108), D("0.5"))]
    assert any("thin targets" in note for note in spot.notes)
    swap = planned(wish, limits=small)
    assert len(swap.targets) == 4, "what only reduces has no minimum notional there"


# Calls without a stop.


def test_an_imputed_stop_is_measured_from_the_worst_rung_with_its_terms() -> None:
    conditions = replace(AT_100, atr=D(1), channel_median_stop=0.04)
    plan = planned(want(Side.BUY, "range", "97", "99", sl=None, tps=(D(110),)), conditions=conditions)

    # Half the way from 99 to 110 is 5.55 %: more than 2.53 % of range and the channel's 4 %.
    assert plan.stop == D("93.50")
    assert plan.stop_source == "imputed"
    assert plan.stop_terms is not None
    assert plan.stop_terms.half_first_target == pytest.approx(5.5 / 99)
    assert plan.stop_terms.atr == pytest.approx(2.5 / 99)
    assert plan.stop_terms.channel_median == 0.04


@pytest.mark.parametrize(
    ("wish", "limits", "atr", "expected"),
    [
        (want(Side.BUY, "limit", "99", sl=None), {"no_sl": "skip"}, "1", ("no_sl", "none", "skip")),
        (want(Side.BUY, "limit", "99", sl=None), {}, "6", ("no_sl_too_wide", D("0.15151515"), D("0.15"))),
        (want(Side.BUY, "limit", "99", sl=None, tps=(D(102),)), {}, "1", ("no_sl_rr", D("0.43290043"), D(1))),
    ],
)
def test_a_call_without_a_stop_is_refused(
    wish: Wanted, limits: dict[str, str], atr: str, expected: tuple[str, object, object]
) -> None:
    found = refused(wish, limits=replace(LIMITS, **limits), conditions=replace(AT_100, atr=D(atr)))

    assert found == expected


@pytest.mark.parametrize(
    ("wish", "most", "reward"),
    [
        # From the worst entry, 99, of which 7 % is 6.93: the middle of the targets weighs as much as is sold there.
        (want(Side.BUY, "range", "97", "99", sl=None, tps=(D(102), D(106))), 5, "0.72"),
        (want(Side.BUY, "range", "97", "99", sl=None, tps=(D(102), D(106), D(110))), 5, "1.01"),
        # Of three targets two are kept: a third is sold at the first, two at the second.
        (want(Side.BUY, "range", "97", "99", sl=None, tps=(D(102), D(106), D(110))), 2, "0.82"),
        (want(Side.SELL, "limit", "102", sl=None, tps=(D(99), D(94))), 5, "0.77"),
    ],
)
def test_the_reward_over_an_imputed_stop_is_what_the_average_target_brings(
    wish: Wanted, most: int, reward: str
) -> None:
    open_to_all = replace(LIMITS, no_sl_rr_min=D(0), max_tps=most)
    terms = planned(wish, limits=open_to_all).stop_terms

    assert terms is not None
    assert terms.reward is not None
    assert f"{terms.reward:.2f}" == reward
    short_of = replace(open_to_all, no_sl_rr_min=D(str(terms.reward)) + D("0.0001"))
    gate, value, limit = refused(wish, limits=short_of)
    assert (gate, f"{value:.2f}", limit) == ("no_sl_rr", reward, short_of.no_sl_rr_min)
    planned(wish, limits=replace(short_of, no_sl_rr_min=D(str(terms.reward)) - D("0.0001")))


def test_what_names_its_stop_or_no_target_is_asked_for_no_reward() -> None:
    strict = replace(LIMITS, no_sl_rr_min=D(10))
    assert planned(want(Side.BUY, "limit", "99", tps=(D(102),)), limits=strict).stop_terms is None
    terms = planned(want(Side.BUY, "limit", "99", sl=None, tps=()), limits=strict).stop_terms
    assert terms is not None
    assert terms.reward is None


def test_rungs_beyond_an_imputed_stop_join_the_one_before_it() -> None:
    plan = planned(want(Side.BUY, "range", "90", "99", sl=None, tps=(D(120),)))

    assert [rung.price for rung in plan.rungs] == [D(99), D(90)], "half the way to the target is beyond 90"
    near = planned(want(Side.BUY, "range", "90", "99", sl=None, tps=(D(107), D(120))))
    assert [rung.price for rung in near.rungs] == [D(99)]
    assert near.notes == ("1 rungs beyond the imputed stop joined the one before it",)


def test_without_targets_there_is_one_at_so_many_stop_distances() -> None:
    plan = planned(want(Side.BUY, "limit", "99", tps=()))

    assert [(aim.price, aim.share) for aim in plan.targets] == [(D(117), D(1))]
    assert plan.targets_source == "imputed"


# Leverage.


@pytest.mark.parametrize(
    ("leverage", "limits", "filters", "expected"),
    [
        (None, {}, {}, 5),
        (3, {}, {}, 3),
        (20, {}, {}, 5),
        (None, {"max_leverage": 20}, {}, 6),  # 1 / (1.5 x 0.0909.. + 0.005 + 0.005) = 6.83
        (None, {}, {"max_leverage": 1}, 1),
    ],
)
def test_leverage_is_the_lowest_of_all_ceilings(
    leverage: int | None, limits: dict[str, int], filters: dict[str, int], expected: int
) -> None:
    wish = want(Side.BUY, "limit", "99", leverage=leverage)
    plan = planned(wish, limits=replace(LIMITS, **limits), filters=replace(FILTERS, **filters))

    assert plan.leverage == expected
    assert plan.qty == D("5.5"), "it never changes the size"


def test_a_stop_beyond_the_liquidation_is_refused() -> None:
    filters = replace(FILTERS, maintenance_margin=D("0.9"))

    assert refused(want(Side.BUY, "limit", "99"), filters=filters) == ("liquidation", D("0.96027935"), 1)
    conditional = want(Side.BUY, "limit", "99", sl=D(94), sl_kind="4h_close")
    assert refused(conditional, filters=filters)[0] == "sl_conditional"


# Whatever is asked.

prices = st.decimals(min_value=D("0.5"), max_value=D(2000), places=4)


@st.composite
def wishes(draw: st.DrawFn) -> tuple[Wanted, Conditions]:
    """Mostly calls that make sense at their mark, and some that do not."""
    side = draw(st.sampled_from(Side))
    sensible = draw(st.integers(0, 3)) > 0
    mark = draw(prices)
    kind = draw(st.sampled_from(["market", "limit", "range", "ladder", "above", "below", "stop"]))
    count = {"market": 0, "limit": 1, "range": 2}.get(kind) or draw(st.integers(1, 6))
    near = draw(st.sampled_from([D("0.01"), D("0.05"), D("0.2")]))
    entry = tuple(
        mark * (1 + near * draw(st.decimals(-1, 1, places=3))) for _ in range(0 if kind == "market" else count)
    )
    if sensible and kind in ("above", "below", "stop"):
        entry = tuple(mark + side.sign * abs(price - mark) for price in entry)
    ends = (*entry, mark) if sensible else (mark,)
    back, front = (min(ends), max(ends)) if side is Side.BUY else (max(ends), min(ends))
    far = draw(st.decimals(min_value=D("0.01"), max_value=D("0.2"), places=4))
    sl = draw(st.one_of(st.none(), st.just(back * (1 - side.sign * far)), st.just(back * (1 - side.sign * far))))
    tps = tuple(
        front * (1 + side.sign * draw(st.decimals("0.02", "0.6", places=3))) for _ in range(draw(st.integers(0, 7)))
    )
    wish = Wanted(
        symbol=Symbol("ABCUSDT"),
        side=side,
        entry_type=kind,
        entry=entry,
        tps=tps,
        sl=sl,
        sl_kind=draw(st.sampled_from(["price", "price", "4h_close"])),
        zone=draw(st.booleans()),
        leverage=draw(st.one_of(st.none(), st.integers(1, 50))),
    )
    atr = draw(st.one_of(st.none(), st.just(mark / 50)))
    return wish, Conditions(mark=mark, atr=atr, close_atr=atr)


some_filters = st.builds(
    Filters,
    tick=st.sampled_from([D("0.0001"), D("0.01"), D("0.05")]),
    step=st.sampled_from([D("0.00001"), D("0.01"), D("1")]),
    min_qty=st.sampled_from([D("0.00001"), D("1")]),
    max_qty=st.sampled_from([D("10"), D("1000000")]),
    min_notional=st.sampled_from([D("0"), D("5"), D("100")]),
    taker_fee=st.sampled_from([D("0"), D("0.0005"), D("0.001")]),
    maker_fee=st.just(D("0")),
    half_spread=st.just(D("0.0001")),
    max_leverage=st.integers(1, 50),
    can_short=st.just(True),
    spot=st.booleans(),
)
some_limits = st.builds(
    Limits,
    equity=st.decimals(min_value=D("100"), max_value=D("1000000"), places=2),
    risk_per_trade=st.sampled_from([D("0.0025"), D("0.005"), D("0.01")]),
    notional_max=st.decimals(min_value=D("20"), max_value=D("200000"), places=2),
    no_sl_atr=st.just(D("2.5")),
    no_sl_rr_min=st.sampled_from([D(0), D(1)]),
    no_tp_r=st.just(D("2")),
    max_leverage=st.integers(1, 10),
    p_call=st.sampled_from([0.7, 0.95]),
    heat_left=st.one_of(st.none(), st.decimals(min_value=D("0"), max_value=D("100"), places=2)),
    max_tps=st.integers(1, 6),
)


@given(wishes(), some_filters, some_limits)
@settings(max_examples=400, deadline=None)
def test_every_plan_keeps_within_its_limits(asked: tuple[Wanted, Conditions], filters: Filters, limits: Limits) -> None:
    wish, conditions = asked
    plan = plan_trade(wish, filters=filters, limits=limits, conditions=conditions)
    if isinstance(plan, Refusal):
        assert plan.gate in GateName
        return
    sign = wish.side.sign
    if plan.stop_terms is not None:
        assert (plan.stop_terms.reward is None) == (not wish.tps)
        assert plan.stop_terms.reward is None or plan.stop_terms.reward >= limits.no_sl_rr_min
    assert D(0) < plan.planned_loss <= limits.budget
    assert limits.heat_left is None or plan.planned_loss <= limits.heat_left
    assert plan.notional <= limits.notional_max
    assert plan.qty == sum(rung.qty for rung in plan.rungs) <= filters.max_qty
    assert all(rung.qty % filters.step == 0 and rung.qty >= filters.min_qty for rung in plan.rungs)
    assert plan.notional >= filters.order_notional_min
    assert len(plan.rungs) == 1 or all(rung.qty * rung.price >= filters.order_notional_min for rung in plan.rungs)
    for price in (plan.stop, *(rung.price for rung in plan.rungs), *(aim.price for aim in plan.targets)):
        assert price > 0
        assert price % filters.tick == 0
    assert all((rung.price - plan.stop) * sign > 0 for rung in plan.rungs)
    assert (plan.mark - plan.stop) * sign > 0
    assert all((plan.price_cap - rung.price) * sign >= 0 for rung in plan.rungs)
    assert sum(aim.share for aim in plan.targets) == 1
    assert 1 <= len(plan.targets) <= limits.max_tps
    assert [aim.price for aim in plan.targets] == sorted({aim.price for aim in plan.targets}, reverse=sign < 0)
    assert 1 <= plan.leverage <= min(limits.max_leverage, filters.max_leverage, wish.leverage or 99)
    assert (plan.stop_terms is not None) == (plan.stop_source == "imputed") == (wish.sl is None)


@given(wishes(), some_filters, some_limits)
@settings(max_examples=150, deadline=None)
def test_no_entry_pays_more_than_was_said_or_runs_after_the_price(
    asked: tuple[Wanted, Conditions], filters: Filters, limits: Limits
) -> None:
    wish, conditions = asked
    plan = plan_trade(wish, filters=filters, limits=limits, conditions=conditions)
    if isinstance(plan, Refusal):
        return
    sign = wish.side.sign
    reach = conditions.mark * (1 + sign * D("0.005"))
    for rung in plan.rungs:
        if rung.style == "ioc":
            assert (reach - rung.price) * sign >= 0
        if rung.style != "trigger" and wish.entry_type != "market":
            best = max(wish.entry) if sign > 0 else min(wish.entry)
            assert (best - rung.price) * sign >= 0


def test_the_last_target_takes_the_rest() -> None:
    wish = want(Side.BUY, "limit", "99", tps=(D(110), D(120), D(130)))
    plan = planned(wish)
    coarse = replace(FILTERS, step=D("0.01"), min_qty=D("0.02"))

    assert target_quantities(plan.targets, D(1), filters=coarse) == (D("0.33"), D("0.33"), D("0.34"))
    assert target_quantities(plan.targets, D("0.05"), filters=coarse) == (D("0.02"), D(0), D("0.03"))
    assert target_quantities(plan.targets, D("0.01"), filters=coarse) == (D("0.01"), D(0), D(0))


@pytest.mark.parametrize(
    ("qty", "spot", "thin"),
    [("0.0009", False, True), ("0.001", False, False), ("0.001", True, True), ("1", True, False)],
)
def test_an_exit_is_thin_below_what_the_venue_takes(qty: str, spot: bool, thin: bool) -> None:
    assert is_thin(D(qty), D(100), replace(FILTERS, spot=spot)) is thin


def test_a_price_of_before_the_post_has_passed_no_target() -> None:
    wish = want(Side.BUY, "limit", "95", tps=(D(99),))

    before = plan_trade(wish, filters=FILTERS, limits=LIMITS, conditions=replace(AT_100, mark_precedes_post=True))

    assert isinstance(before, TradePlan)
    assert [rung.price for rung in before.rungs] == [D(95)]


def test_an_entry_runs_at_most_half_the_way_to_the_first_target() -> None:
    # The cap of half a percent would let it pay more than the target brings.
    near = planned(want(Side.BUY, "market", tps=(D("100.4"), D(110))))
    short = planned(want(Side.SELL, "below", "99.8", sl=D(110), tps=(D("99.6"), D(90))))
    far = planned(want(Side.BUY, "market", tps=(D(110),)))

    assert near.price_cap == D("100.2")
    assert short.price_cap == D("99.7")
    assert far.price_cap == D("100.5")
