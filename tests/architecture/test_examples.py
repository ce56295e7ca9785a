"""The runner of the examples in the pages."""

from pathlib import Path

import pytest

from docs.examples import Example, examples, matches, run

PAGE = """# A page
```sh
make run
```
```console
$ echo one; echo two
one
two
$ printf '%s' \\
a
a
$ cat <<'END'
> b
>  c
> END
b
 c
```
"""


def test_only_console_blocks_are_commands() -> None:
    assert list(examples(PAGE)) == [
        Example(6, "echo one; echo two", "one\ntwo"),
        Example(9, "printf '%s' \\\na", "a"),
        Example(12, "cat <<'END'\nb\n c\nEND", "b\n c"),
    ]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a", "a\n", True),
        ("a", "b", False),
        ("a ... c", "a b b c", True),
        ("a\n...\nc", "a\nb\nb\nc", True),
        ("...", "", True),
        ("a.c", "abc", False),
        ("", "anything", False),
    ],
)
def test_dots_stand_for_anything(expected: str, printed: str, same: bool) -> None:
    assert matches(expected, printed) == same


def test_what_goes_otherwise_is_named_by_page_and_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.replace("one\ntwo\n", "one\nthree\n"))

    (wrong,) = run(page)

    assert wrong == f"{page}:6: $ echo one; echo two\none\ntwo"


def test_commands_of_a_page_share_a_directory(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo x > file\n$ cat file\nx\n```\n")

    assert run(page) == []
