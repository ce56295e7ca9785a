"""Who loses his evidence goes down by one."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from levibotd.app.committed import CommittedState
from levibotd.app.demotion import BY, Demotion
from levibotd.domain.acts import ActBook
from levibotd.domain.cards.format import POSTS
from levibotd.domain.cards.trusting import TrustDesk
from levibotd.domain.ledger import Ledger
from levibotd.domain.outcomes import AS_FOLLOWED, ShadowOutcome
from levibotd.domain.records import ChannelStage, DayAnchor, Entry, Logged, SignalIngest, SignalScored
from levibotd.domain.signal import NO_TRADE, Kind, Post
from levibotd.kernel.clock import Clock
from levibotd.kernel.virtual_time import run_virtual
from levibotd.messages import SetStage
from tests.domain.cards.log import BEGIN, DAY, Hand
from tests.domain.test_acts import Writer

NOW = BEGIN + 40 * DAY
OWN_NAME = "-1001"  # Posts of it come as "@c".


def looked_at(
    hand: Hand, record: object, *, stage: str, unproven: bool = False, at: float = NOW, acts: ActBook | None = None
) -> list[SetStage]:
    told: list[SetStage] = []

    async def look(clock: Clock) -> None:
        demotion = Demotion(
            cards=hand.book, trust=TrustDesk(hand.book), acts=acts or ActBook(), stage_of=lambda channel: stage,
            is_unproven=lambda channel: unproven, names_of=lambda channel: (OWN_NAME, channel),
            tell=lambda wish: told.append(wish) is None, clock=clock,
        )  # fmt: skip
        state = CommittedState(Ledger(balance=Decimal(0)))
        state.watch(demotion.observe, concerns=demotion.concerns)
        state.observe([Logged(seq=1, ts=at, event_type="", entry=Entry(record))])  # type: ignore[arg-type]

    run_virtual(look, start=at)
    return told


def channel(r: float, *, calls: int = 30, source: str = "telethon") -> Hand:
    hand = Hand()
    hand.write(ChannelStage(stage="canary", before="paper", by="http", reason="r", channel="@c"), "@c", 0)
    for number in range(calls):
        hand.called("@c", BEGIN + (30 - calls + number) * DAY, r, source=source)
    return hand


def last_outcome(hand: Hand) -> ShadowOutcome:
    return next(
        one.record
        for one in reversed(hand.entries)
        if isinstance(one.record, ShadowOutcome) and one.record.ledger == AS_FOLLOWED
    )


@pytest.mark.parametrize(("stage", "goes_to"), [("live", "canary"), ("canary", "ask"), ("paper", None)])
def test_a_channel_that_loses_goes_down_by_one(stage: str, goes_to: str | None) -> None:
    hand = channel(-0.9)

    told = looked_at(hand, last_outcome(hand), stage=stage)

    wanted = [] if goes_to is None else [(goes_to, OWN_NAME, BY)]
    assert [(wish.stage, wish.channel, wish.by) for wish in told] == wanted
    if told:
        (evidence,) = [wish.evidence for wish in told]
        assert evidence is not None
        assert (evidence.witnessed_calls, evidence.t < 0.35, evidence.since_stage_r) == (30, True, -27.0)


def test_a_channel_that_wins_stays() -> None:
    hand = channel(0.6)

    assert looked_at(hand, last_outcome(hand), stage="live") == []


def test_who_is_there_by_the_operators_word_goes_by_his_losses_alone() -> None:
    few, many = channel(-0.9, calls=5), channel(-0.9, calls=6)

    assert looked_at(few, last_outcome(few), stage="live", unproven=True) == []
    (wish,) = looked_at(many, last_outcome(many), stage="live", unproven=True)
    assert wish.reason == "-5.40 R since it was put there, and -5 R is the limit"


@pytest.mark.parametrize("names", [("@c",), ("@c", OWN_NAME)])
@pytest.mark.parametrize(("wrong", "goes"), [(2, False), (3, True)])
def test_three_wrong_acts_of_the_last_twenty_take_a_stage(wrong: int, goes: bool, names: tuple[str, ...]) -> None:
    hand, log = channel(0.6), Writer()
    for number in range(5):
        log.act(str(number), channel=names[number % len(names)])
    told = log.label({str(number): NO_TRADE if number < wrong else "BUY" for number in range(5)})

    first = next(one for one in told if one.channel == "@c")
    wishes = looked_at(hand, first, stage="live", unproven=True, acts=log.book)

    assert looked_at(hand, told[-1], stage="live", acts=log.book) == [], "a right act is no reason to look"
    assert [(wish.stage, wish.channel, wish.by) for wish in wishes] == ([("canary", OWN_NAME, BY)] if goes else [])
    if goes:
        evidence = wishes[0].evidence
        assert evidence is not None
        assert (evidence.judged_acts, evidence.wrong_acts) == (5, 3)
        assert wishes[0].reason == "3 of the last 5 acts that were judged are wrong, and 3 of 20 are the limit"


@pytest.mark.parametrize("names", [("@c",), (OWN_NAME, "@c")])
def test_losses_count_from_the_last_change_of_stage(names: tuple[str, ...]) -> None:
    hand = channel(-0.9, calls=6)
    assert hand.book.channels["@c"].since_stage_r == pytest.approx(-5.4)

    changed = ChannelStage(stage="live", before="canary", by="http", reason="r", channel=names[0], names=names)
    hand.write(changed, "@c", 0)

    assert looked_at(hand, last_outcome(hand), stage="live", unproven=True) == []


def test_silence_is_noticed_at_the_beginning_of_a_day() -> None:
    hand = channel(0.6)
    day = DayAnchor(day="2024-02-01", equity=Decimal(1), at=NOW)

    assert looked_at(hand, day, stage="live", at=BEGIN + 59 * DAY) == []
    (wish,) = looked_at(hand, day, stage="live", at=BEGIN + 61 * DAY)
    assert wish.reason.startswith("silent for 32 days")


def test_backfilled_calls_take_nothing_away() -> None:
    hand = channel(-0.9, source="replay")

    assert looked_at(hand, last_outcome(hand), stage="live") == []


@pytest.mark.parametrize(("stage", "goes"), [("live", True), ("ask", True), ("paper", False)])
def test_a_channel_that_writes_otherwise_is_only_looked_at(stage: str, goes: bool) -> None:
    hand = channel(0.6)
    kept = hand.book.channels["@c"]
    scored = next(one.record for one in reversed(hand.entries) if isinstance(one.record, SignalScored))
    for number in range(2 * POSTS):
        surely = 0.999 if number < POSTS and number % 3 else 0.2
        record = replace(scored, kind=Kind.CHATTER, legs=(), probs={NO_TRADE: surely}, model_sha="m")
        hand.write(ingest(number), "@c", 10_000 + number)
        hand.write(record, "@c", 10_000 + number)

    told = looked_at(hand, scored, stage=stage)

    assert kept.format.psi is not None
    assert [(wish.stage, wish.channel) for wish in told] == ([("observe", OWN_NAME)] if goes else [])
    if goes:
        assert told[0].evidence is not None
        assert told[0].evidence.psi == pytest.approx(kept.format.psi, rel=1e-4)


def ingest(number: int) -> SignalIngest:
    post = Post(channel="@c", message_id=10_000 + number, posted_at=NOW + number, text="t")
    return SignalIngest(post=post, received_at=NOW + number + 1, source="telethon")
