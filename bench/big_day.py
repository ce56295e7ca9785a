"""
A day of the event log as large as wanted: `python -m bench.big_day DIR [--events N] [--day D] [--seed N]`.

Written by the journal itself, so every line is chained and every hour sealed; the same arguments give the same
bytes. Three posts in five are chatter, one is refused, one becomes a call that is opened and closed again.
What the day holds is summed up beside, in `Decimal`, so that a report can be held against it.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.domain import order_records, trade_plan
from levibotd.domain import records as r
from levibotd.domain.leg_read import LegRead
from levibotd.domain.records import Entry, Record
from levibotd.domain.signal import CallKey, Leg, Post, Side, Symbol, TraceId
from levibotd.journal import Preparer
from levibotd.ports.journal_file import Stamped

DAY = "2026-03-02"
EVENTS = 1_000_000

_DAY_S = 86_400
_HOUR_S = 3_600
_EVENTS_PER_POST = 8.85  # As they come out below: 4, or 26 of a call, and every other heartbeat.
_FEE = Decimal("0.0005")
_GATES = ("confidence", "cooldown", "max_open", "no_price", "symbol_busy")
_COINS = (("BTC", "60000"), ("ETH", "3000"), ("SOL", "150"), ("XRP", "0.5"), ("DOGE", "0.08"), ("LINK", "14"))
_WORDS = (
    "market",
    "looks",
    "ready",
    "watch",
    "this",
    "level",
    "before",
    "the",
    "close",
    "keep",
    "your",
    "risk",
    "small",
)


@dataclass
class Sums:
    """What one channel, or all of them, came to."""

    posts: int = 0
    opened: int = 0
    closed: int = 0
    won: int = 0
    pnl: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    net: Decimal = Decimal(0)
    volume: Decimal = Decimal(0)


@dataclass
class Written:
    """What was written."""

    events: int = 0
    total: Sums = field(default_factory=Sums)
    channels: dict[str, Sums] = field(default_factory=dict)
    gates: Counter[str] = field(default_factory=Counter)
    traces: list[TraceId] = field(default_factory=list)  # Of the calls that were opened.


def write_days(
    directory: Path, *, days: Sequence[str] = (DAY,), events: int = EVENTS, seed: int = 7, channels: int = 20
) -> list[Written]:
    """Write about `events` records for each of `days`, which are in order; all segments are sealed."""
    journal = LocalJournal(OsFiles(directory), boot=f"{seed:016x}", version="bench", sync=False)
    journal.recover()
    days_written = []
    try:
        last = 0.0
        for number, day in enumerate(days):
            maker = _Day(day, events=events, rng=Random(seed + number), channels=channels, first_id=number * 10_000_000)
            before = journal.position.seq
            for stamped in maker.stamped():
                for _ in journal.commit(stamped):
                    pass
                last = stamped[-1].ts
            maker.written.events = journal.position.seq - before
            days_written.append(maker.written)
        journal.seal(ts=last, mono=last)
    finally:
        journal.close()
    return days_written


class _Day:
    def __init__(self, day: str, *, events: int, rng: Random, channels: int, first_id: int) -> None:
        self._start = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
        self._day = day
        self._posts = max(1, int(events / _EVENTS_PER_POST))
        self._rng = rng
        self._channels = [f"@channel_{number:02d}" for number in range(channels)]
        self._first_id = first_id
        self._preparer = Preparer()
        self.written = Written(channels={name: Sums() for name in self._channels})

    def stamped(self) -> Iterator[list[Stamped]]:
        yield [self._stamp(self._start, Entry(r.DayAnchor(day=self._day, equity=Decimal(10_000), at=self._start)))]
        step = _DAY_S / self._posts
        for number in range(self._posts):
            at = self._start + number * step
            # A story ends before the next begins, and in the hour in which it began.
            length = min(step, 2.0, _HOUR_S - at % _HOUR_S - 0.002)
            yield list(self._story(number, at, max(length, 0.0)))

    def _stamp(self, at: float, *entries: Entry) -> Stamped:
        return Stamped(tuple(map(self._preparer.prepare, entries)), at, at - self._start)

    def _story(self, number: int, at: float, length: float) -> Iterator[Stamped]:
        rng = self._rng
        channel, (base, price) = rng.choice(self._channels), rng.choice(_COINS)
        post = Post(channel=channel, message_id=self._first_id + number, posted_at=at, text=self._text(base, price))
        trace, symbol = post.trace, Symbol(f"{base}USDT")
        self._sums("posts", channel, 1)
        if number % 2:
            quote = r.Heartbeat(equity=Decimal(10_000), open_positions=3, pending_posts=1)
            yield self._stamp(at, Entry(quote))
        yield self._stamp(
            at,
            Entry(r.SignalIngest(post=post, received_at=at, source="telethon"), trace),
            Entry(r.TgCursor(channel=channel, upto=post.message_id), trace),
        )
        kind = rng.random()
        yield self._stamp(at + length * 0.1, Entry(self._scored(channel, base, price, call=kind >= 0.6), trace, symbol))
        if kind < 0.6:
            yield self._stamp(at + length * 0.2, Entry(r.AutoRouteSkipped(reason="kind.chatter"), trace))
        elif kind < 0.8:
            gate = rng.choice(_GATES)
            self.written.gates[gate] += 1
            refused = r.SignalRejected(gate=gate, value=1.0, limit=2.0)
            yield self._stamp(at + length * 0.2, Entry(refused, trace, symbol))
        else:
            call = _Call(channel, post.message_id, symbol, Decimal(price), rng)
            for place, entries in enumerate(call.entries()):
                yield self._stamp(at + length * (0.2 + 0.05 * place), *(Entry(one, trace, symbol) for one in entries))
            self._count(channel, call, trace)

    def _count(self, channel: str, call: "_Call", trace: TraceId) -> None:
        self.written.traces.append(trace)
        for name, value in (
            ("opened", 1), ("closed", 1), ("won", int(call.net > 0)), ("pnl", call.pnl), ("fees", call.fees),
            ("net", call.net), ("volume", call.volume),
        ):  # fmt: skip
            self._sums(name, channel, value)

    def _sums(self, name: str, channel: str, value: Decimal | int) -> None:
        for sums in (self.written.total, self.written.channels[channel]):
            setattr(sums, name, getattr(sums, name) + value)

    def _text(self, base: str, price: str) -> str:
        words = " ".join(self._rng.choice(_WORDS) for _ in range(self._rng.randrange(8, 40)))
        return f"#{base}USDT LONG {price}\nTargets: {price}1 {price}2 {price}3\nStop loss below\n{words}"

    def _scored(self, channel: str, base: str, price: str, *, call: bool) -> r.SignalScored:
        leg = Leg(symbol=f"{base}/USDT", side=Side.BUY, entry=(float(price),), tps=(float(price) * 1.02,), sl=0.01)
        return r.SignalScored(
            channel=channel, kind="new" if call else "chatter", label="BUY" if call else "NO-TRADE",
            probs={"BUY": 0.9, "SELL": 0.01, "NO-TRADE": 0.09}, p_call=0.9, stale=False,
            legs=(LegRead.of(leg),) if call else (), reasons=("words",), revision=0,
            last_price={f"{base}/USDT": Decimal(price)}, markets_as_of="2026-03-01", model_sha="0" * 64,
            trained_until=1.7e9,
        )  # fmt: skip


class _Call:
    """One call from ticket to the end: an entry, a stop, a target that fills."""

    def __init__(self, channel: str, message_id: int, symbol: Symbol, price: Decimal, rng: Random) -> None:
        self._key = CallKey(f"paper|{channel}|{message_id}|0")
        self._channel, self._symbol = channel, symbol
        self._cid = f"lvd1{message_id:012d}x{rng.getrandbits(48):012x}"
        self._price = price
        self._exit = (price * Decimal(rng.randrange(9_700, 10_301)) / 10_000).quantize(Decimal("0.0001"))
        self._qty = (Decimal(rng.randrange(100, 1_000)) / price).quantize(Decimal("0.0001"))
        self._is_target = self._exit > price
        self.pnl = (self._exit - price) * self._qty
        self._fee_in, self._fee_out = price * self._qty * _FEE, self._exit * self._qty * _FEE
        self.fees = self._fee_in + self._fee_out
        self.net = self.pnl - self.fees
        self.volume = (price + self._exit) * self._qty

    def entries(self) -> Iterator[Sequence[Record]]:
        entry, stop, target = f"{self._cid}e0", f"{self._cid}s0", f"{self._cid}t0"
        won, lost = (target, stop) if self._is_target else (stop, target)
        half, targets = self._price / 2, (trade_plan.Target(price=self._price * 2, share=Decimal(1)),)
        plan = trade_plan.TradePlan(
            symbol=self._symbol, side=Side.BUY, rungs=(trade_plan.Rung(style="ioc", qty=self._qty, price=self._price),),
            targets=targets, stop=half, stop_source="signal", targets_source="signal", qty=self._qty,
            notional=self._price * self._qty, planned_loss=Decimal("12.5"), leverage=5, mark=self._price,
            price_cap=self._price,
        )  # fmt: skip
        gates = tuple(r.Gate(name=name, value=0.5, limit=1.0) for name in ("stage", "confidence", "ttl", *_GATES))
        yield (
            r.RiskTicket(
                call=self._key, channel=self._channel, plan=plan, gates=gates, policy="moderate", policy_hash="0" * 32,
                equity=Decimal(10_000), exposure_seq=1, entry_valid_until=1.0, expires_at=1.0, at=1.0,
            ),
            r.RiskSltp(
                call=self._key, stop=half, stop_source="signal", targets=targets, targets_source="signal", why="set"
            ),
        )  # fmt: skip
        yield tuple(self._intent(cid, slot) for slot, cid in enumerate((stop, target, entry)))
        yield (r.AutoRouteExecuted(legs=(r.LegOutcome(symbol=self._symbol, outcome="intent"),), effect="opened"),)
        yield tuple(order_records.OrderNew(cid=cid) for cid in (stop, target, entry))
        yield tuple(
            order_records.OrderAck(cid=cid, venue_id=f"v{cid}", status="open", at=1.0) for cid in (stop, target, entry)
        )
        yield (self._fill(entry, Side.BUY, self._price, self._fee_in),)
        opened = order_records.PositionOpened(
            call=self._key, channel=self._channel, side=Side.BUY, qty=self._qty, price=self._price, at=1.0
        )
        yield (opened, order_records.Protect(call=self._key, state="protected", sl_cids=(stop,), tp_cids=(target,)))
        yield (self._fill(won, Side.SELL, self._exit, self._fee_out),)
        yield (order_records.CancelIntent(cid=lost, why="flat"), order_records.CancelDone(cid=lost, found=True))
        yield tuple(
            order_records.OrderDone(cid=cid, final=final, cum_qty=self._qty)
            for cid, final in ((entry, "filled"), (won, "filled"), (lost, "cancelled"))
        )
        yield (self._closed(), order_records.Protect(call=self._key, state="ended", sl_cids=(), tp_cids=()))

    def _intent(self, cid: str, slot: int) -> order_records.OrderIntent:
        role = cid[-2]
        return order_records.OrderIntent(
            cid=cid, call=self._key, role=role, slot=slot, attempt=0, side=Side.BUY if role == "e" else Side.SELL,
            type="limit", tif="GTC", qty=self._qty, venue="paper", at=1.0, price=self._price,
        )  # fmt: skip

    def _fill(self, cid: str, side: Side, price: Decimal, fee: Decimal) -> order_records.OrderFilled:
        return order_records.OrderFilled(
            cid=cid, trade_id=f"{cid}-{self._qty}", side=side, qty=self._qty, price=price, fee=fee,
            fee_currency="USDT", liquidity="taker", cum_qty=self._qty, at=1.0,
        )  # fmt: skip

    def _closed(self) -> order_records.PositionClosed:
        return order_records.PositionClosed(
            call=self._key, channel=self._channel, side=Side.BUY, qty=self._qty, entry=self._price, exit=self._exit,
            pnl=self.pnl, fees=self.fees, net=self.net, r=float(self.net) / 12.5,
            reason="target" if self._is_target else "stop", opened_at=1.0, at=1.0,
        )  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Write one day and say what it holds."""
    parser = argparse.ArgumentParser(prog="bench.big_day", description="Write a large sealed day of the event log.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--day", default=DAY)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args(words)
    (written,) = write_days(asked.directory, days=(asked.day,), events=asked.events, seed=asked.seed)
    print(f"{written.events:,} records, {written.total.posts:,} posts, {written.total.closed:,} closed, "
          f"net {written.total.net}")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
