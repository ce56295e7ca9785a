"""`levibotd channels`: cards of a log, without a daemon."""

import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from levibotd.app.channels_command import RELIABILITY, Wanted, channels, picture_name
from levibotd.config import Config, load
from levibotd.exit_codes import ExitCode
from tests.app.card_logs import ALPHA, FEW, HOSTILE, hand, write_log
from tests.app.test_progress import Terminal

ALIASED = '[{id = "@few", alias = "friends", fee_monthly = "50"}]'


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("cards"), hand().entries)


class Told:
    def __init__(self, logs: Path, *names: str, config: Config | None = None, **more: Any) -> None:
        out, err = io.StringIO(), more.pop("err", io.StringIO())
        wanted = Wanted(names=names, **more)
        self.code = channels(wanted, logs=logs, config=config or load(environ={}), out=out, err=err)
        self.text, self.err = out.getvalue(), err.getvalue()

    @property
    def cards(self) -> list[str]:
        return [card["channel"] for card in json.loads(self.text)["cards"]]


def test_every_channel_with_a_call_has_its_card_in_the_order_of_names(logs: Path) -> None:
    told = Told(logs, as_json=True)

    assert (told.code, told.cards) == (ExitCode.OK, [HOSTILE, ALPHA, FEW])


def test_the_same_log_gives_the_same_bytes(logs: Path) -> None:
    assert Told(logs, as_json=True).text == Told(logs, as_json=True).text
    assert Told(logs).text == Told(logs).text


@pytest.mark.parametrize("name", ["@alpha", "alpha", "ALPHA"])
def test_one_channel_is_asked_for_with_or_without_its_sign(logs: Path, name: str) -> None:
    assert Told(logs, name, as_json=True).cards == [ALPHA]


def test_a_channel_is_asked_for_by_its_alias(logs: Path) -> None:
    config = load(environ={"LEVI_TELEGRAM__CHANNELS": ALIASED})

    assert Told(logs, "friends", config=config, as_json=True).cards == [FEW]


def test_a_channel_without_calls_is_said_to_have_none(logs: Path) -> None:
    told = Told(logs, "@nobody", "@alpha")

    assert told.code == ExitCode.FAILED
    assert "has no call of @nobody" in told.err
    assert "@alpha" not in told.err


def test_a_log_without_calls_says_so(tmp_path: Path) -> None:
    told = Told(write_log(tmp_path, hand().entries[:1]))

    assert (told.code, told.text) == (ExitCode.OK, "no calls in this log\n")


def test_a_log_without_its_beginning_says_that_its_figures_lack_it(logs: Path, tmp_path: Path) -> None:
    (source,) = logs.rglob("*.jsonl")
    rest = tmp_path / source.relative_to(logs)
    rest.parent.mkdir(parents=True)
    rest.write_bytes(b"".join(source.read_bytes().splitlines(keepends=True)[9:]))

    assert "begins with seq 10" in Told(tmp_path).err
    assert "begins" not in Told(logs).err


def test_a_directory_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no event log"):
        Told(tmp_path)


def test_pictures_are_drawn_one_a_channel_and_one_of_the_model(logs: Path, tmp_path: Path) -> None:
    told = Told(logs, pictures=tmp_path / "new" / "pictures")

    drawn = sorted((tmp_path / "new" / "pictures").iterdir())
    assert {path.name for path in drawn} == {RELIABILITY, *map(picture_name, (ALPHA, FEW, HOSTILE))}
    assert all(ElementTree.fromstring(path.read_bytes()).tag.endswith("svg") for path in drawn)
    assert "3 pictures" in told.err
    assert sorted(tmp_path.iterdir()) == [tmp_path / "new"]  # Whatever a channel is called.


def test_no_two_channels_share_a_picture_and_none_leaves_the_directory() -> None:
    names = ["@alpha", "alpha", "@al pha", "@al_pha", "../x", "..", "", "/etc/passwd", "@реклама", "@reliability"]
    files = [picture_name(name) for name in names]

    assert len({file.casefold() for file in (*files, RELIABILITY)}) == len(names) + 1
    assert all("/" not in file and not file.startswith(".") for file in files)
    assert files[0] == "alpha.equity.svg"


def test_a_model_that_cannot_be_read_costs_only_its_own_picture(logs: Path, tmp_path: Path) -> None:
    config = load(environ={"LEVI_MODEL__FILE": str(tmp_path / "missing.npz")})
    told = Told(logs, config=config, pictures=tmp_path / "pictures")

    assert told.code == ExitCode.OK
    assert "no picture of the model" in told.err
    assert not (tmp_path / "pictures" / RELIABILITY).exists()


def test_a_long_log_shows_how_far_it_is_and_takes_it_away_again(logs: Path) -> None:
    err = Terminal()
    Told(logs, err=err)

    assert "reading the log" in err.getvalue()
    assert err.getvalue().endswith("\x1b[K")
