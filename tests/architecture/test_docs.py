"""The reference says what the code does now, and the pages hang together."""

import re
from pathlib import Path

import pytest

from docs.generate import REFERENCE, pages
from levibotd.admin.routes import ROUTES
from levibotd.domain.gates import GateName
from levibotd.exit_codes import ExitCode
from levibotd.journal import EVENTS
from levibotd.observe.metrics import SPECS

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_reference_page_is_what_the_code_makes_of_it(name: str) -> None:
    assert (REFERENCE / name).read_text("utf-8") == pages()[name], "run `make docs`"


def test_no_reference_page_is_left_over() -> None:
    assert sorted(path.name for path in REFERENCE.iterdir()) == sorted(pages())


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("events.md", [f"### {name}" for name in EVENTS]),
        ("metrics.md", [f"`{spec.name}`" for spec in SPECS]),
        ("routes.md", [f"`{route.method} {route.template}`" for route in ROUTES]),
        ("gates.md", [f"`{gate}`" for gate in GateName]),
        ("exit-codes.md", [f"| {code.value} |" for code in ExitCode]),
    ],
)
def test_everything_has_its_entry(page: str, names: list[str]) -> None:
    text = pages()[page]

    assert [name for name in names if name not in text] == []


def test_every_event_and_every_table_says_what_it_is_for() -> None:
    for page in ("events.md", "settings.md"):
        bare = re.findall(r"^#{2,3} (.+)\n\n\|", pages()[page], flags=re.MULTILINE)
        assert bare == [], page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_files_that_exist(page: Path) -> None:
    for name in re.findall(r"`((?:levibotd|actors|tests|etc|docs|bench)/[\w./-]+)`", page.read_text("utf-8")):
        assert (ROOT / name).exists(), name


def test_the_index_leads_to_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)\)", index.read_text("utf-8"))}
    assert [page.name for page in (ROOT / "docs").rglob("*.md") if page not in {*linked, index}] == []
