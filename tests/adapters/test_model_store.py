"""The store of models: which is served, which were before, and what is no longer kept."""

from pathlib import Path

import pytest

from levibotd.adapters.model_store import HISTORY_MAX, KEPT, ModelStore
from levibotd.domain.learning import SHIPPED, ModelTrained
from levibotd.errors import ConfigError, Refused, Unavailable


def sha(number: int) -> str:
    return f"{number:064x}"


def trained(number: int, *, promoted: bool = True) -> ModelTrained:
    return ModelTrained(
        at=float(number), by="test", promoted=promoted, why="" if promoted else "worse", sha256=sha(number),
        trained_until=number * 10.0,
    )  # fmt: skip


def keep(store: ModelStore, number: int, *, promoted: bool = True) -> None:
    files = {"model.npz": b"n", "model.json": b"{}"}
    store.keep(trained(number, promoted=promoted), files, frozen_at=float(number))


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def test_at_first_the_shipped_model_is_served_and_nothing_is_written(store: ModelStore, tmp_path: Path) -> None:
    assert (store.state().serving, store.state().before()) == (SHIPPED, None)
    assert not (tmp_path / "models").exists()


def test_what_is_promoted_is_served_and_its_files_are_there(store: ModelStore) -> None:
    keep(store, 1)
    state = store.state()
    assert (state.serving, state.before(), state.frozen_at) == (sha(1), SHIPPED, 1.0)
    assert store.file_of(sha(1)).read_bytes() == b"n"
    assert state.promotions[0].trained_until == 10.0


def test_what_is_not_promoted_is_only_told(store: ModelStore) -> None:
    keep(store, 1)
    keep(store, 2, promoted=False)
    state = store.state()
    assert state.serving == sha(1)
    assert state.last == trained(2, promoted=False)
    assert not store.keeps(sha(2))


def test_five_are_kept_and_the_oldest_goes(store: ModelStore) -> None:
    for number in range(1, KEPT + 3):
        keep(store, number)
    assert [number for number in range(1, KEPT + 3) if store.keeps(sha(number))] == list(range(3, KEPT + 3))
    assert store.keeps(SHIPPED)


def test_one_command_goes_back_and_the_same_one_forth_again(store: ModelStore) -> None:
    keep(store, 1)
    keep(store, 2)
    assert store.roll_back(None, at=9.0, by="me").serving == sha(1)
    assert store.roll_back(None, at=10.0, by="me").serving == sha(2)
    assert store.roll_back(SHIPPED, at=11.0, by="me").serving == SHIPPED
    last = store.state().promotions[-1]
    assert (last.why, last.by, last.sha256) == ("rollback", "me", SHIPPED)


def test_what_is_served_is_kept_however_old_it_is(store: ModelStore) -> None:
    for number in range(1, KEPT + 1):
        keep(store, number)
    store.roll_back(sha(1), at=1.0, by="me")
    keep(store, 99, promoted=False)
    assert store.keeps(sha(1))
    assert store.state().promotions[-1].trained_until == 10.0


@pytest.mark.parametrize("to", [sha(7), "x", "../..", SHIPPED])
def test_there_is_no_way_back_to_what_is_not_there(store: ModelStore, to: str) -> None:
    with pytest.raises(Refused):
        store.roll_back(to, at=1.0, by="me")
    with pytest.raises(Refused, match="nothing to go back to"):
        store.roll_back(None, at=1.0, by="me")


def test_the_past_is_bounded(store: ModelStore) -> None:
    keep(store, 1)
    for number in range(HISTORY_MAX + 5):
        store.roll_back(None, at=float(number), by="me")
    assert len(store.state().promotions) == HISTORY_MAX


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"schema": 9}',
        '{"serving": "../../etc"}',
        '{"promotions": [{"sha256": "x", "at": 1, "by": "", "why": ""}]}',
    ],
)
def test_a_damaged_state_is_named_with_its_remedy(store: ModelStore, tmp_path: Path, text: str) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "serving.json").write_text(text)
    with pytest.raises(ConfigError, match=r"serving\.json.*remove it"):
        store.state()


def test_one_training_at_a_time_whatever_process_it_is_in(store: ModelStore, tmp_path: Path) -> None:
    with store.training(), pytest.raises(Unavailable, match="under way"), ModelStore(tmp_path / "models").training():
        pass
    with store.training():
        pass


def test_what_was_never_finished_goes_with_the_next_one(store: ModelStore, tmp_path: Path) -> None:
    keep(store, 1)
    (tmp_path / "models" / f"{sha(5)}.new").mkdir()
    keep(store, 2)
    assert not (tmp_path / "models" / f"{sha(5)}.new").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        keep(ModelStore(tmp_path / "file" / "models"), 1)
