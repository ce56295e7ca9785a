"""What becomes of posts in the fold: what waits, what was said since, and how much of it is remembered."""

from decimal import Decimal

from levibotd.domain.ledger import Ledger
from levibotd.domain.order_records import OrderBlocked
from levibotd.domain.post_fold import DECIDED_MAX
from levibotd.domain.records import AutoRouteSkipped, Entry, SignalEdited, SignalIngest
from levibotd.domain.signal import CallKey, Post, TraceId
from tests.domain.desk import BTC, Desk


def test_no_more_decisions_and_spent_tickets_are_remembered_than_the_limit() -> None:
    desk = Desk()
    count = DECIDED_MAX + DECIDED_MAX // 8 + 1  # One more than the batch that is forgotten together.
    for number in range(count):
        desk.ledger.apply(Entry(AutoRouteSkipped(reason="test"), TraceId(f"{number}"), None))
        desk.ledger.apply(Entry(OrderBlocked(call=CallKey(f"{number}"), gate="ticket"), None, None))

    oldest = count - DECIDED_MAX
    for number, known in ((oldest - 1, False), (oldest, True), (count - 1, True)):
        assert (desk.ledger.decision(TraceId(f"{number}")) is not None) is known
        assert desk.ledger.ticket_spent(CallKey(f"{number}")) is known


def test_a_post_without_a_trace_beside_it_is_found_by_its_own() -> None:
    post = Post(channel="@c", message_id=4, posted_at=1.0, text="x")
    ledger = Ledger(balance=Decimal(1))
    ledger.apply(Entry(SignalIngest(post=post, received_at=1.0, source="file"), None, BTC))

    assert list(ledger.pending) == [post.trace]


def test_a_pending_post_says_what_its_newest_edit_says_in_whatever_order_they_come() -> None:
    desk = Desk()
    trace = desk.post(1)
    for revision, text in ((2, "newer"), (1, "older")):
        edit = SignalEdited(
            channel="@c", message_id=1, revision=revision, text=text, edited_at=desk.now, effect="noted"
        )
        desk.write(edit, trace=trace)

    known = desk.ledger.revision(trace)
    assert known is not None
    assert known.number == 2
    assert desk.ledger.pending[trace].post.text == "newer"
