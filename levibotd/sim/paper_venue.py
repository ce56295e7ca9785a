"""
The simulated exchange: fills from the bars of a market port (`matching.py`), on an injected clock.

Paper trading, the demo, replay and tests use this one class. The venue runs when it is looked at:
`updates` sleeps from one bar boundary to the next, and `place` and `cancel` bring it up to their
moment first. It reads bars from the market as it goes; the market must give final bars.

Missing bars fill nothing; the next one that exists goes on. Where the candles of a symbol have
ended, its position stays open and its resting orders rest (their lifetime is Exec's business); an
IOC entry that finds no bar within two bar lengths expires with `no_price`.
"""

import math
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterable, Mapping
from decimal import Decimal

from levibotd.domain.signal import Symbol
from levibotd.errors import LeviError, Refused
from levibotd.kernel.alarm import Alarm
from levibotd.kernel.clock import Clock
from levibotd.ports.market import Market
from levibotd.ports.venue import (
    Ack,
    Calm,
    Fill,
    Marked,
    OrderEnded,
    OrderState,
    VenueOrder,
    VenueSnapshot,
    VenueUpdate,
)
from levibotd.sim.lane import END, OPEN, POLL, SAME_INSTANT_S, Lane
from levibotd.sim.matching import Matcher, Terms, is_sound
from levibotd.sim.paper_account import PaperAccount, check_entry, check_margin, check_shape

OPEN_MAX = 1_000  # Open orders over all symbols.
FINISHED_MAX = 4_096  # Ended orders and fills that are remembered.

_POLL_MAX_S = 86_400.0
_POLLS_MAX = 20
_BASIS_POINT = Decimal("0.0001")
_ZERO = Decimal(0)


class PaperVenue:
    """
    A `Venue` without an exchange.

    State survives its consumers: an update is forgotten once the next one is asked for. A new
    process calls `restore`; while no process runs, the exchange stands still.
    """

    def __init__(
        self,
        market: Market,
        clock: Clock,
        *,
        balance: Decimal = Decimal(10_000),
        latency_ms: float = 200.0,
        slippage_bps: float = 0.0,
        maker_fee: Decimal | None = None,
        taker_fee: Decimal | None = None,
        join_s: float = 1.0,
    ) -> None:
        self._market = market
        self._clock = clock
        self._latency_s = latency_ms / 1000
        self._slippage = Decimal(repr(float(slippage_bps))) * _BASIS_POINT
        self._maker_fee = maker_fee
        self._taker_fee = taker_fee
        self._join_s = join_s
        self._account = PaperAccount(market, balance=balance)
        self._lanes: dict[Symbol, Lane] = {}
        self._open: dict[str, VenueOrder] = {}
        self._finished: OrderedDict[str, OrderState] = OrderedDict()
        self._fills: deque[Fill] = deque(maxlen=FINISHED_MAX)
        self._outbox: deque[VenueUpdate] = deque()
        self._failures: dict[str, deque[tuple[LeviError, bool]]] = {}
        self._alarm = Alarm(clock)
        self._bad_bars = 0
        self._terms: tuple[Symbol, float, Terms] | None = None
        self._calm: Calm | None = None
        self._calm_until = -math.inf  # Every bar that ends before then is one of the calm.

    @property
    def name(self) -> str:
        return "paper"

    @property
    def bad_bars(self) -> int:
        """Bars that could not be prices (zero, NaN, crossed, absurd). Nothing filled on them."""
        return self._bad_bars

    @property
    def account(self) -> PaperAccount:
        return self._account

    def fail_next(self, error: LeviError, *, method: str = "place", accepted: bool = False) -> None:
        """
        Let the next call of `method` (place, cancel, order, snapshot) raise `error`.

        With `accepted` the order was taken all the same: the answer got lost. How tests write bad days.
        """
        self._failures.setdefault(method, deque()).append((error, accepted))

    def restore(
        self,
        *,
        orders: Iterable[OrderState] = (),
        positions: Mapping[Symbol, Decimal] | None = None,
        equity: Decimal | None = None,
    ) -> None:
        """
        Begin with what the log knows: open orders, signed positions, and what the account is worth with them.

        Called once, before anything else. Orders that are not open are remembered as such.
        """
        now = self._clock.time()
        self._account.restore(positions or {}, equity=equity, at=now)
        for symbol in sorted(self._account.positions):
            self._lane(symbol, now)
        for state in orders:
            if state.status == "open":
                self._open[state.order.cid] = state.order
                self._lane(state.order.symbol, now).matcher.accept(state.order, at=now, filled=state.cum_qty)
            else:
                self._remember(state)
        for lane in list(self._lanes.values()):
            self._settle(lane, now)

    async def place(self, order: VenueOrder) -> Ack:
        await self._clock.sleep(self._latency_s)
        now = self._clock.time()
        self._run(until=now - SAME_INSTANT_S)  # It may still meet an open at this very moment.
        failure = self._next_failure("place")
        if failure is None or failure[1]:
            self._check(order, now)
            self._accept(order, now)
        if failure is not None:
            raise failure[0]
        return Ack(cid=order.cid, venue_id=_venue_id(order.cid), at=now)

    async def cancel(self, symbol: Symbol, cid: str) -> bool:
        await self._clock.sleep(self._latency_s)
        now = self._clock.time()
        self._run(until=now + SAME_INSTANT_S)
        failure = self._next_failure("cancel")
        lane = self._lanes.get(symbol)
        ended = None
        if lane is not None and (failure is None or failure[1]):
            ended = lane.matcher.cancel(cid, at=now)
            if ended is not None:
                self._calm = None
                self._publish([ended])
                self._settle(lane, now)
                self._wake()
        if failure is not None:
            raise failure[0]
        return ended is not None

    # The latency is that of a decision on its way to the venue. A look changes nothing and answers at once.
    async def order(self, symbol: Symbol, cid: str) -> OrderState | None:
        self._raise_next("order")
        self._run(until=self._clock.time() + SAME_INSTANT_S)
        lane = self._lanes.get(symbol)
        state = lane.matcher.order(cid) if lane is not None else None
        return state if state is not None else self._finished.get(cid)

    async def snapshot(self, *, since: float) -> VenueSnapshot:
        self._raise_next("snapshot")
        now = self._clock.time()
        self._run(until=now + SAME_INSTANT_S)
        return VenueSnapshot(
            at=now,
            open_orders=tuple(self._open_orders()),
            positions=dict(sorted(self._account.positions.items())),
            fills=tuple(fill for fill in self._fills if fill.at >= since),
        )

    def rest(self, calm: Calm | None) -> None:
        if calm is None and self._calm is None:
            return
        self._glide(until=self._clock.time() - SAME_INSTANT_S)
        # What waits to be told may change all that was thought of.
        waiting = any(not isinstance(update, Marked) for update in self._outbox)
        self._calm, self._calm_until = None if waiting else calm, -math.inf
        self._wake()

    async def updates(self) -> AsyncIterator[VenueUpdate]:
        while True:
            while self._outbox:
                yield self._outbox[0]
                # Only now is it certain that the consumer has it.
                self._outbox.popleft()
            now = self._clock.time()
            self._glide(until=now + SAME_INSTANT_S)
            while not self._outbox and self._step(until=now + SAME_INSTANT_S):
                pass
            if not self._outbox:
                await self._sleep()

    async def _sleep(self) -> None:
        await self._alarm.sleep_until(self._after_the_calm(self._first_due()))

    # Whoever sleeps is woken where there is something to tell or to do; else it only sleeps as long as it may by now.
    def _wake(self) -> None:
        if not self._alarm.is_slept_by:
            return
        due = self._first_due()
        if self._outbox or due <= self._clock.time() + SAME_INSTANT_S:
            self._alarm.ring()
        else:
            self._alarm.move(self._after_the_calm(due))

    def _first_due(self) -> float:
        return min((lane.due for lane in self._lanes.values()), default=math.inf)

    def _after_the_calm(self, due: float) -> float:
        if self._calm is None:
            return due
        self._calm_until = self._end_of(self._calm)
        return max(due, self._calm_until)

    def _next_failure(self, method: str) -> tuple[LeviError, bool] | None:
        waiting = self._failures.get(method)
        return waiting.popleft() if waiting else None

    def _raise_next(self, method: str) -> None:
        failure = self._next_failure(method)
        if failure is not None:
            raise failure[0]

    def _check(self, order: VenueOrder, now: float) -> None:
        instrument = self._market.instrument(order.symbol, now)
        if instrument is None:
            raise Refused(f"{order.symbol} is not known", reason="unknown_symbol")
        if order.cid in self._open or order.cid in self._finished:
            raise Refused(f"{order.cid} was used before", reason="duplicate_cid")
        check_shape(order, instrument)
        if len(self._open) >= OPEN_MAX:
            raise Refused(f"more than {OPEN_MAX} open orders", reason="too_many_orders")
        if order.reduce_only:
            return
        mark = self._market.mark(order.symbol, now)
        check_entry(order, instrument, mark=mark, position=self._account.positions.get(order.symbol, _ZERO))
        if instrument.quote == self._market.stable_quote:
            check_margin(order, instrument, free=self._account.free_margin(self._open_orders(), at=now))

    def _accept(self, order: VenueOrder, now: float) -> None:
        lane = self._lane(order.symbol, now)
        self._open[order.cid] = order
        self._calm = None
        lane.matcher.accept(order, at=now)
        self._settle(lane, now)
        self._wake()

    def _open_orders(self) -> list[OrderState]:
        return [state for _, lane in sorted(self._lanes.items()) for state in lane.matcher.open_orders()]

    def _lane(self, symbol: Symbol, now: float) -> Lane:
        lane = self._lanes.get(symbol)
        if lane is None:
            position = self._account.positions.get(symbol, _ZERO)
            interval_s = self._market.bar_interval_s(symbol) or _POLL_MAX_S
            matcher = Matcher(
                symbol, terms_at=lambda at: self._terms_at(symbol, at), position=position, join_s=self._join_s
            )
            lane = self._lanes[symbol] = Lane(self._market, matcher, interval_s=interval_s, cursor=now)
        return lane

    def _terms_at(self, symbol: Symbol, at: float) -> Terms:
        if self._terms is not None and self._terms[:2] == (symbol, at):
            return self._terms[2]
        instrument = self._market.instrument(symbol, at)
        assert instrument is not None, "an order is taken on known symbols alone"
        terms = Terms(
            tick=instrument.tick,
            maker_fee=instrument.maker_fee if self._maker_fee is None else self._maker_fee,
            taker_fee=instrument.taker_fee if self._taker_fee is None else self._taker_fee,
            half_spread=instrument.half_spread,
            slippage=self._slippage,
            fee_currency=instrument.quote,
            filters=instrument.filters,
        )
        self._terms = (symbol, at, terms)
        return terms

    def _run(self, *, until: float) -> None:
        self._glide(until=until)
        while self._step(until=until):
            pass

    # One boundary of one symbol, the earliest that is due; False when none is.
    def _step(self, *, until: float) -> bool:
        lane = min(self._lanes.values(), key=Lane.order_key, default=None)
        if lane is None or lane.due > until:
            return False
        moment = lane.due
        self._calm = None
        if lane.phase == END:
            self._close_bar(lane)
        elif lane.phase == OPEN:
            self._open_bar(lane)
        else:
            accepted_by = moment - lane.patience_s + SAME_INSTANT_S
            self._publish(lane.matcher.expire_unpriced(accepted_by=accepted_by, at=moment))
        self._settle(lane, moment)
        return True

    # Go on to the bars that stand open at `until`, where nothing was to be told of those before.
    def _glide(self, *, until: float) -> None:
        if self._calm is None:
            return
        until = min(until, self._calm_until - SAME_INSTANT_S)
        for lane in self._lanes.values():
            if lane.due <= until:
                lane.glide(until)

    # The first moment at which something happens or may have to be told. A bar that is told ends the calm of all.
    def _end_of(self, calm: Calm) -> float:
        first = math.inf
        for lane in self._lanes.values():
            bounds = calm.bounds.get(lane.matcher.symbol)
            if bounds is None or lane.phase != END:
                first = min(first, lane.due)
        for lane in self._lanes.values():
            bounds = calm.bounds.get(lane.matcher.symbol)
            if bounds is not None and lane.phase == END:
                first = min(first, lane.calm_end(bounds, until=first))
        return first

    def _open_bar(self, lane: Lane) -> None:
        bar = lane.coming
        assert bar is not None
        lane.coming, lane.opened = None, bar
        self._bad_bars += not is_sound(bar)
        self._publish(lane.matcher.open_bar(bar))

    def _close_bar(self, lane: Lane) -> None:
        bar = lane.opened
        assert bar is not None
        lane.opened = None
        end = lane.cursor = bar.ts + bar.interval_s
        self._publish(lane.matcher.close_bar())
        if is_sound(bar):
            price, low, high = Decimal(repr(bar.close)), Decimal(repr(bar.low)), Decimal(repr(bar.high))
            self._outbox.append(Marked(symbol=lane.matcher.symbol, price=price, low=low, high=high, at=end))

    def _publish(self, updates: Iterable[Fill | OrderEnded]) -> None:
        for update in updates:
            if isinstance(update, Fill):
                self._account.book(update)
                self._fills.append(update)
            else:
                order = self._open.pop(update.cid)
                self._remember(_state(order, status=update.final, cum_qty=update.cum_qty))
            self._outbox.append(update)

    def _remember(self, state: OrderState) -> None:
        self._finished[state.order.cid] = state
        if len(self._finished) > FINISHED_MAX:
            self._finished.popitem(last=False)

    # Without orders and position a symbol needs no bars; else find out when its next boundary is.
    def _settle(self, lane: Lane, now: float) -> None:
        if lane.matcher.idle:
            self._lanes.pop(lane.matcher.symbol, None)
            return
        if lane.opened is not None:
            lane.due, lane.phase = lane.opened.ts + lane.opened.interval_s, END
        else:
            self._look_ahead(lane, now)
        waiting = lane.matcher.unpriced_since()
        if waiting is not None and waiting + lane.patience_s < lane.due:
            lane.due, lane.phase = waiting + lane.patience_s, POLL

    def _look_ahead(self, lane: Lane, now: float) -> None:
        if lane.coming is None:
            bar = lane.next_bar()
            if bar is not None:
                lane.coming = bar if bar.interval_s else bar._replace(interval_s=lane.interval_s)
                lane.polls = 0
        if lane.coming is not None:
            lane.due, lane.phase = lane.coming.ts, OPEN
        elif lane.due <= now + SAME_INSTANT_S:
            # No bar in sight: look again, ever more rarely.
            lane.due, lane.phase = now + min(_POLL_MAX_S, lane.interval_s * 2**lane.polls), POLL
            lane.polls = min(lane.polls + 1, _POLLS_MAX)


def _state(order: VenueOrder, *, status: str, cum_qty: Decimal) -> OrderState:
    return OrderState(order=order, venue_id=_venue_id(order.cid), status=status, cum_qty=cum_qty)


def _venue_id(cid: str) -> str:
    return f"paper-{cid}"
