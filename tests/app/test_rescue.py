"""What a start lets go of when it is told to: what does not fit, and nothing else."""

from decimal import Decimal

from levibotd.app.rescue import let_go
from levibotd.app.rules import FORGET_FLAG, Rulebook
from levibotd.config import load
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import ConfigUpdate, Entry, Record, RiskPolicyChanged


def ledger_with(*records: Record) -> Ledger:
    ledger = Ledger(balance=Decimal(10_000))
    for record in records:
        ledger.apply(Entry(record))
    return ledger


def test_a_key_that_no_version_knows_goes_and_the_others_stay() -> None:
    config = load(environ={})
    ledger = ledger_with(ConfigUpdate(sha="0", risk={"max_opem": 2, "max_open": 2}, by="http"))

    records = let_go(ledger.control, config)
    for record in records:
        ledger.apply(Entry(record))

    assert ledger.control.risk_over == {"max_open": 2}
    assert [record.reason for record in records if isinstance(record, ConfigUpdate)] == [FORGET_FLAG]
    assert Rulebook(config, lambda: ledger).policy.max_open == 2


def test_a_value_out_of_bounds_goes() -> None:
    ledger = ledger_with(ConfigUpdate(sha="0", risk={"max_open": "many"}, by="http"))

    for record in let_go(ledger.control, load(environ={})):
        ledger.apply(Entry(record))

    assert ledger.control.risk_over == {}


def test_a_policy_that_is_gone_gives_way_to_the_one_of_the_file() -> None:
    config = load(environ={"LEVI_RISK__POLICY": "conservative"})
    ledger = ledger_with(RiskPolicyChanged(policy="of-last-year", before="moderate", by="http", reason="test"))

    for record in let_go(ledger.control, config):
        ledger.apply(Entry(record))

    assert Rulebook(config, lambda: ledger).policy.name == "conservative"


def test_what_fits_stays_as_it_is() -> None:
    ledger = ledger_with(
        ConfigUpdate(sha="0", risk={"max_open": 2}, by="http"),
        RiskPolicyChanged(policy="aggressive", before="moderate", by="http", reason="test"),
    )

    assert let_go(ledger.control, load(environ={})) == ()
