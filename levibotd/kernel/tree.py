"""What runs, as data: children, groups of them, and who waits for whom."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from levibotd.kernel.actor import Actor
from levibotd.kernel.errors import WaitCycle
from levibotd.kernel.mailbox import Ref
from levibotd.kernel.poison import same_trace
from levibotd.kernel.tasks import Limits


class Restart(StrEnum):
    """When a child begins anew."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"  # Only after a crash.
    TEMPORARY = "temporary"


class Strategy(StrEnum):
    """Who begins anew with a child that crashed."""

    ONE_FOR_ONE = "one_for_one"
    REST_FOR_ONE = "rest_for_one"  # And those declared after it.
    ONE_FOR_ALL = "one_for_all"


PERMANENT = Restart.PERMANENT
TRANSIENT = Restart.TRANSIENT
TEMPORARY = Restart.TEMPORARY
ONE_FOR_ONE = Strategy.ONE_FOR_ONE
REST_FOR_ONE = Strategy.REST_FOR_ONE
ONE_FOR_ALL = Strategy.ONE_FOR_ALL


@dataclass(frozen=True)
class Child:
    """
    One actor: its address, how to make it anew, and how it lives.

    `waits_on` are the addresses whose box its handler may wait for (`tell`, `ask`); together they
    must not form a circle. `drain`: at a stop it handles the mail it already has. Messages of a
    type in `retry_once` are handed to the next incarnation after a crash, once. `same` says which
    messages are the same one when they come again.
    """

    ref: Ref[Any]
    make: Callable[[], Actor[Any]]
    waits_on: tuple[Ref[Any], ...] = ()
    restart: Restart = PERMANENT
    shutdown_s: float = 5.0
    start_timeout_s: float = 10.0
    stall_after_s: float = 30.0
    drain: bool = False
    retry_once: frozenset[type] = frozenset()
    same: Callable[[Any], Hashable] = same_trace
    limits: Limits = field(default_factory=Limits)

    @property
    def name(self) -> str:
        return self.ref.name


@dataclass(frozen=True)
class Group:
    """
    Children that share a strategy and a restart budget.

    Without budget left the group fails as a whole and its parent begins it anew. In a group that is
    not `essential` the child that failed stays down instead, and everything else runs on.
    """

    name: str
    strategy: Strategy = ONE_FOR_ONE
    intensity: int = 5
    period_s: float = 60.0
    children: tuple["Child | Group", ...] = ()
    essential: bool = True


def children_of(group: Group) -> list[Child]:
    """All actors below `group` in start order."""
    found: list[Child] = []
    for child in group.children:
        found += children_of(child) if isinstance(child, Group) else [child]
    return found


def check(root: Group) -> None:
    """Refuse a tree that cannot work. Raises ValueError for a name used twice, WaitCycle for a circle of waits."""
    names = [child.name for child in children_of(root)] + _group_names(root)
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two parts of the tree are called {name!r}")
    waits_on = {child.name: [ref.name for ref in child.waits_on] for child in children_of(root)}
    settled: set[str] = set()
    for name in waits_on:
        _walk(name, waits_on=waits_on, path=[], settled=settled)


def _group_names(group: Group) -> list[str]:
    below = [name for child in group.children if isinstance(child, Group) for name in _group_names(child)]
    return [group.name, *below]


def _walk(name: str, *, waits_on: dict[str, list[str]], path: list[str], settled: set[str]) -> None:
    if name in path:
        raise WaitCycle(" -> ".join([*path[path.index(name) :], name]))
    if name in settled:
        return
    for other in waits_on.get(name, ()):
        _walk(other, waits_on=waits_on, path=[*path, name], settled=settled)
    settled.add(name)
