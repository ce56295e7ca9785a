"""The file of answers: appended to, written anew as a whole, and read back without its torn end."""

from pathlib import Path

import pytest

from levibotd.adapters.answer_file import NAME, AnswerFile
from levibotd.adapters.os_files import OsFiles


def test_what_was_added_is_read_back(tmp_path: Path) -> None:
    file = AnswerFile(OsFiles(tmp_path))
    assert list(file.load()) == []

    file.renew([b"one"])
    file.add(b"two")

    assert list(AnswerFile(OsFiles(tmp_path)).load()) == [b"one", b"two"]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    file = AnswerFile(OsFiles(tmp_path))
    file.renew([b"one"])
    with (tmp_path / NAME).open("ab") as torn:
        torn.write(b"tw")

    assert list(file.load()) == [b"one"]


def test_a_crash_while_it_is_written_anew_costs_nothing(tmp_path: Path) -> None:
    AnswerFile(OsFiles(tmp_path)).renew([b"one"])
    (tmp_path / f"{NAME}.next").write_bytes(b"half")

    file = AnswerFile(OsFiles(tmp_path))
    assert list(file.load()) == [b"one"]
    file.renew(file.load())
    file.add(b"two")
    assert list(file.load()) == [b"one", b"two"]


def test_it_is_made_before_it_is_added_to(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not made"):
        AnswerFile(OsFiles(tmp_path)).add(b"one")
