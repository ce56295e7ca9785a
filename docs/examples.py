"""
Run what the pages say can be typed: `python -m docs.examples README.md docs/tutorial.md`.

In a block fenced as `console` a line `$ command` is run and what follows it is what it prints;
`...` stands for anything. The commands of one page share an empty directory.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

TIMEOUT_S = 120

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """One command of a page and what it is said to print."""

    line: int
    command: str
    output: str


def examples(page: str) -> Iterator[Example]:
    """Yield the commands of a page in order. One goes on after a backslash, or where the next line begins with `> `."""
    for block in _BLOCK.finditer(page):
        number = page.count("\n", 0, block.start(1))
        lines = block[1].splitlines()
        while lines:
            number += 1
            start = lines.pop(0)
            if not start.startswith("$ "):
                continue
            line, command = number, start.removeprefix("$ ")
            while lines and (command.endswith("\\") or lines[0].startswith("> ")):
                number += 1
                command += "\n" + lines.pop(0).removeprefix("> ")
            output: list[str] = []
            while lines and not lines[0].startswith("$ "):
                number += 1
                output.append(lines.pop(0))
            yield Example(line, command, "\n".join(output))


def matches(expected: str, printed: str) -> bool:
    """Is `printed` what was expected, `...` standing for anything?"""
    pattern = ".*?".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), flags=re.DOTALL) is not None


def run(page: Path) -> list[str]:
    """Run every example of `page`; return what went otherwise than it says."""
    wrong: list[str] = []
    bin_directory = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as directory:
        home = {"HOME": directory, "LEVI_DAEMON__STATE_DIR": f"{directory}/state"}
        environ = {**os.environ, **home, "PATH": f"{bin_directory}{os.pathsep}{os.environ.get('PATH', '')}"}
        for example in examples(page.read_text("utf-8")):
            done = subprocess.run(
                ["bash", "-c", example.command],
                cwd=directory,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
            if not matches(example.output, done.stdout):
                wrong.append(f"{page}:{example.line}: $ {example.command}\n{done.stdout.rstrip()}")
    return wrong


def main(pages: Iterable[str]) -> int:
    """Run the examples of `pages` and print what went otherwise. Returns 1 if anything did."""
    wrong = [fault for page in pages for fault in run(Path(page))]
    print("\n".join(wrong) or "every example does what its page says")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
