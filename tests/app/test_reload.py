"""SIGHUP: what may change takes effect, what may not is named, and a bad file changes nothing."""

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec
import pytest

from levibotd.app.reload import REFUSED, SIGHUP, Change, Reloader, compare, sha_of
from levibotd.app.rules import Rulebook
from levibotd.config import Config, load
from levibotd.domain.ledger import Ledger
from levibotd.domain.masking import Masker
from levibotd.domain.records import ConfigUpdate, Entry, RiskPolicyChanged
from levibotd.errors import ConfigError, Refused
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
from levibotd.kernel.errors import NotServed
from levibotd.kernel.mailbox import BLOCK, Box, Ref
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.messages import Append, Committed, LoggerMessage
from levibotd.observe.logging import make_log
from levibotd.observe.notify import Herald, Notifier

OLD = """
[risk]
cooldown_s = 600.0
[strategy]
confidence_min = 0.8
[http]
bind = "127.0.0.1:8000"
"""


class Keeper(Actor[LoggerMessage]):
    """A log that keeps what it is asked to, unless it is to fail."""

    def __init__(self, bench: "Bench") -> None:
        self._bench = bench

    async def receive(self, message: LoggerMessage) -> object:
        if self._bench.log_fails:
            raise OSError("no log")
        assert isinstance(message, Append)
        # What rules while the record is not on disk yet.
        self._bench.ruled_at_commit.append(self._bench.rulebook.config.risk.cooldown_s)
        self._bench.committed += [entry.record for entry in message.entries]
        for entry in message.entries:
            self._bench.ledger.apply(entry)
        return Committed(first_seq=1, last_seq=1)


class Bench:
    """A reloader over a file that the test writes."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self.file = file
        file.write_text(OLD)
        self.ledger = Ledger(balance=Decimal(10_000))
        self.rulebook = Rulebook(self.read(), lambda: self.ledger)
        self.committed: list[object] = []
        self.ruled_at_commit: list[float | None] = []
        self.log_fails = False
        self.printed = io.StringIO()
        self._clock = clock
        self._logger: Ref[LoggerMessage] = Ref("logger", Box(16, BLOCK))
        log = make_log(self.printed, clock=clock, masker=Masker())
        self.herald = Herald(
            Notifier(None),
            clock=clock,
            log=log,
            watchdog_s=None,
            missing=tuple,
            stalled=tuple,
            doing="paper",
        )
        self.reloader = Reloader(
            self.read, rulebook=self.rulebook, has_keys=False, logger=self._logger, herald=self.herald, log=log
        )

    def read(self) -> Config:
        return load(self.file, environ={})

    async def reload(self, text: str | None) -> dict[str, object]:
        """Write the file (None: remove it), reload, and return the line that tells the operator."""
        if text is None:
            self.file.unlink()
        else:
            self.file.write_text(text)
        told = len(self.lines())
        self.reloader.ask()
        await self._clock.sleep(60)
        (line,) = self.lines()[told:]
        return line

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.printed.getvalue().splitlines()]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Bench"]:
        runner: Ref[None] = Ref("reloader", Box(1, BLOCK))
        children = (Child(self._logger, lambda: Keeper(self)), Child(runner, lambda: Runner(self.reloader)))
        system = System(Group("root", children=children), clock=self._clock, on_event=lambda event: None, rng=Random(1))
        await system.start()
        try:
            yield self
        finally:
            await system.stop()


class Runner(Actor[None]):
    def __init__(self, reloader: Reloader) -> None:
        self._reloader = reloader

    def sources(self) -> tuple[object, ...]:
        return (self._reloader.run,)

    async def receive(self, message: None) -> None:
        """It gets no mail."""


@pytest.fixture
async def bench(tmp_path: Path, clock: Clock) -> AsyncIterator[Bench]:
    async with Bench(tmp_path / "levibotd.toml", clock).running() as one:
        yield one


async def test_rules_that_may_change_rule_at_once_and_stand_in_the_log_before(bench: Bench) -> None:
    told = await bench.reload(OLD.replace("600", "900") + '[symbols]\ndeny = ["DOGEUSDT"]\n')

    assert told["event"] == "reloaded"
    assert told["changed"] == ["risk.cooldown_s", "symbols.deny"]
    assert bench.rulebook.policy.cooldown_s == 900
    assert bench.rulebook.rules("@any").symbols_deny == ("DOGEUSDT",)
    assert bench.committed == [
        ConfigUpdate(sha=sha_of(bench.rulebook.config), changed=("risk.cooldown_s", "symbols.deny"), by=SIGHUP)
    ]
    assert bench.ruled_at_commit == [600.0]


async def test_what_needs_a_restart_is_named_and_stays_as_it_was(bench: Bench) -> None:
    told = await bench.reload(OLD.replace("8000", "8001").replace("600", "900"))

    assert (told["changed"], told["needs_restart"]) == (["risk.cooldown_s"], ["http.bind"])
    assert bench.rulebook.config.http.bind == "127.0.0.1:8000"
    assert bench.rulebook.config.risk.cooldown_s == 900


async def test_the_same_file_changes_nothing_and_writes_no_record(bench: Bench) -> None:
    told = await bench.reload(OLD)
    assert (told["event"], told["changed"], told["needs_restart"]) == ("reloaded", [], [])
    assert bench.committed == []


@pytest.mark.fault("F8")
@pytest.mark.parametrize(
    ("text", "named"),
    [
        (OLD.replace("0.8", "1.8"), "$.strategy.confidence_min"),
        (OLD.replace("cooldown_s", "cooldwon_s"), "$.risk.cooldwon_s"),
        (OLD[:25], "not a TOML document"),
        (None, "cannot be read"),
        (OLD.replace("127.0.0.1", "0.0.0.0"), "$.http.bind"),
        (OLD + '[exchange]\nid = "binance"\n', "$.exchange.id"),
    ],
)
async def test_one_fault_refuses_the_whole_file_by_name(bench: Bench, text: str | None, named: str) -> None:
    # What stands beside the fault, and would be sound alone, is not taken either.
    told = await bench.reload(text if text is None else text.replace("600", "900"))

    assert told["event"] == "reload_refused"
    assert named in str(told["faults"])
    assert bench.rulebook.config.risk.cooldown_s == 600
    assert bench.committed == []

    assert (await bench.reload(OLD.replace("600", "900")))["changed"] == ["risk.cooldown_s"]


@pytest.mark.fault("F8")
async def test_the_policy_that_rules_cannot_be_taken_away(bench: Bench) -> None:
    rows = "risk_per_trade = 0.01\nheat_max = 0.05\nmax_open = 3\nmax_leverage = 2\nnotional_max = '5%'\n"
    rows += "daily_loss_limit = 0.02\ncooldown_s = 1.0\ncooldown_stop_s = 1.0\nno_sl_atr = 2.0\nno_tp_r = 2.0\n"
    await bench.reload(OLD + f"[risk.policies.mine]\n{rows}min_volume_24h = 1.0\n")
    change = RiskPolicyChanged(policy="mine", before="moderate", by="http", reason="test")
    bench.ledger.apply(Entry(change))

    told = await bench.reload(OLD)

    assert told["event"] == "reload_refused"
    assert "risk.policies.mine" in str(told["faults"])
    assert bench.rulebook.policy.name == "mine"


async def test_without_a_log_nothing_changes(bench: Bench) -> None:
    bench.log_fails = True
    told = await bench.reload(OLD.replace("600", "900"))
    assert told["event"] == "reload_refused"
    assert bench.rulebook.config.risk.cooldown_s == 600


async def test_a_refusal_stands_in_the_status_until_a_file_is_taken(bench: Bench) -> None:
    await bench.reload(OLD + "[nonsense]\n")
    assert bench.herald.status() == f"paper; {REFUSED}"
    await bench.reload(OLD.replace("8000", "8001"))
    assert bench.herald.status() == "paper; needs a restart: http.bind"
    await bench.reload(OLD)
    assert bench.herald.status() == "paper"


async def test_many_wishes_at_once_are_one_reload(bench: Bench, clock: Clock) -> None:
    for _ in range(100):
        bench.reloader.ask()
    await clock.sleep(1)
    assert len(bench.lines()) == 1


@pytest.mark.fault("F8")
async def test_from_stage_ask_up_no_reload_loosens_and_the_key_is_named(bench: Bench) -> None:
    live = msgspec.structs.replace(bench.rulebook.file.exchange, id="binance", stage="ask", network="testnet")
    bench.rulebook.adopt(msgspec.structs.replace(bench.rulebook.file, exchange=live))

    told = await bench.reload(OLD.replace("600", "300"))
    assert (told["event"], bench.committed) == ("reload_refused", [])
    assert "$.risk.cooldown_s" in str(told["faults"])
    assert "confidence_min" not in str(told["faults"])

    assert (await bench.reload(OLD.replace("600", "900")))["changed"] == ["risk.cooldown_s"]


async def test_whoever_asks_by_name_hears_what_changed_and_what_was_wrong(bench: Bench) -> None:
    bench.file.write_text(OLD.replace("600", "300").replace("8000", "8001"))
    change = await bench.reloader.reload(by="http:ops")
    assert (change.changed, change.loosened, change.needs_restart) == (
        ("risk.cooldown_s",), ("risk.cooldown_s",), ("http.bind",),
    )  # fmt: skip
    assert [update.by for update in bench.committed if isinstance(update, ConfigUpdate)] == ["http:ops"]

    bench.file.write_text(OLD.replace("600.0", '"soon"'))
    with pytest.raises(ConfigError, match=r"\$\.risk\.cooldown_s"):
        await bench.reloader.reload(by="http:ops")
    assert bench.rulebook.config.risk.cooldown_s == 300


async def anybody(loosened: tuple[str, ...]) -> None:
    """Permit everything."""


async def override(bench: Bench, **risk: object) -> Change:
    return await bench.reloader.override(risk, by="http:ops", reason="quiet week", permit=anybody)


async def test_keys_of_risk_lie_over_the_file_until_they_are_taken_away(bench: Bench) -> None:
    change = await override(bench, cooldown_s=900, max_open=2, on_trip="flatten")
    assert change.changed == ("risk.cooldown_s", "risk.max_open", "risk.on_trip")
    assert (change.loosened, bench.rulebook.policy.cooldown_s, bench.rulebook.policy.max_open) == ((), 900.0, 2)
    assert bench.committed == [
        ConfigUpdate(
            sha=sha_of(bench.rulebook.config),
            changed=change.changed,
            risk={"cooldown_s": 900.0, "max_open": 2, "on_trip": "flatten"},
            by="http:ops",
            reason="quiet week",
        )
    ]
    assert bench.ruled_at_commit == [600.0]

    change = await override(bench, cooldown_s=None, on_trip=None)
    assert (change.changed, change.loosened) == (("risk.cooldown_s", "risk.on_trip"),) * 2
    assert (bench.rulebook.policy.cooldown_s, bench.ledger.control.risk_over) == (600.0, {"max_open": 2})
    # Another life reads the same log.
    assert Rulebook(bench.read(), lambda: bench.ledger).policy.max_open == 2


async def test_the_same_key_again_changes_nothing_and_writes_no_record(bench: Bench) -> None:
    await override(bench, max_open=2)
    assert (await override(bench, max_open=2)).changed == ()
    assert (await override(bench, no_tp_r=None)).changed == ()
    assert len(bench.committed) == 1


async def test_a_reload_does_not_take_away_what_lies_over_the_file(bench: Bench) -> None:
    await override(bench, cooldown_s=900)
    bench.file.write_text(OLD.replace("600", "700").replace("0.8", "0.9"))

    change = await bench.reloader.reload(by="http:ops")

    assert (change.changed, change.hidden) == (("strategy.confidence_min",), ("risk.cooldown_s",))
    assert bench.rulebook.policy.cooldown_s == 900
    assert (await override(bench, cooldown_s=None)).changed == ("risk.cooldown_s",)
    assert bench.rulebook.policy.cooldown_s == 700


async def test_every_fault_of_an_override_is_named_at_once_and_nothing_changes(bench: Bench) -> None:
    wrong = {"cooldown_s": -1, "cooldwon_s": 3, "max_open": "many", "policy": "mine", "policies": {}, "nonsense": None}
    with pytest.raises(ConfigError) as refused:
        await override(bench, risk_per_trade=0.001, **wrong)
    assert all(f"$.risk.{key}: " in str(refused.value) for key in wrong)
    assert (bench.committed, bench.rulebook.config.risk.cooldown_s) == ([], 600.0)


async def test_who_may_not_loosen_changes_nothing_and_hears_which_keys_it_is_about(bench: Bench) -> None:
    asked: list[tuple[str, ...]] = []

    async def nobody(loosened: tuple[str, ...]) -> None:
        asked.append(loosened)
        raise Refused("no")

    for risk in ({"cooldown_s": 60, "max_open": 1}, {"max_open": 50}):
        with pytest.raises(Refused):
            await bench.reloader.override(risk, by="http:ops", reason="", permit=nobody)
    await bench.reloader.override({"max_open": 1}, by="http:ops", reason="", permit=nobody)
    assert asked == [("risk.cooldown_s",), ("risk.max_open",)]
    assert (bench.rulebook.policy.cooldown_s, bench.rulebook.policy.max_open) == (600.0, 1)


async def test_without_a_log_nothing_lies_over_the_file(bench: Bench) -> None:
    bench.log_fails = True
    with pytest.raises(NotServed):
        await override(bench, max_open=2)
    assert bench.rulebook.policy.max_open == 5


def test_a_key_that_is_written_out_ranks_above_policies_even_with_its_old_value() -> None:
    old = load(environ={})
    change = compare(old, load(environ={"LEVI_RISK__HEAT_SIDE_SHARE": str(old.risk.heat_side_share)}))
    assert change.changed == ("risk.heat_side_share",)
    assert change.config.is_set("risk.heat_side_share")


def test_a_name_of_a_configuration_depends_on_its_settings_alone() -> None:
    plain = load(environ={})
    assert sha_of(plain) == sha_of(load(environ={"NOTIFY_SOCKET": "@x", "LEVI_RISK__ON_TRIP": plain.risk.on_trip}))
    assert sha_of(plain) != sha_of(load(environ={"LEVI_RISK__MAX_OPEN": "1"}))
