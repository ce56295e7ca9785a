from pathlib import Path

import pytest

from levibotd.adapters.os_files import OsFiles
from levibotd.adapters.write_behind import WAITING_MAX, WriteBehindFiles
from levibotd.kernel.offload import Background


def test_what_is_closed_stands_in_the_directory_once_it_is_finished(tmp_path: Path) -> None:
    files = WriteBehindFiles(tmp_path)
    for number in range(2 * WAITING_MAX):
        file = files.create(f"2025-01-{number % 9}/events-{number}.jsonl")
        file.write(b"first\n")
        file.write(b"%d\n" % number)
        file.close()
    files.finish()

    plain = OsFiles(tmp_path)
    assert len(plain.names()) == 2 * WAITING_MAX
    assert plain.read("2025-01-7/events-7.jsonl") == b"first\n7\n"


def test_a_name_is_never_given_twice(tmp_path: Path) -> None:
    files = WriteBehindFiles(tmp_path)
    files.create("a/one").close()
    with pytest.raises(FileExistsError):
        files.create("a/one")
    assert files.names("a") == ["a/one"]
    files.finish()


def test_a_directory_that_takes_no_file_is_heard_of(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("in the way")
    files = WriteBehindFiles(tmp_path)
    files.create("a/one").close()
    with pytest.raises(OSError, match="a"):
        files.finish()


def put_many(background: Background[int]) -> None:
    for number in range(2, 1000):
        background.put(number)


def test_nothing_is_handled_after_a_failure() -> None:
    handled: list[int] = []

    def handle(number: int) -> None:
        if number == 1:
            raise ValueError("one")
        handled.append(number)

    background = Background("test", handle, capacity=10)
    for number in (0, 1):
        background.put(number)
    with pytest.raises(ValueError, match="one"):
        put_many(background)
    with pytest.raises(ValueError, match="one"):
        background.close()
    assert handled == [0]
