"""Message files of every kind, whole and damaged."""

import gzip
import json
from pathlib import Path

import pytest

from levibotd.adapters.message_files import read_messages
from levibotd.adapters.post_lines import LINE_BYTES_MAX, BadLine


def line(number: int, text: str = "hello") -> bytes:
    return json.dumps({"channel": "tg:1", "msg_id": number, "ts": 1.6e9 + number, "text": text}).encode() + b"\n"


def read(path: Path) -> tuple[list[int], list[BadLine]]:
    bad: list[BadLine] = []
    return [post.message_id for post in read_messages(path, on_bad=bad.append)], bad


@pytest.mark.parametrize("zipped", [False, True])
def test_lines_are_read_whether_zipped_or_not_and_whatever_the_name(tmp_path: Path, zipped: bool) -> None:
    raw = b"\xef\xbb\xbf" + line(1) + b"\n  \r\n" + line(2).replace(b"\n", b"\r\n") + line(3).rstrip()
    path = tmp_path / "posts.data"
    path.write_bytes(gzip.compress(raw) if zipped else raw)

    assert read(path) == ([1, 2, 3], [])


@pytest.mark.parametrize("zipped", [False, True])
def test_an_export_is_recognised(tmp_path: Path, zipped: bool) -> None:
    message = {"id": 6, "type": "message", "date_unixtime": "1620000000", "text": "hi"}
    raw = json.dumps({"name": "c", "id": 4, "messages": [message]}, indent=1).encode()
    path = tmp_path / "posts"
    path.write_bytes(gzip.compress(raw) if zipped else raw)

    assert read(path) == ([6], [])


def test_bad_lines_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(line(1) + b"{oops\n" + line(2) + line(3, "x" * LINE_BYTES_MAX) + line(4) + line(5, " "))

    numbers, bad = read(path)

    assert numbers == [1, 2, 4]
    assert [(each.file, each.line) for each in bad] == [(str(path), 2), (str(path), 4), (str(path), 6)]
    assert str(bad[1]) == f"{path}:4: longer than 1048576 bytes"


def test_a_line_far_too_long_is_one_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"x" * (3 * LINE_BYTES_MAX) + b"\n" + line(1) + b"y" * (2 * LINE_BYTES_MAX))

    numbers, bad = read(path)

    assert numbers == [1]
    assert [each.line for each in bad] == [1, 3]


def test_an_archive_that_breaks_off_gives_what_it_holds_and_a_complaint(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(line(n, f"{n * n}") for n in range(20_000)))[:-2000])

    numbers, bad = read(path)

    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 1000
    assert "archive is damaged" in bad[-1].reason


def test_an_archive_with_a_broken_middle_is_no_crash(tmp_path: Path) -> None:
    raw = bytearray(gzip.compress(b"".join(line(n, f"{n * n}") for n in range(20_000))))
    raw[len(raw) // 2 : len(raw) // 2 + 50] = b"\x00" * 50
    path = tmp_path / "posts.jsonl.gz"
    path.write_bytes(raw)

    assert read(path)[1]


def test_an_empty_file_holds_no_posts(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.touch()

    assert read(path) == ([], [])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.jsonl"):
        read(tmp_path / "nowhere.jsonl")
