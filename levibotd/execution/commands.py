"""
What a channel, or an operator, tells about calls that are open: carried out at once, and written down in one piece.

Every command is durable before anything happens because of it: the records that change calls and the
record that ends the post, the edit or the deletion stand in the log together or not at all.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from levibotd.domain.amendments import Amendment, Rulings, amend, wish_of_change, wish_of_edit
from levibotd.domain.book import CLOSING, Call
from levibotd.domain.exits import Split
from levibotd.domain.gates import GateName
from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import OrderBlocked, OrderIntent
from levibotd.domain.orders import ENTRY
from levibotd.domain.records import (
    AutoRouteExecuted,
    AutoRouteSkipped,
    Control,
    Entry,
    LegOutcome,
    Record,
    RiskSltp,
    RiskTicket,
    one_symbol,
)
from levibotd.domain.signal import CallKey, Change, Symbol, TraceId
from levibotd.execution.protocol import OrderProtocol
from levibotd.execution.replacing import SUPERSEDED, Replacement
from levibotd.execution.settler import Settler, filters_of
from levibotd.kernel.clock import Clock
from levibotd.messages import Asked, ClosePosition, EndCalls, ReviseCalls
from levibotd.ports.market import Market

WAIT_S = 0.5  # For a call that is still on its way.
TRIES_MAX = 40

_STRONGEST = ("closed", "cancelled", "replaced", "reduced", "moved", "targets")


class Hands(Struct, frozen=True, kw_only=True):
    """What commands set in motion. `again` tells oneself the same later; `open` sends the intents of a plan."""

    settle: Callable[[Symbol], None]
    again: Callable[[float, ReviseCalls], None]
    open: Callable[[TraceId | None, RiskTicket, tuple[OrderIntent, ...]], Awaitable[None]]


class Commands:
    """
    Carry out what was said about open calls.

    `splits` says how the targets of a channel share, and how many there may be. A second delivery changes nothing.
    """

    def __init__(
        self,
        *,
        protocol: OrderProtocol,
        ledger: Callable[[], Ledger],
        settler: Settler,
        market: Market,
        clock: Clock,
        splits: Callable[[str], tuple[Split, int]],
        hands: Hands,
    ) -> None:
        self._protocol = protocol
        self._ledger = ledger
        self._settler = settler
        self._market = market
        self._clock = clock
        self._splits = splits
        self._hands = hands

    async def end(self, message: EndCalls) -> None:
        """Cancel what has not filled of these calls and close what has; those on their way are not opened."""
        if self._is_over(message) or message.trace is None:
            return
        ledger = self._ledger()
        legs: list[LegOutcome] = []
        entries: list[Entry] = []
        recalled = False
        for key in message.calls:
            call = ledger.calls.get(key)
            if call is None:
                recalled |= await self._recall(key, message.trace)
                continue
            if message.only_entries and not any(o.role == ENTRY and o.live for o in ledger.orders_of(key)):
                continue
            closes = bool(call.qty) and not message.only_entries
            legs.append(LegOutcome(symbol=call.symbol, outcome="closed" if closes else "cancelled"))
            only = message.only_entries and bool(call.qty)
            entries.append(_command(call, "cancel" if only else "close", reason=_cause(message)))
        effect = _strongest(legs) or ("cancelled" if recalled else "")
        await self._conclude(message, entries, legs, effect=effect, reason="call.over")
        for key in message.calls:
            if (call := ledger.calls.get(key)) is not None:
                if not message.only_entries:
                    self._settler.close(key, why="close")
                self._hands.settle(call.symbol)

    async def revise(self, message: ReviseCalls) -> None:
        """Change what may be changed of these calls; what may not is noted for people to look at."""
        if self._is_over(message):
            return
        ledger = self._ledger()
        on_its_way = [one for one in message.asked if one.call not in ledger.calls and self._may_come(one.call)]
        if on_its_way and message.tries < TRIES_MAX:
            self._hands.again(WAIT_S, replace(message, tries=message.tries + 1))
            return
        open_ = [one for one in message.asked if one.call in ledger.calls]
        anew = [one for one in open_ if one.ticket is not None and not ledger.calls[one.call].bought]
        if anew:
            await self._replace(message, anew[0])
            return
        await self._amend(message, open_)

    async def close(self, asked: ClosePosition) -> tuple[CallKey, ...]:
        """An operator wants these calls closed, or all of ours."""
        calls = self._ledger().calls
        wanted = [calls[key] for key in (asked.calls or tuple(calls)) if key in calls]
        why = "close" if asked.calls else "flatten"
        for call in wanted:
            command = Control(command=why, by=asked.by, reason=asked.reason, effect=call.key)
            await self._protocol.commit(call.trace, call.symbol, command)
            self._settler.close(call.key, why=why)
            self._hands.settle(call.symbol)
        return tuple(call.key for call in wanted)

    # Amendments.

    async def _amend(self, message: ReviseCalls, asked: list[Asked]) -> None:
        async with self._settler.levels:  # What moves stops by itself waits until these levels stand in the log.
            await self._write_down(message, asked)
        for one in asked:
            if (held := self._ledger().calls.get(one.call)) is not None:
                self._hands.settle(held.symbol)

    async def _write_down(self, message: ReviseCalls, asked: list[Asked]) -> None:
        legs: list[LegOutcome] = []
        entries: list[Entry] = []
        reviews: list[str] = []
        source, name = "reply" if message.edit is None else "edit", _name(message)
        for one in asked:
            call = self._ledger().calls[one.call]
            if one.refused is not None and not call.bought:
                # What rests is not what the channel wants any more, and what it wants now may not be had.
                legs.append(LegOutcome(symbol=call.symbol, outcome="cancelled", gate=one.refused))
                entries.append(_command(call, "cancel", reason=one.refused))
                continue
            found = self._amendment(call, one, only_protects=message.only_protects)
            if name == call.levels_by and not found.effect:
                # Written down by a life that died right behind it, as in the next line.
                legs.append(LegOutcome(symbol=call.symbol, outcome=_done_before(call, source)))
                continue
            if found.reduce and name in call.reductions:
                found = replace(found, reduce=Decimal(0))
                legs.append(LegOutcome(symbol=call.symbol, outcome="reduced"))
            reviews += found.review
            entries += _records(call, found, source=source, name=name)
            if found.effect:
                legs.append(LegOutcome(symbol=call.symbol, outcome=found.effect))
        reason = f"review.{reviews[0]}" if reviews else "call.over" if not asked else "no_change"
        await self._conclude(message, entries, legs, effect=_strongest(legs), reason=reason)

    def _amendment(self, call: Call, asked: Asked, *, only_protects: bool) -> Amendment:
        what = asked.what
        wish = wish_of_change(what, call) if isinstance(what, Change) else wish_of_edit(what, call)
        now = self._clock.time()
        instrument, mark = self._market.instrument(call.symbol, now), self._market.mark(call.symbol, now)
        if instrument is None:
            return Amendment(review=("no_price",))
        split, most = self._splits(call.channel)
        rules = Rulings(
            filters=filters_of(instrument),
            mark=None if mark is None else mark.price,
            tp_split=split,
            max_tps=most,
            only_protects=only_protects,
        )
        return amend(call, self._ledger().orders_of(call.key), wish, rules)

    # One plan after the other: the next is asked for once this one is settled, and finds itself changed already.
    async def _replace(self, message: ReviseCalls, asked: Asked) -> None:
        ticket = asked.ticket
        assert ticket is not None, "nothing to replace it by"

        async def over(why: str) -> None:
            rest = tuple(one for one in message.asked if one is not asked)
            if why == SUPERSEDED:
                await self._conclude(message, [], [], effect="", reason=why)
            elif why != "replaced":
                left = replace(asked, ticket=None, refused=None if why == "filled" else why)
                self._hands.again(0.0, replace(message, asked=(*rest, left)))
            elif any(one.ticket is not None for one in rest):
                self._hands.again(0.0, replace(message, asked=rest))
            else:
                leg = LegOutcome(symbol=ticket.plan.symbol, outcome="replaced")
                await self._conclude(message, [], [leg], effect="replaced", reason="")

        before = self._settler.replace(asked.call, Replacement(ticket=ticket, open=self._hands.open, over=over))
        if before is not None:
            await before.over(SUPERSEDED)
        self._hands.settle(ticket.plan.symbol)

    # What ends with a command.

    def _is_over(self, message: EndCalls | ReviseCalls) -> bool:
        ledger, trace = self._ledger(), message.trace
        if trace is None:
            return True
        if message.edit is not None:
            known = ledger.revision(trace)
            return known is not None and known.number >= message.edit.revision
        if isinstance(message, EndCalls) and message.deletion is not None:
            return ledger.deleted(trace)
        return ledger.decision(trace) is not None

    async def _conclude(
        self, message: EndCalls | ReviseCalls, entries: list[Entry], legs: list[LegOutcome], *, effect: str, reason: str
    ) -> None:
        if self._is_over(message):
            return
        ending = _ending(message, tuple(legs), effect=effect, reason=reason)
        symbol = one_symbol(leg.symbol for leg in legs)
        await self._protocol.commit_all(message.trace, *entries, Entry(ending, message.trace, symbol))

    def _may_come(self, key: CallKey) -> bool:
        ledger = self._ledger()
        if ledger.ticket_spent(key):
            return False
        ticket = ledger.ticket(key)
        if ticket is not None:
            return ticket.expires_at > self._clock.time()
        posted = key.rsplit("|", 1)[0]
        waiting = (pending.post for pending in ledger.pending.values())
        return any(posted.endswith(f"|{post.channel}|{post.message_id}") for post in waiting)

    async def _recall(self, key: CallKey, trace: TraceId) -> bool:
        """Is this a call that is still on its way to us? Then it is not opened any more."""
        ledger = self._ledger()
        if ledger.ticket_spent(key):
            return False
        ticket = ledger.ticket(key)
        recalled = OrderBlocked(call=key, gate=GateName.RECALLED, value="its channel", limit="not taken back")
        await self._protocol.commit(trace, ticket.plan.symbol if ticket is not None else None, recalled)
        return True


def _command(call: Call, command: str, *, reason: str = "", effect: str = "") -> Entry:
    told = Control(command=command, by=f"channel {call.channel}", reason=reason, effect=effect or call.key)
    return Entry(told, call.trace, call.symbol)


def _name(message: ReviseCalls) -> str:
    return f"{message.trace}.{0 if message.edit is None else message.edit.revision}"


def _records(call: Call, found: Amendment, *, source: str, name: str) -> list[Entry]:
    entries: list[Entry] = []
    if found.end_entries:  # First: where the stop stood in the log alone, nobody would see that they must go.
        entries.append(_command(call, "cancel", reason="stop moved"))
    if found.stop is not None or found.targets is not None:
        levels = RiskSltp(
            call=call.key,
            stop=call.stop if found.stop is None else found.stop,
            stop_source=call.stop_source if found.stop is None else source,
            targets=call.targets if found.targets is None else found.targets,
            targets_source=call.targets_source if found.targets is None else source,
            why="moved",
            said_by=name,
        )
        entries.append(Entry(levels, call.trace, call.symbol))
    if found.reduce:
        entries.append(_command(call, "reduce", reason=name, effect=f"{call.key} {found.reduce}"))
    if found.close:
        entries.append(_command(call, "close", reason=name))
    return entries


def _done_before(call: Call, source: str) -> str:
    if call.status == CLOSING:
        return "closed"
    return "moved" if call.stop_source == source else "targets"


def _cause(message: EndCalls) -> str:
    if message.edit is not None:
        return "edited"
    return (message.trace or "") if message.deletion is None else "deleted"  # By its trace the post is found.


def _strongest(legs: list[LegOutcome]) -> str:
    return next((effect for effect in _STRONGEST if any(leg.outcome == effect for leg in legs)), "")


def _ending(message: EndCalls | ReviseCalls, legs: tuple[LegOutcome, ...], *, effect: str, reason: str) -> Record:
    if message.edit is not None:
        review = reason if reason.startswith("review.") else ""  # Also beside what was done of it.
        return replace(message.edit, effect=effect or ("review" if review else "noted"), reason=review)
    if isinstance(message, EndCalls) and message.deletion is not None:
        return replace(message.deletion, effect=effect or "noted")
    if effect:
        return AutoRouteExecuted(legs=legs, effect=effect)
    return AutoRouteSkipped(reason=reason)
