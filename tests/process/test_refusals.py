"""What a start refuses, what it says then, and with which exit code; and how it goes on over damage."""

import shutil
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.domain.records import ConfigUpdate, Entry, Logged, Record, RiskPolicyChanged
from levibotd.exit_codes import ExitCode
from levibotd.journal import TAIL_LENGTH, Preparer, decode, hash_of
from levibotd.ports.journal_file import Stamped
from tests.process.daemon import RUN, daemon, fold, records, run_command, run_to_end, verified

pytestmark = pytest.mark.real_time

POSTS = 2


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of a demo that was stopped after a few posts. Tests take a copy of it."""
    state = tmp_path_factory.mktemp("written") / "state"
    with daemon(state) as one:
        one.wait_ready().wait_posts(POSTS)
        one.stop()
    return state


@pytest.fixture
def state(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "state"))


def segment_of(state: Path) -> Path:
    return next(iter(sorted((state / "logs").glob("*/*.jsonl"))))


def flip_bit(segment: Path, *, event_type: str) -> int:
    """Flip one bit in the payload of the first record of this type; return its seq."""
    data = segment.read_bytes()
    seq = next(one.seq for one in records(segment.parent.parent) if one.event_type == event_type)
    place = data.index(b"payload", data.index(b'{"seq":%d,' % seq)) + 20
    segment.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    return seq


def cash_since(state: Path, whole: Sequence[Logged]) -> set[Decimal]:
    """What there was at the end of `whole`, and after each record since: what was left open goes on with the market."""
    lines = [line for segment in (state / "logs").glob("*/*.jsonl") for line in segment.read_bytes().splitlines(True)]
    by_seq = {int(line.removeprefix(b'{"seq":').partition(b",")[0]): line for line in lines}
    ledger = fold(whole)
    found = {ledger.cash}
    for seq in range(whole[-1].seq + 1, max(by_seq) + 1):
        ledger.apply(decode(by_seq[seq]).entry)
        found.add(ledger.cash)
    return found


def test_a_port_in_use_is_75_and_named(tmp_path: Path) -> None:
    with daemon(tmp_path / "first") as first:
        first.wait_ready()
        code, said = run_to_end(tmp_path / "second", port=str(first.port))
    assert code == ExitCode.TEMPORARY
    assert f"127.0.0.1:{first.port} is in use" in said
    assert "Traceback" not in said


def test_a_lock_held_by_another_daemon_is_75_and_the_other_goes_on(tmp_path: Path) -> None:
    with daemon(tmp_path / "state") as first:
        first.wait_ready()
        code, said = run_to_end(tmp_path / "state")
        assert code == ExitCode.TEMPORARY
        assert "lock" in said.lower()
        assert "Traceback" not in said
        assert first.get("/readyz")["ready"]


def test_a_log_directory_that_is_a_file_is_78_and_named(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "logs").write_text("not a directory")
    code, said = run_to_end(state)
    assert code == ExitCode.CONFIG
    assert str(state / "logs") in said
    assert "Traceback" not in said


def test_a_state_directory_that_is_a_file_is_78_and_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("not a directory")
    code, said = run_to_end(tmp_path / "state")
    assert code == ExitCode.CONFIG
    assert str(tmp_path / "state") in said


@pytest.mark.fault("F9")
def test_a_log_of_a_newer_schema_is_refused_and_left_as_it_is(state: Path) -> None:
    segment = segment_of(state)
    head, _, rest = segment.read_bytes().partition(b"\n")
    newer = head.replace(b'"schema":1', b'"schema":999')
    assert newer != head
    segment.write_bytes(_with_its_hash(newer) + rest)
    before = {file.name: file.read_bytes() for file in segment.parent.iterdir()}

    code, said = run_to_end(state)

    assert code == ExitCode.CONFIG
    assert "999" in said
    assert {file.name: file.read_bytes() for file in segment.parent.iterdir()} == before


@pytest.mark.fault("D2")
@pytest.mark.parametrize("with_snapshot", [True, False])
def test_a_flipped_bit_is_named_by_its_seq_and_the_daemon_starts_reducing(state: Path, with_snapshot: bool) -> None:
    """A snapshot behind the damage keeps the state whole; the damage is told all the same."""
    whole = records(state / "logs")
    seq = flip_bit(segment_of(state), event_type="SIGNAL_SCORED")
    if not with_snapshot:
        (state / "snapshot").unlink()

    code, said = run_command("log", "verify", str(state / "logs"))
    assert code == ExitCode.FAILED
    assert f"seq {seq} " in said

    with daemon(state) as one:
        one.wait_ready()
        status = one.get("/status")
        assert status["risk_state"] == "REDUCING"
        assert not status["opening"]
        boot = one.get("/events?type=BOOT&limit=1")["events"][0]
        assert f"seq {seq} " in boot["payload"]["damage"]
        assert f"seq {seq} " in one.said()
        assert one.stop() == 0
    if with_snapshot:
        assert Decimal(status["cash"]) in cash_since(state, whole)


@pytest.mark.fault("D2")
@pytest.mark.parametrize("event_type", ["RISK_TICKET", "ORDER_INTENT", "ORDER_NEW"])
def test_a_bent_record_of_a_trade_that_still_parses_stops_no_start(state: Path, event_type: str) -> None:
    seq = flip_bit(segment_of(state), event_type=event_type)
    bent = next(one for one in records(state / "logs") if one.seq == seq)
    assert bent.event_type == event_type, "it can still be read"
    (state / "snapshot").unlink()

    with daemon(state) as one:
        one.wait_ready()
        assert one.get("/status")["risk_state"] == "REDUCING"
        assert f"seq {seq} " in one.said()
        assert one.stop() == 0


@pytest.mark.fault("D2")
def test_damage_in_a_segment_that_a_crash_left_open_is_found_behind_the_snapshot(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with daemon(state) as one:
        one.wait_ready().wait_posts(1)
        one.kill()
    with daemon(state) as one:
        one.wait_ready()
        one.stop()  # Its snapshot stands behind the segment that has no seal.
    segment = next(each for each in (state / "logs").glob("*/*.jsonl") if b"FILE_SEAL" not in each.read_bytes())
    seq = flip_bit_after_head(segment)

    with daemon(state) as one:
        one.wait_ready()
        assert one.get("/status")["risk_state"] == "REDUCING"
        assert f"seq {seq} " in one.said()


def flip_bit_after_head(segment: Path) -> int:
    data = segment.read_bytes()
    lines = data.splitlines(keepends=True)
    place = len(lines[0]) + len(lines[1]) // 2
    segment.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    return int(lines[1][len(b'{"seq":') :].partition(b",")[0])


def test_a_torn_tail_is_cut_and_kept(state: Path) -> None:
    segment = segment_of(state)
    whole = segment.read_bytes()
    # As after a kill in the middle of a write: no seal, and the half of a record.
    lines = whole.splitlines(keepends=True)
    segment.write_bytes(b"".join(lines[:-2]) + lines[-2][:50])
    (state / "snapshot").unlink()

    with daemon(state) as one:
        one.wait_ready()
        assert one.get("/status")["risk_state"] == "ACTIVE"
        assert one.stop() == 0
    assert segment.with_name(segment.name + ".torn").read_bytes() == lines[-2][:50]
    assert verified(state / "logs")["damage"] is None


def _with_its_hash(line: bytes) -> bytes:
    raw = line + b"\n"
    return raw[:-TAIL_LENGTH] + b',"h":"%b"}\n' % hash_of(raw).encode()


@pytest.mark.parametrize(
    "switched",
    [
        ConfigUpdate(sha="0", risk={"max_of_yore": 2, "max_open": 3}, by="http"),
        RiskPolicyChanged(policy="of-yore", before="moderate", by="http", reason="test"),
    ],
)
def test_what_the_configuration_does_not_know_any_more_is_78_until_it_is_let_go_of(
    state: Path, switched: ConfigUpdate | RiskPolicyChanged
) -> None:
    write(state / "logs", switched)

    code, said = run_to_end(state)
    assert code == ExitCode.CONFIG
    assert "of_yore" in said.replace("-", "_")
    assert "levibotd run --forget-overrides" in said

    with daemon(state, command=(*RUN, "--forget-overrides")) as one:
        one.wait_ready()
        assert one.get("/config")["risk"]["max_open"] == (3 if isinstance(switched, ConfigUpdate) else None)
        assert one.get("/status")["policy"] == "demo"
        assert one.stop() == 0
    verified(state / "logs")
    with daemon(state) as again:
        again.wait_ready()


def write(log: Path, record: Record) -> None:
    """Append one record, as a daemon of another version would have."""
    journal = LocalJournal(OsFiles(log), boot="0123456789abcdef")
    told = list[Logged]()
    journal.recover(told.extend)
    list(journal.commit((Stamped((Preparer().prepare(Entry(record)),), told[-1].ts, 0.0),)))
    journal.close()
