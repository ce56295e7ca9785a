"""What the account is worth, and whether that trips the kill switch."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from msgspec.structs import replace

from levibotd.domain.kill_switch import check_kill, new_day
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import DayAnchor, KillSwitch
from levibotd.domain.signal import Symbol
from levibotd.ports.market import Market
from levibotd.ports.venue import Calm

DAY_S = 86_400.0
_ROUNDING = 1e-12


class EquityWatch:
    """
    Equity at the newest sound prices: realised, unrealised, fees.

    A symbol whose feed says nothing, or nothing sound, keeps its last good price; one that never had
    any counts at what was paid. The day's peak lives in memory: a restart begins it anew.
    """

    def __init__(
        self,
        *,
        ledger: Callable[[], Ledger],
        market: Market,
        daily_loss_limit: Callable[[], Decimal],
        peak_loss_limit: Callable[[], Decimal | None],
    ) -> None:
        self._ledger = ledger
        self._market = market
        self._daily_loss_limit = daily_loss_limit
        self._peak_loss_limit = peak_loss_limit
        self._last_good: dict[Symbol, Decimal] = {}
        self._peak: Decimal | None = None
        self._equity = Decimal(0)  # At the last look.

    def price(self, symbol: Symbol, price: Decimal) -> None:
        """Take note of a price that traded."""
        if price.is_finite() and price > 0:
            self._last_good[symbol] = price

    def equity(self, at: float) -> Decimal:
        ledger = self._ledger()
        held = ledger.positions
        for symbol in held:
            if (mark := self._market.mark(symbol, at)) is not None:
                self.price(symbol, mark.price)
        for symbol in [symbol for symbol in self._last_good if symbol not in held]:
            del self._last_good[symbol]
        return ledger.equity(self._last_good)

    def trip(self, at: float) -> KillSwitch | None:
        """The record that trips the kill switch now; None while all is well or it has tripped already."""
        ledger = self._ledger()
        anchor = ledger.day_anchor
        if ledger.control.kill.tripped or anchor is None:
            return None
        self._equity = equity = self.equity(at)
        self._peak = equity if self._peak is None else max(self._peak, equity)
        return check_kill(
            equity=equity,
            realised_today=ledger.realised_today,
            anchor=anchor.equity,
            peak=self._peak,
            daily_loss_limit=self._daily_loss_limit(),
            peak_loss_limit=self._peak_loss_limit(),
        )

    def calm(self) -> Calm | None:
        """
        Prices between which `trip` would say nothing and learn nothing: no trip, and no new peak of the day.

        Asked right after a `trip` that said no. Holds until a record is committed or a limit changes. All of them
        together may go to their bounds at once. None while nothing is watched, or where a price is missing.
        """
        ledger = self._ledger()
        anchor, peak, held = ledger.day_anchor, self._peak, ledger.positions
        if ledger.control.kill.tripped or anchor is None or anchor.equity <= 0 or peak is None or not held:
            return None
        floor = _floor(
            anchor=anchor.equity, peak=peak, daily=self._daily_loss_limit(), from_peak=self._peak_loss_limit()
        )
        down, up = (self._equity - floor) / len(held), (peak - self._equity) / len(held)
        bounds: dict[Symbol, tuple[float, float]] = {}
        for symbol, position in held.items():
            price = self._last_good.get(symbol)
            if price is None or not down > 0:
                return None
            worse, better = price - down / position.qty, price + up / position.qty
            bounds[symbol] = _between(price, *sorted((worse, better)))
        return Calm(bounds=bounds)

    def anchor(self, at: float) -> DayAnchor | None:
        """
        The anchor of a day that has begun since the last one; None while the day is the same.

        Worth of the account at midnight: positions at the price of that moment, so that a late
        start does not set the bar at what was lost meanwhile.
        """
        begun = new_day(self._ledger().day_anchor, at=at, equity=Decimal(0))
        if begun is None:
            return None  # And the price of this midnight takes no newer one's place.
        self._peak = None
        midnight = datetime.fromisoformat(begun.day).replace(tzinfo=UTC).timestamp()
        return replace(begun, equity=self.equity(midnight))


# Where `check_kill` trips, as long as nothing is realised and no new peak is reached.
def _floor(*, anchor: Decimal, peak: Decimal, daily: Decimal, from_peak: Decimal | None) -> Decimal:
    floor = anchor * (1 - daily)
    return floor if from_peak is None else max(floor, peak * (1 - from_peak))


# Rounded inwards by more than quotients and floats may be off, but for a bound that is the price itself: the peak.
def _between(price: Decimal, low: Decimal, high: Decimal) -> tuple[float, float]:
    least = float(price) if low == price else float(low) + abs(float(low)) * _ROUNDING
    most = float(price) if high == price else float(high) - abs(float(high)) * _ROUNDING
    return least, most


def until_midnight_s(at: float) -> float:
    """Seconds from `at` (unix) to the next midnight, UTC; never zero."""
    return DAY_S - at % DAY_S
