"""The closed set of gates."""

from levibotd.domain.gates import GateName, Refusal
from levibotd.domain.records import Gate
from levibotd.domain.signal import Side


def test_names_are_fit_for_a_metric_label() -> None:
    assert all(name.value == name.value.lower() and name.value.replace("_", "").isalpha() for name in GateName)
    assert {"symbol_busy", "cannot_short", "no_price", "not_tradable", "too_small"} <= set(GateName)


def test_a_refusal_can_be_told_as_a_gate() -> None:
    refusal = Refusal(gate=GateName.SYMBOL_BUSY, value="BTCUSDT", limit="one owner", side=Side.BUY)

    assert refusal.as_gate() == Gate(name="symbol_busy", value="BTCUSDT", limit="one owner")
