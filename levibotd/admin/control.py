"""What an operator may ask of the daemon as a whole. Every change is a CONTROL record, written by the actor."""

from collections.abc import Mapping
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta

from levibotd.admin.desk import Desk
from levibotd.admin.loosening import permit_loosening
from levibotd.admin.problems import Malformed
from levibotd.admin.replies import (
    Answer,
    Body,
    Money,
    answer_of,
    caller_of,
    desk_of,
    is_dry_run,
    json,
    plain,
    read_body,
    ref,
)
from levibotd.domain.book import ACTIVE, DISK
from levibotd.domain.orders import ENTRY
from levibotd.domain.records import Gate
from levibotd.domain.risk import lower_stage
from levibotd.domain.signal import CallKey, Side
from levibotd.errors import ConfigError
from levibotd.kernel.status import State
from levibotd.messages import ClosePosition, SetStage, Switch

Reason = Annotated[str, Meta(min_length=1, max_length=500)]
REARM = "POST /risk/kill-switch with tripped = false and a reason"
OnOff = Literal["on", "off"]
# Two structs without a tag are no type of msgspec's; which of the two it is shows in `children`.
_GROUP_OR_ACTOR = {"anyOf": [{"$ref": ref("GroupShown")}, {"$ref": ref("ActorShown")}]}
GroupOrActor = Annotated[object, Meta(extra_json_schema=_GROUP_OR_ACTOR)]


class Because(Body, frozen=True):
    """Why something is done; may be left out."""

    reason: Annotated[str, Meta(max_length=500)] = ""


class StageWanted(Body, frozen=True):
    """A stage and why; `confirm` is the stage again."""

    stage: str
    reason: Reason
    confirm: str


class Switched(Answer, frozen=True):
    """What the switch was and is (or would be); `still_says_no` is what else forbids opening."""

    ok: bool
    dry_run: bool
    switch: OnOff
    before: OnOff
    changes: bool
    still_says_no: tuple[Gate, ...]


class PlannedEnd(Answer, frozen=True):
    """What ending one call takes: how much is closed at the market, and how many entries are cancelled."""

    id: str
    symbol: str
    side: Side
    closes: Money
    cancels: int


class Closing(Answer, frozen=True):
    """The calls that are being ended, or would be."""

    ok: bool
    dry_run: bool
    calls: tuple[str, ...]
    plan: tuple[PlannedEnd, ...]


class StageShown(Answer, frozen=True):
    """The stage that rules, those that may be set, and the one of the file."""

    stage: str
    allowed: tuple[str, ...]
    configured: str


class StageSet(Answer, frozen=True):
    """The stage that rules now, and the one before."""

    ok: bool
    stage: str
    before: str


class Restraint(Answer, frozen=True):
    """A RISK_STATE that forbids opening: since when is in the log, what lifts it is here."""

    state: str
    why: str
    lifted_by: str


class LaneShown(Answer, frozen=True):
    """How full one lane of a mailbox is, and what went through it."""

    depth: int
    capacity: int
    oldest_age_s: float
    senders_waiting: int
    taken: int
    refused: int
    dropped: int
    superseded: int


class TaskShown(Answer, frozen=True):
    """One piece of work that an actor has under way."""

    key: str
    urgent: bool
    age_s: float


class ActorShown(Answer, frozen=True):
    """One actor: what it does, how far behind it is, how often it began anew."""

    name: str
    state: State
    incarnation: int
    restarts: int
    crashes: int
    handled: int
    depth: int
    capacity: int
    oldest_age_s: float
    lane: LaneShown
    low_lane: LaneShown | None
    own_depth: int
    current: str | None
    current_age_s: float
    tasks: tuple[TaskShown, ...]
    tasks_waiting: int
    last_error: str | None
    stack: str | None


class GroupShown(Answer, frozen=True):
    """One group of actors; what is in it are actors (ActorShown) and groups."""

    name: str
    state: State
    strategy: str
    restarts: int
    children: tuple[GroupOrActor, ...]


class Letter(Answer, frozen=True):
    """A message that nobody handled; its content is not shown."""

    id: int
    actor: str
    message: str
    reason: str
    error: str | None
    trace_id: str | None
    at: float


class Letters(Answer, frozen=True):
    """Those that are kept, newest last; `counts` by reason also counts those that are not."""

    counts: Mapping[str, int]
    letters: tuple[Letter, ...]


async def post_start(request: web.Request) -> web.Response:
    """`POST /start` - allow opening. What else forbids it stays, and is told."""
    return await _switch(request, on=True)


async def post_stop(request: web.Request) -> web.Response:
    """`POST /stop` - open nothing more, also after a restart. Protective orders stay."""
    return await _switch(request, on=False)


async def post_flatten(request: web.Request) -> web.Response:
    """`POST /flatten` - end all of our calls: cancel what is unfilled, close what is filled."""
    desk, body = desk_of(request), await read_body(request, Because)
    plan = endings(desk, tuple(desk.view().calls))
    if is_dry_run(request):
        return json(Closing(ok=True, dry_run=True, calls=tuple(one.id for one in plan), plan=plan))
    wish = ClosePosition(by=caller_of(request), reason=body.reason)
    calls = await answer_of(desk.exec_, wish, timeout_s=desk.ask_timeout_s)
    return json(Closing(ok=True, dry_run=False, calls=calls, plan=plan))


async def get_stage(request: web.Request) -> web.Response:
    """`GET /stage` - how far calls go."""
    desk = desk_of(request)
    return json(StageShown(stage=stage_of(desk), allowed=desk.stages, configured=desk.config.exchange.stage))


async def put_stage(request: web.Request) -> web.Response:
    """`PUT /stage` - set it. Raises ConfigError for one that the configuration does not reach."""
    desk, body = desk_of(request), await read_body(request, StageWanted)
    if body.confirm != body.stage:
        raise Malformed("confirm: expected the stage again")
    if body.stage not in desk.stages:
        raise ConfigError(f"stage: expected one of {', '.join(desk.stages)}")
    ruling = stage_of(desk)
    if lower_stage(ruling, body.stage) != body.stage:
        because = f"{body.stage} allows more than {ruling}"
        await permit_loosening(request, reason=body.reason, because=because, stages=(ruling, body.stage))
    wish = SetStage(stage=body.stage, by=caller_of(request), reason=body.reason)
    before = await answer_of(desk.exec_, wish, timeout_s=desk.ask_timeout_s)
    return json(StageSet(ok=True, stage=body.stage, before=before))


async def get_config(request: web.Request) -> web.Response:
    """`GET /config` - every setting as it rules, and which of them somebody set."""
    config = desk_of(request).config
    settings = {name: getattr(config, name) for name in config.__struct_fields__ if name != "credentials_dir"}
    return json(settings)


async def get_actors(request: web.Request) -> web.Response:
    """`GET /actors` - the tree: what each actor does, how far behind it is, how often it began anew."""
    return json(desk_of(request).system.tree())  # As GroupShown has it; the kernel knows no msgspec.


async def get_dead_letters(request: web.Request) -> web.Response:
    """`GET /dead-letters` - what reached nobody, newest last. Texts of posts are not shown."""
    letters = desk_of(request).system.dead_letters
    shown = [
        Letter(id=x.id, actor=x.actor, message=type(x.message).__name__, reason=x.reason, error=x.error,
               trace_id=x.trace, at=x.at)
        for x in letters.all()
    ]  # fmt: skip
    return json(Letters(counts=letters.counts, letters=tuple(shown)))


def endings(desk: Desk, calls: tuple[CallKey, ...]) -> tuple[PlannedEnd, ...]:
    """What it takes to end these calls now."""
    ledger = desk.view()
    return tuple(
        PlannedEnd(
            id=key, symbol=ledger.calls[key].symbol, side=ledger.calls[key].side, closes=plain(ledger.calls[key].qty),
            cancels=sum(order.role == ENTRY and order.live for order in ledger.orders_of(key)),
        )
        for key in calls
    )  # fmt: skip


def stage_of(desk: Desk) -> str:
    """The stage that rules: the lower of the configured one and the one last set."""
    return desk.stage_of(None)


def restraint_of(desk: Desk) -> Restraint | None:
    """What RISK_STATE forbids, and what would lift it; None while it is ACTIVE."""
    control = desk.view().control
    if control.risk_state == ACTIVE:
        return None
    by = "room on the disk of the log" if control.risk_why == DISK else REARM
    return Restraint(state=control.risk_state, why=control.risk_why, lifted_by=by)


def says_no(desk: Desk) -> tuple[Gate, ...]:
    """All that forbids opening now, the stage included."""
    stage = stage_of(desk)
    gates = desk.view().says_no()
    return gates if stage != "observe" else (*gates, Gate(name="stage", value=stage, limit="paper"))


async def _switch(request: web.Request, *, on: bool) -> web.Response:
    desk, body = desk_of(request), await read_body(request, Because)
    control = desk.view().control
    before, dry_run = control.switch_on, is_dry_run(request)
    if on and not before and not dry_run and control.kill.tripped:
        because = "the kill switch has tripped since it was stopped"
        await permit_loosening(request, reason=body.reason, because=because, stages=(stage_of(desk),))
    if not dry_run:
        wish = Switch(on=on, by=caller_of(request), reason=body.reason)
        before = await answer_of(desk.exec_, wish, timeout_s=desk.ask_timeout_s)
    others = tuple(gate for gate in says_no(desk) if gate.name != "switch")
    return json(Switched(
        ok=True, dry_run=dry_run, switch="on" if on else "off", before="on" if before else "off",
        changes=before is not on, still_says_no=others,
    ))  # fmt: skip
