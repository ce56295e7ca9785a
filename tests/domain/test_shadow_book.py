"""The book of calls that are followed, folded from records."""

import sys
from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from levibotd.domain.leg_read import LegRead
from levibotd.domain.outcomes import AS_FOLLOWED, AS_POSTED, PLACEBO, ShadowOutcome
from levibotd.domain.records import (
    Entry,
    Logged,
    Record,
    RiskTicket,
    SignalDeleted,
    SignalEdited,
    SignalExpired,
    SignalIngest,
)
from levibotd.domain.shadow_book import OPEN_MAX, PAST_MAX, POSTS_KEPT, TOO_MANY, ShadowBook, ShadowCall
from levibotd.domain.signal import CallKey, Kind, Leg, Post, Side, Symbol
from levibotd.domain.trade_plan import Rung, TradePlan
from tests.domain.readings import scored

START = 1_700_006_400.0
LEG = Leg(symbol="BTC/USDT", side=Side.BUY, entry_type="limit", entry=(100.0,), tps=(110.0,), sl=90.0)


class Told:
    """A book, and what it is told."""

    def __init__(self) -> None:
        self.book = ShadowBook()
        self.seq = 0

    def tell(self, record: Record, *, trace_of: Post | None = None, ts: float = START) -> None:
        self.seq += 1
        entry = Entry(record, None if trace_of is None else trace_of.trace)
        self.book.apply(Logged(seq=self.seq, ts=ts, event_type="X", entry=entry))

    def post(
        self,
        number: int,
        *legs: Leg,
        kind: Kind = Kind.NEW,
        channel: str = "@c",
        source: str = "telethon",
        received_at: float = START + 2,
        reply_to: int | None = None,
        edited_at: float | None = None,
        committed_at: float = START,
        text: str = "t",
        **said: object,
    ) -> Post:
        post = Post(
            channel=channel, message_id=number, posted_at=START, text=text, reply_to=reply_to, edited_at=edited_at
        )
        self.tell(SignalIngest(post=post, received_at=received_at, source=source), trace_of=post, ts=committed_at)
        self.tell(scored(post.channel, *legs, kind=kind, **said), trace_of=post, ts=committed_at)
        return post


def outcome(key: CallKey, ledger: str) -> ShadowOutcome:
    return ShadowOutcome(
        call=key, channel="@c", ledger=ledger, side=Side.BUY, status="unfilled", witnessed=True,
        posted_at=START, decided_at=START, at=START,
    )  # fmt: skip


def key(number: int, leg: int = 0, *, channel: str = "@c") -> CallKey:
    return CallKey(f"paper|{channel}|{number}|{leg}")


def only(told: Told) -> ShadowCall:
    (call,) = told.book.calls.values()
    return call


def test_every_leg_of_a_call_is_taken_up() -> None:
    told = Told()
    told.post(7, LEG, replace(LEG, symbol="ETH"))

    assert list(told.book.calls) == [key(7, 0), key(7, 1)]
    assert [call.symbol for call in told.book.calls.values()] == ["BTCUSDT", "ETHUSDT"]
    assert told.book.taken_up == 2


@pytest.mark.parametrize(
    "changes", [{"stale": True}, {"label": "NO-TRADE"}, {"kind": Kind.UPDATE}, {"kind": Kind.IDEA}, {"legs": ()}]
)
def test_what_is_no_call_is_not_taken_up(changes: dict[str, object]) -> None:
    told = Told()
    told.post(7, LEG, **changes)  # type: ignore[arg-type]

    assert not told.book.calls


def test_nothing_fills_before_a_second_after_it_reached_us() -> None:
    told = Told()
    told.post(7, LEG, received_at=START + 50)

    assert (only(told).witnessed, only(told).decided_at) == (True, START + 51)


def test_what_a_post_says_of_its_entries_and_its_targets_is_kept() -> None:
    told = Told()
    told.post(7, LEG, text="Targets: 110_100%\nValid for 4 hours")
    assert (only(told).lifetime_s, only(told).tp_weights) == (14_400.0, (100.0,))

    told = Told()
    told.post(7, LEG)
    assert (only(told).lifetime_s, only(told).tp_weights) == (None, ())


def test_a_post_that_came_late_is_decided_on_when_its_text_was_known() -> None:
    told = Told()
    told.post(7, LEG, received_at=START + 5000)

    assert (only(told).witnessed, only(told).decided_at) == (False, START + 1)


def test_a_text_that_was_rewritten_soon_counts_from_then_on() -> None:
    told = Told()
    told.post(7, LEG, source="replay", edited_at=START + 600, received_at=START + 600)

    assert (only(told).fate, only(told).decided_at) == (None, START + 601)


def test_a_text_that_was_rewritten_late_is_a_call_of_unknown_result() -> None:
    told = Told()
    told.post(7, LEG, source="replay", edited_at=START + 601, received_at=START + 601)

    assert only(told).fate == "unknown"


def test_a_second_reading_of_a_post_takes_up_nothing() -> None:
    told = Told()
    post = told.post(7, LEG)
    told.tell(scored("@c", replace(LEG, sl=80.0)), trace_of=post)

    assert told.book.taken_up == 1
    assert only(told).leg.sl == Decimal(90)


def test_edits_and_deletions_change_nothing() -> None:
    told = Told()
    post = told.post(7, LEG)
    before = told.book.to_bytes()
    told.tell(
        SignalEdited(channel="@c", message_id=7, revision=1, text="better", edited_at=START, effect="noted"),
        trace_of=post,
    )
    told.tell(SignalDeleted(channel="@c", message_id=7, seen_by="update", at=START), trace_of=post)

    assert told.book.to_bytes() == before


def test_a_call_is_let_go_when_both_outcomes_are_written() -> None:
    told = Told()
    told.post(7, LEG)
    told.tell(outcome(key(7), AS_POSTED))
    assert only(told).done == (AS_POSTED,)
    told.tell(outcome(key(7), AS_FOLLOWED))
    told.tell(outcome(key(7), AS_FOLLOWED))

    assert not told.book.calls


@pytest.mark.parametrize(
    ("source", "status", "kept"),
    [("telethon", "filled", True), ("telethon", "unpriced", False), ("replay", "filled", False)],
)
def test_a_witnessed_call_that_is_over_waits_until_it_was_compared_twice(source: str, status: str, kept: bool) -> None:
    told = Told()
    told.post(1, LEG, source=source)
    (key,) = told.book.calls
    for ledger in (AS_POSTED, AS_FOLLOWED):
        told.tell(replace(outcome(key, ledger), status=status))

    assert list(told.book.past) == ([key] if kept else [])
    assert ShadowBook.from_bytes(told.book.to_bytes()) == told.book
    told.tell(outcome(key, PLACEBO))
    assert list(told.book.past) == ([key] if kept else [])
    told.tell(outcome(key, PLACEBO))
    assert told.book.past == {}


def test_a_call_that_is_over_is_packed_and_comes_out_as_it_was() -> None:
    told = Told()
    told.post(1, replace(LEG, sl=(2.0, 3.5), sl_kind="pct", leverage=(3.0, 5.0), factor=Decimal("1e-8"), zone=True))
    call = only(told)
    for ledger in (AS_POSTED, AS_FOLLOWED):
        told.tell(replace(outcome(call.key, ledger), status="filled"))
    told.tell(outcome(call.key, PLACEBO))

    (past,) = told.book.past.values()

    assert past.decided_at == call.decided_at
    assert past.unpacked(call.key) == replace(call, done=(AS_POSTED, AS_FOLLOWED, PLACEBO))


def test_a_call_that_is_over_weighs_a_fraction_of_an_open_one() -> None:
    told = Told()
    told.post(1, LEG, channel="@a_channel_with_a_long_name")
    (call,) = told.book.calls.values()

    assert sys.getsizeof(call.packed()) + sys.getsizeof(call.packed().kept) < 320


def test_calls_to_be_compared_are_bounded_and_each_that_made_room_is_counted() -> None:
    told = Told()
    told.post(1, LEG)
    call = only(told)
    for number in range(PAST_MAX + PAST_MAX // 8):
        told.book.past[key(number, channel="@before")] = call.packed()
    for ledger in (AS_POSTED, AS_FOLLOWED):
        told.tell(replace(outcome(call.key, ledger), status="filled"))

    assert len(told.book.past) == PAST_MAX
    assert told.book.forgotten == PAST_MAX // 8 + 1
    assert list(told.book.past)[-1] == call.key


def test_a_call_too_many_is_not_followed_and_says_so() -> None:
    told = Told()
    told.post(1, LEG)
    call = only(told)
    told.book.calls.update({key(number, channel="@others"): call for number in range(OPEN_MAX - 1)})
    told.post(2, LEG)
    told.post(3, LEG)

    assert told.book.calls[key(2)].fate == TOO_MANY
    assert told.book.not_followed == 2


def test_a_snapshot_that_kept_calls_that_are_over_as_they_were_is_read() -> None:
    told = Told()
    told.post(1, LEG)
    told.post(2, LEG)
    call = told.book.calls[key(1)]
    before = msgspec.msgpack.decode(told.book.to_bytes())
    del before["forgotten"], before["not_followed"]
    before["past"] = {key(1): msgspec.to_builtins(call)}

    book = ShadowBook.from_bytes(msgspec.msgpack.encode(before))

    assert book.past == {key(1): call.packed()}
    assert book.calls == told.book.calls
    with pytest.raises(msgspec.DecodeError):
        ShadowBook.from_bytes(msgspec.msgpack.encode({**before, "past": 7}))


def test_the_parts_of_a_packed_leg_keep_their_places_and_what_is_new_has_a_default() -> None:
    # Packed ones stand in snapshots of before, and in the one that a pruned log begins with, without names.
    first = (
        "symbol", "side", "quote_inferred", "market", "entry_type", "entry", "tps", "tp_unit", "sl", "sl_kind",
        "margin", "leverage", "price_unit", "factor", "zone",
    )  # fmt: skip
    hints = msgspec.structs.fields(LegRead)

    assert tuple(hint.encode_name for hint in hints[: len(first)]) == first
    assert not any(hint.required for hint in hints[len(first) :])


def test_a_reply_that_closes_ends_its_call_alone() -> None:
    told = Told()
    told.post(7, LEG)
    told.post(8, LEG)
    told.post(9, kind=Kind.CLOSE, reply_to=7, received_at=START + 100, committed_at=START + 100)

    assert told.book.calls[key(7)].announced_at == START + 101
    assert told.book.calls[key(8)].announced_at is None


def test_a_named_coin_ends_every_call_on_it_of_that_channel() -> None:
    told = Told()
    told.post(7, LEG)
    told.post(8, replace(LEG, symbol="ETH/USDT"))
    told.post(9, LEG, channel="@d")
    told.post(10, kind=Kind.CANCEL, symbols=("BTC",))

    assert [call.key for call in told.book.calls.values() if call.announced_at is not None] == [key(7)]


def test_close_all_ends_every_call_of_that_channel() -> None:
    told = Told()
    told.post(7, LEG)
    told.post(8, replace(LEG, symbol="ETH/USDT"))
    told.post(9, LEG, channel="@d")
    told.post(10, kind=Kind.CLOSE, every_call=True)

    assert [call.announced_at is not None for call in told.book.calls.values()] == [True, True, False]


def test_an_exit_acts_no_earlier_than_it_was_written_and_only_the_first_one_counts() -> None:
    told = Told()
    told.post(7, LEG)
    told.post(8, kind=Kind.CLOSE, reply_to=7, received_at=START + 100, committed_at=START + 500)
    told.post(9, kind=Kind.CLOSE, reply_to=7, received_at=START + 20, committed_at=START + 900)

    assert only(told).announced_at == START + 500


def test_what_we_would_have_been_too_late_for_is_marked() -> None:
    told = Told()
    post = told.post(7, LEG)
    told.post(8, LEG)
    told.tell(SignalExpired(age_s=90.0, limit_s=60.0), trace_of=post)

    assert [call.expired for call in told.book.calls.values()] == [True, False]


def test_the_plan_of_a_ticket_is_kept() -> None:
    told = Told()
    told.post(7, LEG)
    plan = TradePlan(
        symbol=Symbol("BTCUSDT"), side=Side.BUY, rungs=(Rung(style="limit", qty=Decimal(1), price=Decimal(100)),),
        targets=(), stop=Decimal(90), stop_source="signal", targets_source="signal", qty=Decimal(1),
        notional=Decimal(100), planned_loss=Decimal(10), leverage=1, mark=Decimal(105), price_cap=Decimal(100),
    )  # fmt: skip
    told.tell(
        RiskTicket(
            call=key(7),
            channel="@c",
            plan=plan,
            gates=(),
            policy="moderate",
            policy_hash="",
            equity=Decimal(1),
            exposure_seq=0,
            entry_valid_until=START,
            expires_at=START,
            at=START,
        )
    )

    assert only(told).plan == plan


def test_the_median_stop_of_a_channel_is_that_of_its_earlier_calls() -> None:
    told = Told()
    for number in range(11):
        told.post(number, LEG)
    told.post(20, replace(LEG, sl=None))

    calls = list(told.book.calls.values())
    assert [call.median_stop for call in calls[8:11]] == [None, None, pytest.approx(0.1)]
    assert calls[-1].median_stop == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changes", "contaminated"),
    [
        ({}, False),
        ({"trained_until": START + 1}, True),
        ({"trained_until": START}, False),
        ({"markets_as_of": "2023-11-16"}, True),
        ({"markets_as_of": "2023-11-15"}, False),
    ],
)
def test_a_reading_that_knew_later_things_is_contaminated(changes: dict[str, object], contaminated: bool) -> None:
    told = Told()
    told.post(7, LEG, **changes)  # type: ignore[arg-type]

    assert only(told).contaminated is contaminated


def test_a_book_comes_back_from_its_bytes_and_goes_on_the_same() -> None:
    told, again = Told(), Told()
    for one in (told, again):
        one.post(7, LEG)
        one.post(8, LEG)
    again.book = ShadowBook.from_bytes(again.book.to_bytes())
    for one in (told, again):
        one.post(9, kind=Kind.CLOSE, reply_to=7)
        one.tell(outcome(key(7), AS_POSTED))

    assert again.book == told.book


def test_posts_that_are_never_read_are_forgotten() -> None:
    told = Told()
    for number in range(POSTS_KEPT + POSTS_KEPT // 8 + 1):  # One more than the batch that is forgotten together.
        post = Post(channel="@c", message_id=number, posted_at=START, text="t")
        told.tell(SignalIngest(post=post, received_at=START, source="telethon"), trace_of=post)

    assert len(told.book.posts) == POSTS_KEPT
