"""What the archive does next: which days are finished, what may be pruned."""

import pytest

from levibotd.domain.archive import ArchiveBook, ArchivedDay, ArchivedFile, ClosedSegment, Stage
from levibotd.domain.archive_plan import (
    day_states,
    finished_days,
    is_manifested,
    leftovers,
    prunable,
    unverified_bytes,
)

TODAY = "2026-10-20"


def segment(day: int, hour: int = 0, *, size: int = 100, last_seq: int | None = -1) -> ClosedSegment:
    seq = day * 100 + hour
    return ClosedSegment(
        path=f"2026-10-{day:02d}/events-{hour:02d}.jsonl", size=size, first_seq=seq,
        last_seq=seq if last_seq == -1 else last_seq, last_hash="f" * 32,
    )  # fmt: skip


def book_of(*segments: ClosedSegment, stage: Stage = Stage.MANIFESTED, **more: object) -> ArchiveBook:
    files = {
        one.path: ArchivedFile(path=one.path, stage=stage, size=one.size, sha256="a", first_seq=one.first_seq,
                               last_seq=one.last_seq or 0, last_hash=one.last_hash)
        for one in segments
    }  # fmt: skip
    return ArchiveBook(files=files, **more)  # type: ignore[arg-type]


def test_a_day_is_finished_when_it_is_over_and_nothing_of_it_is_open() -> None:
    closed = [segment(17), segment(18), segment(19), segment(20), segment(21)]

    assert finished_days(closed, open_paths=["2026-10-19/events-09.jsonl"], today=TODAY) == ("2026-10-17", "2026-10-18")
    assert finished_days(closed, open_paths=["2026-10-20/events-09.jsonl"], today=TODAY)[-1] == "2026-10-19"
    assert finished_days([], open_paths=[], today=TODAY) == ()


@pytest.mark.parametrize("stage", [Stage.SEALED, Stage.COMPRESSED, Stage.UPLOADED])
def test_what_is_not_verified_counts_as_being_here_alone(stage: Stage) -> None:
    assert unverified_bytes(book_of(segment(1), stage=stage), [segment(1)], today=TODAY) == 100
    assert unverified_bytes(ArchiveBook(), [segment(1), segment(2)], today=TODAY) == 200
    assert unverified_bytes(book_of(segment(1), stage=Stage.VERIFIED), [segment(1)], today=TODAY) == 0
    assert unverified_bytes(ArchiveBook(), [segment(19), segment(20)], today=TODAY) == 100  # Today is not over.


def test_a_day_has_its_manifest_when_it_names_every_segment_as_it_is() -> None:
    closed = [segment(1, 0), segment(1, 1)]

    assert is_manifested(book_of(*closed), closed)
    assert not is_manifested(book_of(closed[0]), closed)
    assert not is_manifested(book_of(*closed, stage=Stage.VERIFIED), closed)
    assert not is_manifested(book_of(*closed), [closed[0], segment(1, 1, size=101)])


def going(book: ArchiveBook, closed: list[ClosedSegment], **over: object) -> list[str]:
    options: dict[str, object] = {"today": TODAY, "keep_days": 5, "base_seq": 10_000, "anchor": None}
    return [file.path[8:10] for file in prunable(book, closed, **(options | over))]  # type: ignore[arg-type]


def test_what_is_older_than_it_must_be_kept_goes_oldest_first() -> None:
    closed = [segment(day) for day in range(10, 20)]

    assert going(book_of(*closed), closed) == ["10", "11", "12", "13", "14"]
    assert going(book_of(*closed), closed, keep_days=9) == ["10"]


def test_nothing_behind_one_that_must_stay_goes() -> None:
    closed = [segment(day) for day in range(10, 15)]
    for stage in (Stage.SEALED, Stage.COMPRESSED, Stage.UPLOADED, Stage.VERIFIED):
        book = book_of(*closed)
        book.files[closed[2].path].stage = stage
        assert going(book, closed) == ["10", "11"]
    assert going(book_of(*closed[:2], *closed[3:]), closed) == ["10", "11"]  # One that the log does not know.
    grown = [*closed[:2], segment(12, size=101), *closed[3:]]
    assert going(book_of(*closed), grown) == ["10", "11"]


def test_nothing_goes_that_the_kept_state_does_not_hold() -> None:
    closed = [segment(day) for day in range(10, 15)]

    assert going(book_of(*closed), closed, base_seq=1201) == ["10", "11", "12"]
    assert going(book_of(*closed), closed, base_seq=1200) == ["10", "11"]
    assert going(book_of(*closed), closed, base_seq=0) == []


def test_the_day_that_results_are_counted_from_stays_with_all_behind_it() -> None:
    closed = [segment(day) for day in range(10, 15)]

    assert going(book_of(*closed), closed, anchor="2026-10-12") == ["10", "11"]
    assert going(book_of(*closed), closed, anchor="2026-10-19") == ["10", "11", "12", "13", "14"]


def test_what_was_called_pruned_and_is_here_is_left_over() -> None:
    closed = [segment(10), segment(11), segment(12, last_seq=None)]

    assert leftovers(ArchiveBook(pruned_to=1000), closed) == (closed[0],)
    assert leftovers(ArchiveBook(), closed) == ()


def test_each_day_has_the_state_of_its_least_advanced_segment() -> None:
    closed = [segment(12, 0), segment(12, 1), segment(13), segment(14), segment(20)]
    book = book_of(closed[0], closed[2])
    book.files[closed[2].path].stage = Stage.UPLOADED
    gone = ArchivedDay(day="2026-10-11", key="m11", sha256="a", files=1, size=9, first_seq=1, last_seq=2, last_hash="f",
                       at=0.0, pruned=1)  # fmt: skip
    book.days["2026-10-11"] = gone
    book.days["2026-10-12"] = ArchivedDay(day="2026-10-12", key="m12", sha256="a", files=2, size=9, first_seq=1,
                                          last_seq=2, last_hash="f", at=0.0)  # fmt: skip
    states = day_states(book, closed, open_paths=["2026-10-20/events-05.jsonl"], today=TODAY)

    assert [(one.day[8:], one.state, one.files, one.unverified_bytes) for one in states] == [
        ("20", "open", 1, 100),
        ("14", "waiting", 1, 100),
        ("13", "uploaded", 1, 100),
        ("12", "waiting", 2, 100),
        ("11", "pruned", 0, 0),
    ]
    assert [one.manifest for one in states] == [None, None, None, "m12", "m11"]
