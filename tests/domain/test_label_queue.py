"""The queue of posts worth a label: why one is in it, one a template, and no more than it may hold."""

from typing import Any

import pytest

from levibotd.domain.copies import text_print
from levibotd.domain.label_queue import (
    MARGIN,
    NEW_TEMPLATE,
    ON_THEIR_WAY_MAX,
    QUEUE_MAX,
    RULE_AGAINST_MODEL,
    LabelQueue,
)
from levibotd.domain.leg_read import LegRead
from levibotd.domain.records import Entry, Logged, Record, SignalIngest, SignalScored
from levibotd.domain.signal import Leg, Post, Side

BTC = LegRead.of(Leg(symbol="BTC/USDT", side=Side.BUY))


def told(queue: LabelQueue, number: int, text: str, *, buy: float, **changed: Any) -> None:
    """A post that was ingested and scored."""
    post = Post(channel="c", message_id=number, posted_at=1.0, text=text)
    known: dict[str, Any] = {"kind": "new", "legs": (BTC,), "label": "BUY" if buy > 0.5 else "NO-TRADE", **changed}
    scored = SignalScored(
        channel="c", probs={"BUY": buy, "SELL": 0.0, "NO-TRADE": round(1 - buy, 6)}, p_call=max(buy, 1 - buy),
        stale=known.pop("stale", False), reasons=known.pop("reasons", ()), revision=0, last_price={},
        markets_as_of=None, model_sha="0" * 64, trained_until=None, **known,
    )  # fmt: skip
    for record in (SignalIngest(post=post, received_at=1.0, source="file"), scored):
        queue.apply(_logged(record, post))


def _logged(record: Record, post: Post) -> Logged:
    return Logged(seq=1, ts=1.0, event_type="X", entry=Entry(record, post.trace))


def whys(queue: LabelQueue) -> list[tuple[str, ...]]:
    return [one.why for one in queue.best(10)]


def test_a_sure_call_in_known_words_is_not_worth_a_label() -> None:
    queue = LabelQueue()
    told(queue, 1, "BTC long 100", buy=0.99)
    assert whys(queue) == [(NEW_TEMPLATE,)]
    told(queue, 2, "BTC long 200", buy=0.99)
    assert len(queue) == 1


def test_numbers_and_coins_make_no_new_template() -> None:
    queue = LabelQueue()
    told(queue, 1, "BTC long at 100 https://x.y/1", buy=0.99)
    told(queue, 2, "eth LONG at 2.5 https://x.y/2", buy=0.99, legs=(LegRead.of(Leg(symbol="ETH/USDT", side=Side.BUY)),))
    assert len(queue) == 1


def test_what_the_model_cannot_tell_comes_first() -> None:
    queue = LabelQueue()
    told(queue, 1, "one", buy=0.99)
    told(queue, 2, "two", buy=0.55)
    told(queue, 3, "three", buy=0.7)
    assert [one.message_id for one in queue.best(10)] == [2, 3, 1]
    assert queue.best(1)[0].why == (MARGIN, NEW_TEMPLATE)


@pytest.mark.parametrize(
    "changed",
    [
        {"buy": 0.1},  # Rules read a call, the model does not believe it.
        {"buy": 0.45, "kind": "chatter", "legs": ()},  # It would have believed one.
        {"buy": 0.9, "kind": "ambiguous", "legs": (), "label": "NO-TRADE", "reasons": ("abstained:BUY|NO-TRADE",)},
    ],
)
def test_rule_against_model(changed: dict[str, Any]) -> None:
    queue = LabelQueue()
    told(queue, 1, "text", **changed)
    assert RULE_AGAINST_MODEL in whys(queue)[0]


def test_chatter_and_stale_posts_are_not_asked_about() -> None:
    queue = LabelQueue()
    told(queue, 1, "good morning", buy=0.01, kind="chatter", legs=())
    told(queue, 2, "old", buy=0.5, stale=True)
    told(queue, 3, " ", buy=0.5)
    assert len(queue) == 0


def test_what_has_its_label_is_asked_about_no_more() -> None:
    queue = LabelQueue()
    told(queue, 1, "perhaps 5", buy=0.5)
    queue.is_labelled(text_print("perhaps 5"))
    assert len(queue) == 0
    told(queue, 2, "perhaps 5", buy=0.5)
    assert len(queue) == 0


def test_it_is_bounded_and_the_least_valuable_goes() -> None:
    queue = LabelQueue()
    for number in range(QUEUE_MAX + 50):
        told(queue, number, f"word{'x' * number}", buy=0.5 + number / 1000)
    assert len(queue) == QUEUE_MAX
    assert queue.best(1)[0].message_id == 0


def test_posts_that_are_never_scored_do_not_pile_up() -> None:
    queue = LabelQueue()
    for number in range(5_000):
        post = Post(channel="c", message_id=number, posted_at=1.0, text="x")
        queue.apply(_logged(SignalIngest(post=post, received_at=1.0, source="file"), post))
    assert queue.waiting == ON_THEIR_WAY_MAX
