"""
ScorerActor: what does a post say, and may it still be acted on?

It only carries: the reading is `domain/posts`, the probabilities are the classifier's. What is no
call and no command of ours ends here, and so does what is too old.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator

from msgspec import Struct

from levibotd.domain.climate.terms import Terms
from levibotd.domain.features import score
from levibotd.domain.ledger import Ledger
from levibotd.domain.leg_read import LegRead
from levibotd.domain.lifecycle import CallOnItsWay, OwnedCall, calls_meant
from levibotd.domain.posts.reading import read
from levibotd.domain.records import (
    AutoRouteSkipped,
    Entry,
    Record,
    SignalExpired,
    SignalScored,
    one_symbol,
)
from levibotd.domain.signal import NO_TRADE, CallKey, Kind, Post, Reading, Scored, Symbol, TraceId, call_key
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.mailbox import Ref
from levibotd.messages import Append, EndCalls, LoggerMessage, PostArrived, ScoredSignal
from levibotd.ports.as_of import MarketAsOf
from levibotd.ports.classifier import Classifier
from levibotd.ports.market import Market

PARENTS_KEPT = 4096


class ScorerSetup(Struct, frozen=True, kw_only=True):
    """What the configuration says. `account` is the one that calls are named by."""

    account: str
    signal_ttl_s: Callable[[], float]
    around: Callable[[Scored, float], Terms | None] = lambda scored, at: None  # What is around a call.


class ScorerActor(Actor[PostArrived]):
    """
    Read and score each post once, and hand calls to Risk and commands to Exec.

    A restart loses the readings of earlier posts, which replies may refer to: such a reply is
    then read on its own, which can only make it less certain.
    """

    def __init__(
        self,
        *,
        setup: ScorerSetup,
        classifier: Classifier,
        market: Market,
        ledger: Callable[[], Ledger],
        risk: Ref[ScoredSignal],
        exec_: Ref[EndCalls],
        log: Ref[LoggerMessage],
        clock: Clock,
    ) -> None:
        self._account = setup.account
        self._classifier = classifier
        self._market = market
        self._ledger = ledger
        self._risk = risk
        self._exec = exec_
        self._log = log
        self._clock = clock
        self._signal_ttl_s = setup.signal_ttl_s
        self._around = setup.around
        self._readings: OrderedDict[tuple[str, int], Reading] = OrderedDict()

    async def receive(self, message: PostArrived) -> None:
        post = message.post
        trace = post.trace
        if self._ledger().decision(trace) is not None:
            return  # A second delivery: its one decision stands already.

        now = self._clock.time()
        view = MarketAsOf(self._market, at=now)
        reading = read(post, view, parent=self._parent_of(post))
        scored = score(post, reading, self._classifier)
        self._remember(post, reading)
        terms = self._around(scored, now)
        told = self._scored(post, scored, view, message.revision, terms)
        symbol = one_symbol(map(view.symbol_of, reading.legs)) if reading.legs else None
        match self._onward(message, scored, now, terms):
            case ScoredSignal() as signal:
                await self._record(trace, symbol, told)
                await self._risk.tell(signal)
            case EndCalls() as command:
                await self._record(trace, symbol, told)
                await self._exec.tell(command)
            case ending:
                await self._record(trace, symbol, told, ending)

    def _onward(
        self, message: PostArrived, scored: Scored, now: float, terms: Terms | None
    ) -> ScoredSignal | EndCalls | Record:
        """Where the post goes from here: on to Risk, on to Exec, or no further."""
        kind = scored.reading.kind
        if kind is Kind.NEW:
            return self._call(message, scored, now, terms)
        if kind in (Kind.CLOSE, Kind.CANCEL):
            # Late or not: ending an open call only ever takes exposure away.
            calls = calls_meant(message.post, scored.reading, self._open_or_on_their_way(message.post, now))
            if calls:
                return EndCalls(
                    trace=message.post.trace,
                    calls=calls,
                    received_at=message.received_at,
                )
        return AutoRouteSkipped(reason=f"kind.{kind}")

    # A command may stand right behind its call, as in a burst after a gap: then Risk has it, and the log not yet.
    def _open_or_on_their_way(self, command: Post, now: float) -> dict[CallKey, OwnedCall]:
        known: dict[CallKey, OwnedCall] = {}
        view = MarketAsOf(self._market, at=now)
        for trace, pending in self._ledger().pending.items():
            if trace == command.trace:
                break  # What was said after the command it does not mean.
            post = pending.ingest.post
            if post.channel == command.channel and now - post.posted_at <= self._signal_ttl_s():
                known.update({call.key: call for call in self._calls_of(post, view)})
        return {**known, **self._ledger().calls}

    def _calls_of(self, post: Post, view: MarketAsOf) -> Iterator[CallOnItsWay]:
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

    def _scored(self, post: Post, scored: Scored, view: MarketAsOf, revision: int, terms: Terms | None) -> SignalScored:
        return SignalScored(
            channel=post.channel,
            kind=scored.reading.kind,
            label=scored.label,
            probs=scored.probs,
            p_call=scored.p_call,
            stale=scored.reading.stale,
            legs=tuple([LegRead.of(leg) for leg in scored.reading.legs]),
            reasons=scored.reasons,
            revision=revision,
            last_price=view.prices_of(scored.reading.legs) if scored.reading.legs else {},
            markets_as_of=self._market.as_of,
            model_sha=self._classifier.sha,
            trained_until=self._classifier.trained_until,
            symbols=scored.reading.symbols,
            every_call=scored.reading.every_call,
            change=scored.reading.change,
            terms=terms,
        )

    def _parent_of(self, post: Post) -> Reading | None:
        if post.reply_to is None:
            return None
        return self._readings.get((post.channel, post.reply_to))

    def _remember(self, post: Post, reading: Reading) -> None:
        self._readings[(post.channel, post.message_id)] = reading
        if len(self._readings) > PARENTS_KEPT:
            self._readings.popitem(last=False)

    async def _record(self, trace: TraceId, symbol: Symbol | None, *records: Record) -> None:
        entries = tuple([Entry(record, trace, symbol) for record in records])
        await self._log.tell(Append(trace=trace, entries=entries))
