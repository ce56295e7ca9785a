"""
What the archive does next: which days are finished, what may be pruned, what stands on this disk alone.

Decided from what the log says (`ArchiveBook`) and what the disk has, and from nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from msgspec import Struct

from levibotd.domain.archive import ArchiveBook, ArchivedFile, ClosedSegment, Stage, day_in


class DayState(Struct, frozen=True, kw_only=True):
    """
    One day of the log. `state` is that of its least advanced segment.

    It is `open` while it may be written to, `waiting` before anything was done, then the word of
    `Stage`, and `pruned` once none of its segments is here any more. Bytes are those of the log.
    """

    day: str
    state: str
    files: int
    bytes: int
    unverified_bytes: int
    pruned_files: int = 0
    manifest: str | None = None


def finished_days(closed: Sequence[ClosedSegment], *, open_paths: Iterable[str], today: str) -> tuple[str, ...]:
    """The days before `today` of which no segment is open any more, oldest first."""
    busy = {day_in(path) for path in open_paths}
    days = {day_in(one.path) for one in closed} - busy
    return tuple(sorted(day for day in days if day < today))


def is_manifested(book: ArchiveBook, closed: Sequence[ClosedSegment]) -> bool:
    """Does a manifest name all of these segments of one day?"""
    return all(
        (file := book.files.get(one.path)) is not None and file.stage is Stage.MANIFESTED and file.size == one.size
        for one in closed
    )


def unverified_bytes(book: ArchiveBook, closed: Iterable[ClosedSegment], *, today: str) -> int:
    """Bytes of days that are over which stand on this disk alone, as far as anybody has proven."""
    return _unverified(book, [one for one in closed if day_in(one.path) < today])


def prunable(
    book: ArchiveBook, closed: Sequence[ClosedSegment], *, today: str, keep_days: int, base_seq: int, anchor: str | None
) -> tuple[ArchivedFile, ...]:
    """
    The segments that may go, oldest first: always the beginning of the log, so that no gap is torn into it.

    They are older than `keep_days`, verified and named by a manifest; the state kept at `base_seq` holds all that
    they say, and the day that results are counted from (`anchor`) comes after them.
    """
    oldest_kept = (date.fromisoformat(today) - timedelta(days=keep_days)).isoformat()
    if anchor is not None:
        oldest_kept = min(oldest_kept, anchor)
    going: list[ArchivedFile] = []
    for one in closed:
        file = book.files.get(one.path)
        if (
            file is None
            or file.stage is not Stage.MANIFESTED
            or file.size != one.size
            or day_in(one.path) >= oldest_kept
            or file.last_seq >= base_seq
        ):
            break
        going.append(file)
    return tuple(going)


def leftovers(book: ArchiveBook, closed: Iterable[ClosedSegment]) -> tuple[ClosedSegment, ...]:
    """Segments that the log says were pruned and that are still here: a crash came in between."""
    return tuple(one for one in closed if one.last_seq is not None and one.last_seq <= book.pruned_to)


def by_day(closed: Iterable[ClosedSegment]) -> Mapping[str, list[ClosedSegment]]:
    days: dict[str, list[ClosedSegment]] = {}
    for one in closed:
        days.setdefault(day_in(one.path), []).append(one)
    return days


def _unverified(book: ArchiveBook, closed: Iterable[ClosedSegment]) -> int:
    return sum(one.size for one in closed if not _is_verified(book.files.get(one.path)))


def _is_verified(file: ArchivedFile | None) -> bool:
    return file is not None and file.stage in (Stage.VERIFIED, Stage.MANIFESTED)


def day_states(
    book: ArchiveBook, closed: Sequence[ClosedSegment], *, open_paths: Iterable[str], today: str
) -> tuple[DayState, ...]:
    """Every day that is here or in the archive, as far as it is remembered; newest first."""
    days, unfinished = by_day(closed), {day_in(path) for path in open_paths}
    names = sorted({*days, *unfinished, *book.days}, reverse=True)
    return tuple(_day_state(book, day, days.get(day, ()), day in unfinished or day >= today) for day in names)


def _day_state(book: ArchiveBook, day: str, here: Sequence[ClosedSegment], is_open: bool) -> DayState:
    archived = book.days.get(day)
    stages = [None if (file := book.files.get(one.path)) is None else file.stage for one in here]
    order: list[Stage | None] = [None, *Stage]
    least = min(stages, key=order.index) if stages else None
    return DayState(
        day=day,
        state="open" if is_open else "pruned" if not here else "waiting" if least is None else str(least),
        files=len(here),
        bytes=sum(one.size for one in here),
        unverified_bytes=_unverified(book, here),
        pruned_files=0 if archived is None else archived.pruned,
        manifest=None if archived is None else archived.key,
    )
