"""The geometry of a trade decides which reading is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.posts.candidates import collect
from levibotd.domain.posts.market_view import EMPTY_VIEW
from levibotd.domain.posts.refusal import Unsolved
from levibotd.domain.posts.solver import solve
from levibotd.domain.signal import Leg, Side


def solved(text: str) -> Leg:
    return solve(collect(text), base="ADA", quote="USDT", text=text, market=EMPTY_VIEW)


def test_the_side_follows_from_the_levels_where_no_word_says_it() -> None:
    assert solved("Entry 1.0 Target 1.1 SL 0.9").side is Side.BUY
    assert solved("Entry 1.0 Target 0.9 SL 1.1").side is Side.SELL


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("LONG entry 1.0 target 0.9 SL 1.1", "side_contradicts"),
        ("Entry 1.0 target 1.1 SL 1.2", "geometry"),
        ("Entry 1.0 - 1.2 target 1.15 SL 0.9", "target_inside"),
        ("Entry 1.0 - 1.2 target 1.3 SL 1.05", "stop_inside"),
        ("Entry 1.0 target 1.1 SL 0.09", "stop_far"),
        ("Entry 1.0 target 15", "target_far"),
        ("Entry 1.0 - 2.0 target 2.5", "band_too_wide"),
        ("LONG entry 1.0", "bare_entry"),
        ("SL 0.9", "no_entry"),
        ("Entry 1.0 target 0.00", "zero"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_check(text: str, check: str) -> None:
    with pytest.raises(Unsolved, match=check):
        solved(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Buy 1.0 target 1.1", "limit"),
        ("Buy below 1.0 target 1.1", "below"),
        ("Buy above 1.0 target 1.1", "above"),
        ("Buy stop 1.0 target 1.1", "stop"),
        ("Buy now 1.0 target 1.1", "market"),
        ("Buy 1.0 - 1.02 target 1.1", "range"),
        ("Buy 1.0 - 1.02 - 1.04 target 1.1", "ladder"),
        ("Entry 1: 1.0\nEntry 2: 0.95\ntarget 1.1", "ladder"),
        ("Long, current price 1.0, target 1.1", "market"),
    ],
)
def test_the_kind_of_entry(text: str, kind: str) -> None:
    assert solved(text).entry_type == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Stop 4H close below 0.9", "4h_close"),
        ("Stop: daily close below 0.9", "daily_close"),
        ("SL weekly close 0.9", "weekly_close"),
        ("Stop 0.9", "price"),
    ],
)
def test_the_kind_of_stop(text: str, kind: str) -> None:
    leg = solved(f"Entry 1.0 TP 1.1\n{text}")
    assert (leg.sl, leg.sl_kind) == (0.9, kind)


def test_the_price_now_is_no_rung_beside_a_zone() -> None:
    assert solved("Current price 1.05\nBuy zone 0.98 - 1.0\nTargets 1.1").entry == (0.98, 1.0)


@given(
    entry=st.floats(0.001, 5000),
    rise=st.floats(0.01, 0.5),
    fall=st.floats(0.01, 0.4),
    long=st.booleans(),
)
def test_a_solved_leg_always_has_the_geometry_of_its_side(entry: float, rise: float, fall: float, long: bool) -> None:
    up, down = entry * (1 + rise), entry * (1 - fall)
    target, stop = (up, down) if long else (down, up)
    try:
        leg = solved(f"Entry {entry:.6f} target {target:.6f} SL {stop:.6f}")
    except Unsolved:
        return
    assert isinstance(leg.sl, float)
    assert (leg.tps[0] - leg.entry[0]) * leg.side.sign > 0
    assert (leg.entry[0] - leg.sl) * leg.side.sign > 0
