"""Every module has its test file where one would look for it."""

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

# Modules without behaviour of their own: vocabulary and protocols, held by the tests of all that use them.
EXEMPT = {
    "levibotd/__main__.py",
    "levibotd/errors.py",
    "levibotd/messages.py",
    "levibotd/settings.py",
    "levibotd/domain/order_records.py",
    "levibotd/domain/trade_plan.py",
    "levibotd/kernel/errors.py",
}
# What can only be seen from outside, as a process.
HELD_ELSEWHERE = {
    "levibotd/app/assembly.py": "tests/process/test_daemon.py",
    "levibotd/app/daemon.py": "tests/process/test_daemon.py",
}
PORTS = "levibotd/ports"  # Protocols; `tests/contracts` holds every implementation against them.


def modules() -> list[str]:
    found = [
        path.relative_to(ROOT).as_posix() for root in ("levibotd", "actors") for path in (ROOT / root).rglob("*.py")
    ]
    return sorted(name for name in found if not name.endswith("__init__.py"))


def place_of(module: str) -> Path:
    """Return where the test of `module` lies: `levibotd/domain/risk.py` -> `tests/domain/test_risk.py`."""
    if module in HELD_ELSEWHERE:
        return ROOT / HELD_ELSEWHERE[module]
    path = Path(module)
    inner = path.relative_to("levibotd") if path.parts[0] == "levibotd" else path
    return ROOT / "tests" / inner.parent / f"test_{inner.name}"


def test_every_module_has_its_test() -> None:
    held = [module for module in modules() if module not in EXEMPT and not module.startswith(f"{PORTS}/")]
    assert held
    missing = [place_of(module) for module in held if not place_of(module).is_file()]
    assert [path.relative_to(ROOT).as_posix() for path in missing] == []


def test_an_exempt_module_exists_and_has_no_test() -> None:
    for module in sorted(EXEMPT):
        assert (ROOT / module).is_file(), module
        assert not place_of(module).exists(), module
