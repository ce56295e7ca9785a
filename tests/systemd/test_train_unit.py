"""Training as a service: skipped without labels, beside a running daemon with them, and its model is served."""

import json
from collections.abc import Iterator

import pytest

from tests.process.daemon import records
from tests.systemd.machine import UNIT, Machine, Service, boot
from tests.training.conftest import make_examples
from tests.until import until

pytestmark = pytest.mark.real_time

TRAIN = "levibotd-train.service"
STATE = "/var/lib/private/levibotd"
PLAIN = '[exchange]\nmarket = "swap"\n[risk]\npolicy = "moderate"\n'


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with boot() as one:
        one.install(UNIT, TRAIN, "levibotd-train.timer")
        yield one


@pytest.fixture
def service(machine: Machine) -> Iterator[Service]:
    one = Service(machine)
    one.configure(PLAIN)
    yield one
    machine.run("systemctl", "stop", UNIT)
    machine.run("systemctl", "reset-failed", UNIT, TRAIN)
    machine.run("find", STATE, "-xdev", "-delete")


def show(machine: Machine, name: str) -> str:
    return machine.tell("systemctl", "show", "--value", "--property", name, TRAIN).strip()


def types(service: Service) -> set[str]:
    return {record.event_type for record in records(service.log)}


def labels() -> str:
    """Made-up posts of a few channels, labelled."""
    lines = (
        {"text": one.post.text, "label": one.label, "channel": one.group, "ts": one.post.posted_at}
        for one in make_examples(240)
    )
    return "".join(json.dumps(line) + "\n" for line in lines)


def give_labels(machine: Machine) -> None:
    machine.write("/root/labels.jsonl", labels())
    machine.tell("install", "-D", "-m", "644", "/root/labels.jsonl", f"{STATE}/dataset/labels.jsonl")


def test_without_labels_it_is_skipped_and_says_so(machine: Machine) -> None:
    machine.tell("systemctl", "start", TRAIN)
    assert show(machine, "ConditionResult") == "no"
    assert show(machine, "ActiveState") == "inactive"
    assert show(machine, "ExecMainStartTimestamp") == ""
    said = machine.journal("cat", unit=TRAIN)
    assert "skipped" in said
    assert "/var/lib/levibotd/dataset/labels.jsonl" in said


def test_with_labels_it_trains_beside_the_daemon_which_then_serves_it(machine: Machine, service: Service) -> None:
    service.start()
    owner = machine.path(STATE).stat().st_uid
    give_labels(machine)

    machine.tell("systemctl", "start", TRAIN)
    assert (show(machine, "Result"), show(machine, "ExecMainStatus")) == ("success", "0")
    known = json.loads(machine.path(f"{STATE}/models/serving.json").read_text())
    assert known["last"]["by"] == "cli"
    assert known["last"]["challenger"]["posts"] > 0
    assert {path.stat().st_uid for path in machine.path(f"{STATE}/models").iterdir()} == {owner}

    # The daemon kept its state: it tells what was trained beside it, and never fell.
    assert machine.path(STATE).stat().st_uid == owner
    until(lambda: "MODEL_TRAINED" in types(service), within_s=30, what="the daemon tells of the training")
    assert service.show("NRestarts") == "0"
    served = machine.get("/ml/model")
    assert served["last"]["at"] == known["last"]["at"]
    assert (served["sha256"] == known["last"]["sha256"]) == known["last"]["promoted"]


def test_the_timer_starts_it(machine: Machine) -> None:
    machine.write("/run/systemd/system/levibotd-train.timer.d/alone.conf", "[Unit]\nDefaultDependencies=no\n")
    machine.write(
        "/run/systemd/system/levibotd-train.timer.d/now.conf",
        "[Timer]\nOnCalendar=\nOnCalendar=*-*-* *:*:*\nRandomizedDelaySec=0\nAccuracySec=100ms\n",
    )
    machine.tell("systemctl", "daemon-reload")
    asked = show(machine, "ConditionTimestampMonotonic")
    machine.tell("systemctl", "start", "levibotd-train.timer")
    try:
        until(lambda: show(machine, "ConditionTimestampMonotonic") != asked, within_s=10, what="the timer elapsed")
    finally:
        machine.tell("systemctl", "stop", "levibotd-train.timer")
    assert show(machine, "ConditionResult") == "no"
