"""`parse`: answers in order, one for each line, whatever the line is."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.adapters.candle_rows import UnreadableInput
from levibotd.app.parsing import EXPLAINED, LINE_BYTES_MAX, market_view, parse
from levibotd.domain.posts.market_view import EMPTY_VIEW
from levibotd.exit_codes import ExitCode

CALL = {"id": "a", "text": "#BTCUSDT LONG\nEntry: 40100\nTargets: 41000, 42000\nStop: 39000"}
KEYS = ["id", "label", "probs", "p_call", "kind", "stale", "legs", "reasons"]


def parsed(given: bytes, *, markets: Path | None = None, explain: bool = False) -> tuple[int, list[dict[str, Any]]]:
    out = io.BytesIO()
    code = parse(io.BytesIO(given), out, markets=markets, explain=explain)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def lines(*objects: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


class Pieces:
    """A stream that arrives in pieces, and looks at what was answered before each."""

    def __init__(self, pieces: list[bytes], before: Callable[[], None]) -> None:
        self._pieces = pieces
        self._before = before

    def read1(self, size: int, /) -> bytes:
        self._before()
        return self._pieces.pop(0) if self._pieces else b""


def test_a_call_is_read_with_its_leg() -> None:
    code, (answer,) = parsed(lines(CALL))

    assert code == ExitCode.OK
    assert list(answer) == KEYS
    assert (answer["id"], answer["label"], answer["kind"], answer["stale"]) == ("a", "BUY", "new", False)
    assert sum(answer["probs"].values()) == pytest.approx(1, abs=1e-9)
    assert answer["p_call"] == answer["probs"]["BUY"]
    (leg,) = answer["legs"]
    assert (leg["symbol"], leg["entry"], leg["tps"], leg["sl"]) == ("BTC/USDT", [40100], [41000, 42000], 39000)


def test_a_reply_sees_the_line_that_it_answers() -> None:
    reply = {"id": "b", "text": "close it now"}

    _, (_, alone, replying) = parsed(lines(CALL, reply, {**reply, "reply_to": "a"}))

    assert "reply" not in str(alone["reasons"])
    assert (alone["kind"], replying["kind"]) != ("new", "new")
    assert replying != alone


def test_an_old_forward_is_stale_and_keeps_its_legs() -> None:
    ts = 1_700_000_000
    _, (fresh, stale) = parsed(
        lines({**CALL, "ts": ts, "fwd_ts": ts - 86_399}, {**CALL, "ts": ts, "fwd_ts": ts - 86_401})
    )

    assert (fresh["stale"], fresh["label"]) == (False, "BUY")
    assert (stale["stale"], stale["label"], stale["kind"], len(stale["legs"])) == (True, "NO-TRADE", "new", 1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"junk", "malformed"),
        (b'{"id": 1, "text": "a"', "truncated"),
        (b"[1, 2]", "array"),
        (b"17", "int"),
        (b"null", "null"),
        (b'{"id": 1}', "text"),
        (b'{"id": 1, "text": null}', "text"),
        (b'{"id": 1, "text": 5}', "text"),
        (b'{"id": 1, "text": "a", "ts": "noon"}', "ts"),
        (b'{"id": 1, "text": "a", "last_price": "dear"}', "dear"),
        (b'{"id": {"a": 1}, "text": "a"}', "id"),
        (b'{"id": 1, "text": "\xff"}', "utf-8"),
        (b'{"id": 1, "text": "\\ud800"}', ""),
        (b"[" * 100_000, ""),
        (b'{"id": 1, "ts": 1e999, "text": "a"}', ""),
    ],
)
def test_junk_is_answered_in_its_place(line: bytes, reason: str) -> None:
    code, (before, answer, after) = parsed(lines(CALL) + line + b"\n" + lines(CALL))

    assert before == after
    assert code == ExitCode.FAILED
    assert reason in answer["error"].lower()


def test_an_error_names_the_id_where_there_is_one() -> None:
    _, (known, unknown) = parsed(b'{"id": 3}\njunk\n')

    assert known["id"] == 3
    assert list(unknown) == ["error"]


def test_a_line_that_never_ends_is_one_error_and_takes_no_memory() -> None:
    endless = b'{"id": 1, "text": "' + b"x" * (3 * LINE_BYTES_MAX) + b'"}\n'

    code, answers = parsed(endless + lines(CALL))

    assert code == ExitCode.FAILED
    assert answers[0] == {"error": f"longer than {LINE_BYTES_MAX} bytes"}
    assert [answer["id"] for answer in answers[1:]] == ["a"]


def test_blank_lines_and_windows_line_ends_are_no_posts() -> None:
    code, answers = parsed(b"\n  \n" + lines(CALL).replace(b"\n", b"\r\n") + b"\n")

    assert (code, len(answers)) == (ExitCode.OK, 1)


def test_nothing_in_nothing_out() -> None:
    assert parsed(b"") == (ExitCode.OK, [])


def test_each_answer_is_out_before_more_is_waited_for() -> None:
    out = io.BytesIO()
    buffered = io.BufferedWriter(out)  # type: ignore[arg-type]
    seen: list[int] = []
    whole = lines(CALL)
    pieces = Pieces([whole + whole[:20], whole[20:], whole[:-1]], lambda: seen.append(out.getvalue().count(b"\n")))

    parse(pieces, buffered, markets=None, explain=False)

    assert seen == [0, 1, 2, 2]
    assert out.getvalue().count(b"\n") == 3, "also the last line, which does not end"


@given(st.lists(st.binary(max_size=30), max_size=5), st.integers(1, 40))
def test_every_line_has_its_answer_however_it_arrives(junk: list[bytes], size: int) -> None:
    text = b"".join(line.replace(b"\n", b"") + b"\n" for line in junk) + lines({"id": "last", "text": "hello"})
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    out = io.BytesIO()

    parse(Pieces(pieces, lambda: None), out, markets=None, explain=False)

    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(answers) == sum(bool(line.strip()) for line in text.split(b"\n"))
    assert answers[-1]["id"] == "last"


def test_explain_adds_what_weighed_most() -> None:
    _, (plain,) = parsed(lines(CALL))
    _, (explained,) = parsed(lines(CALL), explain=True)

    shares = [abs(one["share"]) for one in explained.pop("explain")]
    assert explained == plain
    assert len(shares) == EXPLAINED
    assert shares == sorted(shares, reverse=True)


def test_what_a_rule_decided_has_nothing_to_explain() -> None:
    stale = {**CALL, "ts": 1_700_000_000, "fwd_ts": 1_600_000_000}

    _, (first, second) = parsed(lines(CALL, stale), explain=True)

    assert first["explain"]
    assert second["explain"] == []


def test_without_markets_there_is_no_list() -> None:
    assert market_view(None) is EMPTY_VIEW


def test_markets_say_which_coins_exist(tmp_path: Path) -> None:
    view = market_view(exchange_info(tmp_path, "QQQX"))

    assert view.is_known("QQQX", None)
    assert view.is_known("QQQX", "BTC"), "the coin decides, not the pair"
    assert view.is_known("BTC", "USDT"), "well-known names stay known"
    assert not view.is_known("QQQY", None)


def test_markets_that_cannot_be_read_end_it_before_the_first_line(tmp_path: Path) -> None:
    out = io.BytesIO()
    with pytest.raises(UnreadableInput, match="missing"):
        parse(io.BytesIO(lines(CALL)), out, markets=tmp_path / "missing.json", explain=False)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(UnreadableInput, match=r"other\.json"):
        parse(io.BytesIO(lines(CALL)), out, markets=tmp_path / "other.json", explain=False)

    assert out.getvalue() == b""


def exchange_info(directory: Path, base: str) -> Path:
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "9000"},
        {"filterType": "NOTIONAL", "minNotional": "5"},
    ]
    listed = {"symbol": f"{base}USDT", "status": "TRADING", "baseAsset": base, "quoteAsset": "USDT", "filters": filters}
    path = directory / "exchangeInfo.json"
    path.write_text(json.dumps({"serverTime": 1_700_000_000_000, "symbols": [listed]}))
    return path
