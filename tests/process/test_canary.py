"""Secrets that are told from everything else, a daemon that says all it can, and a search through all it left."""

import base64
import json
import os
import re
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest
import zstandard

from levibotd.admin.auth import digest_of
from levibotd.credentials import SECRET_NAMES
from levibotd.kernel.clock import LoopClock
from tests.archiving.past import fill
from tests.contracts import buckets
from tests.process.daemon import Daemon, daemon, run_command
from tests.process.test_archive import objects
from tests.until import until

pytest.importorskip("aiobotocore", reason="NOT TESTED: pip install 'levibotd[s3]'")
pytest.importorskip("moto.server", reason="NOT TESTED: pip install 'moto[server]'")
_JSON = {"Content-Type": "application/json"}
_PATHS = (
    "/{}", "/events?trace_id={}", "/why/{}", "/ws/events?ticket={}", "/channels/{}", "/channels/{}/equity.svg",
    "/signals?channel={}",
)  # fmt: skip
_PAGES = (
    "/status", "/config", "/metrics", "/metrics/prom", "/actors", "/dead-letters", "/archive", "/signals?limit=100",
    "/events?limit=1000", "/events/hours", "/openapi.json", "/risk", "/risk/policy", "/risk/kill-switch", "/channels",
    "/features", "/positions", "/orders", "/trades", "/trades?rows=fills&format=csv", "/reports/daily",
    "/reports/weekly?format=csv", "/ml/dataset", "/ml/queue?limit=200", "/ml/model", "/ml/reliability.svg",
)  # fmt: skip
pytestmark = [pytest.mark.real_time, pytest.mark.timeout(180)]

API_KEY = "canary-api-key-4f1d9c70b2"  # What a client presents; only its hash is stored.


def canaries() -> dict[str, str]:
    """One secret under each name, each as its reader expects it, none like another."""
    words = {
        name: f"canary-{number}-{name.replace('_', '-')}-c0ffee{number:02}" for number, name in enumerate(SECRET_NAMES)
    }
    digest = digest_of(API_KEY).hex()
    return words | {
        "api_keys": f"desk:trade:{digest}",
        "s3": f"CANARYACCESSKEY0001\n{words['s3']}",
        "totp": base64.b32encode(b"canary-totp-seed-0001").decode().rstrip("="),
    }


def needles(secrets: Mapping[str, str]) -> dict[str, bytes]:
    """Every form in which one of them could have been written, by what it is."""
    found: dict[str, bytes] = {}
    for name, secret in {**secrets, "the key itself": API_KEY}.items():
        for part in secret.split("\n"):
            value = part.rpartition(":")[2]
            forms = {
                "plain": value.encode(),
                "base64": base64.b64encode(value.encode()).rstrip(b"=")[:-1],
                "hex": value.encode().hex().encode(),
                "quoted": quote(value, safe="").encode(),
            }
            found |= {f"{name}, {form}, {value[:8]}": needle for form, needle in forms.items()}
    return found


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with TemporaryDirectory(prefix="levi-") as folder, buckets.Moto(Path(folder)) as moto:
        yield moto.url


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    made = canaries()
    for name, secret in made.items():
        file = folder / name
        file.touch(mode=0o600)
        file.write_text(secret)
    return made


def written(folder: Path, store: str, bucket: str, *, more: str = "") -> Path:
    config = folder / "levibotd.toml"
    config.write_text(
        f'[daemon]\nsecrets_dir = "{folder / "secrets"}"\n[telegram]\nsource = "demo"\n[market]\nsource = "demo"\n'
        f'[archive]\nendpoint = "{store}"\nbucket = "{bucket}"\nkeep_days = 2\n{more}'
    )
    return config


def asked(
    one: Daemon, method: str, path: str, *, key: str = API_KEY, body: bytes = b"", headers: Mapping[str, str] = {}
) -> bytes:
    """Send this as it is, and return the whole answer."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{one.port}", f"X-API-Key: {key}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in {**_JSON, **headers}.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    with socket.create_connection(("127.0.0.1", one.port), timeout=10) as wire:
        wire.sendall("\r\n".join(lines).encode() + body)
        answer = b""
        while part := wire.recv(65536):
            answer += part
    return answer


def provoked(one: Daemon, secrets: Mapping[str, str]) -> dict[str, bytes]:
    """What people do by mistake and attackers on purpose: put each secret wherever text goes. All that came back."""
    answers: dict[str, bytes] = {}
    for name, secret in secrets.items():
        value = secret.split()[-1]
        answers |= {f"{path} {name}": asked(one, "GET", path.format(quote(value))) for path in _PATHS}
        answers |= {f"{path} {body!r}": asked(one, "POST", path, body=body) for path, body in _bodies(value)}
        answers[f"key {name}"] = asked(one, "GET", "/status", key=value)
        answers[f"method {name}"] = asked(one, value, "/")
        answers[f"headers {name}"] = asked(one, "POST", "/start", headers={"Idempotency-Key": value, "X-TOTP": value})
    return answers | {page: asked(one, "GET", page) for page in _PAGES}


def _bodies(value: str) -> Iterator[tuple[str, bytes]]:
    text = f"BTC/USDT LONG\nEntry: 60000\nSL 59000\nTP 62000\nmy key is {value}"
    unclear = f"BNB entry 579.91 target 576.62 or was it entry 576.62 target 579.91? Ask {value}"
    told: tuple[tuple[str, Mapping[str, object]], ...] = (
        ("/signals/ingest-and-score", {"text": text, "channel": "@leaky"}),
        ("/signals/ingest-and-score", {"text": f"{text}!", "channel": value, "message_id": value}),
        ("/signals/ingest-and-score", {"text": unclear, "channel": "@leaky"}),
        ("/signals/score", {"text": text, "channel": value}),
        ("/risk/kill-switch", {"tripped": False, "reason": value}),
        ("/risk/leverage", {"leverage": 3, "reason": value}),
        ("/paper/order", {"symbol": "ETHUSDT", "side": "BUY", "notional_usd": "100", "reason": value}),
        ("/ml/dataset/append", {"text": text, "label": "BUY", "channel": value, "lang": value}),
        ("/ml/rollback", {"sha256": value}),
        (f"/actors/{quote(value)}/restart", {"reason": value}),
    )
    yield from ((path, json.dumps(body).encode()) for path, body in told)
    yield "/stop", f'{{"{value}": "{value}"'.encode()


def left_behind(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below `folder` but the secrets themselves, compressed ones unpacked, databases read out."""
    for file in folder.rglob("*"):
        if not file.is_file() or file.parent.name == "secrets":
            continue
        raw = file.read_bytes()
        yield file.name, raw
        if file.suffix == ".zst":
            yield file.name, unpacked(raw)
        if file.suffix == ".sqlite":
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as base:
                yield file.name, "\n".join(base.iterdump()).encode()


def unpacked(raw: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(raw)


@pytest.mark.fault("G13")
def test_no_secret_stands_anywhere_but_where_it_was_put(tmp_path: Path, store: str, secrets: dict[str, str]) -> None:
    bucket = buckets.make_bucket(store)
    config = written(tmp_path, store, bucket)
    fill(tmp_path / "state" / "logs", until_s=LoopClock().time())
    command = (sys.executable, "-m", "tests.process.talkative", "--config", str(config))
    seen: dict[str, bytes] = {}
    with daemon(tmp_path / "state", command=command) as one:
        until(lambda: b'"ready":true' in asked(one, "GET", "/readyz"), within_s=20, what="it is ready")
        seen |= provoked(one, secrets)
        # A secret in the wrong file: the refusal names the key, and not what stands there.
        written(tmp_path, store, bucket, more=f'[risk]\npolicy = "{secrets["totp"]}"\n{secrets["redis"]} = 1\n')
        one.process.send_signal(signal.SIGHUP)
        until(lambda: "reload_refused" in one.said(), within_s=10, what="the bad file is refused")
        until(lambda: b'"last_run":{' in asked(one, "GET", "/archive"), within_s=60, what="an archive run is over")
        (tmp_path / "levibotd.toml").unlink()
        one.process.send_signal(signal.SIGABRT)
        one.process.wait(15)
    assert '"level":"debug"' in one.said(), "it was not talkative"
    seen |= {
        f"bucket {name}": unpacked(raw) if name.endswith(".zst") else raw
        for name, raw in objects(store, bucket).items()
    }
    assert any(name.startswith("bucket ") for name in seen)
    for words in (["why", "1", "--logs", str(one.log)], ["log", "verify", str(one.log)]):
        seen[" ".join(words[:1])] = run_command(*words)[1].encode()

    hits = [
        f"{what}: {where}"
        for where, said in [*seen.items(), *left_behind(tmp_path)]
        for what, needle in needles(secrets).items()
        if needle in said
    ]
    assert not hits, "\n".join(hits)
    assert not list(Path(os.getcwd()).glob("core*"))


def test_the_search_finds_what_is_there(tmp_path: Path, secrets: dict[str, str]) -> None:
    """As it would be if one of them had leaked: the search itself can fail."""
    file = tmp_path / "state" / "events-00.jsonl.zst"
    file.parent.mkdir()
    file.write_bytes(zstandard.ZstdCompressor().compress(f"x{secrets['redis']}x".encode()))

    found = [what for _, said in left_behind(tmp_path) for what, needle in needles(secrets).items() if needle in said]

    assert {re.split(", ", what)[0] for what in found} == {"redis"}
