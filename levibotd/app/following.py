"""A call as we would have followed it: by our gates of quality and our plan, whatever else was open then."""

from decimal import Decimal

from levibotd.app.rules import Rulebook
from levibotd.config import Config
from levibotd.domain.follower_terms import Costs, Terms, as_planned
from levibotd.domain.indicators import atr
from levibotd.domain.levels import Conditions
from levibotd.domain.risk import Approved, Facts, judge
from levibotd.domain.shadow_book import ShadowCall
from levibotd.domain.signal import Symbol
from levibotd.domain.trade_plan import CLOSES_S, TradePlan
from levibotd.execution.pricing import Pricing, Source
from levibotd.execution.settler import filters_of
from levibotd.ports.as_of import MarketAsOf
from levibotd.ports.market import Instrument, Market


def pricing_of(config: Config) -> Pricing:
    """Whose market calls are followed on."""
    venue = config.market.venue or ("bybit" if config.exchange.id == "bybit" else "binance")
    return Pricing(
        venue=venue, market=config.exchange.market, candles=config.market.candles_kind or config.exchange.market
    )


class OurPlan:
    """
    What Risk would have said of a call with nothing else open: our terms, or the gate that refuses it.

    Where a ticket was written its plan counts. Equity is the configured balance, so that what a call comes
    to does not hang on what came before it.
    """

    def __init__(self, rulebook: Rulebook, market: Market, *, account: str) -> None:
        self._rulebook = rulebook
        self._market = market
        self._account = account

    def __call__(self, call: ShadowCall, source: Source) -> Terms | str:
        symbol = self._symbol(call)
        instrument = None if symbol is None else self._market.instrument(symbol, call.decided_at)
        plan = call.plan
        if plan is None:
            judged = self._judged(call, symbol, instrument)
            if isinstance(judged, str):
                return judged
            plan = judged
        if instrument is None or symbol != source.symbol or source.synthetic:
            return "no_price"
        costs = Costs(
            maker_fee=float(instrument.maker_fee),
            taker_fee=float(instrument.taker_fee),
            half_spread=float(instrument.half_spread),
            funded=instrument.can_short,
        )
        return as_planned(
            plan,
            costs=costs,
            decided_at=call.decided_at,
            valid_s=call.lifetime_s or self._rulebook.entry_valid_s(call.channel),
            mover=self._rulebook.stop_mover(call.channel),
            fuzz=source.fuzz,
        )

    def _symbol(self, call: ShadowCall) -> Symbol | None:
        view = MarketAsOf(self._market, at=call.decided_at)
        return view.symbol_of(call.leg.as_leg())

    def _judged(self, call: ShadowCall, symbol: Symbol | None, instrument: Instrument | None) -> TradePlan | str:
        facts = Facts(
            call=call.key,
            channel=call.channel,
            leg=call.leg.as_leg(),
            p_call=call.p_call,
            age_s=call.heard_at - call.posted_at,
            now=call.decided_at,
            equity=Decimal(self._rulebook.config.paper.balance),
            symbol=symbol,
            filters=None if instrument is None else filters_of(instrument),
            tradable=instrument is not None and instrument.tradable,
            has_list=self._market.as_of is not None,
            conditions=None if symbol is None else self._conditions(call, symbol),
            tp_weights=call.tp_weights,
            regardless=True,  # Or a channel that is held for nothing would never be held for more.
        )
        verdict = judge(facts, policy=self._rulebook.policy, rules=self._rulebook.rules(call.channel))
        return verdict.plan if isinstance(verdict, Approved) else str(verdict.refusal.gate)

    def _conditions(self, call: ShadowCall, symbol: Symbol) -> Conditions | None:
        at = call.decided_at
        mark = self._market.mark(symbol, at)
        if mark is None or mark.fresh_until < at:
            return None
        posted = self._market.mark(symbol, call.posted_at)
        volume = self._market.volume_24h(symbol, at)
        close_s = CLOSES_S.get(call.leg.sl_kind or "")
        setup = self._rulebook.setup(self._account)
        return Conditions(
            mark=mark.price,
            posted_mark=None if posted is None else posted.price,
            mark_precedes_post=mark.at < call.posted_at,
            atr=self._atr(symbol, setup.atr_interval_s, at, period=setup.atr_period),
            close_atr=None if close_s is None else self._atr(symbol, close_s, at, period=setup.atr_period),
            channel_median_stop=call.median_stop,
            volume_24h=None if volume is None else Decimal(f"{volume:.2f}"),
        )

    def _atr(self, symbol: Symbol, interval_s: float, at: float, *, period: int) -> Decimal | None:
        bars = self._market.closed_bars(symbol, interval_s=interval_s, until=at, limit=5 * period)
        average = atr(bars, period=period)
        return None if average is None else Decimal(repr(average))
