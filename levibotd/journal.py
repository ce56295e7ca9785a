"""
The event-log codec: event type, class and schema of each record; a line's bytes, and back.

One line is one JSON object and a line feed, its members in this order and without spaces:

    {"seq":1,"ts":1730805032.123,"mono":12.345000,"boot":"…","event_type":"SIGNAL_SCORED",
     "symbol":"BTCUSDT"|null,"trace_id":"…"|null,"payload":{…},"prev":"<32 hex>","h":"<32 hex>"}

`prev` is the `h` of the record before (32 zeros before the first). `h` is BLAKE2b with a digest
of 16 bytes, keyed with the log key where there is one (FILE_OPEN says so), in lower-case hex,
over the canonical bytes: the line as it stands, without the member `h`. That is: take the line,
cut its last 41 bytes (`,"h":"` + 32 hex + `"}` + line feed) and put one `}` at the end.

Money is written as strings, floats in their shortest form; with rounding (replay) floats have
six significant digits and unix times milliseconds. Control characters never stand in a line:
those that JSON leaves alone (DEL, C1, line separators, bidi marks) are written as \\u escapes.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from hashlib import blake2b
from math import isnan
from typing import Final

import msgspec
from msgspec import Raw, Struct

from levibotd.domain import acts, archive, learning, order_records, outcomes
from levibotd.domain import records as r
from levibotd.domain.cards import trial
from levibotd.domain.json_shape import ColonCount, colons_of
from levibotd.domain.masking import Masker
from levibotd.domain.records import Entry, Logged, Record
from levibotd.domain.rounding import NotFinite, Rounder, rounder_of
from levibotd.domain.signal import Symbol, TraceId
from levibotd.errors import LeviError, Refused

SCHEMA: Final = 1  # Of the whole log; FILE_OPEN names it. A newer one is refused, never half read.
ORIGIN_HASH: Final = "0" * 32
TAIL_LENGTH: Final = 41  # Bytes of `,"h":"<32 hex>"}` and the line feed.

_HASH_START: Final = b',"h":"'
# As numbers: bytes that are looked for as bytes cost five times as much.
_EQUALS: Final = ord("=")
_DEL: Final = 0x7F


class Durability(StrEnum):
    """D: the caller awaits the commit. E: never shed, nobody waits. S: may be shed, newest first."""

    D = "D"
    E = "E"
    S = "S"


class EventType(Struct, frozen=True):
    """How one kind of record stands in the log. `schema` is the one in which it took its present shape."""

    name: str
    durability: Durability
    record: type[Record]
    schema: int = 1


_D: Mapping[str, type[Record]] = {
    "SIGNAL_INGEST": r.SignalIngest,
    "TG_CURSOR": r.TgCursor,
    "RISK_TICKET": r.RiskTicket,
    "RISK_SLTP": r.RiskSltp,
    "RISK_POLICY_CHANGED": r.RiskPolicyChanged,
    "RISK_STATE": r.RiskState,
    "DAY_ANCHOR": r.DayAnchor,
    "KILL_SWITCH": r.KillSwitch,
    "SAFE_MODE": r.SafeMode,
    "CONTROL": r.Control,
    "CHANNEL_STAGE": r.ChannelStage,
    "CONFIG_UPDATE": r.ConfigUpdate,
    "ORDER_INTENT": order_records.OrderIntent,
    "ORDER_NEW": order_records.OrderNew,
    "ORDER_ACK": order_records.OrderAck,
    "ORDER_REJECT": order_records.OrderReject,
    "ORDER_UNKNOWN": order_records.OrderUnknown,
    "ORDER_RESOLVED": order_records.OrderResolved,
    "ORDER_PARTIAL_FILL": order_records.OrderPartialFill,
    "ORDER_FILLED": order_records.OrderFilled,
    "ORDER_DONE": order_records.OrderDone,
    "ORDER_ABANDONED": order_records.OrderAbandoned,
    "ORDER_BLOCKED": order_records.OrderBlocked,
    "CANCEL_INTENT": order_records.CancelIntent,
    "CANCEL_DONE": order_records.CancelDone,
    "PROTECT": order_records.Protect,
    "POS_RECON": order_records.PosRecon,
}
_E: Mapping[str, type[Record]] = {
    "SIGNAL_EDITED": r.SignalEdited,
    "SIGNAL_DELETED": r.SignalDeleted,
    "SIGNAL_SCORED": r.SignalScored,
    "SIGNAL_REJECTED": r.SignalRejected,
    "SIGNAL_EXPIRED": r.SignalExpired,
    "AUTO_ROUTE_SKIPPED": r.AutoRouteSkipped,
    "AUTO_ROUTE_DRYRUN": r.AutoRouteDryrun,
    "AUTO_ROUTE_EXECUTED": r.AutoRouteExecuted,
    "ENTRY_ARMED": order_records.EntryArmed,
    "POSITION_OPENED": order_records.PositionOpened,
    "POSITION_CLOSED": order_records.PositionClosed,
    "SHADOW_OUTCOME": outcomes.ShadowOutcome,
    "ACT_JUDGED": acts.ActJudged,
    "TRIAL": trial.Trial,
    "BOOT": r.Boot,
    "CLOCK_STEP": r.ClockStep,
    "FILE_OPEN": r.FileOpen,
    "FILE_SEAL": r.FileSeal,
    "ACTOR_CRASH": r.ActorCrash,
    "ACTOR_RESTART": r.ActorRestart,
    "DEAD_LETTER": r.DeadLetter,
    "LOG_SHED": r.LogShed,
    **archive.RECORDS,
    **learning.RECORDS,
    "SYSTEM": r.SystemNote,
    "ERROR": r.Error,
}
_S: Mapping[str, type[Record]] = {
    "HEARTBEAT": r.Heartbeat,
    "MARKET_QUOTE": r.MarketQuote,
}
EVENTS: Final[Mapping[str, EventType]] = {
    name: EventType(name, durability, record)
    for durability, table in ((Durability.D, _D), (Durability.E, _E), (Durability.S, _S))
    for name, record in table.items()
}
EVENT_OF: Final[Mapping[type[Record], EventType]] = {event.record: event for event in EVENTS.values()}

# Each post ends in exactly one of these.
TERMINAL: Final[frozenset[str]] = frozenset(
    {"AUTO_ROUTE_SKIPPED", "SIGNAL_EXPIRED", "SIGNAL_REJECTED", "AUTO_ROUTE_DRYRUN", "AUTO_ROUTE_EXECUTED"}
)


_TERMINAL_RECORDS = frozenset(EVENTS[name].record for name in TERMINAL)
_DROPPABLE = frozenset(_S.values())


class Damaged(LeviError):
    """These bytes are not a line that this codec wrote."""

    code = "LOG_DAMAGED"


class Unwritable(Refused):
    """A record that could be written and never read back: NaN, half a character."""

    code = "UNWRITABLE"


class Prepared(Struct, frozen=True, gc=False):
    """An entry ready for the log: tidied, masked and encoded. `entry` is what the payload says."""

    entry: Entry
    event: EventType
    payload: bytes


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the log, its payload still closed."""

    seq: int
    ts: float
    mono: float
    boot: str
    event_type: str
    symbol: Symbol | None
    trace_id: TraceId | None
    payload: Raw
    prev: str
    h: str


# What preparing a record of one type takes: its event; how its floats are tidied (None: it holds none); how many
# colons its texts hold. A tuple, as it is unpacked often.
_Kind = tuple[EventType, Rounder | None, ColonCount]


class Preparer:
    """First half of encoding, before a record has its place: check floats, round, mask, encode."""

    def __init__(self, *, masker: Masker | None = None, rounded: bool = False) -> None:
        self._masker = masker or Masker()
        self._knows_secrets = self._masker.knows_secrets
        self._may_hold_secrets = self._masker.may_hold_secrets
        self._encode = msgspec.json.Encoder().encode
        self._rounded = rounded
        self._kinds: dict[type[Record], _Kind] = {}

    def prepare(self, entry: Entry) -> Prepared:
        """Raises Unwritable."""
        record = entry.record
        kind = type(record)
        event, tidy, colons = self._kinds.get(kind) or self._compiled(kind)
        try:
            in_texts = colons(record)
            # Mostly there are none; and then its floats are as they may be, too.
            if in_texts and isnan(in_texts) and tidy is not None and (tidied := tidy(record)) is not record:
                record = tidied
                entry = Entry(record, entry.trace, entry.symbol)
                in_texts = colons(record)
            payload = self._encode(record)
        except (NotFinite, UnicodeEncodeError) as fault:
            raise Unwritable(f"{event.name}: {fault}", reason="unwritable") from fault
        if (in_texts or self._knows_secrets or _EQUALS in payload) and self._may_hold_secrets(payload, in_texts):
            plain, payload = payload, self._masker.payload(payload)
            if payload is not plain:
                # Whoever reads the record sees what stands in the log.
                payload, record = self._masked(plain, payload, event)
                entry = Entry(record, entry.trace, entry.symbol)
        if not payload.isascii() or _DEL in payload:
            payload = escaped(payload)
        return Prepared(entry, event, payload)

    # The digits of a secret may stand in an amount by chance. Then the amount stays: what is masked could not be read.
    def _masked(self, plain: bytes, masked: bytes, event: EventType) -> tuple[bytes, Record]:
        try:
            return masked, msgspec.json.decode(masked, type=event.record)
        except msgspec.ValidationError:
            masked = self._masker.payload(plain, numbers=False)
        try:
            return masked, msgspec.json.decode(masked, type=event.record)
        except msgspec.ValidationError as fault:
            raise Unwritable(f"{event.name}: a mask is no value for it: {fault}", reason="unwritable") from fault

    # When the first of a kind comes: all of them would cost a start ten milliseconds.
    def _compiled(self, record: type[Record]) -> _Kind:
        kind = EVENT_OF[record], rounder_of(record, rounded=self._rounded), colons_of(record, rounded=self._rounded)
        self._kinds[record] = kind
        return kind


def own_record(record: r.FileOpen | r.FileSeal) -> Prepared:
    """A journal's own, by a short way: no float in it is to be tidied, no text of others to be masked."""
    return Prepared(Entry(record), EVENT_OF[type(record)], escaped(msgspec.json.encode(record)))


class Chain:
    """
    Second half: give records their place. Holds the end of the log, as far as lines were made.

    `seq` and `hash` are public so that a writer can go back to what is on disk after a failed write.
    """

    def __init__(self, *, boot: str, key: bytes = b"", seq: int = 0, hash_: str = ORIGIN_HASH) -> None:
        self.seq = seq
        self.hash = hash_.encode()
        self._begun = blake2b(digest_size=16, key=key)  # To be copied: quicker than to be begun anew.
        self._encode = msgspec.json.Encoder().encode
        # Those of the last record and how they are written: the next often has the same.
        self._trace: TraceId | None = None
        self._trace_json = b"null"
        self._times = (0.0, 0.0)
        self._times_json = b""
        boot_json = self._encode(boot)
        self._heads = {
            event.name: b',"boot":%b,"event_type":"%b","symbol":' % (boot_json, event.name.encode())
            for event in EVENTS.values()
        }

    def line(self, prepared: Prepared, *, ts: float, mono: float) -> bytes:
        """The next line of the log, line feed included."""
        entry = prepared.entry
        if entry.trace is not self._trace:
            self._trace = entry.trace
            self._trace_json = escaped(self._encode(entry.trace))
        times = (ts, mono)
        if times != self._times or not self._times_json:
            self._times = times
            self._times_json = b'"ts":%.3f,"mono":%.6f' % times
        body = b'{"seq":%d,%b%b%b,"trace_id":%b,"payload":%b,"prev":"%b"' % (
            self.seq + 1,
            self._times_json,
            self._heads[prepared.event.name],
            b"null" if entry.symbol is None else escaped(self._encode(entry.symbol)),
            self._trace_json,
            prepared.payload,
            self.hash,
        )
        self.seq += 1
        digest = self._begun.copy()
        digest.update(body)
        digest.update(b"}")
        self.hash = digest.hexdigest().encode()
        return b'%b,"h":"%b"}\n' % (body, self.hash)


_LINES = msgspec.json.Decoder(Line)
_PAYLOADS: Final = {name: msgspec.json.Decoder(event.record) for name, event in EVENTS.items()}


def parse(line: bytes) -> Line:
    """Read a line without its payload. Raises Damaged."""
    try:
        return _LINES.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Damaged(f"not a line of the event log: {fault}") from fault


def logged(line: Line) -> Logged:
    """Open the payload of a line. Raises Damaged."""
    decoder = _PAYLOADS.get(line.event_type)
    if decoder is None:
        raise Damaged(f"seq {line.seq}: unknown event type {line.event_type[:40]!r}")
    try:
        record = decoder.decode(line.payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Damaged(f"seq {line.seq}: payload of {line.event_type}: {fault}") from fault
    return Logged(seq=line.seq, ts=line.ts, event_type=line.event_type, entry=Entry(record, line.trace_id, line.symbol))


def decode(line: bytes) -> Logged:
    """Read a whole line; the chain is not looked at. Raises Damaged."""
    return logged(parse(line))


def hash_of(line: bytes, *, key: bytes = b"") -> str:
    """What `h` of this line, line feed included, must be. Raises Damaged when it does not end like a line."""
    if line[-TAIL_LENGTH : -TAIL_LENGTH + 6] != _HASH_START or line[-3:] != b'"}\n':
        raise Damaged("does not end in a hash")
    return blake2b(line[:-TAIL_LENGTH] + b"}", digest_size=16, key=key).hexdigest()


def is_droppable(entries: Sequence[Entry]) -> bool:
    """Are all of these of class S?"""
    if entries and type(entries[0].record) not in _DROPPABLE:
        return False  # As nearly always.
    return all(type(entry.record) in _DROPPABLE for entry in entries)


def is_terminal(record: Record) -> bool:
    """Would this record end a post?"""
    return type(record) in _TERMINAL_RECORDS


# What JSON lets through although a terminal or an editor would act on it: DEL, C1, line and
# paragraph separators, marks that turn the direction of text. UTF-8, and only inside strings.
_C1_START, _MARKS_START = 0xC2, 0xE2
_UNSAFE = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]")


def escaped(json: bytes) -> bytes:
    """The same JSON with everything invisible written as an escape."""
    # Ticks, arrows and hands begin as the marks do.
    may_hold_marks = _MARKS_START in json and (json.find(b"\xe2\x80") >= 0 or json.find(b"\xe2\x81") >= 0)
    if not may_hold_marks and _DEL not in json and _C1_START not in json:
        return json  # As nearly all, in whatever script.
    return _UNSAFE.sub(lambda match: b"\\u%04x" % ord(match[0].decode()), json)
