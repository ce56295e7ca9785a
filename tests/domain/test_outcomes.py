"""An outcome in the shadow ledger, as it stands in the log."""

from decimal import Decimal

import pytest

from levibotd.domain.outcomes import AS_POSTED, ShadowOutcome, has_unknown_text, is_witnessed, knew_later
from levibotd.domain.records import Entry, SignalIngest
from levibotd.domain.signal import CallKey, Post, Side
from levibotd.journal import Chain, Preparer, decode
from tests.domain.readings import scored


def test_an_outcome_comes_back_from_the_log_as_it_went_in() -> None:
    outcome = ShadowOutcome(
        call=CallKey("paper|@c|7|0"), channel="@c", ledger=AS_POSTED, side=Side.SELL, status="filled",
        witnessed=True, posted_at=1.0, decided_at=3.0, at=9.0, opened_at=4.0, entry=Decimal("0.00000010"),
        exit=Decimal("0.1"), filled_share=0.5, r=-1.25, r_low=-1.5, r_high=0.25, undecided=True, ended_by="stop",
    )  # fmt: skip

    line = Chain(boot="b").line(Preparer().prepare(Entry(outcome)), ts=0, mono=0)

    assert decode(line).event_type == "SHADOW_OUTCOME"
    assert decode(line).entry.record == outcome


@pytest.mark.parametrize(
    ("source", "after_s", "edited_after_s", "witnessed", "unknown"),
    [
        ("telethon", 120.0, None, True, False),
        ("telethon", 121.0, None, False, False),
        ("replay", 0.0, None, False, False),
        ("telethon", 60.0, 30.0, False, False),  # What came first nobody saw.
        ("replay", 0.0, 600.0, False, False),
        ("replay", 0.0, 601.0, False, True),
    ],
)
def test_a_post_is_witnessed_when_its_first_text_reached_us_at_once(
    source: str, after_s: float, edited_after_s: float | None, witnessed: bool, unknown: bool
) -> None:
    edited_at = None if edited_after_s is None else 1000.0 + edited_after_s
    post = Post(channel="@c", message_id=1, posted_at=1000.0, text="t", edited_at=edited_at)
    ingest = SignalIngest(post=post, received_at=1000.0 + after_s, source=source)

    assert (is_witnessed(ingest), has_unknown_text(ingest)) == (witnessed, unknown)


@pytest.mark.parametrize(
    ("source", "after_s", "late", "witnessed"),
    [
        ("http", 0.0, False, True),  # Posted when it reached us: a caller names no time of his own.
        ("file", 119.0, False, True),
        ("file", 3_600.0, False, False),  # A line with a time of its own, told an hour later.
        ("file", -3_600.0, False, False),  # And one from the future.
        ("telethon", 30.0, True, False),  # Out of a hole: who deleted his loser in it is not seen there.
    ],
)
def test_only_what_came_by_the_live_path_is_witnessed(source: str, after_s: float, late: bool, witnessed: bool) -> None:
    post = Post(channel="@c", message_id=1, posted_at=10_000.0, text="t")

    assert is_witnessed(SignalIngest(post=post, received_at=10_000.0 + after_s, source=source, late=late)) is witnessed


@pytest.mark.parametrize(
    ("trained_until", "markets_as_of", "later"),
    [
        (None, None, False),
        (999.0, "1970-01-01", False),
        (1000.0, None, False),
        (1001.0, None, True),
        (999.0, "1970-01-02", True),
    ],
)
def test_what_was_known_only_after_a_post_contaminates_its_reading(
    trained_until: float | None, markets_as_of: str | None, later: bool
) -> None:
    reading = scored("@c", trained_until=trained_until, markets_as_of=markets_as_of)

    assert knew_later(reading, 1000.0) is later
