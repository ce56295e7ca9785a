"""An act is exact, wrong or harmful; and a bound on each."""

from typing import Any

import pytest

from levibotd.domain.signal import Leg, Side
from levibotd.training.acts import Tally, differing, upper_bound

GOLD: dict[str, Any] = {
    "symbol": "ADA/BTC", "side": "BUY", "market": "spot", "entry_type": "range", "entry": [940.0, 945.0],
    "tps": [990.0], "tp_unit": "price",
    "sl": 900.0, "sl_kind": "price", "price_unit": "satoshi", "quote_inferred": False,
}  # fmt: skip


def leg(**changes: Any) -> Leg:
    plain: dict[str, Any] = {
        "symbol": "ADA/BTC", "side": Side.BUY, "entry_type": "range", "entry": (940.0, 945.0), "tps": (990.0,),
        "sl": 900.0, "sl_kind": "price", "price_unit": "satoshi",
    }  # fmt: skip
    return Leg(**(plain | changes))


def test_an_equal_leg_differs_in_nothing() -> None:
    assert differing(leg(), GOLD) == set()


def test_satoshi_and_the_quote_own_unit_are_the_same_price() -> None:
    same = leg(entry=(9.4e-6, 9.45e-6), tps=(9.9e-6,), sl=9e-6, price_unit="quote")
    assert differing(same, GOLD) == set()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"symbol": "XRP/BTC"}, "base"),
        ({"symbol": "ADA/USDT"}, "quote"),
        ({"side": Side.SELL}, "side"),
        ({"market": "futures"}, "market"),
        ({"entry_type": "above"}, "entry_kind"),
        ({"entry": (940.0,)}, "entry"),
        ({"tps": (990.0, 1000.0)}, "tps"),
        ({"tp_unit": "pct"}, "tp_unit"),
        ({"sl": None, "sl_kind": None}, "sl"),
        ({"sl_kind": "4h_close"}, "sl_kind"),
        ({"price_unit": "truncated"}, "price_unit"),
    ],
)
def test_each_field_counts(changes: dict[str, Any], field: str) -> None:
    assert field in differing(leg(**changes), GOLD)


def test_a_second_leg_for_one_mate_is_wrong_and_harmful() -> None:
    tally = Tally()
    tally.add([leg(), leg()], [GOLD])
    assert (tally.acts, tally.exact, tally.wrong, tally.harmful) == (2, 1, 1, 1)


def test_wrong_targets_alone_are_not_harmful() -> None:
    tally = Tally()
    tally.add([leg(tps=(991.0,))], [GOLD])
    assert (tally.wrong, tally.harmful) == (1, 0)


def test_abstaining_costs_recall_only() -> None:
    tally = Tally()
    tally.add([], [GOLD])
    assert tally.figures()["act_recall"] == 0.0
    assert tally.acts == 0


@pytest.mark.parametrize(("hits", "trials", "bound"), [(0, 150, 0.0198), (0, 0, 1.0), (5, 5, 1.0), (3, 100, 0.0757)])
def test_the_bound_is_clopper_and_pearsons(hits: int, trials: int, bound: float) -> None:
    assert upper_bound(hits, trials) == pytest.approx(bound, abs=2e-4)
