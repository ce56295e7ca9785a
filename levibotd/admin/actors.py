"""What an operator may do to the actors themselves: let one begin anew, send a dead letter again."""

from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta

from levibotd.admin.control import Because
from levibotd.admin.problems import NotFound
from levibotd.admin.replies import Answer, Body, caller_of, desk_of, json, read_body, read_path, write_down
from levibotd.kernel.errors import MailboxFull
from levibotd.kernel.status import CellStatus, GroupStatus, State


class LetterId(Body, frozen=True):
    """The number of a dead letter."""

    id: Annotated[int, Meta(ge=1, le=2**53)]


class Restarted(Answer, frozen=True):
    """What begins anew, and what it was doing; a group takes all that is in it along."""

    ok: bool
    name: str
    kind: Literal["actor", "group"]
    before: State
    restarts: int
    by: str


class Requeued(Answer, frozen=True):
    """The letter that was sent again; one more crash on it and it is a dead letter again."""

    ok: bool
    id: int
    actor: str
    message: str
    trace_id: str | None


async def post_restart(request: web.Request) -> web.Response:
    """`POST /actors/{name}/restart` - let an actor or a group begin anew, at no cost to its budget."""
    desk, body = desk_of(request), await read_body(request, Because)
    name = request.match_info["name"]
    found = _named(desk.system.tree(), name)
    if found is None:
        raise NotFound("no actor and no group has this name")
    await write_down(request, command="restart", reason=body.reason, effect=name)
    desk.system.restart(name)
    kind: Literal["actor", "group"] = "group" if isinstance(found, GroupStatus) else "actor"
    return json(Restarted(
        ok=True, name=name, kind=kind, before=found.state, restarts=found.restarts, by=caller_of(request),
    ))  # fmt: skip


async def post_requeue(request: web.Request) -> web.Response:
    """`POST /dead-letters/{id}/requeue` - send a message again that nobody handled."""
    desk, body = desk_of(request), await read_body(request, Because)
    wanted = read_path(request, LetterId).id
    letter = desk.system.dead_letters.find(wanted)
    if letter is None:
        raise NotFound("no dead letter has this id")
    message = type(letter.message).__name__
    await write_down(request, command="requeue", reason=body.reason, effect=f"{wanted} {letter.actor} {message}")
    if not desk.system.requeue(wanted):
        raise MailboxFull(letter.actor)
    return json(Requeued(ok=True, id=wanted, actor=letter.actor, message=message, trace_id=letter.trace))


# The root is no child of anything: it ends with the process.
def _named(group: GroupStatus, name: str) -> GroupStatus | CellStatus | None:
    for child in group.children:
        found = child if child.name == name else _named(child, name) if isinstance(child, GroupStatus) else None
        if found is not None:
            return found
    return None
