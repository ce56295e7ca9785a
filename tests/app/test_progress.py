"""The line that says how far it is."""

import io

from levibotd.app.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_one_line_is_rewritten_and_gone_at_the_end() -> None:
    terminal = Terminal()

    with Progress(terminal) as progress:
        progress.show("1 of 2")
        progress.show("2 of 2")

    assert terminal.getvalue() == "\r\x1b[K1 of 2\r\x1b[K2 of 2\r\x1b[K"


def test_nothing_is_cleared_that_was_not_shown() -> None:
    terminal = Terminal()

    with Progress(terminal) as progress:
        progress.clear()

    assert terminal.getvalue() == ""


def test_nobody_watches_a_file() -> None:
    file = io.StringIO()

    with Progress(file) as progress:
        progress.show("1 of 2")

    assert file.getvalue() == ""
