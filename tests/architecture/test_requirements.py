"""Nothing is installed but what the lock names, by its hash."""

import re
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
NAME, VERSION = "made-up-for-this-test", "1.0"
UV = Path(sys.executable).with_name("uv")


def entries(lock: Path) -> list[str]:
    """The requirements of a lock, each in one line."""
    joined = lock.read_text("utf-8").replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.fault("G19")
@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_with_its_hashes_and_names_no_host(lock: Path) -> None:
    assert entries(lock)
    for entry in entries(lock):
        assert re.match(r"[\w.\-]+(\[[\w,]+\])?==[\w.!+]+\s", entry), entry[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}(\s|$)", entry), entry[:80]
        assert "://" not in entry, entry[:80]


def test_versions_agree_between_the_locks() -> None:
    pins: dict[str, set[str]] = {}
    for name in ("base.txt", "ml.txt", "test.txt"):
        found: dict[str, set[str]] = {}
        for entry in entries(ROOT / "requirements" / name):
            package, version = entry.split()[0].split("==")
            found.setdefault(package, set()).add(version)
        for package, versions in found.items():
            assert pins.setdefault(package, versions) == versions, (name, package)


@pytest.mark.parametrize("file", ["Makefile", "docs/how-to/vps.md"])
def test_whoever_installs_a_lock_asks_for_hashes(file: str) -> None:
    text = (ROOT / file).read_text("utf-8").replace("\\\n", " ")
    installs = [line for line in text.splitlines() if re.search(r"\binstall\b.* -r ", line)]
    assert installs
    for line in installs:
        assert len(re.findall(r"--require-hashes", line)) == len(re.findall(r"\binstall\b", line)), line


def wheel(folder: Path) -> str:
    """Make a package there; return its hash."""
    file = folder / f"{NAME.replace('-', '_')}-{VERSION}-py3-none-any.whl"
    info = f"{NAME.replace('-', '_')}-{VERSION}.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return sha256(file.read_bytes()).hexdigest()


def installer(name: str, into: Path) -> tuple[str, ...]:
    """What the Makefile installs with, into a directory of the test's own."""
    if name == "pip":
        return (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--target", str(into))
    if not UV.exists():
        pytest.skip(f"NO uv HERE: {sys.executable} -m pip install uv")
    return (str(UV), "pip", "install", "--python", sys.executable, "--target", str(into))


@pytest.mark.fault("G19")
@pytest.mark.parametrize("name", ["pip", "uv"])
@pytest.mark.parametrize("hashes", ["right", "changed", "missing"])
def test_a_package_without_its_own_hash_is_refused(tmp_path: Path, name: str, hashes: str) -> None:
    digest = wheel(tmp_path)
    changed = digest.translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
    pinned = {"right": f" --hash=sha256:{digest}", "changed": f" --hash=sha256:{changed}", "missing": ""}[hashes]
    lock = tmp_path / "lock.txt"
    lock.write_text(f"{NAME}=={VERSION}{pinned}\n", encoding="utf-8")

    words = (
        *installer(name, tmp_path / "into"),
        "--no-deps",
        "--no-index",
        "--find-links",
        str(tmp_path),
        "--require-hashes",
        "-r",
        str(lock),
    )
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode == 0) == (hashes == "right"), done.stderr
    assert any((tmp_path / "into").glob("*.dist-info")) == (hashes == "right")
    if hashes != "right":
        assert "hash" in done.stderr.lower()
