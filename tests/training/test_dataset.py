"""Labels from files: what is used of a line, and what is said of a bad one."""

import gzip
import json
from pathlib import Path

import pytest

from levibotd.errors import ConfigError
from levibotd.training.dataset import LINE_BYTES_MAX, load_examples, load_texts

LEG = {"symbol": "ADA/USDT", "side": "BUY", "entry": [2, 1.5], "tps": None, "sl": [5], "sl_kind": "pct", "mine": "x"}


def file_of(folder: Path, *lines: object, name: str = "labels.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def test_a_full_line_is_read(tmp_path: Path) -> None:
    row = {
        "id": "a", "text": "buy", "label": "BUY", "label_at_post": "NO-TRADE", "channel": "c", "ts": 1e9, "lang": "tr",
        "fwd_age_h": 30.0, "weight": 0.5, "doubt": "hm", "reply_to": "b", "legs": [LEG],
    }  # fmt: skip
    (example,) = load_examples([file_of(tmp_path, row)])
    assert (example.label, example.expected, example.group, example.weight) == ("BUY", "NO-TRADE", "c", 0.5)
    assert example.post.forwarded_at == 1e9 - 30 * 3600
    assert (example.language, example.certain, example.parent) == ("tr", False, "b")
    assert example.legs == (LEG,), "what is not looked at is left alone"


def test_text_and_label_are_enough_and_such_lines_are_channels_of_their_own(tmp_path: Path) -> None:
    found = load_examples([file_of(tmp_path, {"text": "a", "label": "BUY"}, "\n", {"text": "b", "label": "SELL"})])
    assert [example.group for example in found] == ["labels.jsonl:1", "labels.jsonl:3"]


def test_a_gzipped_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a", "label": "BUY"}\n'))
    assert len(load_examples([path])) == 1


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"text": "a"}',
        '{"label": "BUY"}',
        '{"text": "a", "label": "HOLD"}',
        '{"text": "a", "label": "BUY", "label_at_post": "HOLD"}',
        '{"text": " \\n", "label": "BUY"}',
        '{"text": "a", "label": "BUY", "weight": -1}',
        '{"text": "a", "label": "BUY", "weight": 0}',
        '{"text": "a", "label": "BUY", "weight": 1e9}',
        '{"text": "a", "label": "BUY", "weight": "2"}',
        '{"text": "a", "label": "BUY", "ts": -1}',
        '{"text": "a", "label": "BUY", "fwd_age_h": -1}',
        '{"text": "a", "label": "BUY", "legs": {}}',
        '{"text": "a", "label": "BUY", "legs": [1]}',
        '{"text": "a", "label": "BUY", "legs": [{"symbol": "ADA/USDT"}]}',
        '{"text": "a", "label": "BUY", "legs": [{"side": "LONG"}]}',
        '{"text": "a", "label": "BUY", "legs": [{"side": "BUY", "entry": 1}]}',
        '{"text": "a", "label": "BUY", "legs": [{"side": "BUY", "entry": ["1"]}]}',
        '{"text": "a", "label": "BUY", "legs": [{"side": "BUY", "tps": [1, 0]}]}',
        '{"text": "a", "label": "BUY", "legs": [{"side": "BUY", "sl": [-1]}]}',
        '{"text": "a", "label": "BUY", "legs": [{"side": "BUY", "sl_kind": "maybe"}]}',
        "\udcff",
    ],
)
def test_a_bad_line_names_file_and_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_bytes(b'{"text": "a", "label": "BUY"}\n' + line.encode("utf-8", "surrogateescape") + b"\n")
    with pytest.raises(ConfigError, match=r"labels\.jsonl:2: "):
        load_examples([path])


@pytest.mark.parametrize(("bad", "more"), [(1, None), (20, None), (23, "and 3 more bad lines")])
def test_bad_lines_are_told_together_the_first_twenty_by_number(tmp_path: Path, bad: int, more: str | None) -> None:
    good, wrong = {"text": "a", "label": "BUY"}, {"text": "a", "label": "HOLD"}
    first = file_of(tmp_path, good, wrong, *[good] * 3, name="first.jsonl")
    second = file_of(tmp_path, *[wrong] * (bad - 1), good, name="second.jsonl")
    with pytest.raises(ConfigError) as refused:
        load_examples([first, second])
    told = str(refused.value).splitlines()
    reason = "label 'HOLD' is none of BUY, SELL, NO-TRADE"
    wanted = [f"{first}:2: {reason}", *(f"{second}:{number}: {reason}" for number in range(1, bad))]
    assert told == [*wanted[:20], *([more] if more else [])]


def test_a_reason_is_short_whatever_stands_in_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_examples([file_of(tmp_path, {"text": "a", "label": "x" * 100_000})])
    assert len(str(refused.value)) < len(str(tmp_path)) + 200


def test_bad_lines_of_messages_are_told_together_too(tmp_path: Path) -> None:
    path = file_of(tmp_path, "{\n", {"id": "a", "text": "x"}, "[]\n", name="messages.jsonl")
    with pytest.raises(ConfigError, match=r"messages\.jsonl:1: .*\n.*messages\.jsonl:3: "):
        load_texts([path], ["a"])


def test_an_endless_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="longer than"):
        load_examples([file_of(tmp_path, " " * (LINE_BYTES_MAX + 2))])


def test_no_file_and_no_examples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gone"):
        load_examples([tmp_path / "gone.jsonl"])
    with pytest.raises(ConfigError, match="no examples"):
        load_examples([file_of(tmp_path)])
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(b"not gzip")
    with pytest.raises(ConfigError, match="broken"):
        load_examples([broken])


def test_texts_replied_to_are_found_by_id(tmp_path: Path) -> None:
    path = file_of(tmp_path, {"id": "a", "text": "x"}, {"id": 7, "text": "y"}, {"id": "c"}, name="messages.jsonl")
    assert load_texts([path], ["7", "c"]) == {"7": "y"}
