"""
ScorerActor: what does a post say, and may it still be acted on?

It only carries: the reading is `domain/posts`, the probabilities are the classifier's. What is no
call and no command of ours ends here, and so does what is too old.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from levibotd.domain.bursts import BURST, BurstWatch
from levibotd.domain.climate.terms import Terms
from levibotd.domain.features import surely_not
from levibotd.domain.ledger import Ledger
from levibotd.domain.leg_read import LegRead
from levibotd.domain.lifecycle import CallOnItsWay, OwnedCall, Speech, calls_meant
from levibotd.domain.posts.reading import read
from levibotd.domain.reader import PARENTS_KEPT, Reader
from levibotd.domain.records import (
    AutoRouteSkipped,
    Entry,
    Record,
    SignalDeleted,
    SignalEdited,
    SignalExpired,
    SignalScored,
    SystemNote,
    one_symbol,
)
from levibotd.domain.signal import (
    NO_TRADE,
    CallKey,
    Kind,
    Post,
    Reading,
    Scored,
    Side,
    Symbol,
    TraceId,
    call_key,
    message_of,
    trace_id,
)
from levibotd.domain.trust import Trust
from levibotd.execution.sayings import asked_by_edit, asked_by_reply, sold_by
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import Ref
from levibotd.messages import (
    Append,
    EndCalls,
    LoggerMessage,
    PostArrived,
    PostDeleted,
    PostEdited,
    ReviseCalls,
    ScoredSignal,
    ScorerMessage,
)
from levibotd.ports.as_of import MarketAsOf
from levibotd.ports.market import Market

THREAD_MAX = 16  # Posts that a reply may stand below its call.

_Command = EndCalls | ReviseCalls


class ScorerSetup(Struct, frozen=True, kw_only=True):
    """What the configuration says. `account` is the one that calls are named by."""

    account: str
    signal_ttl_s: Callable[[], float]
    speech: Callable[[str], Speech] = lambda channel: Speech()
    around: Callable[[Scored, float], Terms | None] = lambda scored, at: None  # What is around a call.
    # What is held of a channel, and of its calls on these sides.
    trust: Callable[[str, float, tuple[Side, ...]], Trust | None] = lambda channel, at, sides: None


class ScorerActor(Actor[ScorerMessage]):
    """
    Read and score each post once, and hand calls to Risk and commands to Exec; edits and deletions are commands.

    A restart loses the readings of earlier posts, which replies may refer to: such a reply is
    then read on its own, which can only make it less certain.
    """

    def __init__(
        self,
        *,
        setup: ScorerSetup,
        reader: Reader,
        market: Market,
        ledger: Callable[[], Ledger],
        risk: Ref[ScoredSignal | ReviseCalls],
        exec_: Ref[EndCalls | ReviseCalls],
        log: Ref[LoggerMessage],
        clock: Clock,
    ) -> None:
        self._account = setup.account
        self._reader = reader
        self._market = market
        self._ledger = ledger
        self._risk = risk
        self._exec = exec_
        self._log = log
        self._clock = clock
        self._signal_ttl_s = setup.signal_ttl_s
        self._around = setup.around
        self._speech = setup.speech
        self._bursts = BurstWatch()
        self._trust = setup.trust
        self._readings: OrderedDict[tuple[str, int], Reading] = OrderedDict()
        self._replies: OrderedDict[tuple[str, int], int] = OrderedDict()  # What each of them replies to.

    async def receive(self, message: ScorerMessage) -> None:
        match message:
            case PostArrived():
                await self._arrived(message)
            case PostEdited():
                await self._edited(message)
            case PostDeleted():
                await self._deleted(message)

    async def _arrived(self, message: PostArrived) -> None:
        post = message.post
        trace = message.trace or post.trace
        if self._ledger().decision(trace) is not None:
            return  # A second delivery: its one decision stands already.

        now = self._clock.time()
        view = MarketAsOf(self._market, at=now)
        scored = self._read(post, view)
        reading = scored.reading
        self._remember(post, reading)
        terms: Terms | None = None
        trust: Trust | None = None
        symbol: Symbol | None = None
        if reading.kind is Kind.NEW and reading.legs:
            terms = self._around(scored, now)
            trust = self._trust(post.channel, now, tuple(sorted({leg.side for leg in reading.legs})))
        if reading.legs:
            symbol = one_symbol(map(view.symbol_of, reading.legs))
        told = self._scored(message, scored, view, terms=terms, trust=trust)
        match self._onward(message, scored, now, terms):
            case ScoredSignal() as signal:
                await self._record(trace, symbol, told)
                await self._risk.tell(signal if trust is None else replace(signal, ev_r=trust.expected_r))
            case EndCalls() | ReviseCalls() as command:
                told_first, command = self._watched(command, post.channel, now)
                await self._record(trace, symbol, told, *told_first)
                await self._command(command)
            case ending:
                await self._record(trace, symbol, told, ending)

    def _read(self, post: Post, view: MarketAsOf) -> Scored:
        if self._speech(post.channel).is_heard(post.author):
            return self._reader(post, view, parent=self._parent_of(post))
        # Whoever speaks here is not the channel: it is written down, and means nothing.
        reading = Reading(kind=Kind.CHATTER, reasons=("not_the_channel",))
        return Scored(reading=reading, label=NO_TRADE, probs=surely_not(), reasons=(*reading.reasons, "rule:author"))

    def _onward(
        self, message: PostArrived, scored: Scored, now: float, terms: Terms | None
    ) -> ScoredSignal | EndCalls | ReviseCalls | Record:
        """Where the post goes from here: on to Risk, on to Exec, or no further."""
        post, reading = message.post, scored.reading
        if reading.kind is Kind.NEW:
            sold = sold_by(post, reading, self._ledger().calls.values(), self._market, at=now)
            if sold:
                return EndCalls(trace=post.trace, calls=sold, received_at=message.received_at)
            return self._call(message, scored, now, terms)
        skipped = AutoRouteSkipped(reason=f"kind.{reading.kind}")
        if reading.kind not in (Kind.CLOSE, Kind.CANCEL, Kind.UPDATE) or reading.stale:
            return skipped
        own = self._own_calls(post.channel, now, before=post.trace)
        calls = calls_meant(replace(post, reply_to=self._thread_of(post, own)), reading, own)
        if not calls or (reading.kind is Kind.UPDATE and reading.change is None):
            return skipped
        if reading.change is not None:
            return asked_by_reply(message, reading.change, calls, now=now, limit_s=self._signal_ttl_s())
        # Late or not: ending an open call only ever takes exposure away.
        return EndCalls(trace=post.trace, calls=calls, received_at=message.received_at)

    # Edits and deletions.

    async def _edited(self, message: PostEdited) -> None:
        post, now = message.post, self._clock.time()
        known = self._ledger().revision(post.trace)
        if known is not None and known.number >= message.revision:
            return  # A second delivery.
        edit = SignalEdited(
            channel=post.channel,
            message_id=post.message_id,
            revision=message.revision,
            text=post.text,
            edited_at=message.received_at if post.edited_at is None else min(post.edited_at, message.received_at),
            effect="noted",
        )
        speech = self._speech(post.channel)
        if not speech.is_heard(post.author) or speech.on_edit == "ignore":
            effect = "ignored" if speech.is_heard(post.author) else "chatter"
            await self._record(post.trace, None, replace(edit, effect=effect))
            return
        own = self._own_calls(post.channel, now)
        calls = {key: call for key, call in own.items() if message_of(key) == post.message_id}
        scored = self._read(post, MarketAsOf(self._market, at=now))
        legs = tuple(LegRead.of(leg) for leg in scored.reading.legs)
        edit = replace(edit, kind=scored.reading.kind, legs=legs)
        if self._ledger().decision(post.trace) is not None:
            self._remember(post, scored.reading)
        late = now - edit.edited_at > self._signal_ttl_s()
        symbol_of = MarketAsOf(self._market, at=now).symbol_of
        match asked_by_edit(edit, scored, calls, ledger=self._ledger(), symbol_of=symbol_of, late=late):
            case EndCalls() | ReviseCalls() as command:
                told_first, command = self._watched(command, post.channel, now)
                if told_first:
                    await self._record(post.trace, None, *told_first)
                await self._command(command)
            case ending:
                await self._record(post.trace, None, ending)

    async def _deleted(self, message: PostDeleted) -> None:
        trace = trace_id(message.channel, message.message_id)
        if self._ledger().deleted(trace):
            return
        deletion = SignalDeleted(
            channel=message.channel, message_id=message.message_id, seen_by=message.seen_by, at=message.received_at
        )
        now, how = self._clock.time(), self._speech(message.channel).on_delete
        own = self._own_calls(message.channel, now)
        calls = tuple(key for key in own if message_of(key) == message.message_id)
        if how == "ignore" or not calls:
            await self._record(trace, None, deletion)
            return
        command = EndCalls(
            trace=trace,
            calls=calls,
            received_at=message.received_at,
            only_entries=how == "cancel",
            deletion=deletion,
        )
        told_first, watched = self._watched(command, message.channel, now)
        if told_first:
            await self._record(trace, None, *told_first)
        await self._command(watched)

    # Commands.

    def _watched(self, command: _Command, channel: str, now: float) -> tuple[tuple[Record, ...], _Command]:
        """In a burst only what protects goes on, and the first command of one is an alarm."""
        calls = command.calls if isinstance(command, EndCalls) else tuple(one.call for one in command.asked)
        open_calls = sum(call.channel == channel for call in self._ledger().calls.values())
        burst = self._bursts.take(channel, calls, open_calls=open_calls, at=now)
        if burst is None:
            return (), command
        if isinstance(command, ReviseCalls):
            command = replace(command, only_protects=True)
        detail = f"{channel}: {burst.commands} commands about {burst.calls} calls within a minute"
        return (SystemNote(note=BURST, detail=detail),) if burst.begins else (), command

    async def _command(self, command: _Command) -> None:
        # A new plan is for Risk to make; what only protects or ends does not pass through there.
        if isinstance(command, ReviseCalls) and command.needs_plan:
            await self._risk.tell(command)
        else:
            await self._exec.tell(command)

    # A command may stand right behind its call, as in a burst after a gap: then Risk has it, and the log not yet.
    def _own_calls(self, channel: str, now: float, *, before: TraceId | None = None) -> dict[CallKey, OwnedCall]:
        known: dict[CallKey, OwnedCall] = {}
        view = MarketAsOf(self._market, at=now)
        for trace, pending in self._ledger().pending.items():
            if trace == before:
                break  # What was said after the command it does not mean.
            post = pending.ingest.post
            if post.channel == channel and now - post.posted_at <= self._signal_ttl_s():
                known.update({call.key: call for call in self._calls_of(post, view)})
        own = {key: call for key, call in self._ledger().calls.items() if call.channel == channel}
        return {**known, **own}

    def _calls_of(self, post: Post, view: MarketAsOf) -> Iterator[CallOnItsWay]:
        if not self._speech(post.channel).is_heard(post.author):
            return
        reading = self._readings.get((post.channel, post.message_id)) or read(post, view, parent=self._parent_of(post))
        for number, leg in enumerate(reading.legs if reading.kind is Kind.NEW else ()):
            symbol = view.symbol_of(leg)
            if symbol is not None:
                key = call_key(self._account, post.channel, post.message_id, number)
                yield CallOnItsWay(channel=post.channel, key=key, symbol=symbol)

    def _call(self, message: PostArrived, scored: Scored, now: float, terms: Terms | None) -> ScoredSignal | Record:
        post = message.post
        age_s = now - post.posted_at
        if scored.reading.stale and post.forwarded_at is not None:
            age_s = now - post.forwarded_at
        if scored.reading.legs and (scored.reading.stale or message.late or age_s > self._signal_ttl_s()):
            return SignalExpired(age_s=age_s, limit_s=self._signal_ttl_s())
        if scored.label == NO_TRADE or not scored.reading.legs:
            return AutoRouteSkipped(reason="label.NO-TRADE")
        return ScoredSignal(
            trace=post.trace,
            post=post,
            received_at=message.received_at,
            scored=scored,
            revision=message.revision,
            hybrids=tuple([leg.hybrid for leg in terms.legs]) if terms is not None and terms.used else (),
        )

    def _scored(
        self, message: PostArrived, scored: Scored, view: MarketAsOf, *, terms: Terms | None, trust: Trust | None
    ) -> SignalScored:
        reading, classifier = scored.reading, self._reader.classifier
        return SignalScored(
            channel=message.post.channel,
            kind=reading.kind,
            label=scored.label,
            probs=scored.probs,
            p_call=scored.p_call,
            stale=reading.stale,
            legs=tuple(map(LegRead.of, reading.legs)),
            reasons=scored.reasons,
            revision=message.revision,
            last_price=view.prices_of(reading.legs) if reading.legs else {},
            markets_as_of=self._market.as_of,
            model_sha=classifier.sha,
            trained_until=classifier.trained_until,
            symbols=reading.symbols,
            every_call=reading.every_call,
            change=reading.change,
            terms=terms,
            trust=trust,
            prior_sha=None if trust is None else trust.prior.sha,
        )

    # A reply to an update of a call speaks of that call: up the thread to the first post that has one.
    def _thread_of(self, post: Post, own: Mapping[CallKey, OwnedCall]) -> int | None:
        called = {message_of(key) for key in own}
        above = post.reply_to
        for _ in range(THREAD_MAX):
            if above is None or above in called:
                break
            above = self._replies.get((post.channel, above))
        return post.reply_to if above is None else above

    def _parent_of(self, post: Post) -> Reading | None:
        if post.reply_to is None:
            return None
        return self._readings.get((post.channel, post.reply_to))

    def _remember(self, post: Post, reading: Reading) -> None:
        self._readings[(post.channel, post.message_id)] = reading
        if post.reply_to is not None:
            self._replies[(post.channel, post.message_id)] = post.reply_to
            if len(self._replies) > PARENTS_KEPT:
                self._replies.popitem(last=False)
        if len(self._readings) > PARENTS_KEPT:
            self._readings.popitem(last=False)

    async def _record(self, trace: TraceId, symbol: Symbol | None, *records: Record) -> None:
        entries = tuple([Entry(record, trace, symbol) for record in records])
        await self._log.tell(Append(trace=trace, entries=entries))
