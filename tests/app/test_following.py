"""A call as we would have followed it."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from levibotd.app.following import OurPlan, pricing_of
from levibotd.app.rules import Rulebook
from levibotd.config import load
from levibotd.domain.follower_terms import Terms
from levibotd.domain.ledger import Ledger
from levibotd.domain.leg_read import LegRead
from levibotd.domain.shadow_book import ShadowCall
from levibotd.domain.signal import CallKey, Leg, Side, Symbol, TraceId
from levibotd.domain.trade_plan import Rung, Target, TradePlan
from levibotd.execution.pricing import Source, source_of
from levibotd.sim.recorded_market import RecordedMarket
from tests.sim.memory_candles import MemoryCandles, hourly

HOUR = 3600.0
START = 1_700_006_400.0
AT = START + 40 * HOUR + 60.0
MARKET = RecordedMarket(
    MemoryCandles(
        {
            "BTCUSDT": hourly(START, *[(100.0, 101.0, 99.0, 100.0)] * 60, volume=1e6),
            "ADAUSDT": hourly(START, *[(0.5, 0.51, 0.49, 0.5)] * 60, volume=1e9),
        }
    )
)
SWAP = {"LEVI_EXCHANGE__MARKET": "swap"}


def planned(
    environ: Mapping[str, str] = {},
    *,
    plan: TradePlan | None = None,
    age_s: float = 1.0,
    p_call: float = 0.95,
    lifetime_s: float | None = None,
    tp_weights: tuple[float, ...] = (),
    **leg: object,
) -> Terms | str:
    config = load(environ={**SWAP, **environ})
    rulebook = Rulebook(config, lambda: Ledger(balance=Decimal(10_000)))
    fields: dict[str, object] = {
        "symbol": "BTC/USDT", "side": Side.BUY, "entry_type": "limit", "entry": (99.0,), "tps": (104.0, 108.0),
        "sl": 95.0,
    }  # fmt: skip
    call = ShadowCall(
        key=CallKey("paper|@c|7|0"), trace=TraceId("t"), channel="@c", symbol=Symbol("BTCUSDT"),
        leg=LegRead.of(Leg(**(fields | leg))), posted_at=AT - age_s, heard_at=AT, p_call=p_call,  # type: ignore[arg-type]
        witnessed=True, plan=plan, lifetime_s=lifetime_s, tp_weights=tp_weights,
    )  # fmt: skip
    source = source_of(MARKET, call.leg, at=call.decided_at, pricing=pricing_of(config))
    assert isinstance(source, Source), source
    return OurPlan(rulebook, MARKET, account="paper")(call, source)


def test_a_call_that_passes_is_followed_by_our_plan() -> None:
    terms = planned()

    assert isinstance(terms, Terms)
    assert [lot.price for lot in terms.lots] == [99.0]
    assert [aim.price for aim in terms.aims] == [104.0, 108.0]
    assert (terms.stop, terms.decided_at, terms.entry_until) == (95.0, AT + 1, AT + 1 + 86_400)
    assert (terms.costs.maker_fee, terms.costs.taker_fee, terms.costs.funded) == (0.0002, 0.0005, True)


@pytest.mark.parametrize(
    ("environ", "changes", "gate"),
    [
        ({}, {"p_call": 0.5}, "confidence"),
        ({}, {"age_s": 90.0}, "ttl"),
        ({}, {"sl": 98.9}, "sl_too_tight"),
        ({}, {"symbol": "ADA/BTC", "entry": (), "entry_type": "market", "tps": (), "sl": None}, "quote"),
        ({"LEVI_SYMBOLS__DENY": '["BTCUSDT"]'}, {}, "symbols"),
        ({"LEVI_RISK__NO_SL": "skip"}, {"sl": None}, "no_sl"),
    ],
)
def test_a_gate_of_quality_refuses_and_is_named(
    environ: Mapping[str, str], changes: dict[str, object], gate: str
) -> None:
    assert planned(environ, **changes) == gate  # type: ignore[arg-type]


def test_what_a_post_says_itself_goes_before_what_its_channel_has() -> None:
    terms = planned(lifetime_s=7200.0, tp_weights=(25.0, 75.0))
    assert isinstance(terms, Terms)
    assert terms.entry_until == AT + 1 + 7200.0
    assert [aim.share for aim in terms.aims] == [0.25, 0.75]


def test_what_else_is_open_refuses_nothing() -> None:
    assert isinstance(planned({"LEVI_RISK__MAX_OPEN": "1", "LEVI_EXCHANGE__STAGE": "observe"}), Terms)


def test_a_stop_that_is_not_there_is_imputed_by_our_policy() -> None:
    terms = planned(sl=None, tps=(115.0,))

    assert isinstance(terms, Terms)
    assert terms.stop == pytest.approx(99 * (1 - 0.0809), abs=0.02)  # Half the way to the target.


def test_the_plan_of_a_ticket_goes_before_what_would_be_planned_now() -> None:
    plan = TradePlan(
        symbol=Symbol("BTCUSDT"), side=Side.BUY, rungs=(Rung(style="limit", qty=Decimal(2), price=Decimal(98)),),
        targets=(Target(price=Decimal(110), share=Decimal(1)),), stop=Decimal(94), stop_source="signal",
        targets_source="signal", qty=Decimal(2), notional=Decimal(196), planned_loss=Decimal(9), leverage=2,
        mark=Decimal(100), price_cap=Decimal(98),
    )  # fmt: skip
    terms = planned(plan=plan, p_call=0.1)

    assert isinstance(terms, Terms)
    assert (terms.lots[0].price, terms.stop, terms.planned_loss) == (98.0, 94.0, 4.5)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ("binance", "spot", "spot")),
        (SWAP, ("binance", "swap", "swap")),
        ({**SWAP, "LEVI_MARKET__CANDLES_KIND": "spot"}, ("binance", "swap", "spot")),
        ({"LEVI_MARKET__VENUE": "bybit"}, ("bybit", "spot", "spot")),
    ],
)
def test_whose_market_it_is_stands_in_the_configuration(
    environ: Mapping[str, str], expected: tuple[str, str, str]
) -> None:
    pricing = pricing_of(load(environ=environ))

    assert (pricing.venue, pricing.market, pricing.candles) == expected
