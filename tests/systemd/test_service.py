"""The shipped unit under the real systemd: it starts, lives, is restarted, reloads and ends as an operator expects."""

import json
import signal
from collections.abc import Iterator

import pytest

from levibotd.domain.order_records import OrderIntent
from levibotd.domain.records import Boot, ConfigUpdate
from levibotd.exit_codes import ExitCode
from tests.process.daemon import records
from tests.systemd.machine import UNIT, Machine, Service, boot
from tests.until import until

pytestmark = pytest.mark.real_time

PLAIN = '[exchange]\nmarket = "swap"\n[risk]\npolicy = "moderate"\n'
SECRET = "a-log-key-for-the-test"
EXIT_MAX_S = 20.0
WITH_BUGS = "Environment=MODULE=tests.process.blocked\nExecStart=\nExecStart=/opt/levibotd/bin/levibotd\n"
INSIDE = "/var/lib/private/levibotd/trigger"  # Where tests.process.blocked looks what to do.


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with boot() as one:
        one.install(UNIT)
        yield one


@pytest.fixture
def service(machine: Machine) -> Iterator[Service]:
    """Installed and not started; stopped and forgotten afterwards, with its state."""
    one = Service(machine)
    one.configure(PLAIN)
    one.drop_in("[Service]\nRestartSec=100ms\n")
    machine.run("journalctl", "--rotate")
    machine.run("journalctl", "--vacuum-time=1us")
    yield one
    machine.run("systemctl", "stop", UNIT)
    machine.run("systemctl", "reset-failed", UNIT)
    machine.tell("find", "/var/lib/private/levibotd", "-xdev", "-delete")


def boots(service: Service) -> list[Boot]:
    return [one.entry.record for one in records(service.log) if isinstance(one.entry.record, Boot)]


def test_it_is_active_once_it_is_ready_and_ends_with_zero(service: Service) -> None:
    service.start()
    assert service.show("ActiveState") == "active"
    assert service.show("StatusText") == "paper on paper, http://127.0.0.1:8000"
    assert service.machine.get("/readyz")["ready"] is True

    service.machine.tell("systemctl", "stop", UNIT)
    assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")
    assert service.events()[-1] == "stopped"
    assert records(service.log)[-1].event_type == "FILE_SEAL"


@pytest.mark.fault("F5")
def test_a_killed_daemon_is_started_anew_and_recovers(service: Service) -> None:
    service.start()
    until(lambda: "SIGNAL_INGEST" in {one.event_type for one in records(service.log)}, within_s=20, what="a post")
    service.kill(signal.SIGKILL)
    service.wait_restarted(1)
    first, second = boots(service)
    assert second.records > first.records
    assert service.machine.get("/readyz")["ready"] is True


@pytest.mark.fault("F5")
def test_one_that_takes_too_much_memory_is_ended_alone_and_recovers(service: Service) -> None:
    service.drop_in(f"[Service]\n{WITH_BUGS}")
    service.start()
    pid = service.show("MainPID")
    service.machine.tell("install", "-d", "-m", "755", INSIDE)
    service.machine.tell("touch", f"{INSIDE}/eat")
    until(lambda: service.show("MainPID") != pid, within_s=20, what="it is killed")
    service.machine.tell("rm", f"{INSIDE}/eat")
    service.wait_restarted(1)
    assert "status=9/KILL" in service.machine.journal("cat")
    assert len(boots(service)) == 2
    service.machine.tell("/opt/levibotd/bin/levibotd", "log", "verify", "/var/lib/levibotd/logs")


def test_a_failure_that_lasts_is_given_up_after_five_starts(service: Service) -> None:
    service.drop_in("[Service]\nRestartSec=10ms\nExecStart=\nExecStart=/bin/sh -c 'exit 75'\n")
    service.machine.run("systemctl", "start", UNIT)
    until(lambda: "repeated too quickly" in service.machine.journal("cat"), within_s=20, what="systemd gives up")
    assert service.show("ActiveState") == "failed"
    assert service.show("NRestarts") == "5"


@pytest.mark.fault("F3")
def test_a_loop_that_hangs_is_ended_by_the_watchdog_with_its_stacks_and_started_anew(service: Service) -> None:
    service.drop_in(f"[Service]\nRestartSec=100ms\nWatchdogSec=2\n{WITH_BUGS}")
    service.start()
    service.machine.tell("install", "-d", "-m", "755", INSIDE)
    service.machine.tell("touch", f"{INSIDE}/block")
    until(lambda: "watchdog" in service.machine.journal("cat").lower(), within_s=15, what="the watchdog acts")
    service.machine.tell("rm", f"{INSIDE}/block")
    service.wait_restarted(1)
    journal = service.machine.journal("cat")
    assert "Watchdog timeout" in journal
    assert "Fatal Python error: Aborted" in journal
    assert len(boots(service)) == 2


@pytest.mark.fault("F2")
def test_a_stopped_process_is_ended_by_the_watchdog_and_started_anew(service: Service) -> None:
    service.drop_in("[Service]\nRestartSec=100ms\nWatchdogSec=2\n")
    service.start()
    service.kill(signal.SIGSTOP)
    service.wait_restarted(1)
    assert len(boots(service)) == 2


@pytest.mark.fault("F8")
def test_a_bad_file_keeps_the_old_configuration_and_a_good_one_replaces_it(service: Service) -> None:
    service.start()
    pid = service.show("MainPID")

    service.configure(PLAIN + "cooldown_s = -1.0\n")
    service.machine.tell("systemctl", "reload", UNIT)
    until(lambda: "reload_refused" in service.events(), within_s=10, what="the refusal is told")
    until(lambda: "refused" in service.show("StatusText"), within_s=10, what="the refusal is shown")
    assert service.machine.get("/risk/policy")["cooldown_s"] == 300

    service.configure(PLAIN + "cooldown_s = 900.0\n")
    service.machine.tell("systemctl", "reload", UNIT)
    until(lambda: "reloaded" in service.events(), within_s=10, what="the reload is told")
    assert service.machine.get("/risk/policy")["cooldown_s"] == 900

    (update,) = [one.entry.record for one in records(service.log) if isinstance(one.entry.record, ConfigUpdate)]
    assert update.changed == ("risk.cooldown_s",)
    assert (service.show("ActiveState"), service.show("MainPID"), service.show("NRestarts")) == ("active", pid, "0")
    service.machine.tell("systemctl", "stop", UNIT)
    assert service.show("ExecMainStatus") == "0"


def test_a_wrong_configuration_ends_it_for_good(service: Service) -> None:
    service.configure(PLAIN + "cooldwon_s = 1.0\n")
    assert service.machine.run("systemctl", "start", UNIT).returncode != 0
    assert service.show("ExecMainStatus") == str(int(ExitCode.CONFIG))
    until(lambda: service.show("ActiveState") == "failed", within_s=5, what="it has failed")
    assert service.show("NRestarts") == "0"
    assert "$.risk.cooldwon_s" in service.machine.journal("cat")


def test_a_credential_is_read_and_stands_nowhere_else(service: Service) -> None:
    service.machine.write("/etc/credstore/levibotd.log_key", SECRET, mode=0o600)
    try:
        service.start()
    finally:
        service.machine.tell("rm", "/etc/credstore/levibotd.log_key")
    first = next(service.log.glob("*/*.jsonl")).read_text("utf-8").splitlines()[0]
    assert json.loads(first)["payload"]["keyed"] is True
    assert SECRET not in service.machine.journal("export")
    assert SECRET not in "".join(file.read_text("utf-8") for file in service.log.glob("*/*.jsonl"))


def test_the_journal_holds_one_json_object_a_line(service: Service) -> None:
    service.start()
    service.machine.tell("systemctl", "stop", UNIT)
    assert {"ready", "stopping", "stopped"} <= set(service.events())
    entries = [json.loads(line) for line in service.machine.journal("json").splitlines()]
    own = [entry for entry in entries if entry.get("_TRANSPORT") == "stdout"]
    assert own
    assert all(isinstance(json.loads(entry["MESSAGE"]), dict) for entry in own)


@pytest.mark.fault("F1")
@pytest.mark.parametrize("at", ["SIGNAL_INGEST", "ORDER_INTENT", "ORDER_FILLED"])
def test_stopped_in_the_midst_of_its_work_it_ends_in_time_and_goes_on_consistent(service: Service, at: str) -> None:
    service.start()
    until(lambda: at in {one.event_type for one in records(service.log)}, within_s=60, what=at)
    began = float(service.machine.tell("cat", "/proc/uptime").split()[0])
    service.machine.tell("systemctl", "stop", UNIT)
    assert float(service.machine.tell("cat", "/proc/uptime").split()[0]) - began < EXIT_MAX_S
    assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")
    written = len(records(service.log))

    service.start()
    assert service.machine.get("/readyz")["ready"] is True
    service.machine.tell("systemctl", "stop", UNIT)
    service.machine.tell("/opt/levibotd/bin/levibotd", "log", "verify", "/var/lib/levibotd/logs")
    all_of_it = records(service.log)
    assert len(all_of_it) > written
    intents = [one.entry.record.cid for one in all_of_it if isinstance(one.entry.record, OrderIntent)]
    assert len(intents) == len(set(intents))
