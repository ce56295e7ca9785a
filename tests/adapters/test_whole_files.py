import resource
from pathlib import Path

import pytest

from levibotd.adapters.os_files import OsFiles
from levibotd.adapters.whole_files import WholeFiles


def test_what_is_closed_stands_in_the_directory(tmp_path: Path) -> None:
    files = WholeFiles(tmp_path)
    for number in range(40):
        file = files.create(f"2025-01-{number % 9}/events-{number}.jsonl")
        file.write(b"first\n")
        file.write(b"%d\n" % number)
        file.close()
    files.finish()

    plain = OsFiles(tmp_path)
    assert len(plain.names()) == 40
    assert plain.read("2025-01-7/events-7.jsonl") == b"first\n7\n"


def test_directories_and_files_are_for_their_owner_alone_however_deep_they_lie(tmp_path: Path) -> None:
    root = tmp_path / "out"
    files = WholeFiles(root)
    for name in ("a/one", "a/two", "b/c/three", "d/four"):
        files.create(name).close()
    files.finish()

    modes = {path.relative_to(root).as_posix(): path.stat().st_mode & 0o777 for path in root.rglob("*")}
    assert modes.pop("b") & 0o700 == 0o700  # Made on the way: as the mask of the process has it.
    assert {name: mode for name, mode in modes.items() if mode != 0o600} == {"a": 0o700, "b/c": 0o700, "d": 0o700}
    assert sorted(name for name, mode in modes.items() if mode == 0o600) == ["a/one", "a/two", "b/c/three", "d/four"]


def test_a_name_is_never_given_twice(tmp_path: Path) -> None:
    files = WholeFiles(tmp_path)
    files.create("a/one").close()
    with pytest.raises(FileExistsError):
        files.create("a/one")
    assert files.names("a") == ["a/one"]
    files.finish()


def test_a_file_that_only_half_of_was_taken_is_heard_of(tmp_path: Path) -> None:
    files = WholeFiles(tmp_path)
    file = files.create("a/one")
    file.write(bytes(10_000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # The system takes so much, and says so.
    try:
        file.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(OSError, match="too large"):
        files.finish()


def test_a_directory_that_takes_no_file_is_heard_of_and_ends_all_writing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("in the way")
    files = WholeFiles(tmp_path)
    open_already = files.create("b/two")
    files.create("a/one").close()
    open_already.close()
    with pytest.raises(FileExistsError, match="a"):
        files.create("b/three")
    with pytest.raises(FileExistsError, match="a"):
        files.finish()
    assert not (tmp_path / "b").exists()
