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


def test_a_name_is_never_given_twice(tmp_path: Path) -> None:
    files = WholeFiles(tmp_path)
    files.create("a/one").close()
    with pytest.raises(FileExistsError):
        files.create("a/one")
    assert files.names("a") == ["a/one"]
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
