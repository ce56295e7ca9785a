"""The reference says what the code does now, and the pages hang together."""

import re
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from docs.generate import REFERENCE, pages
from docs.surfaces import command_names
from levibotd import messages
from levibotd.admin.problems import CODES
from levibotd.admin.routes import ROUTES
from levibotd.cli.main import make_parser
from levibotd.domain.gates import GateName
from levibotd.exit_codes import ExitCode
from levibotd.journal import EVENTS
from levibotd.messages import Message
from levibotd.observe.metrics import SPECS
from levibotd.settings import Settings
from levibotd.strict_toml import element_kind, table_kind

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


MADE = pages()
MESSAGES = [
    name for name, kind in vars(messages).items()
    if isinstance(kind, type) and kind.__module__ == messages.__name__ and kind.__name__ == name and name != "Message"
]  # fmt: skip


def settings_keys(table: type[Struct]) -> list[str]:
    """Every key that holds a value, of this table and those in it."""
    keys: list[str] = []
    for field in msgspec.structs.fields(table):
        inner = table_kind(field.type) or element_kind(field.type, tuple)
        if inner is not None:
            keys += settings_keys(inner)
        elif element_kind(field.type, dict) is None:
            keys.append(field.name)
    return keys


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_reference_page_is_what_the_code_makes_of_it(name: str) -> None:
    assert (REFERENCE / name).read_text("utf-8") == MADE[name], "run `make docs`"


def test_no_reference_page_is_left_over() -> None:
    assert sorted(path.name for path in REFERENCE.iterdir()) == sorted(MADE)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("events.md", [f"### {name}" for name in EVENTS]),
        ("metrics.md", [f"`{spec.name}`" for spec in SPECS]),
        ("routes.md", [f"`{route.method} {route.template}`" for route in ROUTES]),
        ("gates.md", [f"`{gate}`" for gate in GateName]),
        ("exit-codes.md", [f"| {code.value} |" for code in ExitCode]),
        ("routes.md", [f"`{code}`" for code in CODES]),
        ("messages.md", [f"### {name}\n" for name in MESSAGES]),
        ("commands.md", [f"## `{name}`\n" for name in command_names(make_parser())]),
        ("settings.md", [f"| `{key}` |" for key in settings_keys(Settings)]),
    ],
)
def test_everything_has_its_entry(page: str, names: list[str]) -> None:
    text = MADE[page]

    assert [name for name in names if name not in text] == []


def test_every_event_and_every_table_says_what_it_is_for() -> None:
    for page in ("events.md", "settings.md", "messages.md", "commands.md"):
        bare = re.findall(r"^#{2,3} (.+)\n\n\|", MADE[page], flags=re.MULTILINE)
        assert bare == [], page


def test_every_route_shows_what_it_takes_and_answers() -> None:
    text = MADE["routes.md"]
    for route in ROUTES:
        section = text.partition(f"### `{route.method} {route.template}`\n")[2].partition("\n### ")[0]
        for kind in (route.query, route.body, route.path):
            for name in () if kind is None else kind.__struct_fields__:
                assert f"| `{name}` |" in section, (route.template, name)
        if isinstance(route.answer, type):
            assert f"answers {route.answer.__name__} as JSON" in section, route.template
            assert f"\n### {route.answer.__name__}\n" in text, route.template


def test_whatever_an_actor_hears_says_who_says_it() -> None:
    silent = [
        name for name in MESSAGES
        if issubclass(kind := getattr(messages, name), Message) and " -> " not in (kind.__doc__ or "")
    ]  # fmt: skip
    # Everybody writes to the log, and whoever ingests awaits how it ends.
    assert silent == ["Append", "CatchUp", "AwaitDecision"]


def test_no_type_is_shown_as_python_writes_it() -> None:
    for page, text in MADE.items():
        assert not re.search(r"msgspec\.|typing\.|<class|UnsetType|Annotated|ForwardRef", text), page


def test_every_field_has_a_name_for_its_type() -> None:
    shown = re.findall(r"^### (\w+)$", MADE["routes.md"], flags=re.MULTILINE)
    rows = re.findall(r"^\| `\w+` \| (.*) \|$", MADE["routes.md"], flags=re.MULTILINE)
    named = [word for row in rows for word in re.findall(r"(?<![`\w])[A-Z]\w+(?![`\w])", row)]
    assert sorted(set(named) - set(shown)) == []


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
