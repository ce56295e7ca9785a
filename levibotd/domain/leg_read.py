"""A leg as the log holds it: prices as decimal text, not as what a float makes of them."""

from decimal import Decimal

from msgspec import Struct

from levibotd.domain.signal import Leg, Side


class LegRead(Struct, frozen=True, kw_only=True):
    """A leg as it was read, its prices as decimal text: what was written, and not what a float makes of it."""

    symbol: str
    side: Side
    quote_inferred: bool
    market: str | None
    entry_type: str | None
    entry: tuple[Decimal, ...]
    tps: tuple[Decimal, ...]
    tp_unit: str
    sl: Decimal | tuple[Decimal, ...] | None
    sl_kind: str | None
    margin: str | None
    leverage: tuple[float, float] | None
    price_unit: str
    factor: Decimal
    zone: bool

    @classmethod
    def of(cls, leg: Leg) -> "LegRead":
        sl = leg.sl
        return cls(
            symbol=leg.symbol, side=leg.side, quote_inferred=leg.quote_inferred, market=leg.market,
            entry_type=leg.entry_type, entry=_decimals(leg.entry), tps=_decimals(leg.tps), tp_unit=leg.tp_unit,
            sl=_decimals(sl) if isinstance(sl, tuple) else None if sl is None else _decimal(sl), sl_kind=leg.sl_kind,
            margin=leg.margin, leverage=leg.leverage, price_unit=leg.price_unit, factor=leg.factor, zone=leg.zone,
        )  # fmt: skip

    def as_leg(self) -> Leg:
        """The leg again: the floats that were written."""
        sl = self.sl
        return Leg(
            symbol=self.symbol, side=self.side, quote_inferred=self.quote_inferred, market=self.market,
            entry_type=self.entry_type, entry=_floats(self.entry), tps=_floats(self.tps), tp_unit=self.tp_unit,
            sl=_floats(sl) if isinstance(sl, tuple) else None if sl is None else float(sl), sl_kind=self.sl_kind,
            margin=self.margin, leverage=self.leverage, price_unit=self.price_unit, factor=self.factor, zone=self.zone,
        )  # fmt: skip


def _decimal(written: float) -> Decimal:
    return Decimal(repr(written).removesuffix(".0"))


def _decimals(written: tuple[float, ...]) -> tuple[Decimal, ...]:
    return tuple([_decimal(one) for one in written])


def _floats(read: tuple[Decimal, ...]) -> tuple[float, ...]:
    return tuple([float(one) for one in read])
