"""Which model is served: the one that should be, else the newest before it that can be read, at last the package's."""

from pathlib import Path

import numpy as np
import pytest

from levibotd.adapters.compiled_classifier import load_classifier
from levibotd.adapters.model_store import ModelStore
from levibotd.app.serving import rolled_back, served_of
from levibotd.domain.learning import SHIPPED, ModelTrained
from levibotd.domain.model import Arrays, digest, encode
from levibotd.errors import Refused

SHIPPED_SHA = load_classifier().sha


def model(number: int) -> bytes:
    """A small model, another one for each number."""
    return encode(
        Arrays(
            words=("buy",), marks=(), weights=np.full((1, 3), float(number)), idf=np.ones(1), intercepts=np.zeros(3),
            sigmoids=np.array([[-1.0, 0.0]] * 3),
        )
    )  # fmt: skip


def promote(store: ModelStore, number: int) -> str:
    data = model(number)
    files = {"model.npz": data, "model.json": b'{"sha256": "%b", "trained_until": 5.0}' % digest(data).encode()}
    trained = ModelTrained(at=float(number), by="test", promoted=True, why="", sha256=digest(data))
    store.keep(trained, files, frozen_at=None)
    return digest(data)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def test_without_any_promotion_it_is_the_shipped_one(store: ModelStore) -> None:
    found, fault = served_of(store, store.state())
    assert (found.sha, fault) == (SHIPPED_SHA, None)


def test_it_is_the_promoted_one(store: ModelStore) -> None:
    promote(store, 1)
    sha = promote(store, 2)
    found, fault = served_of(store, store.state())
    assert (found.sha, found.trained_until, fault) == (sha, 5.0, None)


@pytest.mark.fault("G9")
@pytest.mark.parametrize("damage", [b"", b"PK", b"\x80\x04K\x01.", model(3)])
def test_a_bad_one_is_passed_over_and_told(store: ModelStore, damage: bytes) -> None:
    before = promote(store, 1)
    sha = promote(store, 2)
    store.file_of(sha).write_bytes(damage)
    found, fault = served_of(store, store.state())
    assert found.sha == before
    assert fault is not None
    assert str(store.file_of(sha)) in fault


@pytest.mark.fault("G9")
def test_when_all_are_bad_it_is_the_shipped_one(store: ModelStore) -> None:
    for number in (1, 2):
        store.file_of(promote(store, number)).unlink()
    found, fault = served_of(store, store.state())
    assert found.sha == SHIPPED_SHA
    assert fault is not None


@pytest.mark.fault("G9")
def test_a_whole_model_under_the_name_of_another_is_refused(store: ModelStore) -> None:
    first, second = promote(store, 1), promote(store, 2)
    for name in ("model.npz", "model.json"):
        store.file_of(second).with_name(name).write_bytes(store.file_of(first).with_name(name).read_bytes())
    found, fault = served_of(store, store.state())
    assert found.sha == first
    assert fault is not None
    assert "holds the model" in fault


@pytest.mark.fault("G9")
@pytest.mark.parametrize("named", [True, False])
def test_nobody_goes_back_to_a_model_that_cannot_be_read(store: ModelStore, named: bool) -> None:
    before = promote(store, 1)
    sha = promote(store, 2)
    store.file_of(before).write_bytes(b"junk")
    with pytest.raises(Refused, match=before):
        rolled_back(store, before if named else None, at=9.0, by="me")
    assert store.state().serving == sha
    assert rolled_back(store, SHIPPED, at=10.0, by="me").serving == SHIPPED


def test_without_a_name_it_is_the_one_before(store: ModelStore) -> None:
    with pytest.raises(Refused, match="nothing to go back to"):
        rolled_back(store, None, at=1.0, by="me")
    first = promote(store, 1)
    promote(store, 2)
    assert rolled_back(store, None, at=9.0, by="me").serving == first
