"""Laws that hold for any orders and any bars: seeded search for a counterexample."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from levibotd.domain.signal import Side
from levibotd.ports.market import Bar
from levibotd.ports.venue import Fill, OrderEnded, VenueOrder
from levibotd.sim.matching import Matcher, Terms
from tests.sim.orders import breakout, close, limit, stop, target

START = 1_699_999_200.0
HOUR = 3600.0
TICK = Decimal("0.1")
TERMS = Terms(
    tick=TICK,
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0005"),
    half_spread=Decimal("0.0005"),
    slippage=Decimal("0.0001"),
    fee_currency="USDT",
)

PRICES = st.integers(900, 1100).map(lambda number: f"{number / 10:.1f}")
QUANTITIES = st.sampled_from(["0.5", "1", "2"])
SIDES = st.sampled_from(list(Side))


@st.composite
def orders(draw: st.DrawFn, cid: str) -> VenueOrder:
    side, price, quantity = draw(SIDES), draw(PRICES), draw(QUANTITIES)
    match draw(st.sampled_from(["limit", "ioc", "gtx", "breakout", "stop", "target", "close"])):
        case "limit":
            return limit(cid, side, price, qty=quantity)
        case "ioc":
            return limit(cid, side, price, qty=quantity, tif="IOC")
        case "gtx":
            return limit(cid, side, price, qty=quantity, tif="GTX")
        case "breakout":
            cap = Decimal(price) + side.sign * Decimal("0.5")
            return breakout(cid, side, price, str(cap), qty=quantity)
        case "stop":
            return stop(cid, side, price, qty=quantity)
        case "target":
            return target(cid, side, price, qty=quantity)
        case _:
            return close(cid, side, qty=quantity)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[float, VenueOrder]], list[Bar]]:
    """Orders with the time of their acceptance, and bars with gaps between them."""
    bars = []
    for number in range(draw(st.integers(1, 6))):
        a, b, c, d = sorted(draw(st.integers(900, 1100)) / 10 for _ in range(4))
        first, last = (b, c) if draw(st.booleans()) else (c, b)
        bars.append(Bar(START + (number + draw(st.integers(0, 1)) * 10) * HOUR, first, d, a, last, 1.0, HOUR))
    bars = sorted({bar.ts: bar for bar in bars}.values())
    late = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 1800.0])
    accepted = [
        (bars[draw(st.integers(0, len(bars) - 1))].ts + draw(late), draw(orders(f"o{number}")))
        for number in range(draw(st.integers(1, 8)))
    ]
    return sorted(accepted, key=lambda one: (one[0], one[1].cid)), bars


Told = list[tuple[Bar, Fill | OrderEnded, Decimal]]  # With the position before it.


def _play(history: tuple[list[tuple[float, VenueOrder]], list[Bar]]) -> tuple[Matcher, Told]:
    waiting, bars = history
    waiting = list(waiting)
    matcher = Matcher(waiting[0][1].symbol, terms_at=lambda at: TERMS)
    told: Told = []

    def note(bar: Bar, updates: list[Fill | OrderEnded], position: Decimal) -> None:
        for update in updates:
            told.append((bar, update, position))
            if isinstance(update, Fill):
                position += update.qty * update.side.sign

    for bar in bars:
        while waiting and waiting[0][0] <= bar.ts:
            matcher.accept(waiting[0][1], at=waiting.pop(0)[0])
        before = matcher.position
        note(bar, list(matcher.open_bar(bar)), before)
        while waiting and waiting[0][0] < bar.ts + HOUR:
            matcher.accept(waiting[0][1], at=waiting.pop(0)[0])
        before = matcher.position
        note(bar, list(matcher.close_bar()), before)
    return matcher, told


@settings(max_examples=400, deadline=None)
@given(histories())
def test_a_reduce_only_order_never_opens_or_turns_a_position(
    history: tuple[list[tuple[float, VenueOrder]], list[Bar]],
) -> None:
    by_cid = {order.cid: order for _, order in history[0]}
    for _, update, position in _play(history)[1]:
        if isinstance(update, Fill) and by_cid[update.cid].reduce_only:
            after = position + update.qty * update.side.sign
            assert abs(after) < abs(position)
            assert after * position >= 0


@settings(max_examples=400, deadline=None)
@given(histories())
def test_position_and_quantities_add_up(history: tuple[list[tuple[float, VenueOrder]], list[Bar]]) -> None:
    matcher, told = _play(history)
    by_cid = {order.cid: order for _, order in history[0]}
    done: dict[str, Decimal] = dict.fromkeys(by_cid, Decimal(0))
    ended: set[str] = set()
    trades: set[str] = set()
    for _, update, _ in told:
        assert update.cid not in ended, "nothing comes after the end"
        if isinstance(update, OrderEnded):
            ended.add(update.cid)
            assert update.cum_qty == done[update.cid]
            assert (update.final == "filled") == (update.cum_qty == by_cid[update.cid].qty)
            continue
        assert update.qty > 0
        assert update.trade_id not in trades
        trades.add(update.trade_id)
        done[update.cid] += update.qty
        assert update.remaining == by_cid[update.cid].qty - done[update.cid] >= 0
        rate = TERMS.taker_fee if update.liquidity == "taker" else TERMS.maker_fee
        assert update.fee == update.qty * update.price * rate
    assert matcher.position == sum((quantity * by_cid[cid].side.sign for cid, quantity in done.items()), Decimal(0))


@settings(max_examples=400, deadline=None)
@given(histories())
def test_no_fill_is_better_than_its_rule(history: tuple[list[tuple[float, VenueOrder]], list[Bar]]) -> None:
    by_cid = {order.cid: order for _, order in history[0]}
    for bar, fill, _ in _play(history)[1]:
        if not isinstance(fill, Fill):
            continue
        order = by_cid[fill.cid]
        sign = order.side.sign
        assert fill.price % TICK == 0
        if order.price is not None:
            assert (fill.price - order.price) * sign <= 0, "never beyond its limit"
        if fill.liquidity == "maker":
            assert fill.price == order.price, "a maker gets its price, never a better one"
            traded_through = bar.low < fill.price if sign > 0 else bar.high > fill.price
            assert traded_through
        elif order.type == "stop":
            assert order.trigger is not None
            worst_known = max if sign > 0 else min
            reference = worst_known(order.trigger, Decimal(repr(bar.open)))
            assert (fill.price - reference) * sign >= reference * Decimal("0.0005")
        elif order.type == "trigger":
            assert order.trigger is not None
            assert (fill.price - order.trigger) * sign > 0, "beyond the trigger, plus the spread"
        elif order.tif == "IOC":
            assert (fill.price - Decimal(repr(bar.open))) * sign > 0, "worse than the open"


@settings(max_examples=400, deadline=None)
@given(histories())
def test_nothing_fills_in_a_bar_that_opened_before_it_was_accepted(
    history: tuple[list[tuple[float, VenueOrder]], list[Bar]],
) -> None:
    accepted = {order.cid: at for at, order in history[0]}
    by_cid = {order.cid: order for _, order in history[0]}
    for bar, update, _ in _play(history)[1]:
        if isinstance(update, Fill):
            late_s = accepted[update.cid] - bar.ts
            joins = by_cid[update.cid].reduce_only and by_cid[update.cid].type != "market"
            assert late_s <= (1.0 if joins else 0.0)
            assert update.at >= bar.ts


@settings(max_examples=200, deadline=None)
@given(histories())
def test_the_same_history_gives_the_same_fills(history: tuple[list[tuple[float, VenueOrder]], list[Bar]]) -> None:
    assert _play(history)[1] == _play(history)[1]
