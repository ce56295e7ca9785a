"""Which commit this is, as far as the installation can tell."""

from pathlib import Path

import levibotd

UNKNOWN = "unknown"

_SHORT = 12


def git_sha() -> str:
    """The commit of the checkout that the package runs from; "unknown" when it was installed without one."""
    return commit_of(Path(levibotd.__file__).parent.parent / ".git")


def commit_of(git: Path) -> str:
    """The commit that is checked out, by the files in `git` alone: `git` itself need not be installed."""
    try:
        return _commit(git)[:_SHORT] or UNKNOWN
    except (OSError, UnicodeDecodeError):
        return UNKNOWN


def _commit(git: Path) -> str:
    common = git
    if git.is_file():  # A worktree names its own directory, and that one where the branches are.
        git = git.parent / git.read_text("utf-8").strip().removeprefix("gitdir: ")
        common = git / (git / "commondir").read_text("utf-8").strip()
    head = (git / "HEAD").read_text("ascii").strip()
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    if (common / name).is_file():
        return (common / name).read_text("ascii").strip()
    packed = (common / "packed-refs").read_text("utf-8").splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
