"""
The golden corpus: posts in the formats met in the wild, each with what `parse` prints for it.

A file is a family of formats. `parent` is the post that a row replies to; `symbols`, `every_call` and `change` are
what a close, cancel or update means, which `parse` leaves out and the life of a call rests on.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import structs

from levibotd.domain.features import TextClassifier
from levibotd.domain.posts.market_view import EMPTY_VIEW
from levibotd.domain.posts.parse_output import LineParser
from levibotd.domain.posts.reading import read
from levibotd.domain.signal import Post, Reading

FOLDER = Path(__file__).parent
POSTED_AT = 1_650_000_000.0

Row = dict[str, Any]


def families() -> dict[str, list[Row]]:
    """Every file of the corpus, by name, in order."""
    return {path.stem: list(_rows(path)) for path in sorted(FOLDER.glob("*.jsonl"))}


def rows() -> list[Row]:
    """Every post of the corpus."""
    return [row for family in families().values() for row in family]


def _rows(path: Path) -> Iterator[Row]:
    for line in path.read_text("utf-8").splitlines():
        yield json.loads(line)


def printed(row: Row, classifier: TextClassifier) -> dict[str, Any]:
    """What `parse` prints for `row`, its parent read before it."""
    parser = LineParser(classifier, market=EMPTY_VIEW)
    line = {
        "id": row["name"],
        **{key: row[key] for key in ("text", "ts", "fwd_ts", "edit_ts", "last_price") if key in row},
    }
    if "parent" in row:
        parser.parse_line({"id": "parent", "text": row["parent"]})
        line["reply_to"] = "parent"
    return parser.parse_line(line)


def reading_of(row: Row) -> Reading:
    """What the reader makes of `row`, without a classifier and without a market."""
    parent = read(_post(row["parent"]), EMPTY_VIEW) if "parent" in row else None
    return read(_post(row["text"], reply="parent" in row), EMPTY_VIEW, parent=parent)


def change_of(reading: Reading) -> dict[str, Any]:
    """The fields of a change that say something, as the corpus writes them."""
    if reading.change is None:
        return {}
    said = {key: value for key, value in structs.asdict(reading.change).items() if value not in (None, False, ())}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in said.items()}


def _post(text: str, *, reply: bool = False) -> Post:
    return Post(channel="c", message_id=2, posted_at=POSTED_AT, text=text, reply_to=1 if reply else None)
