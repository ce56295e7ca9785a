"""`log verify` names the first record that is not as it was written; `log repair` heals a torn tail alone."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levibotd.adapters.journal_check import RepairReport, repair, verify
from levibotd.adapters.journal_segments import LOCK
from levibotd.adapters.local_journal import LocalJournal
from levibotd.domain.archive import ArchivePruned, Manifest, ManifestFile
from levibotd.domain.records import Entry, FileSeal, SystemNote
from levibotd.journal import Chain, Preparer, decode, hash_of, parse
from levibotd.ports.journal_file import LockHeld, Stamped
from levibotd.sim.faulty_files import FaultyFiles

NOON = 20_000 * 86_400.0 + 43_200
NAMES = ["2024-10-04/events-12.jsonl", "2024-10-04/events-13.jsonl", "2024-10-04/events-14.jsonl"]
_preparer = Preparer()


def written(*, key: bytes = b"", sealed: bool = True) -> FaultyFiles:
    """Three segments with five records each, FILE_OPEN and FILE_SEAL among them: seq 1-5, 6-10, 11-15."""
    files = FaultyFiles()
    journal = LocalJournal(files, boot="b0", key=key, reserve_bytes=10)
    journal.recover()
    for hour in range(3):
        for number in range(3):
            note = _preparer.prepare(Entry(SystemNote(note=f"{hour}.{number}")))
            list(journal.commit([Stamped((note,), NOON + hour * 3600, 0.0)]))
    if sealed:
        journal.seal(ts=NOON + 2 * 3600, mono=0.0)
    journal.close()
    return files


def lines_of(files: FaultyFiles, name: str) -> list[bytes]:
    return files.read(name).splitlines(keepends=True)


def test_a_log_as_written_is_clean() -> None:
    heard: list[int] = []
    report = verify(written(), progress=heard.append)

    assert report.is_clean
    assert (report.records, report.segments, report.last_seq, report.keyed_since) == (15, 3, 15, None)


def test_an_empty_directory_is_clean() -> None:
    report = verify(FaultyFiles())
    assert (report.is_clean, report.records) == (True, 0)


@pytest.mark.fault("D2")
def test_a_flipped_bit_anywhere_is_found_and_its_seq_named() -> None:
    files = written()
    for name in NAMES:
        offset = 0
        for line in lines_of(files, name):
            seq = parse(line).seq
            for place in {*range(0, len(line), 3), len(line) - 1}:
                files.flip(name, offset=offset + place, bit=place % 7)
                report = verify(files)
                files.flip(name, offset=offset + place, bit=place % 7)
                if seq == 15 and place == len(line) - 1:
                    assert report.torn_bytes > 0  # Without the last line feed of all it looks torn.
                    continue
                assert report.damage is not None, (name, seq, place)
                assert report.damage.seq == seq, (name, seq, place, report.damage)
                assert report.damage.segment == name
            offset += len(line)
    assert verify(files).is_clean


@pytest.mark.fault("D2")
def test_a_start_over_a_flipped_bit_names_it_and_reads_on() -> None:
    files = written()
    place = files.read(NAMES[1]).index(b'"1.1"') + 1
    files.flip(NAMES[1], offset=place)

    seqs: list[int] = []
    journal = LocalJournal(files, boot="b1", reserve_bytes=10)
    recovery = journal.recover(lambda batch: seqs.extend(logged.seq for logged in batch))
    journal.close()
    assert recovery.damage is not None
    assert recovery.damage.seq == 8
    assert seqs == list(range(1, 16))


@pytest.mark.fault("D2")
def test_damage_at_the_very_end_is_not_forgotten_by_the_next_start() -> None:
    files = written(sealed=False)
    end = files.size(NAMES[2])
    files.flip(NAMES[2], offset=end - 2)
    for number in range(3):
        journal = LocalJournal(files, boot=f"b{number}", reserve_bytes=10)
        recovery = journal.recover()
        list(journal.commit([Stamped((_preparer.prepare(Entry(SystemNote(note="on"))),), NOON + 3 * 3600, 0.0)]))
        journal.close()
        assert recovery.damage is not None
        assert recovery.damage.seq == 14

    report = verify(files)
    assert report.damage is not None
    assert report.damage.seq == 14
    assert report.last_seq == 20


@pytest.mark.fault("D6")
@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["drop", "swap", "double", "edit"]), st.integers(0, 2), st.integers(0, 4), st.integers(0, 4)
)
def test_whatever_is_dropped_moved_doubled_or_edited_is_found(edit: str, segment: int, first: int, second: int) -> None:
    files = written()
    lines = lines_of(files, NAMES[segment])
    bad_seq = 5 * segment + 1 + first
    match edit:
        case "drop":
            del lines[first]
        case "swap":
            if first == second:
                return
            lines[first], lines[second] = lines[second], lines[first]
            bad_seq = 5 * segment + 1 + min(first, second)
        case "double":
            lines.insert(first + 1, lines[first])
            bad_seq += 1
        case _:
            lines[first] = lines[first].replace(b'"boot":"b0"', b'"boot":"b1"')
    files.overwrite(NAMES[segment], b"".join(lines))

    report = verify(files)
    if edit == "drop" and (segment, first) == (2, 4):
        assert report.last_seq == 14  # Without its seal the last segment looks like after a crash, and ends sooner.
        return
    assert report.damage is not None
    assert report.damage.seq == bad_seq


@pytest.mark.fault("D6")
@pytest.mark.parametrize("segment", [0, 1])
def test_a_missing_segment_is_found(segment: int) -> None:
    files = written()
    files.remove(NAMES[segment])
    report = verify(files)
    assert report.damage is not None
    assert report.damage.seq == 5 * segment + 1


def forge(line: bytes, *, key: bytes = b"") -> bytes:
    """What a malicious user makes of a record: other text, and a hash that fits it."""
    body = line.replace(b'"1.1"', b'"9.9"')
    return body[:-35] + hash_of(body, key=key).encode() + b'"}\n'


@pytest.mark.fault("D6")
def test_a_forged_record_breaks_the_chain_behind_it() -> None:
    files = written()
    lines = lines_of(files, NAMES[1])
    lines[2] = forge(lines[2])
    files.overwrite(NAMES[1], b"".join(lines))
    report = verify(files)
    assert report.damage is not None
    assert report.damage.seq == 9


@pytest.mark.fault("D6")
@pytest.mark.parametrize(("key", "is_found"), [(b"", False), (b"k" * 16, True)])
def test_malice_needs_the_key_to_be_found_out(key: bytes, is_found: bool) -> None:
    files = written(key=key)
    chain: Chain | None = None
    for name in NAMES:
        forged: list[bytes] = []
        for line in lines_of(files, name):
            logged = decode(line)
            if chain is None and b'"1.1"' in line:
                chain = Chain(boot="b0", seq=logged.seq - 1, hash_=parse(line).prev)
                logged = decode(line.replace(b'"1.1"', b'"9.9"'))
            if chain is None:
                forged.append(line)
            elif logged.event_type not in ("FILE_OPEN", "FILE_SEAL"):
                forged.append(chain.line(_preparer.prepare(logged.entry), ts=logged.ts, mono=0.0))
        files.overwrite(name, b"".join(forged))
        if chain is not None:
            break
    for name in NAMES[2:]:
        files.remove(name)

    report = verify(files, key=key)
    assert (report.damage is not None) == is_found
    assert report.keyed_since == (1 if key else None)


def test_a_gap_is_found_also_where_the_chain_goes_on() -> None:
    files = written(sealed=False)
    chain = Chain(boot="b0", seq=15, hash_=verify(files).last_hash)  # One too many.
    line = chain.line(_preparer.prepare(Entry(SystemNote(note="n"))), ts=NOON, mono=0)
    files.overwrite(NAMES[2], files.read(NAMES[2]) + line)
    report = verify(files)
    assert report.damage is not None
    assert (report.damage.seq, report.last_seq) == (15, 16)


@pytest.mark.parametrize(("count", "digest"), [(3, None), (4, "0" * 64)])
def test_a_seal_must_match_its_segment(count: int, digest: str | None) -> None:
    files = written(sealed=False)
    whole = files.read(NAMES[2])
    chain = Chain(boot="b0", seq=14, hash_=verify(files).last_hash)
    seal = FileSeal(count=count, sha256=digest or sha256(whole).hexdigest())
    files.overwrite(NAMES[2], whole + chain.line(_preparer.prepare(Entry(seal)), ts=NOON, mono=0))
    report = verify(files)
    assert report.damage is not None
    assert report.damage.seq == 15


def test_a_log_that_lost_its_key_on_the_way_is_damaged() -> None:
    files = written(key=b"k" * 16)
    chain = Chain(boot="b0", seq=15, hash_=verify(files, key=b"k" * 16).last_hash)
    opened = decode(lines_of(files, NAMES[2])[0])
    line = chain.line(_preparer.prepare(opened.entry), ts=NOON + 3 * 3600, mono=0)
    files.create("2024-10-04/events-15.jsonl").write(line.replace(b'"keyed":true', b'"keyed":false'))
    report = verify(files, key=b"k" * 16)
    assert report.damage is not None


def test_what_stands_behind_the_last_acknowledged_record_is_no_part_of_the_log() -> None:
    files = written(sealed=False)
    end = files.size(NAMES[2])
    journal = LocalJournal(files, boot="b1", reserve_bytes=10)
    journal.recover()
    files.fail_next("sync")
    note = _preparer.prepare(Entry(SystemNote(note="b")))
    list(journal.commit([Stamped((note,), NOON + 2 * 3600, 0.0)]))
    journal.close()
    assert verify(files).is_clean
    files.overwrite(NAMES[2], files.read(NAMES[2])[:end] + b'{"half":')
    assert verify(files).is_clean


def test_a_record_behind_a_seal_is_damage() -> None:
    files = written()
    chain = Chain(boot="b0", seq=15, hash_=verify(files).last_hash)
    behind = chain.line(_preparer.prepare(Entry(SystemNote(note="late"))), ts=NOON, mono=0)
    files.overwrite(NAMES[2], files.read(NAMES[2]) + behind)
    report = verify(files)
    assert report.damage is not None
    assert report.damage.seq == 16


def test_repair_cuts_a_torn_tail_and_keeps_its_bytes() -> None:
    files = written(sealed=False)
    whole = files.read(NAMES[2])
    files.overwrite(NAMES[2], whole + b'{"seq":15,"ts":17')
    assert verify(files).torn_bytes == 17

    assert repair(files) == RepairReport(cut_bytes=17, kept_in=(f"{NAMES[2]}.torn",))
    assert files.read(NAMES[2]) == whole
    assert files.read(f"{NAMES[2]}.torn") == b'{"seq":15,"ts":17'
    assert verify(files).is_clean
    assert repair(files) == RepairReport()


def test_repair_leaves_damage_alone() -> None:
    files = written()
    files.flip(NAMES[0], offset=20)
    before = {name: files.read(name) for name in NAMES}
    repair(files)
    assert {name: files.read(name) for name in NAMES} == before


def test_repair_is_refused_while_a_daemon_writes() -> None:
    files = written()
    with_lock = files.lock(LOCK, owner="daemon")
    with pytest.raises(LockHeld, match="daemon"):
        repair(files)
    with_lock.close()


def pruned(files: FaultyFiles, *, told: bool, last_hash: str | None = None) -> FaultyFiles:
    """The first segment goes; the log tells of it, or does not."""
    first = parse(lines_of(files, NAMES[0])[-1])
    if told:
        record = ArchivePruned(
            path=NAMES[0], key="k", size=1, last_seq=first.seq, last_hash=last_hash or first.h, at=0.0
        )
        journal = LocalJournal(files, boot="b1", reserve_bytes=10)
        journal.recover()
        list(journal.commit([Stamped((_preparer.prepare(Entry(record)),), NOON + 9 * 3600, 0.0)]))
        journal.close()
    files.remove(NAMES[0])
    return files


def test_a_log_that_tells_of_its_pruned_beginning_is_whole_without_it() -> None:
    report = verify(pruned(written(), told=True))

    assert (report.is_clean, report.begins, report.begins_behind) == (True, "pruned", 5)
    assert (report.records, report.last_seq) == (12, 17)


@pytest.mark.fault("D6")
def test_a_beginning_that_is_gone_without_a_word_is_damage() -> None:
    report = verify(pruned(written(), told=False))

    assert report.damage is not None
    assert (report.damage.seq, report.begins, report.begins_behind) == (1, None, 0)


@pytest.mark.fault("D6")
def test_a_word_about_another_beginning_is_none() -> None:
    assert verify(pruned(written(), told=True, last_hash="0" * 32)).damage is not None
    files = pruned(written(), told=True)
    files.remove(NAMES[1])  # One more than the log tells of.
    report = verify(files)
    assert report.damage is not None
    assert report.damage.seq == 1


def test_a_word_about_it_in_somebody_elses_text_is_none() -> None:
    files = written()
    first = parse(lines_of(files, NAMES[0])[-1])
    forged = f'"event_type":"ARCHIVE_PRUNED","payload":{{"last_seq":5,"last_hash":"{first.h}"}}'
    journal = LocalJournal(files, boot="b1", reserve_bytes=10)
    journal.recover()
    list(journal.commit([Stamped((_preparer.prepare(Entry(SystemNote(note=forged))),), NOON + 9 * 3600, 0.0)]))
    journal.close()
    files.remove(NAMES[0])

    assert verify(files).damage is not None


@pytest.mark.parametrize(("path", "clean"), [(NAMES[1], True), (NAMES[2], False)])
def test_days_of_the_archive_begin_where_their_manifest_says(path: str, clean: bool) -> None:
    files = written()
    files.remove(NAMES[0])
    manifest = Manifest(
        schema=1, installation="aa", day="2024-10-04", size=1, first_seq=6, last_seq=15, last_hash="f",
        files=(ManifestFile(path=path, key="k", size=1, sha256="a", packed_size=1, packed_sha256="b", first_seq=6,
                            last_seq=10, last_hash="f"),),
    )  # fmt: skip
    files.replace("2024-10-04/manifest.json", manifest.to_bytes())
    report = verify(files)

    assert (report.damage is None) is clean
    assert report.begins == ("restored" if clean else None)
