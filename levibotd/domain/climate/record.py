"""What the log says of the climate: a fold over posts that were scored and calls that are over."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from levibotd.domain.climate.crowd import Bias, Crowd, Pulse, bias, pulse
from levibotd.domain.climate.eth_led import EthLed
from levibotd.domain.climate.proof import Proof, Verdict
from levibotd.domain.climate.trend import Trend
from levibotd.domain.copies import call_prints
from levibotd.domain.outcomes import AS_FOLLOWED, ShadowOutcome
from levibotd.domain.records import Logged, Record, SignalIngest, SignalScored
from levibotd.domain.signal import Kind, Side, TraceId, leg_no, message_of, trace_id
from levibotd.domain.stills import in_pieces, still

ON_THEIR_WAY_KEPT = 4096  # Posts between arrival and reading.

_FILLED = "filled"
_SIDES = frozenset(Side)


class Climate(Struct, frozen=True, kw_only=True):
    """All of it as of `at`. Trends by symbol, None where there are too few bars; `copies` are those never counted."""

    at: float
    bias: Bias | None
    pulse: Pulse
    copies: int
    eth_led: EthLed | None
    trends: dict[str, Trend | None]
    hybrid: Verdict


class ClimateRecord(Struct, kw_only=True):
    """
    The state: who said what when, and how calls like these ended. Times are those at which the log had it.

    Two that saw the same records are equal; a snapshot as bytes plus the records after it is as good as all of them.
    """

    crowd: Crowd = field(default_factory=Crowd)
    proof: Proof = field(default_factory=Proof)
    posted_at: dict[TraceId, float] = field(default_factory=dict)

    @staticmethod
    def concerns(kind: type[Record]) -> bool:
        """Does a record of this type change anything here?"""
        return kind in _RULES

    def apply(self, logged: Logged) -> None:
        """Fold one committed record in. Never raises."""
        rule = _RULES.get(type(logged.entry.record))
        if rule is not None:
            rule(self, logged.entry.record, logged)

    def seen(self, *, at: float, eth_led: EthLed | None, trends: dict[str, Trend | None]) -> Climate:
        """All of it as of `at`, which is no earlier than the last record."""
        return Climate(
            at=at,
            bias=bias(self.crowd, at=at),
            pulse=pulse(self.crowd, at=at),
            copies=self.crowd.copies,
            eth_led=eth_led,
            trends=trends,
            hybrid=self.proof.verdict(),
        )

    def copy(self) -> "ClimateRecord":
        """The same as of now, for another thread."""
        return still(self)

    def to_bytes(self) -> bytes:
        return bytes(in_pieces(self))

    @classmethod
    def from_bytes(cls, snapshot: bytes) -> "ClimateRecord":
        """Raises msgspec.DecodeError when these bytes are no snapshot of this version."""
        return msgspec.msgpack.decode(snapshot, type=cls)


def _ingested(state: ClimateRecord, record: SignalIngest, logged: Logged) -> None:
    state.posted_at[logged.entry.trace or record.post.trace] = record.post.posted_at
    if len(state.posted_at) > ON_THEIR_WAY_KEPT:
        del state.posted_at[next(iter(state.posted_at))]


def _scored(state: ClimateRecord, record: SignalScored, logged: Logged) -> None:
    trace = logged.entry.trace
    state.crowd.wake(logged.ts)
    posted_at = state.posted_at.pop(trace, logged.ts) if trace is not None else logged.ts
    if record.kind != Kind.NEW or record.label not in _SIDES or record.stale or record.revision or not record.legs:
        return
    prints = call_prints(record.legs)
    state.crowd.hear(record.channel, Side(record.label), posted_at=posted_at, at=logged.ts, prints=prints)
    terms = record.terms
    if terms is None or trace is None or len(terms.legs) != len(record.legs):
        return
    for number, leg in enumerate(record.legs):
        row = terms.parts(number, p_call=record.p_call, side=leg.side).row()
        state.proof.expect(f"{trace}|{number}", row)


def _ended(state: ClimateRecord, record: ShadowOutcome, _logged: Logged) -> None:
    if record.ledger != AS_FOLLOWED:
        return
    known = record.status == _FILLED and record.r is not None and not record.contaminated
    trace = trace_id(record.channel, message_of(record.call))
    state.proof.resolve(f"{trace}|{leg_no(record.call)}", pays=(record.r or 0.0) > 0.0 if known else None)


_RULES: Mapping[type[Record], Callable[[ClimateRecord, Any, Logged], None]] = {
    SignalIngest: _ingested,
    SignalScored: _scored,
    ShadowOutcome: _ended,
}
