"""
Carry one order from its committed intent to a state that is known.

The rule: an intent is on disk before anything is sent, an order is sent once, and an answer that
is lost makes the order UNKNOWN until the venue has been asked after the fence. An entry that was
proven absent is abandoned, never sent again; what protects or reduces may be tried anew under the
next attempt's id.
"""

from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct

from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import (
    CancelDone,
    CancelIntent,
    OrderAbandoned,
    OrderAck,
    OrderIntent,
    OrderNew,
    OrderReject,
    OrderResolved,
    OrderUnknown,
)
from levibotd.domain.records import AutoRouteExecuted, Entry, Record, SignalRejected, one_symbol
from levibotd.domain.signal import Symbol, TraceId
from levibotd.errors import OutcomeUnknown, Refused, Unavailable
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import Ref
from levibotd.messages import Append, CatchUp, Committed, LoggerMessage
from levibotd.ports.venue import Fill, Venue, VenueOrder

COMMIT_TIMEOUT_S = 60.0  # Longer than any restart of the log: a commit is waited for, not guessed.
READS = 3

MaySend = Callable[[], str | None]


class Fence(Struct, frozen=True, kw_only=True):
    """
    How long a request may still be under way, and how long what it did may stay invisible, in seconds.

    The defaults are those of a venue in our own process: a request that was given up never arrives.
    """

    recv_window_s: float = 0.0
    skew_s: float = 0.0
    ingress_s: float = 0.0  # Some venues check the window at ingress only.
    visibility_s: float = 0.0


class OrderProtocol:
    """
    The only code that talks to a venue about orders.

    `ledger` is the fold over committed records: after each commit here it holds what was written.
    Every method ends with the order in a state that the log names. Raises what the log raises
    when it is gone (`ActorRestarting`, `ActorStopped`): then nothing more was sent.
    """

    def __init__(
        self,
        *,
        venue: Venue,
        log: Ref[LoggerMessage],
        ledger: Callable[[], Ledger],
        clock: Clock,
        fence: Fence,
    ) -> None:
        self._venue = venue
        self._log = log
        self._ledger = ledger
        self._clock = clock
        self._fence = fence

    async def commit(self, trace: TraceId | None, symbol: Symbol | None, *records: Record) -> None:
        """Write records of one symbol together; return once they survive power loss."""
        await self.commit_all(trace, *(Entry(record, trace, symbol) for record in records))

    async def commit_all(self, trace: TraceId | None, *entries: Entry) -> None:
        """Write records of several calls together, all or none; return once they survive power loss."""
        answer = await self._log.ask(Append(trace=trace, entries=entries), timeout_s=COMMIT_TIMEOUT_S)
        if not isinstance(answer, Committed):
            raise Unavailable(f"the log did not take {type(entries[0].record).__name__}: {answer}")

    async def catch_up(self) -> None:
        """Return once the ledger holds all that was given to the log before."""
        await self._log.ask(CatchUp(), timeout_s=COMMIT_TIMEOUT_S)

    async def tell(self, trace: TraceId, record: Record) -> None:
        """Write the decision of a post, and go on: it is committed with the next batch."""
        legs = record.legs if isinstance(record, AutoRouteExecuted | SignalRejected) else ()
        symbol = one_symbol(leg.symbol for leg in legs)
        await self._log.tell(Append(trace=trace, entries=(Entry(record, trace, symbol),)))

    def fence_at(self, sent_at: float) -> float:
        """From this moment on, no request that was sent at `sent_at` or before can arrive any more."""
        return sent_at + self._fence.recv_window_s + self._fence.skew_s + self._fence.ingress_s

    async def send(
        self, intent: OrderIntent, *, trace: TraceId | None, symbol: Symbol, may_send: MaySend
    ) -> tuple[Fill, ...]:
        """
        Send a committed intent once. `may_send` is asked last, between commit and socket; a reason it gives abandons.

        Returns fills that only a query brought to light (the venue's updates bring the others).
        """
        late = intent.valid_until is not None and self._clock.time() > intent.valid_until
        reason = "expired" if late else may_send()
        if reason is not None:
            await self.commit(trace, symbol, OrderAbandoned(cid=intent.cid, why=reason))
            return ()
        sent_at = self._clock.time()
        try:
            ack = await self._venue.place(venue_order(intent, symbol))
        except Refused as refusal:
            await self.commit(trace, symbol, _reject(intent.cid, refusal))
        except (OutcomeUnknown, Unavailable) as lost:
            fence_at = self.fence_at(sent_at)
            await self.commit(trace, symbol, OrderUnknown(cid=intent.cid, cause=str(lost), fence_at=fence_at))
            return await self.resolve(intent.cid, trace=trace, symbol=symbol, fence_at=fence_at)
        else:
            acked = OrderAck(cid=intent.cid, venue_id=ack.venue_id, status="open", at=ack.at)
            await self.commit(trace, symbol, OrderNew(cid=intent.cid), acked)
        return ()

    async def cancel(self, cid: str, *, why: str, trace: TraceId | None, symbol: Symbol) -> None:
        """End an order. Its last fill and its end arrive as updates; one that was gone already is fine."""
        await self.commit(trace, symbol, CancelIntent(cid=cid, why=why))
        found = await self._venue.cancel(symbol, cid)
        await self.commit(trace, symbol, CancelDone(cid=cid, found=found))

    async def resolve(self, cid: str, *, trace: TraceId | None, symbol: Symbol, fence_at: float) -> tuple[Fill, ...]:
        """
        Find out what became of an UNKNOWN order: adopt it, or prove it absent by three reads of two sources.

        Returns the fills it already had. Raises Unavailable while the venue cannot be asked: the order stays UNKNOWN.
        """
        await self._clock.sleep_until(fence_at)
        # Where nothing can be invisible, what is not seen at once is not there: a start does not wait for it.
        for read in range(READS if self._fence.visibility_s else 1):
            if read:
                await self._clock.sleep(self._fence.visibility_s / (READS - 1))
            state = await self._venue.order(symbol, cid)
            snapshot = await self._venue.snapshot(since=0.0)
            fills = tuple(fill for fill in snapshot.fills if fill.cid == cid)
            if state is not None or fills:
                known = state.status if state is not None else "filled"
                adopted = OrderResolved(cid=cid, outcome="ADOPTED", evidence=(f"order by cid: {known}",))
                await self.commit(trace, symbol, adopted)
                return fills
        evidence = ("order by cid: none", "open orders: none", "fills: none")
        resolved = OrderResolved(cid=cid, outcome="ABSENT", evidence=evidence)
        order = self._ledger().orders.get(cid)
        if order is not None and order.role == "e":
            await self.commit(trace, symbol, resolved, OrderAbandoned(cid=cid, why="absent"))
        else:
            await self.commit(trace, symbol, resolved)
        return ()


def venue_order(intent: OrderIntent, symbol: Symbol) -> VenueOrder:
    """What is sent for an intent; nothing in it is decided here."""
    return VenueOrder(
        cid=intent.cid,
        symbol=symbol,
        side=intent.side,
        type=intent.type,
        tif=intent.tif,
        qty=Decimal(intent.qty),
        price=intent.price,
        trigger=intent.trigger,
        reduce_only=intent.reduce_only,
    )


def _reject(cid: str, refusal: Refused) -> OrderReject:
    return OrderReject(cid=cid, code=refusal.reason, message=str(refusal), category="REJECTED")
