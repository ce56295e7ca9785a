"""The daemon with a bucket: past days get there, whatever ends the process; an older copy of the log is noticed."""

import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from levibotd.kernel.clock import LoopClock
from tests.archiving.past import PRUNED_DAYS, Place
from tests.contracts import buckets
from tests.process.daemon import Daemon, daemon, records, verified
from tests.until import until

pytest.importorskip("aiobotocore", reason="NOT TESTED: pip install 'levibotd[s3]'")
pytest.importorskip("moto.server", reason="NOT TESTED against moto: pip install 'moto[server]'")
pytestmark = [pytest.mark.real_time, pytest.mark.timeout(300)]

EXIT_WITHIN_S = 20.0


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with TemporaryDirectory(prefix="levi-") as folder, buckets.Moto(Path(folder)) as store:
        yield store.url


def segments(log: Path) -> dict[str, bytes]:
    return {path.relative_to(log).as_posix(): path.read_bytes() for path in log.glob("*/*.jsonl")}


def archived(one: Daemon) -> Any:
    return one.get("/archive")


def unverified(one: Daemon) -> float:
    return float(one.get("/metrics")["levibot_archive_unverified_bytes"])


def is_done(one: Daemon) -> bool:
    shown = archived(one)
    states = {day["day"]: day["state"] for day in shown["days"]}
    return shown["running_since"] is None and set(states.values()) <= {"open", "pruned", "manifested"}


def is_pruned(one: Daemon, place: Place) -> bool:
    states = {day["day"]: day["state"] for day in archived(one)["days"]}
    return {states[day] for day in place.days[:PRUNED_DAYS]} == {"pruned"}


def objects(url: str, bucket: str) -> dict[str, bytes]:
    with closing(buckets.client(url)) as s3:
        listed = s3.list_objects_v2(Bucket=bucket).get("Contents", ())
        return {one["Key"]: s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed}


@pytest.fixture
def place(tmp_path: Path, moto: str) -> Place:
    return Place(tmp_path, moto, bucket=buckets.make_bucket(moto))


def test_days_that_are_overdue_are_archived_at_the_start_and_old_ones_pruned(place: Place, moto: str) -> None:
    before = segments(place.log)
    with daemon(place.state, **place.settings) as one:
        one.wait_ready()
        # Days without results to be counted from do not hinder; a day anchor of today does not either.
        until(lambda: is_done(one), within_s=60, what="all days are archived")
        shown = archived(one)
        assert shown["last_run"]["failures"] == []
        assert shown["last_error"] is None
        # Pruning leaves the youngest two days and today.
        gone = [day["day"] for day in shown["days"] if day["state"] == "pruned"]
        assert gone == sorted(place.days[:PRUNED_DAYS], reverse=True)
        assert not [path for path in segments(place.log) if path[:10] in gone]
        # The past of before is not found any more; what is here is.
        found = one.get("/events?limit=1&order=asc")["events"]
        assert found[0]["seq"] > 1
        assert shown["unverified_bytes"] == 0
        until(lambda: unverified(one) == 0, within_s=20, what="the next sample shows it")
        said = one.said()
        assert buckets.SECRET_KEY not in said
        assert one.stop() == 0
    report = verified(place.log)
    assert report["begins"] == "pruned"
    assert report["damage"] is None
    stored = objects(moto, place.settings["archive__bucket"])
    assert all(buckets.SECRET_KEY.encode() not in data for data in stored.values())
    assert len([key for key in stored if "/segments/" in key]) == len(before)
    # A start without the snapshot begins from the state that was kept before anything was pruned.
    (place.state / "snapshot").unlink()
    with daemon(place.state, **place.settings) as one:
        one.wait_ready()
        assert one.get("/status")["last_seq"] > report["last_seq"]
        assert "log_damage" not in one.said()


@pytest.mark.fault("D8")
@pytest.mark.parametrize("after", ["ARCHIVE_SEALED", "ARCHIVE_UPLOADED", "ARCHIVE_MANIFESTED", "ARCHIVE_PRUNED"])
def test_a_killed_daemon_goes_on_where_the_log_says_it_was(place: Place, moto: str, after: str) -> None:
    before = segments(place.log)
    with daemon(place.state, **place.settings) as one:
        one.wait_for(after)
        one.kill()
    with daemon(place.state, **place.settings) as one:
        one.wait_ready()
        until(lambda: is_done(one) and is_pruned(one, place), within_s=60, what="all is archived, old days pruned")
        assert one.stop() == 0
    told = records(place.log)
    verified_paths = {getattr(one.entry.record, "path", "") for one in told if one.event_type == "ARCHIVE_VERIFIED"}
    missing = set(before) - set(segments(place.log))
    assert missing <= verified_paths
    assert {path[:10] for path in missing} == set(place.days[:PRUNED_DAYS])
    assert verified(place.log)["damage"] is None


@pytest.mark.fault("G18")
def test_an_older_copy_of_the_state_directory_starts_reducing(place: Place, tmp_path: Path) -> None:
    shutil.copytree(place.state, tmp_path / "backup")
    with daemon(place.state, **place.settings) as one:
        one.wait_ready()
        until(lambda: is_done(one), within_s=60, what="all days are archived")
        installation = (place.state / "installation").read_text()
        one.kill()
    # Of the backup the last days are missing.
    for day in place.days[-2:]:
        shutil.rmtree(tmp_path / "backup/logs" / day)
    (tmp_path / "backup/installation").write_text(installation)
    with daemon(tmp_path / "backup", **place.settings) as one:
        one.wait_ready()  # The start itself does not wait for the bucket.
        until(lambda: one.get("/risk")["risk_state"] == "REDUCING", within_s=30, what="it reduces")
        assert "log_rollback" in json.dumps(one.get("/status"))
        assert '"event":"log_rollback"' in one.said()
        status, answer = one.ask("POST", "/risk/kill-switch", {"tripped": False, "reason": "looked at it"})
        assert status == 200, answer
        until(lambda: one.get("/risk")["risk_state"] == "ACTIVE", within_s=10, what="a human has re-armed it")


@pytest.mark.fault("F1")
def test_a_stop_during_an_upload_is_quick_and_the_next_start_goes_on(tmp_path: Path, moto: str) -> None:
    bucket = buckets.make_bucket(moto)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:  # Takes everything in and never answers.
        place = Place(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}", bucket=bucket)
        with daemon(place.state, **place.settings) as one:
            one.wait_ready()
            connection, _ = silent.accept()
            with closing(connection):
                assert connection.recv(1)
                status, answer = one.ask("POST", "/archive/run", {})
                assert (status, answer["ok"]) == (202, True)
                clock = LoopClock()
                begun = clock.monotonic()
                assert one.stop() == 0
                assert clock.monotonic() - begun < EXIT_WITHIN_S
    place.settings["archive__endpoint"] = moto
    with daemon(place.state, **place.settings) as one:
        one.wait_ready()
        until(lambda: is_done(one), within_s=60, what="all days are archived")


def test_a_daemon_without_an_archive_says_so(tmp_path: Path) -> None:
    with daemon(tmp_path / "state") as one:
        one.wait_ready()
        assert one.get("/archive") == {
            "configured": False, "running_since": None, "next_at": None, "last_ok_at": None, "last_run": None,
            "last_error": None, "unverified_bytes": 0, "days": [],
        }  # fmt: skip
        status, answer = one.ask("POST", "/archive/run", {})
        assert (status, answer["code"]) == (409, "REFUSED")
