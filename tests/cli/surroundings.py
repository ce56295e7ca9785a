"""Files and processes for the tests of commands."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from levibotd.config import environ_with


def written(tmp_path: Path, more: str, *, bind: str = "127.0.0.1:0", state: str = "state") -> Path:
    path = tmp_path / "levibotd.toml"
    path.write_text(f'[daemon]\nstate_dir = "{tmp_path / state}"\n[http]\nbind = "{bind}"\n{more}\n')
    return path


def child(
    words: Sequence[str], *, given: bytes = b"", cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "levibotd", *words]
    env = None if environ is None else environ_with(environ)
    return subprocess.run(command, input=given, capture_output=True, timeout=60, check=False, cwd=cwd, env=env)
