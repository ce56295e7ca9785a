"""From what a channel says about its own calls to the command that goes to Exec, or to what ends it here."""

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from levibotd.domain.amendments import entry_changed, stop_widened
from levibotd.domain.book import Call
from levibotd.domain.ledger import Ledger
from levibotd.domain.leg_read import LegRead
from levibotd.domain.lifecycle import OwnedCall
from levibotd.domain.records import AutoRouteSkipped, Record, SignalEdited, SignalExpired
from levibotd.domain.signal import CallKey, Change, Kind, Leg, Post, Reading, Scored, Side, Symbol, trace_id
from levibotd.messages import Asked, EndCalls, PostArrived, ReviseCalls
from levibotd.ports.as_of import MarketAsOf
from levibotd.ports.market import Market


def asked_by_reply(
    message: PostArrived, change: Change, calls: tuple[CallKey, ...], *, now: float, limit_s: float
) -> ReviseCalls | Record:
    """What an update asks of the calls it means. What is late adds nothing, and still protects."""
    if len(calls) > 1 and (change.stop is not None or change.targets or change.entry):
        return AutoRouteSkipped(reason="review.which_call")  # One level cannot be meant for two coins.
    age_s = now - message.post.posted_at
    if change.entry and (message.late or age_s > limit_s):
        change = replace(change, entry=())
        if change == Change():
            return SignalExpired(age_s=age_s, limit_s=limit_s)
    asked = tuple(Asked(call=key, what=change, wants_plan=bool(change.entry)) for key in calls)
    return ReviseCalls(trace=message.post.trace, asked=asked, received_at=message.received_at)


def asked_by_edit(
    edit: SignalEdited,
    scored: Scored,
    calls: Mapping[CallKey, OwnedCall],
    *,
    ledger: Ledger,
    symbol_of: Callable[[Leg], Symbol | None],
    late: bool,
) -> EndCalls | ReviseCalls | Record:
    """What an edit changes of the calls of its own post, and of those alone: it never makes another."""
    reading, trace = scored.reading, trace_id(edit.channel, edit.message_id)
    if not calls or reading.kind is Kind.RESULT:
        return edit
    if reading.kind in (Kind.CLOSE, Kind.CANCEL):
        return EndCalls(trace=trace, calls=tuple(calls), received_at=edit.edited_at, edit=edit)
    asked: list[Asked] = []
    if reading.change is not None and not reading.change.entry:
        asked = [Asked(call=key, what=reading.change) for key in calls]
    elif reading.kind is Kind.NEW:
        for key, call in calls.items():
            leg = next((leg for leg in reading.legs if symbol_of(leg) == call.symbol), None)
            if leg is not None:
                asked.append(_asked(key, leg, ledger, p_call=scored.p_call, late=late))
    if len(asked) < len(calls):
        return replace(edit, effect="review", reason="review.unclear")
    return ReviseCalls(trace=trace, asked=tuple(asked), received_at=edit.edited_at, edit=edit)


def _asked(key: CallKey, leg: Leg, ledger: Ledger, *, p_call: float, late: bool) -> Asked:
    held = ledger.calls.get(key) or ledger.ticket(key)
    now, before = LegRead.of(leg), None if held is None else held.leg
    wants_plan, refused = False, None
    if held is not None and before is not None and before.side is leg.side:
        if entry_changed(before, now):
            # Late entries are not sent any more; and those that rest are not what the channel wants.
            wants_plan, refused = True, "late" if late else None
        elif not late and not (isinstance(held, Call) and held.bought):
            stop = held.stop if isinstance(held, Call) else held.plan.stop
            wants_plan = stop_widened(now, before, stop=stop, planned=held.plan.stop)
    return Asked(call=key, what=leg, p_call=p_call, wants_plan=wants_plan, refused=refused)


def sold_by(post: Post, reading: Reading, calls: Iterable[Call], market: Market, *, at: float) -> tuple[CallKey, ...]:
    """
    Calls that a sell ends: where nothing can be sold short, one that names what its channel has bought means its end.

    Empty for every other post.
    """
    if not reading.legs or reading.stale or any(leg.side is not Side.SELL for leg in reading.legs):
        return ()
    view = MarketAsOf(market, at=at)
    named = {view.symbol_of(leg) for leg in reading.legs}
    return tuple(
        call.key
        for call in calls
        if call.channel == post.channel and call.side is Side.BUY and call.symbol in named
        if (known := market.instrument(call.symbol, at)) is not None and not known.can_short
    )
