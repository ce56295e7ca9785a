import gzip
from pathlib import Path

import pytest

from levibotd.adapters.candle_rows import PROBLEMS_MAX, BadRows, UnreadableInput, read_rows

HEADER = "symbol,ts,open,high,low,close,volume\n"
GOOD = "BTC/USDT,1600000000000,100,101.5,99,100.5,3"


def test_numbers_and_symbols_of_a_csv(tmp_path: Path) -> None:
    names, numbers, bad = _read(tmp_path, f"{HEADER}{GOOD}\nETHUSDT,1600003600000,1e1,11,9,10,0\n")

    assert names == ["BTC/USDT", "ETHUSDT"]
    assert numbers == [[1600000000000.0, 100.0, 101.5, 99.0, 100.5, 3.0], [1600003600000.0, 10.0, 11.0, 9.0, 10.0, 0.0]]
    assert bad.count == 0


def test_columns_may_stand_in_any_order_quoted_and_among_others(tmp_path: Path) -> None:
    text = '"note",volume,close,low,high,open,ts,"symbol"\n"a, b",3,100.5,99,101.5,100,1600000000000,"BTC/USDT"\r\n'

    names, numbers, _ = _read(tmp_path, text)

    assert names == ["BTC/USDT"]
    assert numbers == [[1600000000000.0, 100.0, 101.5, 99.0, 100.5, 3.0]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("BTCUSDT,1600000000000,100", "3 fields, at least 7 expected"),
        ("BTCUSDT,1600000000000,abc,101,99,100,1", "not a number: 'abc'"),
        ("BTCUSDT,1600000000000,nan,101,99,100,1", "not a finite number"),
        ("BTCUSDT,1600000000000,100,inf,99,100,1", "not a finite number"),
        ("BTCUSDT,1600000000000,100,1e308,99,100,1", "a price out of range"),
        ("BTCUSDT,1600000000000,0,101,0,100,1", "a price out of range"),
        ("BTCUSDT,1600000000000,100,99,101,100,1", "open or close outside low and high"),
        ("BTCUSDT,1600000000000,100,101,99,102,1", "open or close outside low and high"),
        ("BTCUSDT,1600000000000,100,101,99,100,-1", "a negative volume"),
        ("BTCUSDT,1600000000,100,101,99,100,1", "ts is not in milliseconds"),
        (",1600000000000,100,101,99,100,1", "no symbol"),
    ],
)
def test_a_bad_line_is_named_and_left_out(tmp_path: Path, line: str, reason: str) -> None:
    names, numbers, bad = _read(tmp_path, f"{HEADER}{GOOD}\n{line}\n{GOOD}\n")

    assert (len(names), len(numbers)) == (2, 2)
    assert bad.count == 1
    assert bad.problems == [f"{tmp_path / 'candles.csv'}:3: {reason}"]


def test_empty_lines_are_nothing_and_do_not_move_the_numbers(tmp_path: Path) -> None:
    names, _, bad = _read(tmp_path, f"{HEADER}{GOOD}\n\n   \nx\n{GOOD}")

    assert len(names) == 2
    assert [problem.split(": ")[0].rsplit(":")[-1] for problem in bad.problems] == ["5"]


def test_a_bad_line_far_into_a_file_has_its_own_number(tmp_path: Path) -> None:
    names, _, bad = _read(tmp_path, HEADER + f"{GOOD}\n" * 70_000 + "x\n" + f"{GOOD}\n" * 3)

    assert len(names) == 70_003
    assert bad.problems[0].startswith(f"{tmp_path / 'candles.csv'}:70002: ")


def test_problems_are_counted_without_bound_and_kept_with_one(tmp_path: Path) -> None:
    _, _, bad = _read(tmp_path, HEADER + "x\n" * (PROBLEMS_MAX + 5))

    assert (bad.count, len(bad.problems)) == (PROBLEMS_MAX + 5, PROBLEMS_MAX)


def test_json_lines_take_numbers_and_strings(tmp_path: Path) -> None:
    line = '{"symbol":"BTCUSDT","ts":1600000000000,"open":"100","high":101.5,"low":99,"close":100.5,"volume":"3"}'

    names, numbers, bad = _read(tmp_path, f'{line}\n\n{{]\n{line[:-1]},"more":[]}}\n', name="candles.jsonl")

    assert len(names) == 2
    assert numbers[0] == [1600000000000.0, 100.0, 101.5, 99.0, 100.5, 3.0]
    assert bad.count == 1
    assert ":3: JSON is malformed" in bad.problems[0]


def test_a_json_line_without_a_column_names_it(tmp_path: Path) -> None:
    _, _, bad = _read(tmp_path, '{"symbol":"BTCUSDT","ts":1600000000000}\n', name="candles.jsonl")

    assert "missing required field `open`" in bad.problems[0]


def test_bytes_that_are_no_text_are_bad_lines(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_bytes(HEADER.encode() + b"\xff\xfe\x00\x01\n" + GOOD.encode() + b"\n")
    bad = BadRows()

    chunks = list(read_rows(path, bad))

    assert sum(len(chunk.places) for chunk in chunks) == 1
    assert bad.count == 1


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("candles.txt", b"", "neither .csv, .jsonl nor .parquet"),
        ("candles.csv", b"symbol,ts,open,high,low,close\n", "no column 'volume'"),
        ("candles.csv", b"", "no column 'symbol'"),
        ("candles.csv.gz", gzip.compress(HEADER.encode() + b"x" * 10_000)[:-9], "ended before"),
        ("candles.csv.gz", b"\x1f\x8bnonsense", "nknown compression method"),
        ("candles.parquet", b"not parquet at all", "candles.parquet: "),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, name: str, body: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(body)

    with pytest.raises(UnreadableInput) as refusal:
        list(read_rows(path, BadRows()))

    assert str(path) in str(refusal.value)
    assert message in str(refusal.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match=r"nowhere.csv: No such file"):
        list(read_rows(tmp_path / "nowhere.csv", BadRows()))


def _read(tmp_path: Path, text: str, *, name: str = "candles.csv") -> tuple[list[str], list[list[float]], BadRows]:
    path = tmp_path / name
    path.write_text(text)
    bad = BadRows()
    names: list[str] = []
    numbers: list[list[float]] = []
    for chunk in read_rows(path, bad):
        names += [chunk.names[place] for place in chunk.places.tolist()]
        numbers += chunk.numbers.tolist()
    return names, numbers, bad
