"""`levibotd archive` without a daemon: run, verify, restore and prune, against moto."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from levibotd.adapters.journal_check import verify
from levibotd.adapters.os_files import OsFiles
from levibotd.app.archive_commands import restore_day, run_archive, verify_archive
from levibotd.app.memory import Memory
from levibotd.config import Config, load
from levibotd.errors import ConfigError
from levibotd.exit_codes import ExitCode
from levibotd.ports.journal_file import LockHeld
from levibotd.ports.object_store import StoreRefused, StoreUnavailable
from tests.archiving.past import DAYS, PRUNED_DAYS, Place
from tests.contracts import buckets

pytest.importorskip("aiobotocore", reason="NOT TESTED: pip install 'levibotd[s3]'")
pytest.importorskip("moto.server", reason="NOT TESTED against moto: pip install 'moto[server]'")
pytestmark = [pytest.mark.real_time]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with TemporaryDirectory(prefix="levi-") as folder, buckets.Moto(Path(folder)) as store:
        yield store.url


@pytest.fixture
def place(tmp_path: Path, moto: str) -> Place:
    return Place(tmp_path, moto, bucket=buckets.make_bucket(moto))


def config_of(place: Place, **over: str) -> Config:
    settings = place.settings | {"daemon__state_dir": str(place.state)} | over
    return load(environ={f"LEVI_{name.upper()}": value for name, value in settings.items()})


def told(command: Callable[..., int], config: Config, **options: Any) -> tuple[int, dict[str, Any]]:
    out = io.StringIO()
    code = command(config, as_json=True, out=out, err=io.StringIO(), **options)
    return code, json.loads(out.getvalue())


def run(config: Config) -> tuple[int, dict[str, Any]]:
    return told(run_archive, config, upload=True)


def look(config: Config, **options: Any) -> tuple[int, dict[str, Any]]:
    return told(verify_archive, config, **{"day": None, "installation": None, **options})


def restore(config: Config, into: Path, day: str, **options: Any) -> tuple[int, dict[str, Any]]:
    return told(restore_day, config, **{"into": into, "day": day, "installation": None, **options})


def test_a_run_archives_every_finished_day_and_prunes_the_old_ones(place: Place) -> None:
    code, outcome = run(config_of(place))

    assert (code, outcome["ok"], outcome["failures"]) == (ExitCode.OK, True, [])
    assert outcome["days"] == place.days
    assert outcome["pruned"] == PRUNED_DAYS * 3
    report = verify(OsFiles(place.log))
    assert (report.begins, report.damage) == ("pruned", None)
    assert (place.state / "base").is_file()
    code, looked = look(config_of(place))
    assert (code, looked["days"], looked["files"], looked["faults"]) == (ExitCode.OK, DAYS, DAYS * 3, [])


def test_pruning_alone_uploads_nothing(place: Place) -> None:
    code, outcome = told(run_archive, config_of(place), upload=False)

    assert (code, outcome["verified"], outcome["pruned"]) == (ExitCode.OK, 0, 0)


@pytest.mark.fault("D10")
@pytest.mark.parametrize("harm", ["segment deleted", "segment changed", "manifest changed", "manifest deleted"])
def test_what_is_gone_or_changed_in_the_bucket_is_named(place: Place, moto: str, harm: str) -> None:
    config = config_of(place)
    run(config)
    bucket = place.settings["archive__bucket"]
    with closing(buckets.client(moto)) as s3:
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
        kind, what = harm.split()
        victim = [key for key in keys if f"/{kind}s/" in key][-1]
        if what == "deleted":
            s3.delete_object(Bucket=bucket, Key=victim)
        else:
            data = s3.get_object(Bucket=bucket, Key=victim)["Body"].read()
            s3.put_object(Bucket=bucket, Key=victim, Body=data[:-1] + bytes([data[-1] ^ 1]))

    code, looked = look(config)

    assert code == ExitCode.FAILED
    assert [fault for fault in looked["faults"] if victim in fault]
    out = io.StringIO()
    verify_archive(config, day=None, installation=None, as_json=False, out=out, err=io.StringIO())
    assert f"FAULT {victim}" in out.getvalue()


def test_a_restored_day_is_a_log_that_verifies(place: Place, tmp_path: Path) -> None:
    config = config_of(place)
    before = {path.name: path.read_bytes() for path in (place.log / place.days[1]).glob("*.jsonl")}
    run(config)
    assert not list((place.log / place.days[1]).glob("*.jsonl"))

    code, restored = restore(config, tmp_path / "out", place.days[1])

    assert (code, restored["ok"], restored["files"]) == (ExitCode.OK, True, 3)
    out = tmp_path / "out" / place.days[1]
    assert {path.name: path.read_bytes() for path in out.glob("*.jsonl")} == before
    report = verify(OsFiles(tmp_path / "out"))
    assert (report.damage, report.begins) == (None, "restored")
    assert report.begins_behind == 906  # The first day: 3 x 300 notes, each hour with FILE_OPEN and FILE_SEAL.
    assert restore(config, tmp_path / "out", place.days[1])[0] == ExitCode.OK  # Once more changes nothing.


def test_all_days_together_are_the_log_from_its_first_record_on(place: Place, tmp_path: Path) -> None:
    config = config_of(place)
    run(config)
    for day in place.days:
        restore(config, tmp_path / "out", day)

    report = verify(OsFiles(tmp_path / "out"))
    assert (report.damage, report.begins, report.segments) == (None, None, DAYS * 3)


def test_a_day_can_be_restored_where_the_state_is_lost(place: Place, tmp_path: Path) -> None:
    run(config_of(place))
    shutil.rmtree(place.state)

    code, restored = restore(config_of(place), tmp_path / "out", place.days[0])

    assert (code, restored["files"]) == (ExitCode.OK, 3)


def test_a_restore_never_overwrites(place: Place, tmp_path: Path) -> None:
    config = config_of(place)
    run(config)
    restore(config, tmp_path / "out", place.days[0])
    victim = tmp_path / "out" / place.days[0] / "events-01.jsonl"
    mine = victim.read_bytes()[:-1] + b"x"
    victim.write_bytes(mine)

    with pytest.raises(StoreRefused, match="something else"):
        restore(config, tmp_path / "out", place.days[0])
    assert victim.read_bytes() == mine


def test_what_cannot_be_restored_says_why(place: Place, tmp_path: Path) -> None:
    config = config_of(place)
    run(config)
    with pytest.raises(Exception, match="2001-01-01: no manifest"):
        restore(config, tmp_path / "out", "2001-01-01")
    shutil.rmtree(place.state)
    with pytest.raises(Exception, match="no manifest"):
        restore(config, tmp_path / "out", place.days[0], installation="zz")


def test_beside_a_daemon_a_run_is_refused_and_says_what_to_do(place: Place) -> None:
    config = config_of(place)
    memory = Memory(config, boot="daemon", log_key=b"")
    try:
        with pytest.raises(LockHeld, match="/archive/run"):
            run(config)
        assert look(config)[0] in (ExitCode.OK, ExitCode.FAILED)  # Reading may.
    finally:
        memory.journal.close()


def test_without_an_archive_every_command_says_what_is_missing(tmp_path: Path, place: Place) -> None:
    bare = load(environ={"LEVI_DAEMON__STATE_DIR": str(tmp_path / "other")})
    with pytest.raises(ConfigError, match=r"archive\.endpoint"):
        run(bare)
    keyless = config_of(place, daemon__secrets_dir=str(tmp_path))
    with pytest.raises(ConfigError, match="credential s3"):
        look(keyless)


def test_a_store_that_does_not_answer_is_temporary(place: Place) -> None:
    (port,) = buckets.free_ports(1)
    with pytest.raises(StoreUnavailable):
        run(config_of(place, archive__endpoint=f"http://127.0.0.1:{port}"))
