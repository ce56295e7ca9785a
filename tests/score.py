"""
What `levibotd parse` makes of labelled posts, in the eyes of a scorer outside this project:
`python -m tests.score SCORER LABELS [MESSAGES]`, SCORER being a script that takes labels and answers.

The default model has seen these labels if it was trained on them; for unseen channels see `levibotd evaluate`.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from levibotd.training.dataset import load_texts


def lines(labels: Iterable[dict[str, Any]], parents: dict[str, str]) -> Iterator[dict[str, Any]]:
    """What goes to `parse`: first the texts that are replied to, then each labelled post."""
    for parent, text in parents.items():
        yield {"id": parent, "text": text}
    for label in labels:
        line = {key: label.get(key) for key in ("id", "text", "ts", "channel", "reply_to")}
        if label.get("ts") is not None and label.get("fwd_age_h") is not None:
            line["fwd_ts"] = label["ts"] - label["fwd_age_h"] * 3600
        yield line


def main(scorer: str, labels: str, messages: str | None = None) -> int:
    rows = [json.loads(line) for line in Path(labels).read_text("utf-8").splitlines()]
    wanted = [str(row["reply_to"]) for row in rows if row.get("reply_to") is not None]
    parents = load_texts([Path(messages)], wanted) if messages else {}
    with tempfile.TemporaryDirectory() as directory:
        asked, answered = Path(directory) / "asked.jsonl", Path(directory) / "answered.jsonl"
        asked.write_text("".join(json.dumps(line) + "\n" for line in lines(rows, parents)), "utf-8")
        with asked.open("rb") as stdin, answered.open("wb") as stdout:
            parse = subprocess.run([sys.executable, "-m", "levibotd", "parse"], stdin=stdin, stdout=stdout, check=False)
        scored = subprocess.run([sys.executable, scorer, labels, str(answered)], check=False)
    return parse.returncode or scored.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
