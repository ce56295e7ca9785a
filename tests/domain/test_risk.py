"""The judgement: each gate at its edge, their order, the kill switch and the day."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.config import load
from levibotd.domain.book import Held
from levibotd.domain.gates import GateName
from levibotd.domain.ledger import Ledger
from levibotd.domain.levels import Conditions
from levibotd.domain.orders import ENTRY, STOP
from levibotd.domain.records import Gate
from levibotd.domain.risk import (
    Approved,
    Facts,
    PolicyValues,
    Rejected,
    Rules,
    judge,
    limits_of,
    loosens,
    lower_stage,
    notional,
    policy_hash,
)
from levibotd.domain.signal import CallKey, Leg, Side, Symbol, call_key
from levibotd.domain.sizing import Filters
from levibotd.policies import policy_names, resolve_policy
from tests.domain.desk import BTC, Desk, plan

D = Decimal
CONFIG = load(environ={})
MODERATE = PolicyValues.of(resolve_policy(CONFIG, name="moderate"))
RULES = Rules(confidence_min=0.7, signal_ttl_s=60.0)
SWAP = Filters(
    tick=D("0.01"),
    step=D("0.001"),
    min_qty=D("0.001"),
    max_qty=D(1000),
    min_notional=D(5),
    taker_fee=D("0.0005"),
    maker_fee=D("0.0002"),
    can_short=True,
    max_leverage=20,
)
LEG = Leg(symbol="BTC/USDT", side=Side.BUY, entry_type="limit", entry=(99.0,), tps=(120.0,), sl=90.0)
FACTS = Facts(
    call=call_key("paper", "@c", 1, 0),
    channel="@c",
    leg=LEG,
    p_call=0.95,
    age_s=1.0,
    now=10_000.0,
    equity=D(10_000),
    symbol=BTC,
    filters=SWAP,
    conditions=Conditions(mark=D(100), volume_24h=D(50_000_000)),
)


def verdict(rules: Rules = RULES, **changes: object) -> Approved | Rejected:
    return judge(replace(FACTS, **changes), policy=MODERATE, rules=rules)


def closed_gate(found: Approved | Rejected) -> tuple[str, object, object]:
    assert isinstance(found, Rejected), found
    return (found.refusal.gate.value, found.refusal.value, found.refusal.limit)


def held(number: int, *, loss: str = "10", side: Side = Side.BUY, channel: str = "@other", symbol: str = "") -> Held:
    return Held(
        call=call_key("paper", channel, 100 + number, 0),
        channel=channel,
        symbol=Symbol(symbol or f"C{number}USDT"),
        side=side,
        planned_loss=D(loss),
    )


def test_a_sound_call_passes_with_every_gate_named() -> None:
    found = verdict(last=D("100.5"), last_close=1_000.0, last_stop_out=1_000.0)

    assert isinstance(found, Approved)
    assert [gate.name for gate in found.gates] == [
        "stage",
        "confidence",
        "ttl",
        "sides",
        "quote",
        "no_price",
        "not_tradable",
        "price_deviation",
        "cooldown",
        "cooldown_stop",
        "max_open",
        "heat",
        "heat_channel",
        "heat_side",
    ]
    assert Gate(name="confidence", value=0.95, limit=0.7) in found.gates
    assert found.plan.planned_loss <= D(50)


@pytest.mark.parametrize(
    ("least", "hybrid", "refused"), [(0.4, 0.39, True), (0.4, 0.4, False), (0.4, None, False), (None, 0.01, False)]
)
def test_the_hybrid_score_gates_where_it_is_wanted_and_has_proved_itself(
    least: float | None, hybrid: float | None, refused: bool
) -> None:
    found = verdict(replace(RULES, hybrid_min=least), hybrid=hybrid)

    assert (isinstance(found, Rejected) and closed_gate(found) == ("hybrid", hybrid, least)) is refused


def test_a_high_hybrid_score_makes_no_call_larger() -> None:
    rules = replace(RULES, hybrid_min=0.1)
    low, high = verdict(rules, hybrid=0.2), verdict(rules, hybrid=0.99)

    assert isinstance(low, Approved)
    assert isinstance(high, Approved)
    assert low.plan == high.plan


@pytest.mark.parametrize(
    ("stage", "unproven", "ev_r", "refused"),
    [
        ("live", False, 0.01, False),
        ("live", False, 0.0, True),
        ("live", False, None, True),  # What is not known is no evidence.
        ("live", True, -0.5, False),  # By the operator's word.
        ("canary", False, -0.5, False),
        ("paper", False, None, False),
    ],
)
def test_in_live_a_channel_must_be_held_to_make_something(
    stage: str, unproven: bool, ev_r: float | None, refused: bool
) -> None:
    rules = replace(RULES, stage=stage, unproven=unproven)

    found = verdict(rules, ev_r=ev_r)

    assert (isinstance(found, Rejected) and closed_gate(found) == ("ev_r", ev_r, 0.0)) is refused
    assert isinstance(verdict(rules, ev_r=ev_r, regardless=True), Approved)


@pytest.mark.parametrize(
    ("stage", "unproven", "share"), [("live", True, "0.5"), ("live", False, "1"), ("canary", True, "1")]
)
def test_who_is_in_live_without_evidence_risks_half(stage: str, unproven: bool, share: str) -> None:
    rules = replace(RULES, stage=stage, unproven=unproven)

    limits = limits_of(FACTS, policy=MODERATE, rules=rules)

    assert limits.risk_per_trade == MODERATE.risk_per_trade * D(share)
    own = limits_of(FACTS, policy=MODERATE, rules=replace(rules, risk=D("0.001")))
    assert own.risk_per_trade == D("0.001") * D(share)


def test_what_a_channel_makes_raises_no_size_and_is_no_excuse_for_a_doubtful_reading() -> None:
    rules = replace(RULES, stage="live")
    small, large = verdict(rules, ev_r=0.01), verdict(rules, ev_r=5.0)

    assert isinstance(small, Approved)
    assert isinstance(large, Approved)
    assert small.plan == large.plan
    assert closed_gate(verdict(rules, ev_r=5.0, p_call=0.69)) == ("confidence", 0.69, 0.7)


@pytest.mark.parametrize(("least", "passes"), [("1", False), ("0.7", True), ("0", True)])
def test_what_targets_bring_over_an_imputed_stop_is_a_limit_of_the_policy(least: str, passes: bool) -> None:
    leg = replace(LEG, sl=None, tps=(102.0, 106.0))  # 5 over 6.93, which is 7 % of 99.
    found = judge(replace(FACTS, leg=leg), policy=replace(MODERATE, no_sl_rr_min=D(least)), rules=RULES)

    if passes:
        assert isinstance(found, Approved)
        assert found.gates[-1] == Gate(name="no_sl_rr", value=0.72150072, limit=D(least))
    else:
        assert closed_gate(found) == ("no_sl_rr", D("0.72150072"), D(1))


def test_gates_are_asked_in_the_order_of_their_names() -> None:
    found = verdict(last=D("100.5"), last_close=1_000.0, last_stop_out=1_000.0)
    assert isinstance(found, Approved)

    order = [name.value for name in GateName]
    places = [order.index(gate.name) for gate in found.gates if gate.name != "not_tradable"]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"p_call": 0.699}, ("confidence", 0.699, 0.7)),
        ({"age_s": 60.001}, ("ttl", 60.001, 60.0)),
        ({"symbol": None}, ("not_tradable", "BTC/USDT", "listed")),
        ({"filters": None}, ("not_tradable", "BTC/USDT", "listed")),
        ({"tradable": False}, ("not_tradable", "BTCUSDT", "trading")),
        ({"listed_s": 604_799.0}, ("not_tradable", 604_799.0, 604_800.0)),
        ({"leg": replace(LEG, symbol="ADA/BTC")}, ("quote", "BTC", "USD,USDT,USDC,FDUSD,BUSD")),
        ({"conditions": None}, ("no_price", "BTCUSDT", "a fresh mark")),
        ({"conditions": Conditions(mark=D("NaN"))}, ("no_price", "NaN", "a price")),
        (
            {"conditions": Conditions(mark=D(100), volume_24h=D(4_999_999))},
            ("not_tradable", D(4_999_999), D("5000000.0")),
        ),
        ({"conditions": Conditions(mark=D(100))}, ("not_tradable", None, D("5000000.0"))),
        ({"last": D("98.99")}, ("price_deviation", D("0.0101"), D("0.01"))),
        ({"last_close": 9_700.001}, ("cooldown", pytest.approx(299.999), 300.0)),
        ({"last_stop_out": 2_800.001}, ("cooldown_stop", pytest.approx(7_199.999), 7_200.0)),
        ({"held": tuple(held(n, loss="1") for n in range(5))}, ("max_open", 5, 5)),
        ({"leg": replace(LEG, sl=98.9)}, ("sl_too_tight", D("0.0010101010"), D("0.004"))),
    ],
)
def test_the_gate_that_closes_is_named_with_value_and_limit(
    changes: dict[str, object], expected: tuple[str, object, object]
) -> None:
    assert closed_gate(verdict(**changes)) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"p_call": 0.7},
        {"age_s": 60.0},
        {"listed_s": 604_800.0},
        {"last": D("99")},
        {"last_close": 9_700.0},
        {"last_stop_out": 2_800.0},
        {"held": tuple(held(n, loss="1") for n in range(4))},
        {"conditions": Conditions(mark=D(100), volume_24h=D(5_000_000))},
    ],
)
def test_at_its_limit_a_gate_is_open(changes: dict[str, object]) -> None:
    assert isinstance(verdict(**changes), Approved)


def test_what_the_ledger_says_no_with_comes_first() -> None:
    closed = Gate(name="kill_switch", value="equity", limit="armed")

    assert closed_gate(verdict(closed=closed, p_call=0.0)) == ("kill_switch", "equity", "armed")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"symbols_deny": ("BTC/USDT",)}, ("symbols", "BTC/USDT", "deny")),
        ({"symbols_deny": ("BTCUSDT",)}, ("symbols", "BTC/USDT", "deny")),
        ({"symbols_deny": ("BTC",)}, ("symbols", "BTC/USDT", "deny")),
        ({"symbols_allow": ("ETH/USDT",)}, ("symbols", "BTC/USDT", "allow")),
        ({"sides": ("SELL",)}, ("sides", "BUY", "SELL")),
        ({"notional_min": D(5_000)}, ("too_small", D("538.857"), D(5_000))),
    ],
)
def test_a_channels_rules_are_gates(rules: dict[str, object], expected: tuple[str, object, object]) -> None:
    assert closed_gate(verdict(replace(RULES, **rules))) == expected
    assert isinstance(verdict(replace(RULES, symbols_allow=("BTC/USDT",))), Approved)


def test_spot_cannot_short() -> None:
    leg = replace(LEG, side=Side.SELL, entry=(101.0,), tps=(80.0,), sl=110.0)
    found = verdict(leg=leg, filters=replace(SWAP, can_short=False))

    assert isinstance(found, Rejected)
    assert (found.refusal.gate, found.refusal.side) == ("cannot_short", Side.SELL)
    assert isinstance(verdict(leg=leg), Approved)


@pytest.mark.fault("B24")
@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("channel", ["@c", "@other"])
def test_a_held_symbol_is_busy_for_every_other_call(side: Side, channel: str) -> None:
    owner = held(1, side=side, channel=channel, symbol="BTCUSDT")
    found = verdict(held=(owner,))

    assert isinstance(found, Rejected)
    assert (found.refusal.gate, found.refusal.owner, found.refusal.side) == ("symbol_busy", owner.call, side)
    by_owner = verdict(owner=CallKey("someone"))
    assert isinstance(by_owner, Rejected)
    assert by_owner.refusal.owner == "someone"


def test_a_call_is_no_other_call() -> None:
    own = replace(held(1, symbol="BTCUSDT"), call=FACTS.call)

    assert isinstance(verdict(held=(own,), owner=FACTS.call), Approved)


# Heat: 2.5 % of 10,000 is 250; a channel may take 75 of it, a side 150.


@pytest.mark.parametrize(
    ("holding", "expected"),
    [
        ([held(0, loss="75", channel="@c", side=Side.SELL)], ("heat_channel", D(75), D(75))),
        ([held(0, loss="100"), held(1, loss="50")], ("heat_side", D(150), D(150))),
        ([held(0, loss="140"), held(1, loss="110", side=Side.SELL)], ("heat", D(250), D(250))),
    ],
)
def test_used_up_heat_closes_its_gate(holding: list[Held], expected: tuple[str, Decimal, Decimal]) -> None:
    assert closed_gate(verdict(held=tuple(holding))) == expected


@pytest.mark.parametrize(
    ("holding", "left"),
    [
        ([], 75),
        ([held(0, loss="65", channel="@c", side=Side.SELL)], 10),
        ([held(0, loss="100"), held(1, loss="20")], 30),
        ([held(0, loss="120"), held(1, loss="125", side=Side.SELL)], 5),
    ],
)
def test_what_is_left_of_the_heat_lowers_the_size(holding: list[Held], left: int) -> None:
    facts = replace(FACTS, held=tuple(holding))
    assert limits_of(facts, policy=MODERATE, rules=RULES).heat_left == left

    found = judge(facts, policy=MODERATE, rules=RULES)
    assert isinstance(found, Approved)
    assert found.plan.planned_loss <= min(left, 50)


@given(st.lists(st.tuples(st.sampled_from(Side), st.sampled_from(["@a", "@b", "@c"])), max_size=12))
def test_heat_and_its_shares_hold_whatever_comes(calls: list[tuple[Side, str]]) -> None:
    """Every call that passes is held at once: the sums stay within 250, 75 a channel and 150 a side."""
    holding: list[Held] = []
    for number, (side, channel) in enumerate(calls):
        leg = LEG if side is Side.BUY else replace(LEG, side=side, entry=(101.0,), tps=(80.0,), sl=110.0)
        symbol = Symbol(f"C{number}USDT")
        facts = replace(FACTS, leg=leg, channel=channel, symbol=symbol, held=tuple(holding), call=CallKey(f"{number}"))
        found = judge(facts, policy=MODERATE, rules=RULES)
        if isinstance(found, Approved):
            loss = found.plan.planned_loss
            holding.append(Held(call=facts.call, channel=channel, symbol=symbol, side=side, planned_loss=loss))
    assert len(holding) <= 5
    assert sum(one.planned_loss for one in holding) <= 250
    for channel in "abc":
        assert sum(one.planned_loss for one in holding if one.channel == f"@{channel}") <= 75
    for side in Side:
        assert sum(one.planned_loss for one in holding if one.side is side) <= 150


@pytest.mark.fault("C13")
def test_exposure_and_cooldowns_judge_the_same_after_a_restart() -> None:
    desk = Desk()
    key = desk.opened(plan(symbol=BTC, loss="60"), message_id=2)
    for ledger in (desk.ledger, Ledger.from_bytes(desk.ledger.to_bytes())):
        found = verdict(held=ledger.held(at=desk.now), owner=ledger.owner(BTC, at=desk.now))
        assert closed_gate(found)[0] == "symbol_busy"

    desk.fill(desk.cids(key, ENTRY)[0], "1", "100")
    desk.fill(desk.cids(key, STOP)[0], "1", "90")
    desk.finish(key)
    for ledger in (desk.ledger, Ledger.from_bytes(desk.ledger.to_bytes())):
        times = {"last_close": ledger.last_close(BTC), "last_stop_out": ledger.last_stop_out(BTC)}
        assert closed_gate(verdict(now=desk.now + 200, **times))[0] == "cooldown"
        assert closed_gate(verdict(now=desk.now + 400, **times))[0] == "cooldown_stop"
        assert isinstance(verdict(now=desk.now + 7_200, **times), Approved)


# Values.


def test_every_policy_of_the_configuration_can_be_taken() -> None:
    hashes = set()
    for name in policy_names(CONFIG):
        policy = PolicyValues.of(resolve_policy(CONFIG, name=name))
        assert policy.name == name
        assert policy.heat_max >= policy.risk_per_trade > 0
        hashes.add(policy_hash(policy))
    assert len(hashes) == len(policy_names(CONFIG))
    assert (MODERATE.risk_per_trade, MODERATE.notional_max) == (D("0.005"), "10%")
    assert policy_hash(replace(MODERATE, max_open=6)) != policy_hash(MODERATE)


@pytest.mark.parametrize(("text", "amount"), [("25", "25"), ("5%", "500"), ("0.5%", "50"), ("1000.5", "1000.5")])
def test_a_notional_is_an_amount_or_a_share_of_equity(text: str, amount: str) -> None:
    assert notional(text, equity=D(10_000)) == D(amount)


def test_a_channel_can_only_lower_what_the_policy_allows() -> None:
    lowered = replace(RULES, risk=D("0.001"), max_leverage=2, heat_share=D("0.1"))
    limits = limits_of(FACTS, policy=MODERATE, rules=lowered)
    assert (limits.risk_per_trade, limits.max_leverage, limits.heat_left) == (D("0.001"), 2, D(25))

    raised = limits_of(FACTS, policy=MODERATE, rules=replace(RULES, risk=D("0.5"), max_leverage=100))
    assert (raised.risk_per_trade, raised.max_leverage) == (D("0.005"), 5)


@pytest.mark.parametrize(
    ("first", "second", "lower"), [("paper", "observe", "observe"), ("paper", "live", "paper"), ("ask", "ask", "ask")]
)
def test_a_call_acts_at_the_lower_stage(first: str, second: str, lower: str) -> None:
    assert lower_stage(first, second) == lower_stage(second, first) == lower


# The kill switch: 3 % of 10,000.


@pytest.mark.parametrize(("has_list", "gate"), [(True, "not_tradable"), (False, "no_price")])
def test_an_unknown_coin_is_not_tradable_by_the_list_and_without_one_has_no_price(has_list: bool, gate: str) -> None:
    unknown = replace(FACTS, symbol=None, filters=None, conditions=None, has_list=has_list)
    verdict = judge(unknown, policy=MODERATE, rules=RULES)
    assert isinstance(verdict, Rejected)
    assert (verdict.refusal.gate, verdict.refusal.value, verdict.refusal.reason) == (gate, "BTC/USDT", "unknown")


@pytest.mark.parametrize(
    ("row", "looser", "tighter"),
    [
        ("risk_per_trade", D("0.006"), D("0.004")),
        ("max_open", 6, 4),
        ("cooldown_s", 299.0, 301.0),
        ("min_volume_24h", D(1), D(9_000_000)),
        ("notional_max", "1001", "999"),  # Of an equity of 10 000: 10 % is 1 000.
        ("no_tp_r", D(2), D(2)),
        ("no_sl_rr_min", D("0.9"), D("1.1")),
    ],
)
def test_a_policy_loosens_when_any_row_lets_more_pass(row: str, looser: object, tighter: object) -> None:
    changed, less = replace(MODERATE, **{row: looser}), replace(MODERATE, **{row: tighter})
    assert loosens(changed, MODERATE, equity=D(10_000)) is (looser != tighter)
    assert not loosens(less, MODERATE, equity=D(10_000))
    assert not loosens(MODERATE, MODERATE, equity=D(10_000))
