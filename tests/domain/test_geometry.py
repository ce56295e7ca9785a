"""Where the levels of a plan stand to each other and to the price, and what targets bring over a stop of ours."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.geometry import misplaced, reward_of
from levibotd.domain.levels import Conditions, Level, Stop
from levibotd.domain.signal import Side
from levibotd.domain.trade_plan import Target

D = Decimal
BAND = (Level(style="limit", price=D(99), weight=D("0.5")), Level(style="limit", price=D(97), weight=D("0.5")))


def refusal(
    stop: str, *, mark: str = "100", aim: str = "110", precedes: bool = False
) -> tuple[str, object, object] | None:
    found = misplaced(
        BAND,
        stop=Stop(price=D(stop), source="signal"),
        aims=(Target(price=D(aim), share=D(1)),),
        side=Side.BUY,
        conditions=Conditions(mark=D(mark), mark_precedes_post=precedes),
        narrowest=D("0.02"),
    )
    return None if found is None else (found.gate.value, found.value, found.limit)


@pytest.mark.parametrize(
    ("stop", "more", "expected"),
    [
        ("90", {}, None),
        ("97", {}, ("sl_wrong_side", D(97), D(97))),
        ("90", {"mark": "90"}, ("sl_passed", D(90), D(90))),
        ("90", {"mark": "110"}, ("tp_passed", D(110), D(110))),
        ("90", {"mark": "110", "precedes": True}, None),
        ("90", {"mark": "95", "aim": "98"}, ("tp_wrong_side", D(98), D(98))),
        ("96.1", {}, ("sl_too_tight", D("0.019387755"), D("0.02"))),  # Of the average entry, 98.
        ("69", {}, ("sl_too_wide", D("0.30303030"), D("0.3"))),  # Of the worst one, 99.
    ],
)
def test_the_first_level_that_stands_where_it_can_not_is_named(
    stop: str, more: dict[str, object], expected: tuple[str, object, object] | None
) -> None:
    assert refusal(stop, **more) == expected  # type: ignore[arg-type]


def test_a_reward_of_one_is_a_target_as_far_as_the_stop() -> None:
    assert reward_of(BAND, stop=D(90), aims=(Target(price=D(108), share=D(1)),), side=Side.BUY) == 1
    aims = (Target(price=D(103), share=D("0.75")), Target(price=D(111), share=D("0.25")))
    assert reward_of(BAND, stop=D(93), aims=aims, side=Side.BUY) == 1


@given(st.integers(101, 200), st.integers(50, 96))
def test_the_reward_of_a_short_is_that_of_its_mirror(aim: int, stop: int) -> None:
    long = reward_of(BAND, stop=D(stop), aims=(Target(price=D(aim), share=D(1)),), side=Side.BUY)
    mirrored = tuple(Level(style=one.style, price=400 - one.price, weight=one.weight) for one in BAND)
    aims = (Target(price=D(400 - aim), share=D(1)),)
    assert reward_of(mirrored, stop=D(400 - stop), aims=aims, side=Side.SELL) == long
