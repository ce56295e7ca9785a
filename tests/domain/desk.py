"""
A desk that writes the records of a call, for tests of the ledger and of what reads it.

Each method writes one record and folds it in; `entries` is the log so far.
"""

from decimal import Decimal
from random import Random

from levibotd.domain.book import Call
from levibotd.domain.exits import position_closed
from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import (
    CancelIntent,
    OrderAck,
    OrderDone,
    OrderFilled,
    OrderIntent,
    OrderNew,
    OrderPartialFill,
    Protect,
)
from levibotd.domain.orders import ENTRY, STOP, Order, client_order_id
from levibotd.domain.records import AutoRouteExecuted, Entry, Record, RiskTicket, SignalIngest
from levibotd.domain.signal import CallKey, Post, Side, Symbol, TraceId, call_key, trace_id
from levibotd.domain.trade_plan import Rung, Target, TradePlan

BTC = Symbol("BTCUSDT")
ETH = Symbol("ETHUSDT")
BALANCE = Decimal(10_000)


def plan(
    *,
    symbol: Symbol = BTC,
    side: Side = Side.BUY,
    rungs: tuple[tuple[str, str], ...] = (("1", "100"),),
    targets: tuple[str, ...] = ("110",),
    stop: str = "90",
    loss: str = "10",
) -> TradePlan:
    """A plan of resting rungs (quantity, price), even targets and a stop."""
    made = tuple(Rung(style="limit", qty=Decimal(qty), price=Decimal(price)) for qty, price in rungs)
    share = (Decimal(1) / len(targets)).quantize(Decimal("1e-8"))
    shares = [share] * (len(targets) - 1)
    shares.append(1 - sum(shares, Decimal(0)))
    qty = sum((rung.qty for rung in made), Decimal(0))
    return TradePlan(
        symbol=symbol,
        side=side,
        rungs=made,
        targets=tuple(Target(price=Decimal(p), share=s) for p, s in zip(targets, shares, strict=True)),
        stop=Decimal(stop),
        stop_source="signal",
        targets_source="signal",
        qty=qty,
        notional=sum((rung.qty * rung.price for rung in made), Decimal(0)),
        planned_loss=Decimal(loss),
        leverage=1,
        mark=made[0].price,
        price_cap=made[0].price,
    )


class Desk:
    """Writes records of calls; `now` goes on by one second a record."""

    def __init__(self, balance: Decimal = BALANCE) -> None:
        self.ledger = Ledger(balance=balance)
        self.entries: list[Entry] = []
        self.now = 1_000.0
        self._trades = 0

    def write(self, record: Record, *, trace: TraceId | None = None, symbol: Symbol | None = None) -> None:
        entry = Entry(record, trace, symbol)
        self.ledger.apply(entry)
        self.entries.append(entry)
        self.now += 1.0

    def post(self, message_id: int, *, channel: str = "@c") -> TraceId:
        post = Post(channel=channel, message_id=message_id, posted_at=self.now, text=f"call {message_id}")
        self.write(SignalIngest(post=post, received_at=self.now, source="demo"), trace=post.trace)
        return post.trace

    def ticket(
        self,
        made: TradePlan,
        *,
        message_id: int = 1,
        channel: str = "@c",
        valid_s: float = 60.0,
        life_s: float = 86_400.0,
    ) -> CallKey:
        key = call_key("paper", channel, message_id, 0)
        record = RiskTicket(
            call=key,
            channel=channel,
            plan=made,
            gates=(),
            policy="moderate",
            policy_hash="0",
            equity=self.ledger.cash,
            exposure_seq=0,
            entry_valid_until=self.now + life_s,
            expires_at=self.now + valid_s,
            at=self.now,
        )
        self.write(record, trace=trace_id(channel, message_id), symbol=made.symbol)
        return key

    def intent(
        self,
        key: CallKey,
        role: str,
        qty: str | Decimal,
        *,
        price: str | Decimal | None = None,
        slot: int = 0,
        attempt: int = 0,
        side: Side | None = None,
        kind: str | None = None,
    ) -> str:
        made = self.ledger.calls[key].plan if key in self.ledger.calls else self._ticket_plan(key)
        cid = client_order_id(env="d", installation="00", call=key, role=role, slot=slot, attempt=attempt)
        exits = role != ENTRY
        record = OrderIntent(
            cid=cid,
            call=key,
            role=role,
            slot=slot,
            attempt=attempt,
            side=side or (made.side.opposite if exits else made.side),
            type=kind or ("stop" if role == STOP else "limit"),
            tif="GTC",
            qty=Decimal(qty),
            price=None if role == STOP or price is None else Decimal(price),
            trigger=Decimal(price) if role == STOP and price is not None else None,
            reduce_only=exits,
            venue="paper",
            at=self.now,
        )
        self.write(record, symbol=made.symbol)
        return cid

    def rest(
        self, key: CallKey, role: str, qty: str | Decimal, *, price: str | Decimal, slot: int = 0, attempt: int = 0
    ) -> str:
        """An order that the venue has acknowledged."""
        cid = self.intent(key, role, qty, price=price, slot=slot, attempt=attempt)
        self.ack(cid)
        return cid

    def ack(self, cid: str) -> None:
        self.write(OrderNew(cid=cid))
        self.write(OrderAck(cid=cid, venue_id=f"v-{cid}", status="open", at=self.now))

    def fill(
        self,
        cid: str,
        qty: str | Decimal,
        price: str | Decimal,
        *,
        fee: str | Decimal = "0",
        trade_id: str | None = None,
    ) -> None:
        order = self.order(cid)
        self._trades += 1
        done = order.filled + Decimal(qty)
        kind = OrderFilled if done >= order.qty else OrderPartialFill
        self.write(
            kind(
                cid=cid,
                trade_id=trade_id or f"t{self._trades}",
                side=order.side,
                qty=Decimal(qty),
                price=Decimal(price),
                fee=Decimal(fee),
                fee_currency="USDT",
                liquidity="taker",
                cum_qty=done,
                at=self.now,
            ),
            symbol=order.symbol,
        )

    def done(self, cid: str, final: str = "cancelled") -> None:
        self.write(OrderDone(cid=cid, final=final, cum_qty=self.order(cid).filled))

    def cancel(self, cid: str) -> None:
        self.write(CancelIntent(cid=cid, why="test"))
        self.done(cid)

    def finish(self, key: CallKey) -> None:
        """End what still rests of a flat call, and the call."""
        call = self.ledger.calls[key]
        for order in self.ledger.orders_of(key):
            if not order.terminal:
                self.done(order.cid)
        if call.sold:
            self.write(position_closed(call, at=self.now), symbol=call.symbol)
        self.write(Protect(call=key, state="ended", sl_cids=(), tp_cids=()), symbol=call.symbol)

    def call(self, key: CallKey) -> Call:
        return self.ledger.calls[key]

    def order(self, cid: str) -> Order:
        order = self.ledger.order(cid)
        assert order is not None, f"no order {cid}"
        return order

    def opened(self, made: TradePlan | None = None, *, message_id: int = 1, channel: str = "@c") -> CallKey:
        """A call with its stop and its rungs at the venue."""
        made = made or plan()
        key = self.ticket(made, message_id=message_id, channel=channel)
        self.rest(key, STOP, made.qty, price=made.stop)
        for slot, rung in enumerate(made.rungs):
            self.rest(key, ENTRY, rung.qty, price=rung.price, slot=slot)
        return key

    def cids(self, key: CallKey, role: str) -> list[str]:
        return [order.cid for order in self.ledger.orders_of(key) if order.role == role]

    def _ticket_plan(self, key: CallKey) -> TradePlan:
        ticket = self.ledger.ticket(key)
        assert ticket is not None, f"no ticket for {key}"
        return ticket.plan


def random_history(seed: int, *, steps: int = 60) -> list[Entry]:
    """A lawful history of several calls on two symbols: fills in parts, exits, cancels, ends and repeats."""
    random = Random(seed)
    desk = Desk()
    message_id = 0
    for _ in range(steps):
        live = [order for order in desk.ledger.orders.values() if order.resting and order.role == ENTRY]
        held = [call for call in desk.ledger.calls.values() if call.qty]
        over = [call for call in desk.ledger.calls.values() if call.flat and call.bought]
        move = random.randrange(6)
        if move == 0:
            message_id += 1
            symbol = random.choice((BTC, ETH))
            trace = desk.post(message_id)
            if desk.ledger.owner(symbol, at=desk.now) is None:
                side = random.choice((Side.BUY, Side.SELL))
                prices = ("100", "98") if side is Side.BUY else ("100", "102")
                made = plan(
                    symbol=symbol,
                    side=side,
                    rungs=(("0.7", prices[0]), ("0.3", prices[1])),
                    stop="90" if side is Side.BUY else "110",
                    targets=("104", "108") if side is Side.BUY else ("96", "92"),
                )
                desk.opened(made, message_id=message_id)
            desk.write(AutoRouteExecuted(legs=(), effect="opened"), trace=trace)
        elif move in (1, 2) and live:
            order = random.choice(live)
            qty = min(order.remaining, Decimal(random.randrange(1, 8)) / 10)
            desk.fill(
                order.cid, qty, Decimal(random.randrange(9500, 10500)) / 100, fee=Decimal(random.randrange(9)) / 100
            )
        elif move == 3 and held:
            call = random.choice(held)
            role = random.choice("stc")
            attempt = len([order for order in desk.ledger.orders_of(call.key) if order.role == role])
            cid = desk.rest(call.key, role, call.qty, price="101", attempt=attempt)
            part = max((call.qty * random.randrange(1, 4) / 3).quantize(Decimal("0.001")), Decimal("0.001"))
            desk.fill(cid, part, Decimal(random.randrange(8500, 11500)) / 100, fee="0.01")
            if not desk.order(cid).terminal:
                desk.done(cid)
        elif move == 4 and over:
            desk.finish(random.choice(over).key)
        elif move == 5 and live:
            desk.cancel(random.choice(live).cid)
    return desk.entries
