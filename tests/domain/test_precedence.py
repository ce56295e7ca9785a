"""Signal, then channel, then global; and who said so."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from levibotd.domain.leg_read import LegRead
from levibotd.domain.precedence import with_its_own
from levibotd.domain.records import Resolved, RiskTicket
from levibotd.domain.signal import Leg, Post, Side, call_key
from tests.domain.desk import plan

CHANNEL = (
    Resolved(name="entry_valid_s", value="7200", source="channel"),
    Resolved(name="max_leverage", value="5", source="policy"),
)


def ticket(*, leverage: int, asked: tuple[float, float] | None) -> RiskTicket:
    leg = Leg(symbol="BTC/USDT", side=Side.BUY, leverage=asked)
    return RiskTicket(
        call=call_key("paper", "@c", 1, 0), channel="@c", plan=replace(plan(), leverage=leverage), gates=(),
        policy="moderate", policy_hash="", equity=Decimal(1), exposure_seq=0, entry_valid_until=7300.0,
        expires_at=130.0, at=100.0, leg=LegRead.of(leg),
    )  # fmt: skip


def resolved(text: str, *, leverage: int = 5, asked: tuple[float, float] | None = None) -> dict[str, tuple[str, str]]:
    post = Post(channel="@c", message_id=1, posted_at=100.0, text=text)
    made = with_its_own(ticket(leverage=leverage, asked=asked), post, CHANNEL)
    return {one.name: (one.value, one.source) for one in made.resolved}


@pytest.mark.parametrize(
    ("leverage", "asked", "source"),
    [(3, (3.0, 10.0), "signal"), (5, (20.0, 20.0), "policy"), (5, None, "policy"), (2, (3.0, 3.0), "liquidation")],
)
def test_leverage_is_the_lowest_of_those_who_were_asked(
    leverage: int, asked: tuple[float, float] | None, source: str
) -> None:
    assert resolved("", leverage=leverage, asked=asked)["leverage"] == (str(leverage), source)


@pytest.mark.parametrize(("text", "lifetime"), [("", ("7200", "channel")), ("Valid for 4 hours", ("14400", "signal"))])
def test_the_posts_own_lifetime_goes_before_that_of_its_channel(text: str, lifetime: tuple[str, str]) -> None:
    assert resolved(text)["entry_valid_s"] == lifetime


def test_the_entries_of_a_call_live_as_long_as_their_post_says() -> None:
    post = Post(channel="@c", message_id=1, posted_at=100.0, text="Valid for 4 hours")
    given = ticket(leverage=5, asked=None)
    made = with_its_own(given, post, CHANNEL)
    assert made.entry_valid_until == 100.0 + 14_400.0
    assert replace(made, entry_valid_until=given.entry_valid_until, said="", resolved=()) == given


def test_the_stop_says_whose_it_is() -> None:
    assert resolved("")["stop"] == ("90", "signal")


def test_the_posts_own_shares_of_its_targets_go_before_those_of_its_channel() -> None:
    assert "tp_split" not in resolved("Targets: 110_40%, 120_60%")
    leg = LegRead.of(Leg(symbol="BTC/USDT", side=Side.BUY, tps=(110.0, 120.0)))
    post = Post(channel="@c", message_id=1, posted_at=100.0, text="Targets: 110_40%, 120_60%")
    ruling = (*CHANNEL, Resolved(name="tp_split", value="even", source="global"))
    made = with_its_own(replace(ticket(leverage=5, asked=None), leg=leg), post, ruling)
    assert Resolved(name="tp_split", value="[40, 60]", source="signal") in made.resolved
    assert [one.name for one in made.resolved].count("tp_split") == 1
