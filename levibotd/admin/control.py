"""What an operator may ask of the daemon as a whole. Every change is a CONTROL record, written by the actor."""

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from levibotd.admin.desk import Desk
from levibotd.admin.problems import Malformed
from levibotd.admin.replies import Body, answer_of, caller_of, desk_of, is_dry_run, json, read_body
from levibotd.domain.records import Gate
from levibotd.errors import ConfigError
from levibotd.messages import ClosePosition, SetStage, Switch

Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class Because(Body, frozen=True):
    """Why something is done; may be left out."""

    reason: Annotated[str, Meta(max_length=500)] = ""


class StageWanted(Body, frozen=True):
    """A stage and why; `confirm` is the stage again."""

    stage: str
    reason: Reason
    confirm: str


async def post_start(request: web.Request) -> web.Response:
    """`POST /start` - allow opening. What else forbids it stays, and is told."""
    return await _switch(request, on=True)


async def post_stop(request: web.Request) -> web.Response:
    """`POST /stop` - open nothing more, also after a restart. Protective orders stay."""
    return await _switch(request, on=False)


async def post_flatten(request: web.Request) -> web.Response:
    """`POST /flatten` - end all of our calls: cancel what is unfilled, close what is filled."""
    desk, body = desk_of(request), await read_body(request, Because)
    plan = tuple(desk.view().calls)
    if is_dry_run(request):
        return json({"ok": True, "dry_run": True, "calls": plan})
    wish = ClosePosition(by=caller_of(request), reason=body.reason)
    calls = await answer_of(desk.exec_, wish, timeout_s=desk.ask_timeout_s)
    return json({"ok": True, "dry_run": False, "calls": calls})


async def get_stage(request: web.Request) -> web.Response:
    """`GET /stage` - how far calls go."""
    desk = desk_of(request)
    return json({"stage": stage_of(desk), "allowed": desk.stages, "configured": desk.config.exchange.stage})


async def put_stage(request: web.Request) -> web.Response:
    """`PUT /stage` - set it. Raises ConfigError for one that the configuration does not reach."""
    desk, body = desk_of(request), await read_body(request, StageWanted)
    if body.confirm != body.stage:
        raise Malformed("confirm: expected the stage again")
    if body.stage not in desk.stages:
        raise ConfigError(f"stage: expected one of {', '.join(desk.stages)}")
    wish = SetStage(stage=body.stage, by=caller_of(request), reason=body.reason)
    before = await answer_of(desk.exec_, wish, timeout_s=desk.ask_timeout_s)
    return json({"ok": True, "stage": body.stage, "before": before})


async def get_config(request: web.Request) -> web.Response:
    """`GET /config` - every setting as it rules, and which of them somebody set."""
    config = desk_of(request).config
    settings = {name: getattr(config, name) for name in config.__struct_fields__ if name != "credentials_dir"}
    return json(settings)


async def get_actors(request: web.Request) -> web.Response:
    """`GET /actors` - the tree: what each actor does, how far behind it is, how often it began anew."""
    return json(desk_of(request).system.tree())


async def get_dead_letters(request: web.Request) -> web.Response:
    """`GET /dead-letters` - what reached nobody, newest last. Texts of posts are not shown."""
    letters = desk_of(request).system.dead_letters
    shown = [
        {"id": x.id, "actor": x.actor, "message": type(x.message).__name__, "reason": x.reason, "error": x.error,
         "trace_id": x.trace, "at": x.at}
        for x in letters.all()
    ]  # fmt: skip
    return json({"counts": letters.counts, "letters": shown})


def stage_of(desk: Desk) -> str:
    """The stage that rules: the one last set, else the configured one."""
    return desk.view().control.stage or desk.config.exchange.stage


def says_no(desk: Desk) -> tuple[Gate, ...]:
    """All that forbids opening now, the stage included."""
    stage = stage_of(desk)
    gates = desk.view().says_no()
    return gates if stage != "observe" else (*gates, Gate(name="stage", value=stage, limit="paper"))


def gates_of(gates: Iterable[Gate]) -> list[Mapping[str, object]]:
    """Gates as they are shown."""
    return [msgspec.structs.asdict(gate) for gate in gates]


async def _switch(request: web.Request, *, on: bool) -> web.Response:
    desk, body = desk_of(request), await read_body(request, Because)
    before = desk.view().control.switch_on
    dry_run = is_dry_run(request)
    if not dry_run:
        wish = Switch(on=on, by=caller_of(request), reason=body.reason)
        before = await answer_of(desk.exec_, wish, timeout_s=desk.ask_timeout_s)
    others = [gate for gate in says_no(desk) if gate.name != "switch"]
    return json({
        "ok": True, "dry_run": dry_run, "switch": "on" if on else "off", "before": "on" if before else "off",
        "changes": before is not on, "still_says_no": gates_of(others),
    })  # fmt: skip
