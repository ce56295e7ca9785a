"""`replay` as a command: what it says of bad input, what it prints, how it ends."""

import gzip
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from levibotd.app.replay import ChannelSummary, ReplayInput, Summary
from levibotd.app.replay_command import as_table, replay_command
from levibotd.config import load
from levibotd.errors import ConfigError
from levibotd.exit_codes import ExitCode
from tests.app.recordings import CALL, POSTS, START, Recording, recording
from tests.app.test_progress import Terminal


@pytest.fixture
def files(tmp_path: Path) -> Recording:
    return recording(tmp_path)


class Replayed:
    """What a replay of `files` printed, and how it ended."""

    def __init__(self, files: Recording, *, keep: bool = False, err: io.StringIO | None = None, **asked: Any) -> None:
        wanted = {"messages": (files.messages,), "candles": (files.candles,), "out": files.out, **asked}
        out, self._err = io.StringIO(), err or io.StringIO()
        self.code = replay_command(
            lambda: load(environ={}), ReplayInput(**wanted), keep=keep, as_json=True, out=out, err=self._err
        )
        self.text = out.getvalue()

    @property
    def err(self) -> str:
        return self._err.getvalue()

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found


def zipped(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)  # Parameters of tests are the same in every process.


def as_lines(*posts: object) -> str:
    return "".join(json.dumps(post) + "\n" for post in posts)


def test_the_summary_tells_what_came_of_the_posts(files: Recording) -> None:
    done = Replayed(files)

    assert (done.code, done.err) == (ExitCode.OK, "")
    assert done.summary["messages"] == len(POSTS)
    assert sum(done.summary["decisions"].values()) == len(POSTS)
    assert (done.summary["orders"], done.summary["fills"]) == (4, 3)
    assert done.summary["channels"]["@alpha"]["won"] == 1


def test_the_log_is_kept_where_it_was_asked_for_and_nowhere_else(files: Recording, tmp_path: Path) -> None:
    Replayed(files)
    assert not files.out.exists()

    Replayed(files, keep=True)
    first = {path.name: path.read_bytes() for path in files.out.rglob("*.jsonl")}
    Replayed(files, keep=True, out=tmp_path / "again")

    assert first
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").rglob("*.jsonl")} == first


def test_all_missing_files_are_named_at_once(files: Recording, tmp_path: Path) -> None:
    missing = [tmp_path / name for name in ("posts", "candles", "markets")]

    done = Replayed(files, messages=(files.messages, missing[0]), candles=(missing[1],), markets=missing[2])

    assert (done.code, done.text) == (ExitCode.USAGE, "")
    assert done.err.splitlines() == [f"levibotd: {path}: No such file or directory" for path in missing]


def test_missing_files_are_told_before_the_configuration_is_read(files: Recording, tmp_path: Path) -> None:
    def refuse() -> Any:
        raise ConfigError("wrong")

    asked = ReplayInput(messages=(tmp_path / "missing",), candles=(files.candles,), out=files.out)
    code = replay_command(refuse, asked, keep=False, as_json=False, out=io.StringIO(), err=io.StringIO())

    assert code == ExitCode.USAGE


def test_a_directory_that_holds_something_is_left_alone(files: Recording) -> None:
    files.out.mkdir()
    (files.out / "precious").touch()

    done = Replayed(files, keep=True)

    assert (done.code, done.text) == (ExitCode.USAGE, "")
    assert f"{files.out} is not empty" in done.err
    assert [path.name for path in files.out.iterdir()] == ["precious"]


def test_bad_posts_are_named_skipped_and_counted(files: Recording) -> None:
    lines = as_lines(*POSTS).splitlines()
    files.messages.write_text("\n".join([lines[0], "junk", *lines[1:], '{"id": 9, "text": "no time"}']))

    done = Replayed(files)

    assert done.code == ExitCode.FAILED
    assert (done.summary["messages"], done.summary["bad_lines"]) == (len(POSTS), 2)
    first, second = done.err.splitlines()
    assert first.startswith(f"{files.messages}:2: ")
    assert second == f"{files.messages}:6: no ts"


def test_bad_candles_are_named_skipped_and_counted(files: Recording) -> None:
    rows = files.candles.read_text().splitlines()
    files.candles.write_text("\n".join([rows[0], "BTCUSDT,1,2", *rows[1:], f"BTCUSDT,{int(START)},1,1,1,1,1"]) + "\n")

    done = Replayed(files)

    assert done.code == ExitCode.FAILED
    assert (done.summary["bad_candles"], done.summary["fills"]) == (2, 3)
    assert done.err.splitlines() == [
        f"{files.candles}:2: 3 fields, at least 7 expected",
        f"{files.candles}:{len(rows) + 2}: ts is not in milliseconds",
    ]


@pytest.mark.parametrize("broken", ["posts", "candles"])
def test_strict_stops_at_the_first_bad_line_and_says_it_once(files: Recording, broken: str) -> None:
    path = files.messages if broken == "posts" else files.candles
    text = as_lines(*POSTS) if broken == "posts" else path.read_text()
    path.write_text(f"{text}junk\nmore junk\n")

    done = Replayed(files, strict=True)

    assert (done.code, done.text) == (ExitCode.FAILED, "")
    told, stopped = done.err.splitlines()
    assert told.startswith(f"{path}:{len(text.splitlines()) + 1}: ")
    assert stopped == "levibotd: stopped at the first bad line"


def test_input_that_is_not_gzip_whatever_its_name_is_read_as_it_is(files: Recording) -> None:
    files.messages.write_text(as_lines(*POSTS))

    assert Replayed(files).summary["messages"] == len(POSTS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-4],
        lambda data: data[:30] + b"\xff\xff\xff\xff" + data[34:],
    ],
    ids=["half", "no end", "bent"],
)
def test_a_damaged_archive_of_posts_is_a_bad_line(files: Recording, damage: Callable[[bytes], bytes]) -> None:
    files.messages.write_bytes(damage(zipped(as_lines(*POSTS) * 50)))

    done = Replayed(files)

    assert done.code == ExitCode.FAILED
    assert str(files.messages) in done.err
    assert done.summary["bad_lines"] >= 1


@pytest.mark.parametrize("content", [b"", b"\n\n", zipped("")], ids=["empty", "blank", "empty gzip"])
def test_files_without_posts_are_said_to_be_empty(files: Recording, content: bytes) -> None:
    files.messages.write_bytes(content)

    done = Replayed(files)

    assert (done.code, done.err) == (ExitCode.OK, "levibotd: not one post in these files\n")
    assert done.summary["messages"] == 0


def test_a_span_without_posts_is_said_to_be_empty(files: Recording) -> None:
    done = Replayed(files, since=START + 1e6)

    assert done.err == "levibotd: not one post in these files and this span of time\n"


def test_posts_of_nothing_but_junk_are_all_bad(files: Recording) -> None:
    files.messages.write_text("junk\n[]\n7\n")

    done = Replayed(files)

    assert (done.code, done.summary["bad_lines"], done.summary["messages"]) == (ExitCode.FAILED, 3, 0)


HEADER = "symbol,ts,open,high,low,close,volume"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("candles.csv", b"", "symbol"),
        ("candles.csv", b"symbol,time,open,high,low,close,volume\n", "ts"),
        ("candles.csv", b"\x1f\x8bnot gzip at all", "candles.csv"),
        ("candles.csv.gz", zipped(HEADER + "\n" + "x" * 9999)[:-20], "candles.csv.gz"),
        ("candles.xlsx", b"PK", ".csv"),
        ("candles.parquet", b"no parquet", "candles.parquet"),
    ],
)
def test_what_is_no_candle_file_is_usage_and_named(files: Recording, name: str, content: bytes, reason: str) -> None:
    path = files.candles.with_name(name)
    path.write_bytes(content)

    with pytest.raises(OSError, match=str(path)) as told:
        Replayed(files, candles=(path,))

    assert reason in str(told.value)


@pytest.mark.parametrize(
    ("name", "content"), [("c.csv", HEADER.encode()), ("c.csv", f"{HEADER}\n".encode()), ("c.jsonl", b"")]
)
def test_candle_files_without_candles_are_named_and_nothing_is_traded(
    files: Recording, name: str, content: bytes
) -> None:
    path = files.candles.with_name(name)
    path.write_bytes(content)

    done = Replayed(files, candles=(path,))

    assert done.code == ExitCode.OK
    assert done.err == "levibotd: not one candle in these files: no call has a price\n"
    assert (done.summary["messages"], done.summary["orders"]) == (len(POSTS), 0)


def test_progress_is_one_line_on_a_terminal_and_nothing_elsewhere(tmp_path: Path) -> None:
    many = [{"channel": "@a", "msg_id": n, "ts": START + n, "text": f"hello {n}"} for n in range(1, 1500)]
    files, terminal = recording(tmp_path, many), Terminal()

    Replayed(files, err=terminal)

    assert "1,499 posts" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert Replayed(files).err == ""


def test_the_table_tells_contaminated_decisions_apart() -> None:
    summary = Summary(
        messages=1200,
        decisions={"EXECUTED opened": 3, "SKIPPED kind.chatter": 1197},
        contaminated={"EXECUTED opened": 2},
        orders=9,
        fills=4,
        fees=Decimal("1.5"),
        funding=Decimal(0),
        pnl=Decimal("1002.5"),
        net=Decimal("1001"),
        max_drawdown=0.0325,
        open_calls=1,
        symbols=5,
        bad_lines=0,
        bad_candles=7,
        channels={"@alpha": ChannelSummary(closed=2, won=1, net=Decimal("1001"), fees=Decimal("1.5"), r=0.5)},
    )

    assert as_table(summary).splitlines() == [
        "posts                          1,200",
        "  EXECUTED opened                  3  2 contaminated",
        "  SKIPPED kind.chatter         1,197",
        "orders                             9",
        "fills                              4",
        "PnL before fees             1,002.50",
        "fees                            1.50",
        "funding                         0.00",
        "PnL                         1,001.00",
        "max drawdown                   3.25%",
        "calls still open                   1",
        "symbols with candles               5",
        "bad lines                          0",
        "bad candles                        7",
        "",
        "channel  closed     won             net          fees         R",
        "@alpha        2       1        1,001.00          1.50      0.50",
    ]
    assert "channel" not in as_table(msgspec.structs.replace(summary, channels={}))


def test_two_posts_of_one_moment_are_both_told(tmp_path: Path) -> None:
    post = {"ts": START + 7200, "text": CALL}
    files = recording(tmp_path, [{**post, "channel": name, "msg_id": 1} for name in ("@a", "@b")])

    decisions = Replayed(files).summary["decisions"]

    assert sum(decisions.values()) == 2
    assert decisions["EXECUTED opened"] == 1
