"""Real stores to test against: moto in a process of its own, and a whole Ceph on this machine."""

import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

from levibotd.config import environ_with
from tests.until import until

ACCESS_KEY = "levikey"
SECRET_KEY = "levisecret"  # Of stores that live as long as the tests.
CEPH_PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "ceph-authtool", "monmaptool")
HOW_TO_GET_CEPH = "apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common"


def missing_programs() -> list[str]:
    return [program for program in CEPH_PROGRAMS if shutil.which(program) is None]


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def client(url: str) -> Any:
    """What a test itself does to a bucket: make it, and tamper with it."""
    import botocore.session
    from botocore.config import Config

    return botocore.session.get_session().create_client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}),
    )


def make_bucket(url: str) -> str:
    name = f"levi-{uuid.uuid4().hex[:12]}"
    with closing(client(url)) as s3:
        s3.create_bucket(Bucket=name)
    return name


class Processes:
    """What a store consists of; all of it ends with the `with`."""

    url: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, words: Sequence[str], *, environ: Mapping[str, str] = {}) -> None:
        with (self.folder / f"{name}.out").open("wb") as out:
            self._running.append(
                subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environ_with(environ))
            )

    def is_open(self, port: int) -> bool:
        if any(process.poll() is not None for process in self._running):
            raise AssertionError(f"a part of the store has ended, see {self.folder}")
        with closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
            return True

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        for process in reversed(self._running):
            process.send_signal(signal.SIGTERM)
        for process in self._running:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Moto(Processes):
    """Answers like S3 and checks little of it."""

    def __enter__(self) -> "Moto":
        (port,) = free_ports(1)
        self.start("moto", [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)])
        until(lambda: self.is_open(port), within_s=30, what="moto listens")
        self.url = f"http://127.0.0.1:{port}"
        return self


class Ceph(Processes):
    """One monitor, one object store in memory and a gateway; enough of Ceph to be S3."""

    def __enter__(self) -> "Ceph":
        gateway, monitor, legacy = free_ports(3)
        for name in ("mon", "osd", "run", "log", "rgw"):
            (self.folder / name).mkdir(parents=True)
        self._environ = {"CEPH_CONF": str(self.folder / "ceph.conf")}
        fsid = str(uuid.uuid4())
        addresses = f"[v2:127.0.0.1:{monitor}/0,v1:127.0.0.1:{legacy}/0]"
        (self.folder / "ceph.conf").write_text(_CONFIGURATION.format(
            fsid=fsid, addresses=addresses, folder=self.folder, gateway=gateway))  # fmt: skip
        try:
            self._start_monitor(fsid, addresses.replace("/0", ""))
            self._start_osd()
            self.start("rgw", ["radosgw", "-n", "client.admin", "-f"], environ=self._environ)
            until(lambda: self.is_open(gateway), within_s=60, what="the gateway listens")
            self._say("radosgw-admin", "-n", "client.admin", "user", "create", "--uid=levi", "--display-name=levi",
                      f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}")  # fmt: skip
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.url = f"http://127.0.0.1:{gateway}"
        return self

    def _start_monitor(self, fsid: str, addresses: str) -> None:
        keyring, monmap = str(self.folder / "keyring"), str(self.folder / "monmap")
        self._say("ceph-authtool", "-C", keyring, "-g", "-n", "mon.", "--cap", "mon", "allow *")
        self._say("ceph-authtool", keyring, "-g", "-n", "client.admin", "--cap", "mon", "allow *", "--cap", "osd",
                  "allow *", "--cap", "mgr", "allow *")  # fmt: skip
        self._say("monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", addresses, monmap)
        self._say("ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", keyring)
        self.start("mon", ["ceph-mon", "-i", "a", "-f"], environ=self._environ)
        self._say("ceph", "--connect-timeout", "40", "-s")

    def _start_osd(self) -> None:
        name = str(uuid.uuid4())
        self._say("ceph", "osd", "new", name, "0")
        caps = ("mon", "allow profile osd", "osd", "allow *", "mgr", "allow profile osd")
        made = self._say("ceph", "auth", "get-or-create", "osd.0", *caps)
        with (self.folder / "keyring").open("a") as keyring:
            keyring.write(made)
        self._say("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", name)
        self._say("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=h")
        self.start("osd", ["ceph-osd", "-i", "0", "-f"], environ=self._environ)
        until(lambda: "1 up" in self._say("ceph", "osd", "stat"), within_s=60, what="the object store is up")

    def _say(self, *words: str) -> str:
        done = subprocess.run(
            words, env=environ_with(self._environ), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{words[0]}: {done.stderr[-2000:]}"
        return done.stdout


_CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = {addresses}
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail warn = 1
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 1073741824
run dir = {folder}/run
log file = {folder}/log/$name.log
admin socket = {folder}/run/$name.asok
pid file = {folder}/run/$name.pid
mon data = {folder}/mon
osd data = {folder}/osd
osd journal = {folder}/osd/journal
mon cluster log file = {folder}/log/cluster.log
crash dir = {folder}/log
keyring = {folder}/keyring
[client.admin]
rgw frontends = beast endpoint=127.0.0.1:{gateway}
rgw data = {folder}/rgw
rgw enable gc threads = false
rgw enable lc threads = false
rgw enable usage log = false
rgw run sync thread = false
rgw dynamic resharding = false
"""
