"""What was added to a file is read once, through rotation, truncation and replacement."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from levibotd.adapters.file_tail import FileTail, TailLine


def tail(path: Path, last: TailLine | None = None) -> FileTail:
    if last is None:
        return FileTail(path, line_bytes_max=100)
    return FileTail(path, line_bytes_max=100, position=last.end, head=last.head)


Follow = Callable[..., FileTail]


@pytest.fixture
def follow(path: Path) -> Iterator[Follow]:
    """Follow the file of this test, from its beginning or behind a line."""
    with ExitStack() as followers:
        yield lambda last=None: followers.enter_context(closing(tail(path, last)))


def raws(lines: list[TailLine]) -> list[bytes]:
    return [line.raw for line in lines]


def add(path: Path, raw: bytes) -> None:
    with path.open("ab") as file:
        file.write(raw)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "posts.jsonl"


def test_a_file_that_is_not_there_yet_is_waited_for(path: Path, follow: Follow) -> None:
    follower = follow()
    assert follower.read() == []

    add(path, b"one\n")

    assert raws(follower.read()) == [b"one"]


def test_the_last_line_waits_for_its_end(path: Path, follow: Follow) -> None:
    follower = follow()
    add(path, b"one\ntw")
    assert raws(follower.read()) == [b"one"]
    assert follower.read() == []

    add(path, b"o\n")

    lines = follower.read()
    assert [(line.raw, line.number, line.end) for line in lines] == [(b"two", 2, 8)]


def test_a_restart_goes_on_behind_the_last_line(path: Path, follow: Follow) -> None:
    add(path, b"one\ntwo\nthree\n")
    last = follow().read()[1]

    lines = follow(last).read()

    assert [(line.raw, line.number) for line in lines] == [(b"three", 3)]


def test_rotation_gives_the_rest_of_the_old_file_and_all_of_the_new(path: Path, follow: Follow) -> None:
    follower = follow()
    add(path, b"one\n")
    follower.read()
    with path.open("ab") as writer:
        path.rename(path.with_suffix(".1"))
        assert follower.read() == []  # The writer has not opened the new one: the old one still counts.
        writer.write(b"two\n")
        writer.flush()
        assert raws(follower.read()) == [b"two"]
        writer.write(b"three\nfo")
        writer.flush()
        add(path, b"five\n")

    seen = [*follower.read(), *follower.read(), *follower.read()]

    assert raws(seen) == [b"three", b"fo", b"five"]
    assert seen[-1].number == 1


def test_what_is_written_just_before_a_rotation_is_noticed_is_not_lost(path: Path) -> None:
    class Beaten(FileTail):
        """The writer adds a line and rotates between the last look and the next."""

        def _replaced(self, file: BinaryIO) -> bool:
            if path.read_bytes() == b"one\n":
                add(path, b"two\nthr")
                path.rename(path.with_suffix(".1"))
                add(path, b"four\n")
            return super()._replaced(file)

    add(path, b"one\n")
    with closing(Beaten(path, line_bytes_max=100)) as follower:
        seen = [line for _ in range(5) for line in follower.read()]

    assert raws(seen) == [b"one", b"two", b"thr", b"four"]


@pytest.mark.parametrize("content", [b"x\n", b"another first\n"])
def test_a_truncated_file_is_read_from_its_beginning(path: Path, follow: Follow, content: bytes) -> None:
    follower = follow()
    add(path, b"one\ntwo\nthree")
    follower.read()

    path.write_bytes(content)

    assert raws(follower.read()) == [content.rstrip()]


def test_a_file_overwritten_by_a_longer_one_is_told_by_how_it_begins(path: Path, follow: Follow) -> None:
    follower = follow()
    add(path, b"one\n")
    follower.read()

    path.write_bytes(b"another file\nwith more lines\n")

    assert raws(follower.read()) == [b"another file", b"with more lines"]


@pytest.mark.parametrize("content", [b"other\nlines\nfar more of them\n", b"x\n"])
def test_another_file_in_its_place_is_read_from_its_beginning_after_a_restart(
    path: Path, follow: Follow, content: bytes
) -> None:
    add(path, b"one\ntwo\n")
    last = follow().read()[-1]
    path.write_bytes(content)

    assert raws(follow(last).read()) == content.splitlines()


def test_a_line_too_long_is_cut_and_the_next_one_is_whole(path: Path, follow: Follow) -> None:
    add(path, b"x" * 1_000_000 + b"\nnext\n")

    follower = follow()
    lines = [*follower.read(), *follower.read()]

    assert [(len(line.raw), line.end) for line in lines] == [(101, 1_000_001), (4, 1_000_006)]


def test_a_file_longer_than_a_chunk_is_read_whole(path: Path, follow: Follow) -> None:
    content = [b"%d" % number for number in range(100_000)]
    add(path, b"\n".join(content) + b"\n")
    follower = follow()

    seen: list[bytes] = []
    while lines := follower.read():
        seen += raws(lines)

    assert seen == content


class Followed(RuleBasedStateMachine):
    """Writers add and rotate, readers come and go: nothing is lost and nothing is told twice."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory()
        self.path = Path(self.directory.name, "posts")
        self.files = 0
        self.written: list[bytes] = []  # Whole lines, and the half one that ended each file.
        self.partial = b""
        self.told: list[bytes] = []
        self.last: TailLine | None = None
        self.follower = tail(self.path)
        self.begin_file()

    def teardown(self) -> None:
        self.follower.close()
        self.directory.cleanup()

    def begin_file(self) -> None:
        self.files += 1
        self.add(b"file %d\n" % self.files)

    @rule(raw=st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\n\n"]), max_size=6).map(b"".join))
    def add(self, raw: bytes) -> None:
        add(self.path, raw)
        *whole, self.partial = (self.partial + raw).split(b"\n")
        self.written += whole

    @rule()
    def read(self) -> None:
        lines = self.follower.read()
        self.told += raws(lines)
        self.last = lines[-1] if lines else self.last

    @rule()
    def rotate(self) -> None:
        self.drain()
        if self.partial:
            self.written.append(self.partial)
            self.partial = b""
        self.path.rename(self.path.with_name(f"posts.{self.files}"))
        self.begin_file()

    @rule()
    def restart(self) -> None:
        self.drain()
        self.follower.close()
        self.follower = tail(self.path, self.last)

    def drain(self) -> None:
        before = -1
        while before < len(self.told):
            before = len(self.told)
            self.read()
        assert self.told == self.written

    @invariant()
    def told_in_order(self) -> None:
        assert self.told == self.written[: len(self.told)]


TestFollowed = Followed.TestCase
