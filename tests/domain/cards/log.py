"""A hand that writes the records of channels, for tests of cards."""

from levibotd.domain.cards.book import CardBook
from levibotd.domain.outcomes import AS_FOLLOWED, AS_POSTED, ShadowOutcome, is_witnessed
from levibotd.domain.records import Entry, Record, SignalDeleted, SignalEdited, SignalIngest
from levibotd.domain.signal import Kind, Leg, Post, Side, Symbol, call_key, trace_id
from tests.domain.readings import scored

ACCOUNT = "paper"
DAY = 86_400.0
BEGIN = 1_699_833_600.0  # A Monday, 00:00 UTC.


class Hand:
    """Writes records in order; `entries` is the log so far, `book` what is folded of it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.book = CardBook()
        self._next = 0

    def write(self, record: Record, channel: str, message_id: int, symbol: str | None = None) -> None:
        entry = Entry(record, trace_id(channel, message_id), None if symbol is None else Symbol(symbol))
        self.entries.append(entry)
        self.book.apply(entry)

    def post(
        self,
        channel: str,
        at: float,
        *,
        text: str = "call",
        kind: Kind = Kind.NEW,
        legs: tuple[Leg, ...] = (),
        source: str = "telethon",
        reply_to: int | None = None,
        media: str | None = None,
        message_id: int | None = None,
        symbols: tuple[str, ...] = (),
        edited_at: float | None = None,
        trained_until: float | None = None,
    ) -> int:
        """A post and its reading; returns its message id."""
        self._next += 1
        number = self._next if message_id is None else message_id
        post = Post(
            channel=channel,
            message_id=number,
            posted_at=at,
            text=text,
            reply_to=reply_to,
            media=media,
            edited_at=edited_at,
        )
        self.write(SignalIngest(post=post, received_at=at + 1.0, source=source), channel, number)
        read = scored(channel, *legs, kind=kind, trained_until=trained_until, symbols=symbols)
        self.write(read, channel, number)
        return number

    def end(
        self,
        channel: str,
        message_id: int,
        at: float,
        r: float | None = None,
        *,
        status: str = "filled",
        reason: str | None = None,
        opened_at: float | None = None,
        posted_at: float | None = None,
        leg: int = 0,
        symbol: str = "BTCUSDT",
        **more: object,
    ) -> None:
        """How a call ended, the same in both ledgers."""
        call = call_key(ACCOUNT, channel, message_id, leg)
        ingest = next(
            entry.record
            for entry in self.entries
            if isinstance(entry.record, SignalIngest)
            and (entry.record.post.channel, entry.record.post.message_id) == (channel, message_id)
        )
        began = ingest.post.posted_at if posted_at is None else posted_at
        for ledger in (AS_POSTED, AS_FOLLOWED):
            outcome = ShadowOutcome(
                call=call,
                channel=channel,
                ledger=ledger,
                side=Side.BUY,
                status=status,
                reason=reason,
                witnessed=is_witnessed(ingest),
                posted_at=began,
                decided_at=began + 2.0,
                at=at,
                opened_at=began + 60.0 if status == "filled" and opened_at is None else opened_at,
                r=r,
                **more,  # type: ignore[arg-type]
            )
            self.write(outcome, channel, message_id, symbol)

    def called(
        self, channel: str, at: float, r: float | None, *, after_s: float = DAY, coin: str = "BTC", **more: object
    ) -> int:
        """A call with its stop at 5 % and its target at 10 %, and how it ended."""
        legs = (leg(coin, entry=100.0 + (at - BEGIN) // 3600),)  # Another hour, other numbers.
        number = self.post(channel, at, text=f"{coin} long", legs=legs, source=str(more.pop("source", "telethon")))
        self.end(channel, number, at + after_s, r, symbol=f"{coin}USDT", **more)  # type: ignore[arg-type]
        return number

    def edit(self, channel: str, message_id: int, at: float, *, effect: str = "noted") -> None:
        self.write(
            SignalEdited(channel=channel, message_id=message_id, revision=1, text="t", edited_at=at, effect=effect),
            channel,
            message_id,
        )

    def delete(self, channel: str, message_id: int, at: float) -> None:
        self.write(SignalDeleted(channel=channel, message_id=message_id, seen_by="test", at=at), channel, message_id)


def leg(coin: str = "BTC", *, side: Side = Side.BUY, entry: float = 100.0, sl: float | None = 95.0) -> Leg:
    sign = side.sign
    return Leg(
        symbol=f"{coin}/USDT",
        side=side,
        entry_type="limit",
        entry=(entry,),
        tps=(entry + sign * 10.0,),
        sl=None if sl is None else entry - sign * (100.0 - sl),
        sl_kind=None if sl is None else "price",
    )
