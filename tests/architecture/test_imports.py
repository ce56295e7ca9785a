"""Who may import whom: the contracts hold, and each of them can fail."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LINTER = Path(sys.executable).with_name("lint-imports")


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINTER, "--no-cache"], cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the code to plant violations in."""
    for package in ("levibotd", "actors"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "static", "models")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold() -> None:
    result = lint(ROOT)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [
        ("Arrows point down", "levibotd/domain/signal.py", "import levibotd.ports.posts"),
        ("Arrows point down", "levibotd/observe/metrics.py", "import levibotd.sim"),
        ("Actors know each other by their messages alone", "actors/scorer.py", "import actors.exec"),
        ("Vendor packages stay in the adapters", "levibotd/ports/venue.py", "import ccxt"),
        ("Vendor packages stay in the adapters", "actors/scorer.py", "import aiohttp"),
        ("Decisions are pure, and the kernel knows nothing about trading", "levibotd/domain/signal.py", "import anyio"),
        (
            "Decisions are pure, and the kernel knows nothing about trading",
            "levibotd/kernel/clock.py",
            "import msgspec",
        ),
        (
            "Decisions are pure, and the kernel knows nothing about trading",
            "levibotd/kernel/clock.py",
            "import levibotd.errors",
        ),
        (
            "Only the composition root names actors, adapters and simulations",
            "levibotd/admin/server.py",
            "import actors",
        ),
        (
            "Only the composition root names actors, adapters and simulations",
            "actors/scorer.py",
            "import levibotd.adapters.file_tail",
        ),
    ],
)
def test_a_planted_import_breaks_its_contract(copy: Path, contract: str, file: str, line: str) -> None:
    planted = copy / file
    planted.write_text(f"{planted.read_text()}\n{line}\n")

    result = lint(copy)

    assert result.returncode != 0
    assert f"{contract} BROKEN" in result.stdout


def test_every_module_stands_in_a_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    known = {name.strip(" ()") for layer in layers for name in layer.split("|")}

    for path in sorted((ROOT / "levibotd").iterdir()):
        if path.name not in ("__init__.py", "__pycache__") and (path.is_dir() or path.suffix == ".py"):
            assert f"levibotd.{path.stem}" in known, path
