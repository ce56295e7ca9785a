"""The trigger goes on when ether leads and others follow, and off when either is gone."""

import math

import pytest

from levibotd.domain.climate.eth_led import ALTS_MIN, BARS, CLOSES, INTERVAL_S, EthLed, eth_led

T0 = 1_699_992_000.0  # A multiple of four hours.


def coin(rate: float, *, bars: int = CLOSES, bend: int | None = None, then: float = 0.0) -> dict[float, float]:
    """Grows by `rate` a bar, and from bar `bend` on by `then`."""
    closes, price = {}, 100.0
    for bar in range(bars):
        closes[T0 + bar * INTERVAL_S] = price
        price *= math.exp(rate if bend is None or bar < bend else then)
    return closes


FLAT = coin(0.0)


def found(eth: dict[float, float], *alts: dict[float, float], btc: dict[float, float] | None = None) -> EthLed | None:
    return eth_led(btc=FLAT if btc is None else btc, eth=eth, alts=alts)


def test_lead_and_breadth_are_what_one_can_work_out_by_hand() -> None:
    up, down = coin(0.001), coin(-0.001)
    seen = found(coin(0.002), up, up, up, up, down)

    assert seen is not None
    assert (seen.lead, seen.breadth, seen.alts) == (pytest.approx(BARS * 0.002), 0.8, 5)
    assert (seen.on, seen.as_of) == (True, T0 + CLOSES * INTERVAL_S)


@pytest.mark.parametrize(("rate", "rising", "on"), [(0.0005, 5, False), (0.001, 2, False), (0.001, 3, True)])
def test_it_takes_both(rate: float, rising: int, on: bool) -> None:
    seen = found(coin(rate), *[coin(0.001)] * rising, *[coin(-0.001)] * (5 - rising))

    assert seen is not None
    assert seen.on is on


def test_a_lead_that_shrinks_keeps_it_on_until_it_is_gone() -> None:
    alts = [coin(0.001)] * ALTS_MIN
    shrunk = found(coin(0.001, bend=CLOSES - 30), *alts)
    gone = found(coin(0.001, bend=CLOSES - 30, then=-0.001), *alts)

    assert shrunk is not None
    assert gone is not None
    assert 0.0 < shrunk.lead < 0.03
    assert (shrunk.on, gone.on) == (True, False)


def test_what_leads_all_is_bitcoin_then_nothing_is_led_by_ether() -> None:
    seen = found(coin(0.001), *[coin(0.001)] * 5, btc=coin(0.002))

    assert seen is not None
    assert (seen.on, seen.breadth) == (False, 0.0)


def test_too_few_coins_or_bars_are_no_answer() -> None:
    up = coin(0.001)

    assert found(up, *[up] * (ALTS_MIN - 1)) is None
    assert found(coin(0.001, bars=10), *[up] * 5) is None
    assert found(up, *[up] * 5, btc=coin(0.0, bars=CLOSES - 1)) is None


def test_a_coin_that_is_new_does_not_count_until_it_has_a_week() -> None:
    up, new = coin(0.001), {at: price for at, price in coin(0.01).items() if at >= T0 + (CLOSES - 10) * INTERVAL_S}
    seen = found(up, *[up] * 5, new)

    assert seen is not None
    assert seen.alts == 5


def test_later_bars_change_nothing_before_them() -> None:
    eth, alts = coin(0.001, bars=CLOSES + 20, bend=60, then=-0.002), [coin(0.001, bars=CLOSES + 20)] * 5
    btc = coin(0.0, bars=CLOSES + 20)
    until = sorted(btc)[: CLOSES + 5]

    def cut(closes: dict[float, float]) -> dict[float, float]:
        return {at: closes[at] for at in until}

    whole = eth_led(btc=cut(btc), eth=eth, alts=alts)
    assert whole == eth_led(btc=cut(btc), eth=cut(eth), alts=[cut(one) for one in alts])
