"""The fold of what is committed, and what a run did."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from levibotd.app.committed import CommittedState, Counts, reason_of
from levibotd.domain.acts import ActBook
from levibotd.domain.cards.book import CardBook
from levibotd.domain.climate.record import ClimateRecord
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import (
    AutoRouteDryrun,
    AutoRouteExecuted,
    AutoRouteSkipped,
    DayAnchor,
    Entry,
    Heartbeat,
    Logged,
    Record,
    SignalExpired,
    SignalIngest,
    SignalRejected,
    SignalScored,
)
from levibotd.domain.shadow_book import ShadowBook
from levibotd.domain.signal import Post, TraceId
from tests.domain.cards.log import BEGIN, Hand
from tests.domain.desk import Desk
from tests.domain.test_acts import Writer

NOW = 1_700_000_000.0


def logged(*entries: Entry, seq: int = 1) -> list[Logged]:
    return [
        Logged(seq=number, ts=NOW + number, event_type="X", entry=entry) for number, entry in enumerate(entries, seq)
    ]


def post(message_id: int, *, at: float = NOW) -> Post:
    return Post(channel="@a", message_id=message_id, posted_at=at, text="hello")


def ingested(one: Post) -> Entry:
    return Entry(SignalIngest(post=one, received_at=NOW, source="file"), one.trace)


def scored(one: Post, *, trained_until: float | None, markets_as_of: str | None = None) -> Entry:
    record = SignalScored(
        channel=one.channel,
        kind="chatter",
        label="NO-TRADE",
        probs={},
        p_call=1.0,
        stale=False,
        legs=(),
        reasons=(),
        revision=0,
        last_price={},
        markets_as_of=markets_as_of,
        model_sha="0",
        trained_until=trained_until,
    )
    return Entry(record, one.trace)


def skipped(one: Post) -> Entry:
    return Entry(AutoRouteSkipped(reason="kind.chatter"), one.trace)


def counted(*entries: Entry, balance: str = "10000") -> Counts:
    state, counts = CommittedState(Ledger(balance=Decimal(balance))), Counts(balance=Decimal(balance))
    state.add(counts)
    state.observe(logged(*entries))
    return counts


def test_the_fold_has_a_commit_before_anybody_hears_of_it() -> None:
    state = CommittedState(Ledger(balance=Decimal(100)))
    heard: list[tuple[bool, int]] = []
    state.watch(lambda batch: heard.append((state.is_decided(post(1).trace), len(batch))))

    state.observe(logged(ingested(post(1)), skipped(post(1)), seq=7))

    assert heard == [(True, 2)]
    assert (state.last_seq, state.last_ts) == (8, NOW + 8)


def test_watchers_hear_in_the_order_in_which_they_came() -> None:
    state = CommittedState(Ledger(balance=Decimal(100)))
    heard: list[str] = []
    state.watch(lambda batch: heard.append("first"))
    state.watch(lambda batch: heard.append("second"))

    state.observe(logged(ingested(post(1))))

    assert heard == ["first", "second"]


def test_a_watcher_hears_what_concerns_it_alone() -> None:
    state = CommittedState(Ledger(balance=Decimal(100)))
    heard: list[list[str]] = []
    state.watch(
        lambda batch: heard.append([type(one.entry.record).__name__ for one in batch]),
        concerns=lambda kind: kind is not SignalIngest,
    )

    state.observe(logged(ingested(post(1))))
    state.observe(logged(ingested(post(2)), skipped(post(1)), skipped(post(2))))

    assert heard == [["AutoRouteSkipped", "AutoRouteSkipped"]]


def test_who_comes_later_hears_of_what_is_committed_from_then_on() -> None:
    state, counts = CommittedState(Ledger(balance=Decimal(100))), Counts(balance=Decimal(100))
    heard: list[int] = []
    state.observe(logged(ingested(post(1))))

    state.add(counts)
    state.watch(lambda batch: heard.append(len(batch)))
    state.observe(logged(ingested(post(2))))

    assert (counts.posts, heard) == (1, [1])


def test_an_empty_commit_moves_nothing_and_nobody_hears_of_it() -> None:
    state = CommittedState(Ledger(balance=Decimal(100)))
    state.watch(lambda _batch: pytest.fail("there was nothing to hear of"))

    state.observe([])

    assert (state.last_seq, state.last_ts) == (0, None)


def test_a_post_is_decided_by_its_terminal_record_alone() -> None:
    state = CommittedState(Ledger(balance=Decimal(100)))
    state.observe(logged(ingested(post(1)), scored(post(1), trained_until=None)))

    assert not state.is_decided(post(1).trace)
    assert not state.is_decided(TraceId("0" * 16))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (AutoRouteExecuted(legs=(), effect="opened"), "EXECUTED opened"),
        (AutoRouteDryrun(legs=()), "DRYRUN"),
        (AutoRouteSkipped(reason="kind.idea"), "SKIPPED kind.idea"),
        (SignalExpired(age_s=61.0, limit_s=60.0), "EXPIRED"),
        (SignalRejected(gate="heat", value=1, limit=0), "REJECTED heat"),
        (Heartbeat(equity=Decimal(1), open_positions=0, pending_posts=0), None),
    ],
)
def test_decisions_are_counted_by_their_reason(record: Record, reason: str | None) -> None:
    assert reason_of(record) == reason


def test_posts_orders_and_fills_of_a_whole_trade_are_counted() -> None:
    desk = Desk()
    desk.post(1)
    key = desk.opened()
    (entry,) = desk.cids(key, "e")
    desk.fill(entry, "1", "100")
    close = desk.rest(key, "c", "1", price="108")
    desk.fill(close, "0.5", "108")
    desk.fill(close, "0.5", "108")
    desk.finish(key)
    counts = counted(*desk.entries)

    assert (counts.posts, counts.orders, counts.fills) == (1, 3, 3)
    assert (counts.peak, counts.drawdown) == (Decimal(10_008), 0)


@pytest.mark.parametrize(("as_of", "contaminated"), [("2023-11-13", 0), ("2023-11-14", 0), ("2023-11-15", 1)])
def test_a_decision_is_contaminated_by_a_list_of_markets_of_a_later_day(as_of: str, contaminated: int) -> None:
    one = post(1)  # Of November 14th.
    counts = counted(ingested(one), scored(one, trained_until=None, markets_as_of=as_of), skipped(one))

    assert sum(counts.contaminated.values()) == contaminated


@pytest.mark.parametrize(("trained_until", "contaminated"), [(None, 0), (NOW - 1, 0), (NOW, 0), (NOW + 1, 1)])
def test_a_decision_is_contaminated_by_texts_later_than_its_post(
    trained_until: float | None, contaminated: int
) -> None:
    counts = counted(ingested(post(1)), scored(post(1), trained_until=trained_until), skipped(post(1)))

    assert counts.decisions["SKIPPED kind.chatter"] == 1
    assert counts.contaminated["SKIPPED kind.chatter"] == contaminated


def test_contamination_ends_with_its_post() -> None:
    counts = counted(
        *(ingested(post(1)), scored(post(1), trained_until=NOW + 1), skipped(post(1))),
        *(ingested(post(2)), scored(post(2), trained_until=None), skipped(post(2))),
    )

    assert (counts.decisions["SKIPPED kind.chatter"], counts.contaminated["SKIPPED kind.chatter"]) == (2, 1)


@pytest.mark.parametrize(
    ("equities", "drawdown"),
    [
        (("10000", "11000"), "0"),
        (("9000",), "0.1"),
        (("12000", "9000", "11000"), "0.25"),
        (("12000", "9000", "15000", "12000"), "0.25"),
    ],
)
def test_drawdown_is_the_deepest_fall_from_a_peak(equities: Sequence[str], drawdown: str) -> None:
    anchors = [Entry(DayAnchor(day="2023-11-14", equity=Decimal(equity), at=NOW)) for equity in equities]

    assert counted(*anchors).drawdown == Decimal(drawdown)


def test_an_account_without_money_has_no_drawdown() -> None:
    assert counted(Entry(DayAnchor(day="2023-11-14", equity=Decimal(0), at=NOW)), balance="0").drawdown == 0


def test_each_fold_has_what_it_would_have_alone() -> None:
    desk, hand, acts = Desk(), Hand(), Writer()
    desk.post(1)
    desk.opened()
    hand.called("@c", BEGIN, -1.0)
    acts.act("said")
    acts.label({"said": "SELL"})
    committed = logged(*desk.entries, *hand.entries, *acts.entries)
    state = CommittedState(Ledger(balance=Decimal(10_000)))
    state.observe(committed)

    ledger, cards, book = Ledger(balance=Decimal(10_000)), CardBook(), ActBook()
    climate, shadow = ClimateRecord(), ShadowBook()
    for one in committed:
        ledger.apply(one.entry)
        cards.apply(one.entry)
        book.apply(one.entry)
        climate.apply(one)
        shadow.apply(one)
    assert (state.ledger(), state.cards, state.acts) == (ledger, cards, book)
    assert (state.climate, state.shadow) == (climate, shadow)
    assert ledger.calls
    assert cards.channels
    assert climate.crowd.since is not None


def test_a_snapshot_holds_the_folds_beside_the_ledger_too() -> None:
    state = CommittedState(Ledger(balance=Decimal(10_000)))
    state.climate.crowd.wake(1.0)
    hand = Hand()
    hand.called("@c", BEGIN, -1.0)
    acts = Writer()
    acts.act("said")
    acts.label({"said": "SELL"})
    state.observe(logged(*hand.entries, *acts.entries))

    again = CommittedState.from_bytes(state.to_bytes())
    assert (again.ledger(), again.climate, again.cards) == (state.ledger(), state.climate, state.cards)
    assert (again.cards, again.acts) == (hand.book, acts.book)


def test_a_snapshot_of_the_ledger_alone_is_read_and_what_is_beside_it_begins_anew() -> None:
    ledger = Ledger(balance=Decimal(7))

    again = CommittedState.from_bytes(ledger.to_bytes())
    assert (again.ledger(), again.climate) == (ledger, ClimateRecord())


def test_bytes_that_are_no_snapshot_are_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        CommittedState.from_bytes(b"\xc3")
