"""
Rounding to a venue's steps, aware of the side.

Quantities only go down. A resting or marketable price never gets worse than what was said: a
buy goes down, a sell up. A stop goes toward the earlier trigger, a target toward the easier fill.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from levibotd.domain.signal import Side

_WIDE = Context(prec=60)


def floor_step(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value`."""
    return _multiple(value, step, ROUND_FLOOR)


def ceil_step(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` that is not below `value`."""
    return _multiple(value, step, ROUND_CEILING)


def limit_price(price: Decimal, *, side: Side, tick: Decimal) -> Decimal:
    """A limit on the tick that is never worse than `price` for who trades on `side`."""
    return floor_step(price, tick) if side is Side.BUY else ceil_step(price, tick)


def trigger_price(price: Decimal, *, side: Side, tick: Decimal) -> Decimal:
    """The trigger of a breakout on `side`: only ever beyond `price`."""
    return ceil_step(price, tick) if side is Side.BUY else floor_step(price, tick)


def stop_price(price: Decimal, *, side: Side, tick: Decimal) -> Decimal:
    """The stop of a position on `side`, toward the earlier trigger."""
    return ceil_step(price, tick) if side is Side.BUY else floor_step(price, tick)


def target_price(price: Decimal, *, side: Side, tick: Decimal) -> Decimal:
    """A target of a position on `side`, toward the easier fill."""
    return floor_step(price, tick) if side is Side.BUY else ceil_step(price, tick)


def plain(number: Decimal) -> Decimal:
    """The same number without trailing zeros and without an exponent: how it is written."""
    short = number.normalize(_WIDE)
    exponent = short.as_tuple().exponent
    return short.quantize(Decimal(1), context=_WIDE) if isinstance(exponent, int) and exponent > 0 else short


def _multiple(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    assert step > 0, f"no step: {step}"
    count = _WIDE.divide(value, step).to_integral_value(rounding=rounding)
    return plain(_WIDE.multiply(count, step))
