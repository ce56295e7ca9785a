"""Which commit and branch this is, as far as the installation can tell."""

from pathlib import Path

import levibotd

UNKNOWN = "unknown"

_SHORT = 12
_BRANCH_CHARS_MAX = 64  # It is the label of a metric.
_BRANCHES = "ref: refs/heads/"


def git_sha() -> str:
    """The commit of the checkout that the package runs from; "unknown" when it was installed without one."""
    return commit_of(_checkout())


def git_branch() -> str:
    """The branch of that checkout; "unknown" also when none is checked out."""
    return branch_of(_checkout())


def commit_of(git: Path) -> str:
    """The commit that is checked out, by the files in `git` alone: `git` itself need not be installed."""
    try:
        return _commit(git)[:_SHORT] or UNKNOWN
    except (OSError, UnicodeDecodeError):
        return UNKNOWN


def branch_of(git: Path) -> str:
    """The branch that is checked out, by the files in `git` alone."""
    try:
        head = _head(_own(git))
    except (OSError, UnicodeDecodeError):
        return UNKNOWN
    name = head.removeprefix(_BRANCHES) if head.startswith(_BRANCHES) else ""
    return name if 0 < len(name) <= _BRANCH_CHARS_MAX else UNKNOWN


def _checkout() -> Path:
    return Path(levibotd.__file__).parent.parent / ".git"


def _own(git: Path) -> Path:
    """The directory of this checkout alone: a worktree names it in a file."""
    return git.parent / git.read_text("utf-8").strip().removeprefix("gitdir: ") if git.is_file() else git


def _head(own: Path) -> str:
    return (own / "HEAD").read_text("ascii").strip()


def _commit(git: Path) -> str:
    own = _own(git)
    common = own if own == git else own / (own / "commondir").read_text("utf-8").strip()
    head = _head(own)
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    if (common / name).is_file():
        return (common / name).read_text("ascii").strip()
    packed = (common / "packed-refs").read_text("utf-8").splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
