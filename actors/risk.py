"""
RiskActor: may this call be followed, and how much may it cost?

It gathers what is known at the moment (prices, filters, exposure, policy), lets `domain/risk.py`
judge every leg, and writes a ticket before anybody may spend it. A refusal names its gate, the
value found and the limit.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from levibotd.domain.amendments import leg_of_change
from levibotd.domain.book import Call, Ticket
from levibotd.domain.copies import SAME_CALL_S, call_print
from levibotd.domain.gates import GateName, Refusal
from levibotd.domain.indicators import atr
from levibotd.domain.ledger import Ledger
from levibotd.domain.leg_read import LegRead
from levibotd.domain.levels import Conditions
from levibotd.domain.posts.weights import written_weights
from levibotd.domain.precedence import with_its_own
from levibotd.domain.records import (
    AutoRouteDryrun,
    Control,
    Entry,
    LegOutcome,
    Resolved,
    RiskPolicyChanged,
    RiskTicket,
    SignalRejected,
    one_symbol,
)
from levibotd.domain.risk import Approved, Facts, PolicyValues, Rules, judge, policy_hash, try_out
from levibotd.domain.signal import CallKey, Change, Leg, Post, Symbol, TraceId, call_key, leg_no, message_of
from levibotd.domain.trade_plan import CLOSES_S
from levibotd.errors import Unavailable
from levibotd.execution.equity import EquityWatch
from levibotd.execution.settler import filters_of
from levibotd.execution.told import levels_of, rejection
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import Ref, Rejected
from levibotd.messages import (
    Append,
    Asked,
    Committed,
    LoggerMessage,
    PlaceOrder,
    ReviseCalls,
    RiskMessage,
    ScoredSignal,
    SetLeverage,
    SetPolicy,
    Tried,
    TryOrder,
)
from levibotd.ports.as_of import MarketAsOf
from levibotd.ports.market import Market

COMMIT_TIMEOUT_S = 60.0
TICKET_VALID_S = 30.0  # From the ticket to Exec is one mailbox; older ones met trouble on the way.


class RiskSetup(Struct, frozen=True, kw_only=True):
    """What the configuration says. `rules` is asked by channel; `policies` are those that may be switched to."""

    account: str
    policies: Mapping[str, PolicyValues]
    policy: str
    rules: Callable[[str], Rules]
    entry_valid_s: Callable[[str], float]
    resolved: Callable[[str], tuple[Resolved, ...]] = lambda channel: ()
    atr_period: int
    atr_interval_s: float


class RiskActor(Actor[RiskMessage]):
    """
    Judge each leg of a scored call against the policy and pass on what survives.

    A restart loses nothing: exposure, cooldowns, tickets and the policy are folded from the log.
    """

    def __init__(
        self,
        *,
        setup: Callable[[], RiskSetup],
        market: Market,
        ledger: Callable[[], Ledger],
        equity: EquityWatch,
        orders: Ref[PlaceOrder | ReviseCalls],
        log: Ref[LoggerMessage],
        clock: Clock,
    ) -> None:
        self._setup_now = setup
        self._market = market
        self._ledger = ledger
        self._equity = equity
        self._orders = orders
        self._log = log
        self._clock = clock

    async def receive(self, message: RiskMessage) -> object:
        match message:
            case ScoredSignal():
                await self._judge(message)
                return None
            case ReviseCalls():
                asked = [await self._replanned(one, message) for one in message.asked]
                await self._orders.tell(replace(message, asked=tuple(asked)))
                return None
            case SetPolicy():
                return await self._set_policy(message)
            case SetLeverage():
                return await self._set_leverage(message)
            case TryOrder():
                return self._try(message)

    @property
    def _setup(self) -> RiskSetup:
        # Asked each time: a reload may have replaced it.
        return self._setup_now()

    @property
    def policy(self) -> PolicyValues:
        """The policy that rules now: the one last switched to, else the configured one."""
        setup = self._setup
        return setup.policies[self._ledger().control.policy or setup.policy]

    async def _judge(self, signal: ScoredSignal) -> None:
        post = signal.post
        if self._ledger().decision(post.trace) is not None:
            return
        if any(call.trace == post.trace for call in self._ledger().calls.values()):
            return  # Delivered before, and Exec has it: what is open is decided there.
        tickets: list[RiskTicket] = []
        refused: list[LegOutcome] = []
        first: Refusal | None = None
        for number, leg in enumerate(signal.scored.reading.legs):
            key = call_key(self._setup.account, post.channel, post.message_id, number)
            found = await self._ticket(signal, key, leg)
            if isinstance(found, RiskTicket):
                tickets.append(found)
            else:
                first = first or found
                refused.append(LegOutcome(symbol=self._named(leg), outcome="rejected", gate=found.gate))
        if not tickets and first is not None:
            await self._record(signal, rejection(first, tuple(refused)))
        elif self._setup.rules(post.channel).stage == "observe":
            legs = (*(LegOutcome(symbol=ticket.plan.symbol, outcome="dryrun") for ticket in tickets), *refused)
            await self._record(signal, AutoRouteDryrun(legs=legs))
        else:
            order = PlaceOrder(
                trace=post.trace, tickets=tuple(tickets), refused=tuple(refused), revision=signal.revision
            )
            await self._orders.tell(order)

    async def _ticket(self, signal: ScoredSignal, key: CallKey, leg: Leg) -> RiskTicket | Refusal:
        """The committed ticket of one leg: the one it has already, or a new one; else the refusal."""
        now = self._clock.time()
        earlier = self._earlier_ticket(key, now)
        if earlier is not None:
            return earlier
        facts = self._facts(signal.post, key, leg, now, p_call=signal.scored.p_call)
        facts = replace(facts, ev_r=signal.ev_r, tp_weights=written_weights(signal.post.text, leg))
        if signal.hybrids:
            facts = replace(facts, hybrid=signal.hybrids[leg_no(key)])
        ticket = self._judged(facts)
        if isinstance(ticket, RiskTicket):
            ticket = with_its_own(ticket, signal.post, self._setup.resolved(signal.post.channel))
        if isinstance(ticket, RiskTicket) and self._setup.rules(signal.post.channel).stage != "observe":
            # Log before acting: a crash in between costs a trade, never a mystery.
            await self._commit(signal.post.trace, ticket, levels=True)
        return ticket

    def _judged(self, facts: Facts) -> RiskTicket | Refusal:
        policy, setup, now = self.policy, self._setup, facts.now
        verdict = judge(facts, policy=policy, rules=setup.rules(facts.channel))
        if not isinstance(verdict, Approved):
            return verdict.refusal
        return RiskTicket(
            call=facts.call,
            channel=facts.channel,
            plan=verdict.plan,
            gates=verdict.gates,
            policy=policy.name,
            policy_hash=policy_hash(policy),
            equity=facts.equity,
            exposure_seq=len(self._ledger().held(at=now)),
            entry_valid_until=now + setup.entry_valid_s(facts.channel),
            expires_at=now + TICKET_VALID_S,
            at=now,
            leg=LegRead.of(facts.leg),
        )

    async def _replanned(self, asked: Asked, message: ReviseCalls) -> Asked:
        """What is asked of a call that has not filled anything, with the plan that would take the place of its own."""
        ledger = self._ledger()
        held = ledger.calls.get(asked.call) or ledger.ticket(asked.call)
        if not asked.wants_plan or held is None or (isinstance(held, Call) and held.bought):
            return asked
        leg = asked.what if isinstance(asked.what, Leg) else None
        if leg is None and isinstance(held, Call) and isinstance(asked.what, Change):
            leg = leg_of_change(asked.what, held)
        if leg is None:
            return asked
        now = self._clock.time()
        number = message_of(asked.call)
        text = "" if message.edit is None else message.edit.text
        post = Post(channel=held.channel, message_id=number, posted_at=message.received_at, text=text)
        facts = self._facts(post, asked.call, leg, now, p_call=asked.p_call)
        if facts.symbol != held.plan.symbol or facts.filters is None:
            return replace(asked, refused=str(GateName.NOT_TRADABLE))
        # Whatever the new levels would allow: an edit never makes a call larger, or dearer, than it was planned.
        most = min(facts.filters.max_qty, held.plan.qty)
        facts = replace(
            facts,
            filters=replace(facts.filters, max_qty=most),
            loss_max=held.plan.planned_loss,
            regardless=True,
            tp_weights=written_weights(text, leg) or _shares(asked, held),
        )
        ticket = self._judged(facts)
        if isinstance(ticket, Refusal):
            return replace(asked, refused=str(ticket.gate))
        # What the post says about itself it still says, and a reply leaves as it is.
        if isinstance(asked.what, Leg):
            ticket = with_its_own(ticket, post, self._setup.resolved(held.channel))
        else:
            ticket = replace(ticket, entry_valid_until=held.entry_valid_until)
        ticket = replace(ticket, revision=held.revision + 1)
        await self._commit(post.trace, ticket, levels=False)
        return replace(asked, ticket=ticket)

    def _earlier_ticket(self, key: CallKey, now: float) -> RiskTicket | Refusal | None:
        """What a post that comes a second time finds: its ticket while it is good, else a no."""
        ledger = self._ledger()
        if ledger.ticket_spent(key):
            return Refusal(gate=GateName.TICKET_SPENT, value=key, limit="once")
        held = ledger.ticket(key)
        if held is None:
            return None
        if held.expires_at < now:
            return Refusal(gate=GateName.TICKET_EXPIRED, value=now, limit=held.expires_at)
        return RiskTicket(
            call=key,
            channel=held.channel,
            plan=held.plan,
            gates=(),
            policy=self.policy.name,
            policy_hash=policy_hash(self.policy),
            equity=self._equity.equity(now),
            exposure_seq=0,
            entry_valid_until=held.entry_valid_until,
            expires_at=held.expires_at,
            at=held.at,
        )

    def _facts(self, post: Post, key: CallKey, leg: Leg, now: float, *, p_call: float) -> Facts:
        ledger = self._ledger()
        view = MarketAsOf(self._market, at=now)
        symbol = view.symbol_of(leg)
        instrument = self._market.instrument(symbol, now) if symbol is not None else None
        return Facts(
            call=key,
            channel=post.channel,
            leg=leg,
            p_call=p_call,
            age_s=now - post.posted_at,
            now=now,
            equity=self._equity.equity(now),
            symbol=symbol,
            filters=None if instrument is None else filters_of(instrument),
            tradable=instrument is not None and instrument.tradable,
            listed_s=None if instrument is None else instrument.listed_for_s(now),
            has_list=self._market.as_of is not None,
            conditions=None if symbol is None else self._conditions(post, symbol, leg, now),
            closed=ledger.may_open(),
            owner=None if symbol is None else ledger.owner(symbol, at=now),
            repost_of=self._opened_before(post, leg, now),
            held=ledger.held(at=now),
            last_close=None if symbol is None else ledger.last_close(symbol),
            last_stop_out=None if symbol is None else ledger.last_stop_out(symbol),
            notional_cap=ledger.control.call_caps.get(post.trace),
        )

    # What an operator enters himself he may enter as often as he likes.
    def _opened_before(self, post: Post, leg: Leg, now: float) -> CallKey | None:
        ledger, said = self._ledger(), call_print(leg)
        if said is None or post.trace in ledger.control.call_caps:
            return None
        return ledger.opened_before(post.channel, said, since=now - SAME_CALL_S)

    def _conditions(self, post: Post, symbol: Symbol, leg: Leg, now: float) -> Conditions | None:
        mark = self._market.mark(symbol, now)
        if mark is None or mark.fresh_until < now:
            return None
        posted = self._market.mark(symbol, post.posted_at)
        volume = self._market.volume_24h(symbol, now)
        close_s = CLOSES_S.get(leg.sl_kind or "")
        return Conditions(
            mark=mark.price,
            posted_mark=None if posted is None else posted.price,
            mark_precedes_post=mark.at < post.posted_at,
            atr=self._atr(symbol, self._setup.atr_interval_s, now),
            close_atr=None if close_s is None else self._atr(symbol, close_s, now),
            channel_median_stop=self._ledger().channel_median_stop(post.channel),
            volume_24h=None if volume is None else Decimal(f"{volume:.2f}"),
        )

    def _atr(self, symbol: Symbol, interval_s: float, now: float) -> Decimal | None:
        period = self._setup.atr_period
        bars = self._market.closed_bars(symbol, interval_s=interval_s, until=now, limit=5 * period)
        average = atr(bars, period=period)
        return None if average is None else Decimal(repr(average))

    async def _commit(self, trace: TraceId, ticket: RiskTicket, *, levels: bool) -> None:
        plan = ticket.plan
        entries = [Entry(ticket, trace, plan.symbol)]
        if levels:
            first = levels_of(ticket, why="set")
            entries.append(Entry(first, trace, plan.symbol))
        answer = await self._log.ask(Append(trace=trace, entries=tuple(entries)), timeout_s=COMMIT_TIMEOUT_S)
        if not isinstance(answer, Committed):
            raise Unavailable(f"the log did not take a ticket: {answer}")

    async def _set_policy(self, asked: SetPolicy) -> str | Rejected:
        before = self.policy.name
        if asked.policy not in self._setup.policies:
            known = ", ".join(self._setup.policies)
            return Rejected(f"no policy {asked.policy!r}; there are {known}")
        changed = RiskPolicyChanged(policy=asked.policy, before=before, by=asked.by, reason=asked.reason)
        await self._log.ask(Append(entries=(Entry(changed),)), timeout_s=COMMIT_TIMEOUT_S)
        return before

    async def _set_leverage(self, asked: SetLeverage) -> int:
        before = self._ledger().control.leverage_cap
        effect = "" if asked.leverage is None else str(asked.leverage)
        command = Control(command="leverage", by=asked.by, reason=asked.reason, effect=effect)
        await self._log.ask(Append(entries=(Entry(command),)), timeout_s=COMMIT_TIMEOUT_S)
        return before or 0

    def _try(self, asked: TryOrder) -> Tried | Refusal:
        now = self._clock.time()
        post = Post(channel=asked.channel, message_id=1, posted_at=now, text="")
        key = call_key(self._setup.account, asked.channel, post.message_id, 0)
        leg = self._leg_of(asked)
        facts = replace(self._facts(post, key, leg, now, p_call=1.0), notional_cap=asked.notional)
        policy, rules = self.policy, self._setup.rules(asked.channel)
        plan = try_out(facts, policy=policy, rules=rules)
        if isinstance(plan, Refusal):
            return plan
        verdict = judge(facts, policy=policy, rules=rules)
        return Tried(plan=plan, refused_by=None if isinstance(verdict, Approved) else verdict.refusal.as_gate())

    def _leg_of(self, asked: TryOrder) -> Leg:
        known = self._market.instrument(Symbol(asked.symbol.replace("/", "")), self._clock.time())
        return Leg(
            symbol=asked.symbol if known is None else f"{known.base}/{known.quote}",
            side=asked.side,
            entry_type="market" if asked.entry is None else "limit",
            entry=() if asked.entry is None else (float(asked.entry),),
            tps=tuple(float(price) for price in asked.targets),
            sl=None if asked.stop is None else float(asked.stop),
            sl_kind="price",
        )

    # As the venue names it, which is how orders and positions name it too; else as written.
    def _named(self, leg: Leg) -> str:
        return MarketAsOf(self._market, at=self._clock.time()).symbol_of(leg) or leg.symbol.replace("/", "")

    async def _record(self, signal: ScoredSignal, record: SignalRejected | AutoRouteDryrun) -> None:
        trace = signal.post.trace
        symbol = one_symbol(leg.symbol for leg in record.legs)
        await self._log.tell(Append(trace=trace, entries=(Entry(record, trace, symbol),)))


# A reply that names other entries leaves the targets as they are.
def _shares(asked: Asked, held: Call | Ticket) -> tuple[float, ...]:
    if isinstance(asked.what, Leg) or not isinstance(held, Call):
        return ()
    return tuple(float(target.share) for target in held.targets)
