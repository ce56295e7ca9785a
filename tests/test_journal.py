"""The event-log codec: what one line is, to the byte, and that it comes back as it was."""

import json
import math
from decimal import Decimal
from hashlib import blake2b

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levibotd.domain import acts, archive, learning, order_records, outcomes, records
from levibotd.domain.cards import trial
from levibotd.domain.leg_read import LegRead
from levibotd.domain.masking import Masker
from levibotd.domain.order_records import OrderIntent
from levibotd.domain.records import (
    AutoRouteSkipped,
    Entry,
    Gate,
    Heartbeat,
    Record,
    RiskTicket,
    SignalExpired,
    SignalIngest,
    SignalRejected,
    SignalScored,
    SystemNote,
)
from levibotd.domain.signal import CallKey, Leg, Post, Side, Symbol, TraceId
from levibotd.domain.trade_plan import TradePlan
from levibotd.journal import (
    EVENT_OF,
    EVENTS,
    ORIGIN_HASH,
    TERMINAL,
    Chain,
    Damaged,
    Durability,
    Preparer,
    Unwritable,
    decode,
    escaped,
    hash_of,
    is_droppable,
    parse,
)
from tests.any_record import any_of, each_with_one, leaves_of

TRACE = TraceId("00000000000000aa")


def line_of(entry: Entry, *, key: bytes = b"", preparer: Preparer | None = None) -> bytes:
    return Chain(boot="b0", key=key).line((preparer or Preparer()).prepare(entry), ts=1730805032.1234, mono=12.3456789)


def ingest(text: str) -> Entry:
    post = Post(channel="@c", message_id=7, posted_at=1730805031.5, text=text)
    return Entry(SignalIngest(post=post, received_at=1730805032.0, source="file"), TRACE)


def test_a_line_stands_exactly_so() -> None:
    line = line_of(Entry(AutoRouteSkipped(reason="kind.chatter"), TRACE, Symbol("BTCUSDT")))

    body = (
        b'{"seq":1,"ts":1730805032.123,"mono":12.345679,"boot":"b0","event_type":"AUTO_ROUTE_SKIPPED",'
        b'"symbol":"BTCUSDT","trace_id":"00000000000000aa","payload":{"reason":"kind.chatter"},"prev":"%b"}'
        % (b"0" * 32)
    )
    digest = blake2b(body, digest_size=16).hexdigest()
    assert line == body[:-1] + b',"h":"' + digest.encode() + b'"}\n'


def test_an_outsider_can_check_a_line_with_a_json_parser_alone() -> None:
    line = line_of(ingest("Купить BTC 📈"), key=b"secret")

    members = json.loads(line)
    h = members.pop("h")
    assert list(members) == ["seq", "ts", "mono", "boot", "event_type", "symbol", "trace_id", "payload", "prev"]
    assert blake2b(line[:-41] + b"}", digest_size=16, key=b"secret").hexdigest() == h
    assert json.loads(line[:-41] + b"}") == members


def test_each_record_continues_the_one_before() -> None:
    chain = Chain(boot="b0")
    prepared = Preparer().prepare(Entry(SystemNote(note="n")))
    written = [chain.line(prepared, ts=0, mono=0) for _ in range(3)]
    lines = [parse(line) for line in written]

    assert [line.h for line in lines] == [hash_of(line) for line in written]
    assert [line.seq for line in lines] == [1, 2, 3]
    assert [line.prev for line in lines] == [ORIGIN_HASH, lines[0].h, lines[1].h]


def test_every_record_has_its_event_type() -> None:
    written = {
        item
        for module in (acts, records, order_records, archive, learning, outcomes, trial)
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Record) and item not in (Record, order_records.OrderFill)
    }
    assert written == set(EVENT_OF)
    assert set(EVENTS) >= TERMINAL
    assert all(EVENTS[name].durability is Durability.E for name in TERMINAL)


def test_only_class_s_may_be_shed() -> None:
    beat = Entry(Heartbeat(equity=Decimal(1), open_positions=0, pending_posts=0))
    assert is_droppable([beat, beat])
    assert not is_droppable([beat, Entry(SystemNote(note="n"))])


def test_money_comes_back_to_the_last_digit() -> None:
    plan = TradePlan(
        symbol=Symbol("BTCUSDT"), side=Side.BUY, rungs=(), targets=(), stop=Decimal("95.10"), stop_source="signal",
        targets_source="signal", qty=Decimal("0.00010000"), notional=Decimal("9.999999999999999999"),
        planned_loss=Decimal("1E-8"), leverage=1, mark=Decimal("100"), price_cap=Decimal("101"),
    )  # fmt: skip
    ticket = RiskTicket(
        call=CallKey("a|@c|1|0"), channel="@c", plan=plan, gates=(Gate(name="ttl", value=1.5, limit=60.0),),
        policy="moderate", policy_hash="p", equity=Decimal("10000"), exposure_seq=1, entry_valid_until=2.0,
        expires_at=1.0, at=0.5,
    )  # fmt: skip
    entry = Entry(ticket, TRACE, Symbol("BTCUSDT"))

    logged = decode(line_of(entry))
    assert logged.entry == entry
    assert isinstance(logged.entry.record, RiskTicket)
    assert str(logged.entry.record.plan.qty) == "0.00010000"


def test_a_decimal_of_a_gate_comes_back_as_its_string() -> None:
    logged = decode(line_of(Entry(SignalRejected(gate="too_small", value=Decimal("4.50"), limit=Decimal(5)))))
    assert logged.entry.record == SignalRejected(gate="too_small", value="4.50", limit="5")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_cannot_hold_is_unwritable(value: float) -> None:
    with pytest.raises(Unwritable, match="age_s"):
        Preparer().prepare(Entry(SignalExpired(age_s=value, limit_s=60)))
    with pytest.raises(Unwritable, match="value"):
        Preparer().prepare(Entry(SignalRejected(gate="g", value=value)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("rounded", [False, True])
def test_nor_may_it_stand_among_the_values_of_a_mapping(value: float, rounded: bool) -> None:
    record = msgspec.structs.replace(scored(0.5, at=1.0), probs={"BUY": 0.5, "SELL": value})
    with pytest.raises(Unwritable, match="probs"):
        Preparer(rounded=rounded).prepare(Entry(record))


def test_half_a_character_is_unwritable() -> None:
    with pytest.raises(Unwritable):
        Preparer().prepare(ingest("\ud83d"))


def scored(p: float, *, at: float) -> SignalScored:
    leg = Leg(symbol="BTC/USDT", side=Side.BUY, entry=(109234.567, 1.0), sl=(1.23456789,), leverage=(3.0, 5.0))
    return SignalScored(
        channel="@c", kind="new", label="BUY", probs={"BUY": p, "SELL": 0.5}, p_call=p, stale=False,
        legs=(LegRead.of(leg),), reasons=(), revision=0, last_price={"BTCUSDT": Decimal("109234.567")},
        markets_as_of=None, model_sha="m",
        trained_until=at,
    )  # fmt: skip


def test_a_replay_rounds_floats_to_six_digits_and_times_to_milliseconds() -> None:
    entry = Entry(scored(0.123456789, at=1730805031.12345678), TRACE)

    logged = decode(line_of(entry, preparer=Preparer(rounded=True)))
    record = logged.entry.record
    assert isinstance(record, SignalScored)
    assert record.probs == {"BUY": 0.123457, "SELL": 0.5}
    assert record.p_call == 0.123457
    assert record.trained_until == 1730805031.123
    # Prices are decimal text: a replay rounds none of them.
    assert record.legs[0].entry == (Decimal("109234.567"), Decimal(1))
    assert record.legs[0].sl == (Decimal("1.23456789"),)
    assert record.last_price == {"BTCUSDT": Decimal("109234.567")}
    assert b'"entry":["109234.567","1"]' in line_of(entry)
    assert decode(line_of(entry)).entry == entry


def test_observers_see_what_stands_in_the_log() -> None:
    rounded = Preparer(rounded=True).prepare(Entry(scored(0.123456789, at=1.0), TRACE))
    masked = Preparer(masker=Masker(["s3cr3t-value"])).prepare(ingest("my s3cr3t-value"))

    for prepared in (rounded, masked):
        assert decode(Chain(boot="b").line(prepared, ts=0, mono=0)).entry == prepared.entry
    assert isinstance(masked.entry.record, SignalIngest)
    assert masked.entry.record.post.text == "my ***"


def test_an_amount_stays_where_the_digits_of_a_secret_stand_in_it_by_chance() -> None:
    preparer = Preparer(masker=Masker(["12345678"]))
    quote = Entry(records.MarketQuote(price=Decimal("0.12345678"), at=1.0), TRACE)

    assert decode(line_of(quote, preparer=preparer)).entry == quote
    assert b"12345678" not in preparer.prepare(ingest("12345678 is mine, and 0.12345678 as well")).payload


def test_a_record_that_a_mask_would_make_unreadable_is_refused() -> None:
    quote = Entry(records.MarketQuote(price=Decimal("Infinity"), at=1.0), TRACE)

    with pytest.raises(Unwritable, match="a mask is no value"):
        Preparer(masker=Masker(["Infinity"])).prepare(quote)


_SECRETS = [
    "my s3cr3t-value",
    "bot1234567890:" + "AAE-x_9" * 5,
    "api_key: abcdef01",
    '{"Password": "hunter22"}',
    "?totp=123456",
]
_TEXTS = st.sampled_from(["", "BTC", "a:b", "tg:-100123", "rule:chatter", 'said "so": 1', "null", *_SECRETS])
_FLOATS = st.sampled_from([0.0, 0.5, 1e308, 123.456789, math.nan, math.inf])
_ANY_RECORD = st.sampled_from(sorted(EVENTS)).flatmap(
    lambda name: any_of(EVENTS[name].record, texts=_TEXTS, floats=_FLOATS)
)


@settings(max_examples=600)
@given(_ANY_RECORD, st.booleans(), st.sampled_from([Masker(), Masker(["s3cr3t-value"])]))
def test_no_record_of_any_type_lets_a_secret_or_a_nan_through(record: Record, rounded: bool, masker: Masker) -> None:
    preparer = Preparer(masker=masker, rounded=rounded)
    if not all(map(math.isfinite, leaves_of(record, float))):
        with pytest.raises(Unwritable):
            preparer.prepare(Entry(record))
        return

    payload = preparer.prepare(Entry(record)).payload
    tree = msgspec.json.decode(payload)
    assert masker.tree(tree) == tree
    if not rounded:
        assert tree == masker.tree(msgspec.json.decode(msgspec.json.encode(record)))


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("name", sorted(EVENTS))
def test_one_secret_or_one_nan_is_found_wherever_it_stands(name: str, rounded: bool) -> None:
    preparer = Preparer(masker=Masker(["s3cr3t-value"]), rounded=rounded)
    for secret in [*_SECRETS, "signature: abcdef01", "tg:1 passphrase:abcdef01"]:
        for record in each_with_one(EVENTS[name].record, secret):
            payload = preparer.prepare(Entry(record)).payload
            assert secret not in leaves_of(msgspec.json.decode(payload), str), record
    for number in (math.nan, -math.inf):
        for record in each_with_one(EVENTS[name].record, number):
            with pytest.raises(Unwritable):
                preparer.prepare(Entry(record))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_twice_changes_nothing(value: float) -> None:
    preparer = Preparer(rounded=True)
    once = preparer.prepare(Entry(SignalExpired(age_s=value, limit_s=60)))
    assert preparer.prepare(once.entry).payload == once.payload


@pytest.mark.fault("G12")
@pytest.mark.parametrize(
    "text",
    [
        'x\n{"seq":99,"event_type":"ORDER_FILLED"}\n',
        'x"},"event_type":"ORDER_FILLED","payload":{"text":"',
        "\r\x1b[2J\x1b[31mred\x00\x07\x7f",
        "\x9b31m",  # CSI in one character.
        "line\u2028separator\u2029here",
        "right to left \u202e and isolates \u2067x\u2069",
        "✅ a mark alone \u200e",
        "✅ an isolate alone \u2066",
        '\\", "event_type": "ORDER_FILLED"',
    ],
)
def test_text_stays_text_whatever_it_holds(text: str) -> None:
    line = line_of(ingest(text))

    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    decoded = line.decode()
    assert all(char.isprintable() for char in decoded[:-1])
    logged = decode(line)
    assert logged.event_type == "SIGNAL_INGEST"
    assert isinstance(logged.entry.record, SignalIngest)
    assert logged.entry.record.post.text == text
    assert len(decoded.splitlines()) == 1


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back(text: str) -> None:
    entry = ingest(text)
    line = line_of(entry)
    assert decode(line).entry == entry
    assert line.count(b"\n") == 1
    assert len(line.decode().splitlines()) == 1


def test_escaping_leaves_other_scripts_alone() -> None:
    plain = msgspec.json.encode("Покупка BTC، خرید 📈")
    assert escaped(plain) == plain


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"not json\n",
        b'{"seq":1}\n',
        b"\xff\xfe\n",
        line_of(ingest("x")).replace(b'"seq":1', b'"seq":"1"'),
        line_of(ingest("x")).replace(b'"boot"', b'"extra":1,"boot"'),
        line_of(ingest("x")).replace(b"SIGNAL_INGEST", b"SIGNAL_UNHEARD"),
        line_of(ingest("x")).replace(b'"message_id":7', b'"message_id":"7"'),
    ],
)
def test_what_is_not_a_line_is_damaged(line: bytes) -> None:
    with pytest.raises(Damaged):
        decode(line)


@given(st.data())
def test_every_single_bit_counts(data: st.DataObject) -> None:
    line = bytearray(line_of(ingest("BTC 100-101 SL 95"), key=b"k"))
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        told = parse(bytes(line)).h
        assert hash_of(bytes(line), key=b"k") != told
    except Damaged:
        pass


def test_a_key_makes_another_chain() -> None:
    assert parse(line_of(ingest("x"))).h != parse(line_of(ingest("x"), key=b"k")).h


def test_an_order_says_who_it_is_about() -> None:
    intent = OrderIntent(
        cid="c", call=CallKey("k"), role="e", slot=0, attempt=1, side=Side.SELL, type="limit", tif="GTC",
        qty=Decimal("1.5"), venue="paper", at=1.25, price=Decimal("100"),
    )  # fmt: skip
    entry = Entry(intent, TRACE, Symbol("BTCUSDT"))
    logged = decode(line_of(entry))
    assert (logged.entry, logged.event_type, logged.seq, logged.ts) == (entry, "ORDER_INTENT", 1, 1730805032.123)
