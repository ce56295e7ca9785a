"""What the card book keeps of the log."""

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levibotd.domain.cards.board import board_of, card_of
from levibotd.domain.cards.book import CardBook
from levibotd.domain.records import SignalIngest
from levibotd.domain.signal import Kind, Side
from tests.domain.cards.log import BEGIN, DAY, Hand, leg

ENDINGS = st.sampled_from(("filled", "unfilled", "cancelled", "unpriced", None))
CALLS = st.lists(
    st.tuples(
        st.sampled_from(("@a", "@b")), st.floats(0, 100), ENDINGS, st.floats(-1.5, 3),
        st.sampled_from(("telethon", "replay")), st.booleans(),
    ),
    max_size=40,
)  # fmt: skip


@given(CALLS)
@settings(max_examples=60, deadline=None)
def test_the_calls_of_each_column_are_the_sum_of_what_became_of_them(
    drawn: list[tuple[str, float, str | None, float, str, bool]],
) -> None:
    hand = Hand()
    written: dict[tuple[str, bool], int] = {}
    for channel, day, status, r, source, rewritten in drawn:
        at = BEGIN + day * DAY
        edited_at = at + 700.0 if rewritten else None
        number = hand.post(channel, at, legs=(leg(), leg("ETH")), source=source, edited_at=edited_at)
        for number_of_leg in (0, 1):
            if status is not None:
                hand.end(channel, number, at + DAY, r, status=status, leg=number_of_leg)
        if status is not None or rewritten:
            key = (channel, source == "telethon" and not rewritten)
            written[key] = written.get(key, 0) + 2

    for card in board_of(hand.book, at=BEGIN + 200 * DAY).cards:
        for witnessed, column in ((True, card.witnessed), (False, card.backfilled)):
            counts = column.counts
            parts = counts.filled + counts.unfilled + counts.cancelled + counts.unpriced + counts.unknown
            assert parts == counts.calls == written.get((card.channel, witnessed), 0)
            assert sum(counts.unpriced_by.values()) == counts.unpriced
        assert card.witnessed.counts.unknown == 0


@given(CALLS, st.integers(0, 200))
@settings(max_examples=30, deadline=None)
def test_a_snapshot_and_the_records_after_it_give_what_all_records_give(
    drawn: list[tuple[str, float, str | None, float, str, bool]], cut: int
) -> None:
    hand = Hand()
    for channel, day, status, r, source, _ in drawn:
        number = hand.post(channel, BEGIN + day * DAY, legs=(leg(),), source=source)
        if status is not None:
            hand.end(channel, number, BEGIN + (day + 1) * DAY, r, status=status)

    book = CardBook()
    for entry in hand.entries[:cut]:
        book.apply(entry)
    again = CardBook.from_bytes(book.to_bytes())
    for entry in hand.entries[cut:]:
        again.apply(entry)

    assert again == hand.book
    assert msgspec.json.encode(board_of(again, at=BEGIN)) == msgspec.json.encode(board_of(hand.book, at=BEGIN))


@given(CALLS, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_records_in_any_order_are_folded_and_the_sum_holds(
    drawn: list[tuple[str, float, str | None, float, str, bool]], chance: Random
) -> None:
    hand = Hand()
    for channel, day, status, r, source, _ in drawn:
        number = hand.post(channel, BEGIN + day * DAY, legs=(leg(), leg("ETH")), source=source)
        if status is not None:
            hand.end(channel, number, BEGIN + (day + 1) * DAY, r, status=status)
        hand.edit(channel, number, BEGIN + (day + 2) * DAY)
        hand.delete(channel, number, BEGIN + (day + 2) * DAY)
    entries = list(hand.entries)
    chance.shuffle(entries)

    book = CardBook(calls_max=10)
    for entry in entries:
        book.apply(entry)

    assert book.contradictions == 0
    assert CardBook.from_bytes(book.to_bytes()) == book
    for card in board_of(book, at=BEGIN + 200 * DAY).cards:
        for counts in (card.witnessed.counts, card.backfilled.counts):
            parts = counts.filled + counts.unfilled + counts.cancelled + counts.unpriced + counts.unknown
            assert parts == counts.calls


def test_a_second_delivery_and_an_edit_make_no_other_call() -> None:
    hand = Hand()
    number = hand.called("@c", BEGIN, -1.0)
    before = hand.book.to_bytes()

    hand.post("@c", BEGIN, legs=(leg(), leg("ETH")), message_id=number)  # As an edit that adds a coin would be read.

    counts = card_of(hand.book, "@c", at=BEGIN).witnessed.counts
    assert counts.calls == 1
    assert counts.running == 1  # The coin that is new; the first stands as it was.
    assert CardBook.from_bytes(before).channels["@c"].calls[f"{number}|0"].r == -1.0


def test_posts_that_wait_in_a_book_of_before_are_read_as_what_was_found_in_them() -> None:
    call, claim = "BTC, entries valid for 24 hours", "BTC target 1 hit ✅"
    hand = Hand()
    hand.post("@c", BEGIN, text=call, legs=(leg(),))
    hand.post("@c", BEGIN + 60.0, text=claim, kind=Kind.RESULT, reply_to=1, symbols=("BTC",))
    cut = [number for number, entry in enumerate(hand.entries) if isinstance(entry.record, SignalIngest)]
    early = CardBook()
    for number in cut:
        early.apply(hand.entries[number])
    tree = msgspec.msgpack.decode(early.to_bytes())
    for arrived, found in zip(tree["arrived"].values(), ((None, 86_400.0), (True, None)), strict=True):
        del arrived["text"]
        arrived["claim"], arrived["lifetime_s"] = found

    again = CardBook.from_bytes(msgspec.msgpack.encode(tree))
    for entry in hand.entries:
        if not isinstance(entry.record, SignalIngest):
            again.apply(entry)

    assert hand.book.channels["@c"].calls["1|0"].stated_s == 86_400.0
    assert hand.book.channels["@c"].calls["1|0"].claimed
    assert again == hand.book


def test_pictures_without_text_are_calls_that_nobody_can_price() -> None:
    hand = Hand()
    hand.post("@c", BEGIN, text="👇", media="photo", kind=Kind.CHATTER)
    hand.post("@c", BEGIN, text="our chart of BTC", media="photo", kind=Kind.CHATTER)

    counts = card_of(hand.book, "@c", at=BEGIN).witnessed.counts

    assert (counts.calls, counts.unpriced, counts.unreadable, counts.unpriced_by) == (1, 1, 1, {"unreadable": 1})


def test_who_posted_first_has_the_call_whichever_reached_us_first() -> None:
    hand = Hand()
    hand.called("@late", BEGIN + 600, 1.0)
    hand.called("@first", BEGIN, 1.0)
    hand.called("@later", BEGIN + 900, 1.0)

    cards = {card.channel: card.witnessed.conduct for card in board_of(hand.book, at=BEGIN + 30 * DAY).cards}

    assert cards["@first"].copied_by_others == 2
    assert (cards["@late"].copied, cards["@late"].copied_from) == (1, {"@first": 1})
    assert cards["@later"].copied_from == {"@first": 1}


def test_a_result_post_claims_the_call_it_answers_or_the_last_on_its_coin() -> None:
    hand = Hand()
    won = hand.called("@c", BEGIN, 1.0)
    lost = hand.called("@c", BEGIN + 2 * DAY, -1.0, coin="ETH")
    hand.post("@c", BEGIN + 3 * DAY, text="TP1 hit ✅", kind=Kind.RESULT, reply_to=won)
    hand.post("@c", BEGIN + 3 * DAY, text="ETH target 1 reached ✅", kind=Kind.RESULT, symbols=("ETH/USDT",))
    hand.post("@c", BEGIN + 3 * DAY, text="SOL target 1 reached ✅", kind=Kind.RESULT, symbols=("SOL",))

    conduct = card_of(hand.book, "@c", at=BEGIN + 30 * DAY).witnessed.conduct

    assert (conduct.claimed_wins, conduct.claims_that_won, conduct.claimed_win_rate) == (2, 1, 1.0)
    assert conduct.claims_measured == 2
    assert hand.book.channels["@c"].calls[f"{lost}|0"].claimed is True


def test_what_was_done_to_a_post_is_told_by_when_it_was_done() -> None:
    hand = Hand()
    early, late, gone, kept = (hand.called("@c", BEGIN + n * 2 * DAY, -1.0) for n in range(4))
    hand.edit("@c", early, BEGIN + 30.0)  # Filled after a minute.
    hand.edit("@c", late, BEGIN + 2 * DAY + 3600.0)
    hand.edit("@c", kept, BEGIN + 9 * DAY, effect="chatter")
    hand.delete("@c", gone, BEGIN + 5 * DAY)

    conduct = card_of(hand.book, "@c", at=BEGIN + 30 * DAY).witnessed.conduct

    assert (conduct.edited, conduct.edited_after_move) == (2, 1)
    assert (conduct.deleted, conduct.deleted_after_loss) == (1, 1)


def test_of_the_past_nobody_knows_what_was_edited_or_deleted() -> None:
    hand = Hand()
    hand.called("@c", BEGIN, -1.0, source="replay")

    card = card_of(hand.book, "@c", at=BEGIN + 30 * DAY)

    assert card.witnessed.counts.calls == 0
    assert card.backfilled.conduct.edited is None
    assert card.backfilled.conduct.deleted_after_loss is None


def test_two_sides_of_one_coin_are_two_calls() -> None:
    hand = Hand()
    number = hand.post("@c", BEGIN, legs=(leg(), leg(side=Side.SELL)))
    hand.end("@c", number, BEGIN + DAY, 1.0)
    hand.end("@c", number, BEGIN + DAY, -1.0, leg=1)

    counts = card_of(hand.book, "@c", at=BEGIN + 30 * DAY).witnessed.counts

    assert (counts.calls, counts.filled, counts.distinct) == (2, 2, 1)  # Two calls, and one piece of evidence.


def test_calls_beyond_the_limit_stay_in_the_figures() -> None:
    chance, hand = Random(4), Hand()
    for number in range(150):
        hand.called("@c", BEGIN + number * DAY / 2, round(chance.uniform(-1, 2), 3), coin=f"C{number % 9}")
    whole = card_of(hand.book, "@c", at=BEGIN + 90 * DAY).witnessed

    small = CardBook(calls_max=40)
    for entry in hand.entries:
        small.apply(entry)
    column = card_of(small, "@c", at=BEGIN + 90 * DAY).witnessed

    assert sum(len(kept.calls) for kept in small.channels.values()) <= 40
    assert column.counts == whole.counts
    assert column.results.expectancy == whole.results.expectancy
    assert column.results.expectancy_95 == whole.results.expectancy_95
    assert column.results.max_drawdown == pytest.approx(whole.results.max_drawdown)
    assert column.stops == whole.stops


@given(CALLS, st.lists(st.tuples(st.integers(0, 40), st.floats(0, 60), st.sampled_from(("edit", "delete", "claim")))))
@settings(max_examples=40, deadline=None)
def test_what_is_done_to_posts_afterwards_changes_no_result(
    drawn: list[tuple[str, float, str | None, float, str, bool]], done: list[tuple[int, float, str]]
) -> None:
    hand = Hand()
    posts = []
    for channel, day, status, r, source, _ in drawn:
        at = BEGIN + day * DAY
        posts.append((channel, hand.post(channel, at, legs=(leg(entry=100.0 + len(posts)),), source=source)))
        if status is not None:
            hand.end(channel, posts[-1][1], at + DAY, r, status=status)
    before = board_of(hand.book, at=BEGIN + 200 * DAY)

    for number, day, what in done if posts else ():
        channel, post = posts[number % len(posts)]
        if what == "edit":
            hand.edit(channel, post, BEGIN + day * DAY)
        elif what == "delete":
            hand.delete(channel, post, BEGIN + day * DAY)
        else:
            hand.post(channel, BEGIN + day * DAY, text="TP1 hit ✅", kind=Kind.RESULT, reply_to=post)
    after = board_of(hand.book, at=BEGIN + 200 * DAY)

    for fair, tricked in zip(before.cards, after.cards, strict=True):
        for one, other in ((fair.witnessed, tricked.witnessed), (fair.backfilled, tricked.backfilled)):
            assert other.counts == one.counts
            assert msgspec.structs.replace(other.results, claimed_curve=()) == one.results
        assert tricked.trust == fair.trust


def test_a_record_that_makes_no_sense_is_counted_and_changes_nothing() -> None:
    hand = Hand()
    hand.called("@c", BEGIN, 1.0)
    outcome = hand.entries[-1].record
    before = card_of(hand.book, "@c", at=BEGIN)

    hand.write(msgspec.structs.replace(outcome, call="no call"), "@c", 1)

    assert hand.book.contradictions == 1
    assert card_of(hand.book, "@c", at=BEGIN) == before
