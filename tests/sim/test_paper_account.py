from decimal import Decimal

from levibotd.domain.signal import Side, Symbol
from levibotd.ports.venue import Fill, OrderState
from levibotd.sim.paper_account import PaperAccount
from levibotd.sim.recorded_market import RecordedMarket
from tests.sim.memory_candles import MemoryCandles, hourly
from tests.sim.orders import limit, stop

BTC, ADABTC = Symbol("BTCUSDT"), Symbol("ADABTC")
START = 1_699_999_200.0


def test_cash_moves_by_what_was_paid_and_fees() -> None:
    account = _account()

    account.book(_fill(Side.BUY, "2", "100", fee="0.1"))
    account.book(_fill(Side.SELL, "0.5", "104", fee="0.02"))

    # 1000 - 200 - 0.1 + 52 - 0.02 = 851.88; 1.5 at the mark of 100.
    assert account.cash == Decimal("851.88")
    assert account.positions == {BTC: Decimal("1.5")}
    assert account.equity(START) == Decimal("1001.88")


def test_a_short_is_worth_less_when_the_price_rises() -> None:
    account = _account()

    account.book(_fill(Side.SELL, "1", "90"))

    # 1090 in cash, one owed at 100.
    assert account.equity(START) == Decimal("990")


def test_a_flat_symbol_is_forgotten() -> None:
    account = _account()

    account.book(_fill(Side.SELL, "1", "90"))
    account.book(_fill(Side.BUY, "1", "90"))

    assert account.positions == {}


def test_what_is_quoted_in_another_coin_is_not_counted() -> None:
    account = _account()

    account.book(_fill(Side.BUY, "100", "0.00002", symbol=ADABTC, currency="BTC"))

    assert (account.cash, account.equity(START)) == (Decimal(1000), Decimal(1000))
    assert account.positions == {ADABTC: Decimal(100)}


def test_margin_is_held_by_positions_and_waiting_entries() -> None:
    account = _account()
    account.book(_fill(Side.BUY, "2", "100"))
    orders = [
        OrderState(order=limit("e", Side.BUY, "90", qty="4"), venue_id="", status="open", cum_qty=Decimal(1)),
        OrderState(order=stop("s", Side.SELL, "80", qty="9"), venue_id="", status="open", cum_qty=Decimal(0)),
    ]

    # Equity 1000; 200 / 20 held; three more at 90: 270 / 20 waiting; a stop holds nothing.
    assert account.free_margin(orders, at=START) == Decimal("976.5")


def test_an_account_goes_on_with_what_it_is_worth() -> None:
    account = _account()

    account.restore({BTC: Decimal(-2), ADABTC: Decimal(0)}, equity=Decimal(1234), at=START)

    assert account.positions == {BTC: Decimal(-2)}
    assert account.cash == Decimal(1434)
    assert account.equity(START) == Decimal(1234)


def _account() -> PaperAccount:
    flat = (100.0, 100.0, 100.0, 100.0)
    return PaperAccount(
        RecordedMarket(MemoryCandles({BTC: hourly(START, flat), ADABTC: hourly(START, flat)})), balance=Decimal(1000)
    )


def _fill(
    side: Side, quantity: str, price: str, *, fee: str = "0", symbol: Symbol = BTC, currency: str = "USDT"
) -> Fill:
    return Fill(
        cid="c",
        trade_id="c-1",
        symbol=symbol,
        side=side,
        qty=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(fee),
        fee_currency=currency,
        liquidity="taker",
        remaining=Decimal(0),
        at=START,
    )
