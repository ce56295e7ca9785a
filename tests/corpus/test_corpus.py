"""Every post of the golden corpus is read as written beside it."""

import gzip
import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from levibotd.adapters.compiled_classifier import DEFAULT_MODEL, CompiledClassifier, load_classifier
from levibotd.domain.posts.normalise import TEXT_MAX, normalise
from tests.corpus.rows import Row, change_of, families, printed, reading_of, rows

ROWS_MIN = 300
FAMILIES_MIN = 16
LOOKALIKES_MIN = 100
LANGUAGES = {"en", "tr", "ru", "ar", "es", "fa"}
WORDS_MIN = 10  # Shorter texts cannot but be alike: "Move SL to entry".
LETTERS_MIN = 30

_TICKER = re.compile(r"[#$]?[A-Z0-9]{2,10}(?=\s*[/_.-]\s*(?:USDT|BTC|USD))|[#$][A-Za-z0-9]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[^\W_]+")


@pytest.fixture(scope="module")
def classifier() -> CompiledClassifier:
    return load_classifier(DEFAULT_MODEL)


@pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in rows()])
def test_a_post_is_printed_as_the_corpus_says(row: Row, classifier: CompiledClassifier) -> None:
    found = printed(row, classifier)
    assert {key: found[key] for key in ("kind", "stale", "legs")} == {
        key: row[key] for key in ("kind", "stale", "legs")
    }
    assert found["label"] == row["label"], found["probs"]


@pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in rows() if "symbols" in row])
def test_a_command_names_its_calls_and_what_it_changes(row: Row) -> None:
    found = reading_of(row)
    assert list(found.symbols) == row["symbols"]
    assert change_of(found) == row.get("change", {})


@pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in rows()])
def test_only_close_all_closes_all(row: Row) -> None:
    assert reading_of(row).every_call == row.get("every_call", False)


def test_the_corpus_is_as_wide_as_it_says() -> None:
    everything = rows()
    assert len(everything) >= ROWS_MIN
    assert len(families()) >= FAMILIES_MIN
    assert {row["lang"] for row in everything} >= LANGUAGES
    assert sum(row["label"] == "NO-TRADE" for row in everything) >= LOOKALIKES_MIN
    calls = Counter(row["lang"] for row in everything if row["label"] != "NO-TRADE")
    assert min(calls[language] for language in LANGUAGES) >= 5


def test_no_post_stands_twice() -> None:
    names = Counter(row["name"] for row in rows())
    texts = Counter(
        (row.get("parent"), row["text"], row.get("ts"), row.get("fwd_ts"), row.get("last_price")) for row in rows()
    )
    assert [name for name, times in names.items() if times > 1] == []
    assert [text for text, times in texts.items() if times > 1] == []


def test_legs_follow_from_the_label() -> None:
    for row in rows():
        sides = {leg["side"] for leg in row["legs"]}
        assert (row["kind"] == "new") == bool(sides), row["name"]
        if row["label"] != "NO-TRADE":
            assert row["label"] in sides, row["name"]
            assert not row["stale"], row["name"]


@pytest.mark.needs_data
@pytest.mark.skipif("LEVIBOT_DATA" not in os.environ, reason="LEVIBOT_DATA is not set")  # noqa: TID251
@pytest.mark.timeout(180)
def test_no_text_of_the_corpus_is_taken_from_a_real_channel() -> None:
    path = Path(os.environ["LEVIBOT_DATA"], "signals", "dev", "messages.jsonl.gz")  # noqa: TID251
    texts = {row["name"]: row["text"] for row in rows()}
    folded = {words: name for name, text in texts.items() if len(words := _folded(text)) >= WORDS_MIN}
    numbers = {run: name for name, text in texts.items() for run in _runs(text)}
    taken: list[tuple[str, str]] = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        real = [json.loads(line)["text"] or "" for line in file]
    for text in real:
        found = folded.get(_folded(text)) or next((numbers[run] for run in _runs(text) if run in numbers), None)
        if found is not None:
            taken.append((found, text))
    everything = "\n\x00\n".join(real)
    taken += [(name, text) for name, text in texts.items() if len(text) >= LETTERS_MIN and text in everything]
    assert taken == []


def _folded(text: str) -> tuple[str, ...]:
    """The words of a text, every number and every ticker the same: what is left of a copy with other numbers."""
    text = _NUMBER.sub("0", _TICKER.sub("C", normalise(text[:TEXT_MAX])))
    return tuple(_WORD.findall(text.lower()))


def _runs(text: str) -> list[tuple[str, ...]]:
    """Four numbers in a row that are long enough to be prices: no two posts share them by chance."""
    found = [number for number in _NUMBER.findall(normalise(text[:TEXT_MAX])) if len(number) >= 3]
    return list(zip(found, found[1:], found[2:], found[3:], strict=False))
