"""Acts, and the labels that judge them: the fold, what is due, and what a channel is held to."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.acts import ACTS_JUDGED, ACTS_KEPT, ActBook, ActJudged, Tally
from levibotd.domain.order_records import EntryArmed
from levibotd.domain.orders import ENTRY, STOP
from levibotd.domain.records import ChannelStage, Entry, Record, RiskTicket
from levibotd.domain.signal import NO_TRADE, CallKey, Side, call_key, trace_id
from tests.domain.desk import BTC, Desk, plan

AT = 1_700_000_000.0
CHANNELS = ("@a", "@b")
LABELS = ("BUY", "SELL", NO_TRADE)
STAGED = ChannelStage(stage="live", before="canary", by="http", reason="r", channel="@a")


class Writer:
    """Writes records as a daemon would; `entries` is the log, `book` the fold over it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.book = ActBook()
        self._desk = Desk()
        self._number = 0

    def write(self, *records: Record) -> None:
        for record in records:
            self._take(Entry(record))

    def ticket(self, digest: str, *, channel: str = "@a", side: Side = Side.BUY) -> CallKey:
        self._number += 1
        stop, aim = ("90", "110") if side is Side.BUY else ("110", "90")
        key = self._desk.ticket(plan(side=side, stop=stop, targets=(aim,)), message_id=self._number, channel=channel)
        record = self._desk.entries[-1].record
        assert isinstance(record, RiskTicket)
        self._take(Entry(replace(record, said=digest), trace_id(channel, self._number), BTC))
        return key

    def intent(self, key: CallKey, role: str = ENTRY) -> None:
        self._desk.intent(key, role, "1", price="100")
        self._take(self._desk.entries[-1])

    def act(self, digest: str, *, channel: str = "@a", side: Side = Side.BUY) -> CallKey:
        key = self.ticket(digest, channel=channel, side=side)
        self.intent(key)
        return key

    def label(self, labels: Mapping[str, str]) -> list[ActJudged]:
        """What these labels have a daemon write down; written once, nothing is left of it."""
        due = self.book.due(labels, at=AT)
        for one in due:
            self._take(one)
        assert self.book.due(labels, at=AT) == ()
        return [one.record for one in due if isinstance(one.record, ActJudged)]

    def _take(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.book.apply(entry)


def folded(entries: list[Entry]) -> ActBook:
    book = ActBook()
    for entry in entries:
        book.apply(entry)
    return book


def test_a_label_that_says_otherwise_makes_the_act_a_wrong_one() -> None:
    log = Writer()
    key = log.act("a text")

    (judged,) = log.label({"a text": NO_TRADE, "another": "BUY"})

    assert judged == ActJudged(
        at=AT, call=key, channel="@a", digest="a text", read="BUY", label=NO_TRADE, wrong=True, before=None
    )
    assert (log.entries[-1].trace, log.entries[-1].symbol) == (trace_id("@a", 1), BTC)
    assert log.book.tally("@a") == Tally(judged=1, wrong=1)
    assert log.book.tally("@b") == Tally()


@pytest.mark.parametrize(("label", "wrong"), [("SELL", 0), ("BUY", 1), (NO_TRADE, 1)])
def test_a_short_is_right_where_the_label_sells(label: str, wrong: int) -> None:
    log = Writer()
    log.act("a text", side=Side.SELL)
    log.label({"a text": label})

    assert log.book.tally("@a") == Tally(judged=1, wrong=wrong)


def test_a_corrected_label_replaces_the_one_before() -> None:
    log = Writer()
    log.act("a text")
    log.label({"a text": NO_TRADE})

    (corrected,) = log.label({"a text": "BUY"})

    assert (corrected.wrong, corrected.before) == (False, NO_TRADE)
    assert log.book.tally("@a") == Tally(judged=1, wrong=0)


def test_one_text_judges_every_leg_and_every_channel_that_acted_on_it() -> None:
    log = Writer()
    calls = [log.act("a text", channel=channel) for channel in ("@a", "@b", "@b")]

    assert [one.call for one in log.label({"a text": "BUY"})] == calls


def test_what_was_never_sent_is_no_act() -> None:
    log = Writer()
    key = log.ticket("a text")
    log.intent(key, STOP)  # Before the first entry its stop is there.
    assert log.label({"a text": NO_TRADE}) == []

    log.write(EntryArmed(call=key, cid="c", trigger=1, price=1, valid_until=AT))  # type: ignore[arg-type]
    assert len(log.label({"a text": NO_TRADE})) == 1


def test_a_plan_of_later_is_the_same_act() -> None:
    log = Writer()
    key = log.act("a text")
    ticket = next(one.record for one in log.entries if isinstance(one.record, RiskTicket))
    log.write(replace(ticket, said="edited", revision=1))
    log.intent(key)

    assert log.book.digests() == {"a text"}


def test_only_the_last_twenty_judged_count() -> None:
    log = Writer()
    texts = [str(number) for number in range(ACTS_JUDGED + 3)]
    for text in texts:
        log.act(text)
    log.label(dict.fromkeys(texts[:3], NO_TRADE))
    assert log.book.tally("@a") == Tally(judged=3, wrong=3)

    log.label(dict.fromkeys(texts[3:-1], "BUY"))
    assert log.book.tally("@a") == Tally(judged=ACTS_JUDGED, wrong=1)
    log.label({texts[-1]: "BUY"})
    assert log.book.tally("@a") == Tally(judged=ACTS_JUDGED, wrong=0)


@pytest.mark.parametrize(
    "staged", [STAGED, replace(STAGED, channel=None), replace(STAGED, channel="-1001", names=("-1001", "@a"))]
)
def test_what_was_held_against_a_channel_is_not_held_against_it_again(staged: ChannelStage) -> None:
    log = Writer()
    for text in ("1", "2"):
        log.act(text)
    log.label({"1": NO_TRADE})
    log.write(staged)
    assert log.book.tally("@a") == Tally()

    log.label({"1": "SELL"})  # Still as wrong as it was.
    assert log.book.tally("@a") == Tally()
    log.label({"1": "BUY", "2": NO_TRADE})
    assert log.book.tally("@a") == Tally(judged=2, wrong=1)


def test_a_stage_of_another_channel_is_none_of_ours() -> None:
    log = Writer()
    log.act("1", channel="@b")
    log.label({"1": NO_TRADE})
    log.write(STAGED)

    assert log.book.tally("@b") == Tally(judged=1, wrong=1)


def test_a_verdict_on_what_nobody_remembers_changes_nothing() -> None:
    log = Writer()
    log.act("1")
    before = log.book.copy()
    unknown = call_key("paper", "@z", 9, 0)
    for channel in ("@a", "@z"):
        log.write(ActJudged(at=AT, call=unknown, channel=channel, digest="9", read="BUY", label="SELL", wrong=True))

    assert log.book == before


steps = st.one_of(
    st.tuples(st.just("act"), st.sampled_from(CHANNELS), st.sampled_from("123456789"), st.sampled_from(list(Side))),
    st.tuples(st.just("label"), st.sampled_from("123456789"), st.sampled_from(LABELS)),
    st.tuples(st.just("stage"), st.sampled_from(CHANNELS)),
    st.tuples(st.just("again")),
)


@given(st.lists(steps, max_size=80))
@settings(max_examples=150, deadline=None)
def test_whatever_is_labelled_when_each_act_is_judged_by_the_label_its_text_has(moves: list[tuple[str, ...]]) -> None:
    log, labels = Writer(), dict[str, str]()
    acts: dict[CallKey, tuple[str, str, str]] = {}
    counted: dict[CallKey, bool] = {}
    verdicts: dict[CallKey, bool] = {}
    for kind, *what in moves:
        if kind == "act":
            channel, text, side = what
            acts[log.act(text, channel=channel, side=Side(side))] = (channel, text, side)
        elif kind == "label":
            labels[what[0]] = what[1]
        elif kind == "stage":
            log.write(replace(STAGED, channel=what[0]))
            counted.update({key: False for key in counted if acts[key][0] == what[0]})
        log.label(labels)
        for key, (_, text, side) in acts.items():
            wrong = labels.get(text, side) != side
            if text in labels and verdicts.get(key) is not wrong:
                verdicts[key], counted[key] = wrong, True
    for channel in CHANNELS:
        kept = [key for key in acts if acts[key][0] == channel][-ACTS_KEPT:]
        held = [verdicts[key] for key in kept if counted.get(key)][-ACTS_JUDGED:]
        assert log.book.tally(channel) == Tally(judged=len(held), wrong=sum(held))
    assert folded(log.entries) == log.book == ActBook.from_bytes(log.book.to_bytes()) == log.book.copy()


def test_what_is_remembered_is_bounded() -> None:
    log = Writer()
    calls = [log.act(str(number)) for number in range(3 * ACTS_KEPT)]

    assert log.book.digests() == {str(number) for number in range(2 * ACTS_KEPT, 3 * ACTS_KEPT)}
    assert [one.call for one in log.label({"0": NO_TRADE, str(3 * ACTS_KEPT - 1): NO_TRADE})] == calls[-1:]


def test_a_copy_goes_its_own_way() -> None:
    log = Writer()
    log.act("1")
    copied = log.book.copy()
    log.label({"1": NO_TRADE})

    assert copied != log.book
    assert copied.tally("@a") == Tally()
