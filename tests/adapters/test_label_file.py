"""The data set on disk: each text once, whole lines, no more than it may hold."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from levibotd.adapters.label_file import LabelFile
from levibotd.domain.copies import text_print
from levibotd.domain.learning import Labelled
from levibotd.domain.masking import Masker
from levibotd.errors import ConfigError, Refused
from levibotd.kernel import offload


def one(text: str = "#ADA long 1.0", label: str = "BUY", **more: object) -> Labelled:
    return Labelled(text=text, label=label, **more)  # type: ignore[arg-type]


def kept(tmp_path: Path) -> LabelFile:
    return LabelFile(tmp_path / "dataset" / "labels.jsonl")


def rows(labels: LabelFile) -> list[dict[str, object]]:
    return [json.loads(line) for line in labels.path.read_text("utf-8").splitlines()]


@contextmanager
def turns_of(*, seconds: float) -> Iterator[None]:
    """Threads take turns so often that what is not locked is met in its middle."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def test_a_label_is_a_line_that_training_reads(tmp_path: Path) -> None:
    labels = kept(tmp_path)
    appended = labels.append(one(channel="c", ts=5.0, lang="en"))
    assert (appended.fresh, appended.replaced, appended.total) == (True, False, 1)
    row = rows(labels)[0]
    assert row.pop("id") == appended.digest
    assert row == {"text": "#ADA long 1.0", "label": "BUY", "channel": "c", "ts": 5.0, "lang": "en"}
    assert labels.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("again", ["#ADA long 1.0", "  #ada LONG   1.0 ", "#ADA long 1.0 https://x.y"])
def test_the_same_text_is_kept_once(tmp_path: Path, again: str) -> None:
    labels = kept(tmp_path)
    labels.append(one())
    appended = labels.append(one(again))
    assert (appended.fresh, appended.total) == (False, 1)
    assert len(rows(labels)) == 1


def test_another_label_for_a_text_must_be_meant(tmp_path: Path) -> None:
    labels = kept(tmp_path)
    for text in ("first", "#ADA long 1.0", "last"):
        labels.append(one(text))
    with pytest.raises(Refused, match="labelled BUY") as refused:
        labels.append(one(label="NO-TRADE"))
    assert refused.value.reason == "labelled_otherwise"
    appended = labels.append(one(label="NO-TRADE"), replace=True)
    assert (appended.fresh, appended.replaced, appended.total) == (True, True, 3)
    assert [(row["text"], row["label"]) for row in rows(labels)] == [
        ("first", "BUY"), ("last", "BUY"), ("#ADA long 1.0", "NO-TRADE"),
    ]  # fmt: skip
    assert not labels.append(one("last")).fresh


def test_a_label_that_is_replaced_forgets_neither_channel_nor_language(tmp_path: Path) -> None:
    labels = kept(tmp_path)
    labels.append(Labelled(text="#ADA long 1.0", label="BUY", channel="@coins", lang="en"))
    labels.append(Labelled(text="#ADA long 1.0", label="SELL"), replace=True)
    assert [(row["label"], row["channel"], row["lang"]) for row in rows(labels)] == [("SELL", "@coins", "en")]


def test_what_is_no_label_changes_nothing(tmp_path: Path) -> None:
    labels = kept(tmp_path)
    with pytest.raises(Refused, match="none of BUY, SELL, NO-TRADE"):
        labels.append(one(label="HOLD"))
    assert not labels.path.exists()


def test_the_label_of_a_text_is_found_by_what_it_says_and_is_the_last_one_given(tmp_path: Path) -> None:
    labels, digest = kept(tmp_path), text_print("#ADA long 1.0")
    assert labels.labels_of([digest]) == {}
    labels.append(one())
    labels.append(one("another", "SELL"))
    assert labels.labels_of([digest, text_print("unknown")]) == {digest: "BUY"}
    kept(tmp_path).append(one(label="NO-TRADE"), replace=True)
    assert labels.labels_of([digest]) == {digest: "NO-TRADE"}


def test_counts_are_by_class_and_language_and_name_the_first_bad_line(tmp_path: Path) -> None:
    labels = kept(tmp_path)
    labels.append(one("a", lang="en", channel="x"))
    labels.append(one("b", label="NO-TRADE"))
    with labels.path.open("a") as stream:
        stream.write('{"text": "c", "label": "HOLD"}\nnot json\n\n')
    found = labels.counts()
    assert (found.total, found.bad, found.channels) == (2, 2, 1)
    assert len(found.problems) == 2
    assert found.problems[0] == found.problem
    assert found.labels == {"BUY": 1, "NO-TRADE": 1}
    assert found.languages == {"?": 1, "en": 1}
    assert found.problem is not None
    assert "labels.jsonl:3: label 'HOLD'" in found.problem


def test_what_others_wrote_is_seen(tmp_path: Path) -> None:
    first, second = kept(tmp_path), kept(tmp_path)
    first.append(one("a"))
    second.append(one("b"))
    assert not first.append(one("b")).fresh
    assert first.counts().total == 2


def test_labels_are_counted_while_another_thread_appends(tmp_path: Path) -> None:
    labels = kept(tmp_path)
    labels.append(one("first"))
    with labels.path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": f"call {number}", "label": "BUY"}) + "\n" for number in range(20_000))
    labels.counts()

    def append_more() -> None:
        for number in range(40):
            labels.append(one(f"one more {number}"))

    totals = [0]

    async def count() -> None:
        while totals[-1] < 20_041:
            totals.append((await offload.call(labels.counts)).total)

    async def race() -> None:
        await asyncio.gather(offload.call(append_more), count())

    with turns_of(seconds=1e-5):
        asyncio.run(race())

    assert totals == sorted(totals)
    assert labels.counts().labels == {"BUY": 20_041}


def test_a_line_that_a_crash_cut_short_joins_no_other(tmp_path: Path) -> None:
    labels = kept(tmp_path)
    labels.append(one("a"))
    with labels.path.open("ab") as stream:
        stream.write(b'{"text": "half')
    labels.append(one("b"))
    found = labels.counts()
    assert (found.total, found.bad) == (2, 1)


def test_a_full_set_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    labels = LabelFile(tmp_path / "labels.jsonl", labels_max=2)
    for text in ("a", "b"):
        labels.append(one(text))
    with pytest.raises(Refused) as refused:
        labels.append(one("c"))
    assert refused.value.reason == "dataset_full"
    assert labels.append(one("a", label="SELL"), replace=True).total == 2


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    labels = kept(tmp_path)
    labels.path.parent.mkdir()
    (tmp_path / "other").write_text("")
    labels.path.symlink_to(tmp_path / "other")
    with pytest.raises(ConfigError, match=r"labels\.jsonl"):
        labels.append(one())
    assert (tmp_path / "other").read_text() == ""


@pytest.mark.real_time
async def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    def write(name: str) -> None:
        mine = kept(tmp_path)
        for number in range(20):
            mine.append(one(f"{name} {number}"))

    async with anyio.create_task_group() as tasks:
        for name in ("a", "b", "c"):
            tasks.start_soon(offload.call, write, name)
    assert kept(tmp_path).counts().total == 60
    assert kept(tmp_path).counts().bad == 0


def test_a_secret_in_a_text_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    labels = LabelFile(path, masker=Masker(["a-secret-of-ours"]))
    leaky = one("BTC long, my key is a-secret-of-ours", channel="a-secret-of-ours", lang="a-secret-of-ours")

    assert labels.append(leaky).fresh
    assert not labels.append(leaky).fresh
    assert "a-secret-of-ours" not in path.read_text("utf-8")
    assert json.loads(path.read_text("utf-8"))["text"] == "BTC long, my key is ***"
