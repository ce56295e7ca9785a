"""
The past of a daemon that has lived long: all that it remembers by count is full, and its log says why.

A run that begins with an empty memory measures how that fills, for hours, and nothing else.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from hashlib import blake2b
from itertools import count
from random import Random

from msgspec.structs import replace

from levibotd.app.memory import Memory
from levibotd.config import Config
from levibotd.domain.leg_read import LegRead
from levibotd.domain.order_records import OrderBlocked
from levibotd.domain.orders import ENTRY, STOP
from levibotd.domain.outcomes import AS_FOLLOWED, AS_POSTED, ShadowOutcome
from levibotd.domain.records import Entry, RiskTicket, SignalIngest, SignalRejected, SignalScored, TgCursor
from levibotd.domain.signal import NO_TRADE, CallKey, Kind, Leg, Post, Side, Symbol, call_key
from levibotd.journal import Preparer
from levibotd.ports.journal_file import Stamped
from levibotd.sim.demo_feed import CHANNELS
from tests.domain.desk import Desk

CALLS = 24_000  # More than any fold keeps, the eighth included by which it may outgrow its limit.
TRADES = 4_800  # More than the ledger knows again.
OVER_S = 6 * 86_400.0  # Before the first of them must be over, and is compared.
TRADED = "@traded"
OTHERS = 46  # Channels beside those of the demo, which post nothing any more.
_AT_ONCE = 100
_COINS = ("BTC", "ETH", "SOL", "BNB", "XRP", "DOGE", "LINK", "ADA")


async def live_before(config: Config, *, until: float, calls: int = CALLS, trades: int = TRADES) -> dict[str, TgCursor]:
    """Write the log, the index and the snapshot of a daemon that met so many calls, and traded, before `until`."""
    memory = Memory(config, boot="before", log_key=b"")
    preparer, posts, traded = Preparer(), _posts(until, calls), _trades(until)
    cursors = {}
    try:
        for number in range(0, calls, _AT_ONCE):
            entries: list[Entry] = []
            for _, (post, chance) in zip(range(_AT_ONCE), posts, strict=False):
                entries += _told(post, chance)
                cursors[post.channel] = TgCursor(channel=post.channel, upto=post.message_id)
            if number + _AT_ONCE >= calls:
                entries += map(Entry, cursors.values())
            at = _at(number, until, calls)
            entries += [
                entry for _, trade in zip(range(trades * _AT_ONCE // calls), traded, strict=False) for entry in trade
            ]
            stamped = Stamped(tuple(map(preparer.prepare, entries)), round(at, 3), round(at - until + OVER_S, 6))
            for run in memory.journal.commit((stamped,)):
                memory.state.observe(run.logged)
        await memory.save(memory.journal.position)
        memory.index.start()
        await memory.index.settled()
        await memory.index.stop()
    finally:
        memory.journal.close()
    return cursors


def _posts(until: float, calls: int) -> Iterator[tuple[Post, Random]]:
    chance, names = Random(7), (*CHANNELS, *(f"@channel_{number}" for number in range(OTHERS)))
    for number in range(calls):
        channel = names[number % len(names)]
        at = round(_at(number, until, calls), 3)
        text = f"#{_COINS[number % len(_COINS)]} long, entry, targets and a stop as always"
        yield Post(channel=channel, message_id=number // len(names) + 1, posted_at=at, text=text), chance


def _at(number: int, until: float, calls: int) -> float:
    return until - OVER_S + (OVER_S - 3600.0) * number / calls


# Each in and out at one price: it leaves the account as it was.
def _trades(until: float) -> Iterator[Sequence[Entry]]:
    desk = Desk()
    for number in count(1):
        desk.now = until - OVER_S + number
        key = desk.opened(message_id=number, channel=TRADED)
        for role in (ENTRY, STOP):
            desk.fill(desk.cids(key, role)[0], "1", "100")
        desk.finish(key)
        yield [_with_leg(entry, number) for entry in desk.entries]
        desk.entries.clear()


def _with_leg(entry: Entry, number: int) -> Entry:
    if not isinstance(entry.record, RiskTicket):
        return entry
    leg = Leg(symbol="BTC/USDT", side=Side.BUY, entry_type="limit", entry=(10_000.0 + number,), tps=(2e4,), sl=90.0)
    said = blake2b(str(number).encode(), digest_size=8).hexdigest()
    return replace(entry, record=replace(entry.record, leg=LegRead.of(leg), said=said))


# Two of three were worth an order in the shadow; none was ever sent.
def _told(post: Post, chance: Random) -> Iterator[Entry]:
    coin, side = chance.choice(_COINS), chance.choice((Side.BUY, Side.SELL))
    price, key = round(chance.uniform(1, 50_000), 2), call_key("paper", post.channel, post.message_id, 0)
    away = price * side.sign * 0.006
    leg = Leg(
        symbol=f"{coin}/USDT", side=side, entry_type="range", entry=(price, round(price * 1.002, 2)),
        tps=(round(price + away, 2), round(price + 2 * away, 2)), sl=round(price - away, 2), sl_kind="price",
        leverage=(5.0, 5.0),
    )  # fmt: skip
    scored = SignalScored(
        channel=post.channel, kind=Kind.NEW, label=str(side), probs={"BUY": 0.04, "SELL": 0.03, NO_TRADE: 0.93},
        p_call=0.93, stale=False, legs=(LegRead.of(leg),), reasons=(), revision=0,
        last_price={f"{coin}USDT": Decimal(str(price))}, markets_as_of=None, model_sha="", trained_until=None,
    )  # fmt: skip
    yield Entry(SignalIngest(post=post, received_at=post.posted_at, source="demo"), post.trace)
    yield Entry(scored, post.trace, Symbol(f"{coin}USDT"))
    yield Entry(OrderBlocked(call=key, gate="symbol_busy"), post.trace)
    yield Entry(SignalRejected(gate="symbol_busy"), post.trace)
    filled = chance.random() < 0.67
    for ledger in (AS_POSTED, AS_FOLLOWED):
        yield Entry(_outcome(post, key, side, ledger, chance, filled=filled), post.trace, Symbol(f"{coin}USDT"))


def _outcome(post: Post, key: CallKey, side: Side, ledger: str, chance: Random, *, filled: bool) -> ShadowOutcome:
    r = round(chance.gauss(-0.1, 1.1), 6) if filled else 0.0
    return ShadowOutcome(
        call=key, channel=post.channel, ledger=ledger, side=side, status="filled" if filled else "unfilled",
        reason=None if filled else "target_traded", witnessed=True, posted_at=post.posted_at,
        decided_at=post.posted_at + 1.0, at=post.posted_at + chance.uniform(20, 900),
        opened_at=post.posted_at + 4.0 if filled else None, r=r, r_low=r - 0.01, r_high=r,
        return_pct=round(r * 0.6, 6), worst_pct=-0.3 if filled else None, filled_share=1.0 if filled else 0.0,
        ended_by=("target" if r > 0 else "stop") if filled else None,
    )  # fmt: skip
