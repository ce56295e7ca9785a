"""Commands over an event log: of a whole one, a torn one, a damaged one, a keyed one."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from levibotd.adapters.local_journal import LocalJournal
from levibotd.adapters.os_files import OsFiles
from levibotd.app.log_commands import event_type_of, repair_log, tail_log, verify_log, why
from levibotd.domain.records import Entry, SystemNote
from levibotd.domain.signal import trace_id
from levibotd.errors import ConfigError
from levibotd.exit_codes import ExitCode
from levibotd.journal import Preparer
from levibotd.ports.journal_file import LockHeld, Stamped
from tests.app.recordings import START, replayed
from tests.app.test_progress import Terminal


@pytest.fixture(scope="module")
def replayed_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("replayed")
    replayed(directory)
    return directory / "log"


@pytest.fixture
def log(replayed_log: Path, tmp_path: Path) -> Path:
    """A log of one's own."""
    return Path(shutil.copytree(replayed_log, tmp_path / "log"))


class Told:
    """What a command printed, and how it ended."""

    def __init__(self, command: Callable[..., int], *args: object, err: io.StringIO | None = None, **options: object):
        out = io.StringIO()
        self._err = err or io.StringIO()
        self.code = command(*args, **options, out=out, err=self._err)
        self.text = out.getvalue()

    @property
    def err(self) -> str:
        return self._err.getvalue()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def verified(log: Path, *, as_json: bool = False, key: Path | None = None) -> Told:
    return Told(verify_log, log, key_file=key, as_json=as_json)


def repaired(log: Path, *, as_json: bool = False) -> Told:
    return Told(repair_log, log, key_file=None, as_json=as_json)


def asked_why(log: Path, message: str, *, as_json: bool = False) -> Told:
    return Told(why, message, logs=log, as_json=as_json)


def tailed(log: Path, *, lines: int = 10, event_type: str | None = None) -> list[dict[str, Any]]:
    out = io.StringIO()
    assert tail_log(log, follow=False, event_type=event_type, lines=lines, out=out) == ExitCode.OK
    return [json.loads(line) for line in out.getvalue().splitlines()]


def segments(log: Path) -> list[Path]:
    return sorted(log.rglob("*.jsonl"))


def keyed_log(directory: Path, key: bytes) -> Path:
    journal = LocalJournal(OsFiles(directory), boot="boot", key=key, sync=False)
    journal.recover()
    list(journal.commit([Stamped((Preparer().prepare(Entry(SystemNote(note="hello"))),), START, 1.0)]))
    journal.seal(ts=START, mono=1.0)
    journal.close()
    return directory


# verify


def test_a_whole_log_is_clean(log: Path) -> None:
    told = verified(log)

    assert told.code == ExitCode.OK
    assert "every record is as it was written" in told.text
    assert "not keyed" in told.text
    as_json = verified(log, as_json=True).json
    assert (as_json["clean"], as_json["damage"], as_json["keyed_since"]) == (True, None, None)
    assert (
        as_json["records"] == as_json["last_seq"] == sum(len(path.read_bytes().splitlines()) for path in segments(log))
    )


def test_damage_is_named_by_its_seq(log: Path) -> None:
    place = next(path for path in segments(log) if b"Good morning" in path.read_bytes())
    seq = next(_seq(line) for line in place.read_bytes().splitlines() if b"Good morning" in line)
    place.write_bytes(place.read_bytes().replace(b"Good morning", b"Good mourning"))

    told = verified(log)

    assert told.code == ExitCode.FAILED
    assert f"DAMAGED at seq {seq} in {place.relative_to(log).as_posix()}" in told.text
    assert verified(log, as_json=True).json["damage"]["seq"] == seq


def test_a_torn_tail_fails_and_names_the_cure(log: Path) -> None:
    last = segments(log)[-1]
    last.write_bytes(last.read_bytes() + b'{"seq":9')

    told = verified(log)

    assert told.code == ExitCode.FAILED
    assert f"levibotd log repair {log}" in told.text
    assert verified(log, as_json=True).json["torn_bytes"] == 8


def test_a_keyed_log_says_since_when_and_needs_its_key(tmp_path: Path) -> None:
    log = keyed_log(tmp_path / "log", b"a key of its own")
    key, other, empty, binary = (tmp_path / name for name in ("key", "other", "empty", "binary"))
    key.write_text("a key of its own\n")
    other.write_text("another")
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe")

    assert "keyed since seq 1" in verified(log, key=key).text
    assert verified(log, key=key).code == ExitCode.OK
    assert verified(log, key=other).code == ExitCode.FAILED
    with pytest.raises(ConfigError, match="key"):
        verified(log)
    for bad in (empty, binary):
        with pytest.raises(ConfigError, match=str(bad)):
            verified(log, key=bad)


def test_progress_is_told_to_a_terminal_alone(log: Path) -> None:
    terminal = Terminal()

    Told(verify_log, log, err=terminal, key_file=None, as_json=False)

    assert terminal.getvalue().endswith("\r\x1b[K"), "and the line is gone when it is done"
    assert "reading" in terminal.getvalue()
    assert verified(log).err == ""


@pytest.mark.parametrize("command", [verified, repaired, lambda log: asked_why(log, "1"), tailed])
def test_what_is_no_directory_is_an_os_error(command: Callable[[Path], object], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path in (file, tmp_path / "missing"):
        with pytest.raises(OSError, match=str(path)):
            command(path)


def test_a_directory_without_a_log_is_not_called_clean(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()

    with pytest.raises(FileNotFoundError, match="no event log"):
        verified(tmp_path)


# repair


def test_repair_cuts_the_torn_tail_and_keeps_it(log: Path) -> None:
    last = segments(log)[-1]
    whole = last.read_bytes()
    last.write_bytes(whole + b'{"seq":9')

    told = repaired(log)

    assert told.code == ExitCode.OK
    assert "cut off 8 bytes" in told.text
    assert last.read_bytes() == whole
    assert last.with_name(f"{last.name}.torn").read_bytes() == b'{"seq":9'
    assert verified(log).code == ExitCode.OK


def test_repair_of_a_whole_log_changes_nothing(log: Path) -> None:
    before = [path.read_bytes() for path in segments(log)]

    told = repaired(log, as_json=True)

    assert told.code == ExitCode.OK
    assert (told.json["cut_bytes"], told.json["kept_in"], told.json["clean"]) == (0, [], True)
    assert [path.read_bytes() for path in segments(log)] == before


def test_repair_says_what_it_cannot_heal(log: Path) -> None:
    place = segments(log)[0]
    place.write_bytes(place.read_bytes().replace(b"Good morning", b"Good mourning"))

    told = repaired(log)

    assert told.code == ExitCode.FAILED
    assert "DAMAGED" in told.text


def test_repair_leaves_a_log_alone_that_a_daemon_writes(log: Path) -> None:
    lock = OsFiles(log).lock(".lock", owner="daemon")
    try:
        with pytest.raises(LockHeld, match="daemon"):
            repaired(log)
    finally:
        lock.close()


# tail


def test_tail_prints_the_last_records_as_they_stand(log: Path) -> None:
    written = b"".join(path.read_bytes() for path in segments(log)).splitlines()
    out = io.StringIO()

    tail_log(log, follow=False, event_type=None, lines=3, out=out)

    assert out.getvalue().encode().splitlines() == sorted(written, key=_seq)[-3:]


def test_tail_of_one_type_prints_that_type(log: Path) -> None:
    found = tailed(log, event_type="ORDER_FILLED")

    assert [record["event_type"] for record in found] == ["ORDER_FILLED"] * 3
    assert tailed(log, lines=0) == []


@pytest.mark.parametrize(
    ("written", "meant"), [("ORDER_FILLED", "ORDER_FILLED"), ("order_filled", "ORDER_FILLED"), ("boot", "BOOT")]
)
def test_event_types_are_known_by_name(written: str, meant: str) -> None:
    assert event_type_of(written) == meant


@pytest.mark.parametrize(
    ("written", "near"), [("ORDER_FILED", "ORDER_FILLED"), ("FILLED", "ORDER_FILLED"), ("x", "BOOT")]
)
def test_an_unknown_event_type_is_told_with_what_is_near(written: str, near: str) -> None:
    with pytest.raises(ValueError, match=near):
        event_type_of(written)


# why


@pytest.mark.parametrize(
    "written",
    [trace_id("@alpha", 12), trace_id("@alpha", 12).upper(), "@alpha/12", "alpha/12", "Alpha/12", "alpha-12"],
)
def test_a_message_is_found_however_it_is_written(log: Path, written: str) -> None:
    told = asked_why(log, written, as_json=True)

    assert told.code == ExitCode.OK
    assert (told.json["post"]["channel"], told.json["post"]["message_id"]) == ("@alpha", 12)


def test_a_message_id_finds_every_channel_that_has_it(log: Path) -> None:
    told = asked_why(log, "12", as_json=True)

    stories = [json.loads(line) for line in told.text.splitlines()]
    assert [story["post"]["channel"] for story in stories] == ["@alpha", "@bravo"]
    assert asked_why(log, "12").text.count("\ntrace ") == 1, "two stories, told apart by an empty line"


def test_the_story_ends_with_what_came_of_it(log: Path) -> None:
    text = asked_why(log, "@alpha/12").text

    for part in ("post 12 of @alpha", "read as new, BUY", "gate confidence", "AUTO_ROUTE_EXECUTED", "POSITION_CLOSED"):
        assert part in text


@pytest.mark.parametrize(
    "written", ["1", "99", "@nobody/12", "@alpha/99", "0" * 16, "no such thing", "", "/", "1" * 40]
)
def test_what_the_log_does_not_know_fails_with_its_name(log: Path, written: str) -> None:
    told = asked_why(log, written)

    assert (told.code, told.text) == (ExitCode.FAILED, "")
    assert f"no message {written}" in told.err


def _seq(line: bytes) -> int:
    return int(json.loads(line)["seq"])
