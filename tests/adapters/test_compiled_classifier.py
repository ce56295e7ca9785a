"""A model from disk: checked, named, and told clearly when it is not ours."""

import io
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from levibotd.adapters.compiled_classifier import DEFAULT_MODEL, load_classifier
from levibotd.domain.features import score
from levibotd.domain.model import MODEL_BYTES_MAX, Arrays, digest, encode
from levibotd.domain.posts.market_view import EMPTY_VIEW
from levibotd.domain.posts.reading import read
from levibotd.domain.signal import Post, Scored
from levibotd.errors import ConfigError
from levibotd.ports.classifier import Classifier

CORPUS = Path(__file__).parent.parent / "corpus"


def model_bytes() -> bytes:
    return encode(
        Arrays(
            words=("buy",),
            marks=(),
            weights=np.ones((1, 3)),
            idf=np.ones(1),
            intercepts=np.zeros(3),
            sigmoids=np.array([[-1.0, 0.0]] * 3),
            floors=np.array([0.4, 0.2, 0.4]),
        )
    )


def written(folder: Path, data: bytes, *, sha256: str | None = None, **card: object) -> Path:
    (folder / "m.npz").write_bytes(data)
    (folder / "m.json").write_text(json.dumps({"sha256": sha256 or digest(data), **card}))
    return folder / "m.npz"


def judged(text: str) -> Scored:
    post = Post(channel="c", message_id=1, posted_at=0.0, text=text)
    return score(post, read(post, EMPTY_VIEW), load_classifier())


def test_a_model_is_served_under_its_name(tmp_path: Path) -> None:
    classifier: Classifier = load_classifier(written(tmp_path, model_bytes(), trained_until=5.0, figures="x"))
    assert classifier.sha == digest(model_bytes())
    assert classifier.trained_until == 5.0
    assert sum(classifier.probs("buy", ()).values()) == pytest.approx(1)
    assert classifier.plausible({"BUY": 0.5, "SELL": 0.2, "NO-TRADE": 0.3}) == ("BUY", "NO-TRADE")
    assert classifier.explain("buy", (), label="BUY", top=1) == [("buy", 1.0)]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.npz"):
        load_classifier(tmp_path / "gone.npz")


def test_a_missing_card_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.npz").write_bytes(model_bytes())
    with pytest.raises(ConfigError, match=r"m\.json"):
        load_classifier(tmp_path / "m.npz")


@pytest.mark.fault("G9")
def test_another_model_than_the_card_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SHA-256"):
        load_classifier(written(tmp_path, model_bytes(), sha256="0" * 64))


@pytest.mark.fault("G9")
def test_a_damaged_card_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, model_bytes())
    path.with_suffix(".json").write_text("{")
    with pytest.raises(ConfigError, match=r"m\.json"):
        load_classifier(path)


@pytest.mark.fault("G9")
@pytest.mark.parametrize("more", [b'"method": "\xff", ', b'"by": ' + b"[" * 100_000 + b"]" * 100_000 + b", "])
def test_a_card_that_no_decoder_likes_is_refused(tmp_path: Path, more: bytes) -> None:
    path = written(tmp_path, model_bytes())
    card = path.with_suffix(".json")
    card.write_bytes(card.read_bytes().replace(b"{", b"{" + more, 1))
    with pytest.raises(ConfigError, match=r"m\.json.*train it again"):
        load_classifier(path)


def test_a_pipe_in_its_place_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.npz")
    with pytest.raises(ConfigError, match="a pipe"):
        load_classifier(tmp_path / "m.npz")


class Trap:
    """Would write a file if it were ever unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self._path,)


@pytest.mark.fault("G9")
def test_a_pickle_is_refused_and_never_loaded(tmp_path: Path) -> None:
    data = pickle.dumps(Trap(tmp_path / "sprung"))
    with pytest.raises(ConfigError, match=r"m\.npz"):
        load_classifier(written(tmp_path, data))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.fault("G9")
def test_arrays_of_objects_are_refused_with_file_and_remedy_and_spring_nothing(tmp_path: Path) -> None:
    body = io.BytesIO()
    np.savez(body, weights=np.array([Trap(tmp_path / "sprung")], dtype=object), allow_pickle=True)
    with pytest.raises(ConfigError, match=r"m\.npz.*train it again, restore it, or serve another model"):
        load_classifier(written(tmp_path, body.getvalue()))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.fault("G9")
def test_foreign_arrays_are_refused_with_what_they_hold(tmp_path: Path) -> None:
    body = io.BytesIO()
    np.savez(body, coef=np.ones(3))
    with pytest.raises(ConfigError, match=r"m\.npz.*not one of ours, it holds coef\.npy"):
        load_classifier(written(tmp_path, body.getvalue()))


@pytest.mark.fault("G9")
def test_a_model_cut_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"m\.npz.*train it again"):
        load_classifier(written(tmp_path, model_bytes()[:-100]))


@pytest.mark.fault("G9")
def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="more than"):
        load_classifier(written(tmp_path, b"\0" * (MODEL_BYTES_MAX + 1)))


def test_the_shipped_model_is_small_and_knows_when_it_was_trained() -> None:
    assert DEFAULT_MODEL.stat().st_size < 3_000_000
    trained_until = load_classifier().trained_until
    assert trained_until is not None
    assert 1.5e9 < trained_until < 1.8e9


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_shipped_model_lets_every_clean_call_through(path: Path) -> None:
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        found = judged(row["text"])
        if found.reading.legs and row["legs"]:
            assert found.label == row["legs"][0]["side"], row["name"]
            assert found.p_call >= 0.7, row["name"]  # What the default asks for.
