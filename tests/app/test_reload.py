"""SIGHUP: what may change takes effect, what may not is named, and a bad file changes nothing."""

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from levibotd.app.reload import REFUSED, Reloader, compare, sha_of
from levibotd.app.rules import Rulebook
from levibotd.config import Config, load
from levibotd.domain.ledger import Ledger
from levibotd.domain.masking import Masker
from levibotd.domain.records import ConfigUpdate, Entry, RiskPolicyChanged
from levibotd.kernel.actor import Actor
from levibotd.kernel.clock import Clock
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
        ConfigUpdate(sha=sha_of(bench.rulebook.config), changed=("risk.cooldown_s", "symbols.deny"))
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
    bench.ledger.apply_all([Entry(change)])

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


def test_a_key_that_is_written_out_ranks_above_policies_even_with_its_old_value() -> None:
    old = load(environ={})
    change = compare(old, load(environ={"LEVI_RISK__HEAT_SIDE_SHARE": str(old.risk.heat_side_share)}))
    assert change.changed == ("risk.heat_side_share",)
    assert change.config.is_set("risk.heat_side_share")


def test_a_name_of_a_configuration_depends_on_its_settings_alone() -> None:
    plain = load(environ={})
    assert sha_of(plain) == sha_of(load(environ={"NOTIFY_SOCKET": "@x", "LEVI_RISK__ON_TRIP": plain.risk.on_trip}))
    assert sha_of(plain) != sha_of(load(environ={"LEVI_RISK__MAX_OPEN": "1"}))
