"""What the ledger holds: the few things its structs derive."""

from decimal import Decimal

from levibotd.domain.book import PendingPost, Position
from levibotd.domain.orders import ENTRY
from levibotd.domain.records import SignalIngest
from levibotd.domain.signal import CallKey, Post, Symbol
from tests.domain.desk import Desk, plan


def test_a_pending_post_is_read_in_its_newest_revision() -> None:
    post = Post(channel="@c", message_id=1, posted_at=1.0, text="first", reply_to=7)
    pending = PendingPost(ingest=SignalIngest(post=post, received_at=1.0, source="file"), text="first")
    assert pending.post == post

    pending.revision, pending.text, pending.edited_at = 1, "second", 9.0
    assert (pending.post.text, pending.post.known_at, pending.post.reply_to) == ("second", 9.0, 7)
    assert pending.post.trace == post.trace


def test_a_position_has_the_average_of_what_was_paid() -> None:
    position = Position(symbol=Symbol("BTCUSDT"), qty=Decimal(-4), entry_value=Decimal(390), owner=CallKey("c"))

    assert position.entry_price == Decimal("97.5")


def test_a_call_is_flat_until_something_fills() -> None:
    desk = Desk()
    key = desk.opened(plan(loss="12.5"))
    assert desk.call(key).flat
    assert desk.call(key).entry_price is None
    assert desk.call(key).planned_loss == Decimal("12.5")

    desk.fill(desk.cids(key, ENTRY)[0], "0.5", "99")
    assert not desk.call(key).flat
    assert desk.call(key).entry_price == Decimal(99)
