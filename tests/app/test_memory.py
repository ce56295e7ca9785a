"""What a daemon remembers: found again after a restart, refused when it cannot be trusted."""

import os
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from levibotd.adapters.closed_segments import LocalSegments
from levibotd.app.memory import BASE_KIND, Memory
from levibotd.config import Config, load
from levibotd.domain.archive import ArchivePruned, ClosedSegment
from levibotd.domain.ledger import Ledger
from levibotd.domain.records import Entry, SystemNote
from levibotd.errors import ConfigError
from levibotd.journal import Preparer
from levibotd.ports.journal_file import LockHeld, Stamped
from tests.domain.desk import Desk

NOON = 1_700_006_400.0


def configured(tmp_path: Path, **environ: str) -> Config:
    state_dir = {"LEVI_DAEMON__STATE_DIR": str(tmp_path / "state")}
    return load(
        environ=state_dir | {f"LEVI_{key.upper().replace('_', '__', 1)}": value for key, value in environ.items()}
    )


def opened(tmp_path: Path, *, boot: str = "boot", log_key: bytes = b"", **environ: str) -> Memory:
    return Memory(configured(tmp_path, **environ), boot=boot, log_key=log_key)


def write(memory: Memory, *entries: Entry, at: float = NOON) -> None:
    preparer = Preparer()
    for run in memory.journal.commit([Stamped(tuple(map(preparer.prepare, entries)), at, 1.0)]):
        memory.state.observe(run.logged)


def a_trade() -> Desk:
    desk = Desk()
    desk.post(1)
    key = desk.opened()
    desk.fill(desk.cids(key, "e")[0], "1", "100")
    return desk


def test_a_fresh_memory_is_an_empty_one_for_its_owner_alone(tmp_path: Path) -> None:
    memory = opened(tmp_path)
    memory.journal.close()

    assert (memory.state.last_seq, memory.recovery.records) == (0, 0)
    assert memory.state.ledger().cash == Decimal(10_000)
    assert memory.log_dir == tmp_path / "state" / "logs"
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert not [path for path in tmp_path.rglob("*") if path.name == ".probe"]


@pytest.mark.parametrize("saved", [False, True], ids=["from the log", "from the snapshot"])
async def test_positions_and_work_are_found_again(tmp_path: Path, saved: bool) -> None:
    memory, desk = opened(tmp_path), a_trade()
    write(memory, *desk.entries)
    if saved:
        await memory.save(memory.journal.position)
    write(memory, Entry(SystemNote(note="after the snapshot")))
    memory.journal.close()

    again = opened(tmp_path)
    again.journal.close()

    assert again.state.ledger() == desk.ledger
    assert again.state.last_seq == memory.state.last_seq
    assert again.recovery.records == (1 if saved else memory.state.last_seq)
    assert again.installation == memory.installation


async def test_a_snapshot_that_is_bent_only_takes_longer(tmp_path: Path) -> None:
    memory, desk = opened(tmp_path), a_trade()
    write(memory, *desk.entries)
    await memory.save(memory.journal.position)
    memory.journal.close()
    snapshot = tmp_path / "state" / "snapshot"
    snapshot.write_bytes(snapshot.read_bytes()[:-7])

    again = opened(tmp_path)
    again.journal.close()

    assert again.state.ledger() == desk.ledger
    assert again.recovery.records == memory.state.last_seq


async def test_a_snapshot_of_another_log_is_not_believed(tmp_path: Path) -> None:
    memory, desk = opened(tmp_path), a_trade()
    write(memory, *desk.entries)
    await memory.save(memory.journal.position)
    memory.journal.close()

    other = opened(tmp_path, log_dir=str(tmp_path / "other"))
    other.journal.close()

    assert other.state.ledger().positions == {}
    assert other.state.last_seq == 0


def test_two_daemons_never_share_a_memory(tmp_path: Path) -> None:
    first = opened(tmp_path, boot="first")
    with pytest.raises(LockHeld, match="first"):
        opened(tmp_path)
    first.journal.close()

    opened(tmp_path).journal.close()


@pytest.mark.parametrize("key", ["daemon.state_dir", "log.dir"])
def test_a_directory_that_cannot_be_used_is_named_with_its_key(tmp_path: Path, key: str) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    with pytest.raises(ConfigError, match=rf"\$\.{key}: cannot write to {taken}"):
        opened(tmp_path, **{key.replace(".", "_", 1): str(taken)})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_rights_is_named_with_its_key(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(ConfigError, match=rf"\$\.log\.dir: cannot write to {closed}"):
        opened(tmp_path, log_dir=str(closed))


def test_two_installations_have_names_of_two_characters(tmp_path: Path) -> None:
    names = set()
    for number in range(8):
        memory = opened(tmp_path / str(number))
        memory.journal.close()
        names.add(memory.installation)

    assert {len(name) for name in names} == {2}
    assert len(names) > 1, "drawn, not fixed"


@pytest.mark.parametrize("content", [b"", b"abc", b"A1", b"\xff\xfe", b"a b"])
def test_an_installation_that_lost_its_name_does_not_draw_another(tmp_path: Path, content: bytes) -> None:
    opened(tmp_path).journal.close()
    name = tmp_path / "state" / "installation"
    name.write_bytes(content)

    with pytest.raises(ConfigError, match=str(name)):
        opened(tmp_path)
    assert name.read_bytes() == content


def test_a_keyed_log_needs_its_key(tmp_path: Path) -> None:
    memory = opened(tmp_path, log_key=b"a key of its own")
    write(memory, Entry(SystemNote(note="hello")))
    memory.journal.close()

    with pytest.raises(ConfigError, match="key"):
        opened(tmp_path)

    again = opened(tmp_path, log_key=b"a key of its own")
    again.journal.close()
    assert again.recovery.damage is None


def test_a_memory_that_could_not_be_opened_lets_go_of_its_lock(tmp_path: Path) -> None:
    memory = opened(tmp_path, log_key=b"a key of its own")
    write(memory, Entry(SystemNote(note="hello")))
    memory.journal.close()
    with pytest.raises(ConfigError):
        opened(tmp_path)

    opened(tmp_path, log_key=b"a key of its own").journal.close()


async def pruned(tmp_path: Path) -> Memory:
    """Two hours of a log; the state is kept, and then the first hour goes, as the archiver does it."""
    memory, desk = opened(tmp_path), a_trade()
    write(memory, *desk.entries)
    write(memory, Entry(SystemNote(note="an hour later")), at=NOON + 3600)
    first = min(name for name in memory.files.names() if name.endswith(".jsonl"))
    base_seq = await memory.keep_base(memory.journal.position)
    assert base_seq == memory.journal.position.seq
    end = closed(memory, first)
    record = ArchivePruned(path=first, key="k", size=1, last_seq=end.last_seq or 0, last_hash=end.last_hash, at=NOON)
    write(memory, Entry(record), at=NOON + 3600)
    memory.files.remove(first)
    memory.journal.close()
    return memory


def closed(memory: Memory, name: str) -> ClosedSegment:
    listing = LocalSegments(memory.files, spool=memory.files).listing()
    return next(one for one in listing.closed if one.path == name)


async def test_a_pruned_log_starts_from_the_state_that_was_kept(tmp_path: Path) -> None:
    before = await pruned(tmp_path)
    again = opened(tmp_path)
    again.journal.close()

    assert again.recovery.damage is None
    assert again.state.ledger() == before.state.ledger()
    assert again.state.ledger().positions
    assert again.state.last_seq == before.state.last_seq


@pytest.mark.parametrize("harm", ["gone", "bent", "of another version"])
async def test_a_pruned_log_without_that_state_is_refused_and_never_half_read(tmp_path: Path, harm: str) -> None:
    await pruned(tmp_path)
    base = tmp_path / "state" / "base"
    data = base.read_bytes()
    match harm:
        case "gone":
            base.unlink()
        case "bent":
            base.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        case _:
            base.write_bytes(data.replace(BASE_KIND.encode(), b"ledger base 0"))

    with pytest.raises(ConfigError, match=r"begins behind seq .* levibotd archive restore"):
        opened(tmp_path)


@pytest.mark.fault("D2")
@pytest.mark.parametrize("bent", ["FILE_OPEN", "ARCHIVE_PRUNED"])
async def test_a_pruned_log_that_is_bent_where_it_says_so_still_starts_from_the_state_that_was_kept(
    tmp_path: Path, bent: str
) -> None:
    before = await pruned(tmp_path)
    segment = next((tmp_path / "state/logs").rglob("*.jsonl"))
    data = segment.read_bytes()
    place = data.index(b"payload", data.index(b'"event_type":"%b"' % bent.encode()))
    hash_at = data.index(b"hash", place) + 12
    segment.write_bytes(data[:hash_at] + bytes([data[hash_at] ^ 1]) + data[hash_at + 1 :])

    again = opened(tmp_path)
    again.journal.close()

    assert again.recovery.damage is not None
    assert again.state.ledger().positions == before.state.ledger().positions != {}


async def test_a_fresher_snapshot_goes_before_the_state_that_was_kept(tmp_path: Path) -> None:
    memory = await pruned(tmp_path)
    again = opened(tmp_path)
    write(again, Entry(SystemNote(note="later")), at=NOON + 7200)
    await again.save(again.journal.position)
    again.journal.close()
    (tmp_path / "state" / "base").unlink()

    third = opened(tmp_path)
    third.journal.close()
    assert third.state.last_seq > memory.state.last_seq
    assert third.recovery.damage is None


async def test_a_damaged_log_is_evidence_and_is_not_pruned(tmp_path: Path) -> None:
    memory = opened(tmp_path)
    write(memory, Entry(SystemNote(note="honest")))
    assert memory.keeps_log() is None
    memory.journal.close()
    victim = next((tmp_path / "state/logs").rglob("*.jsonl"))
    victim.write_bytes(victim.read_bytes().replace(b"honest", b"forged"))

    again = opened(tmp_path)
    again.journal.close()
    assert "damaged" in str(again.keeps_log())


def test_a_state_with_fewer_fields_than_today_is_still_read(tmp_path: Path) -> None:
    desk = a_trade()
    tree = msgspec.msgpack.decode(desk.ledger.to_bytes())
    for name in ("archive", "pending", "trades", "channels"):
        del tree[name]

    assert Ledger.from_bytes(msgspec.msgpack.encode(tree)).positions == desk.ledger.positions
