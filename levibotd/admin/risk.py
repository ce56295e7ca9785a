"""Limits: what they are, what is used of them, and the two switches over them."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from levibotd.admin.control import Because, Restraint, restraint_of, says_no, stage_of
from levibotd.admin.desk import Desk
from levibotd.admin.health import marks
from levibotd.admin.loosening import permit_loosening
from levibotd.admin.replies import Answer, Money, answer_of, caller_of, desk_of, json, plain, plain_or_none, read_body
from levibotd.domain.book import KillState
from levibotd.domain.records import Gate
from levibotd.domain.risk import PolicyValues, loosens
from levibotd.errors import ConfigError
from levibotd.messages import SetKillSwitch, SetLeverage, SetPolicy
from levibotd.policies import RiskPolicyValues, resolve_policy

LEVERAGE_MAX = 125


class PolicyWanted(Because, frozen=True, kw_only=True):
    """A policy and why; what only tightens needs no reason."""

    policy: str


class KillSwitchWanted(Because, frozen=True, kw_only=True):
    """Trip (true; at once, with a reason or without) or re-arm (false), and why."""

    tripped: bool


class LeverageWanted(Because, frozen=True, kw_only=True):
    """No new call gets more leverage than this, whatever policy and channel say; null lifts that, with a reason."""

    leverage: Annotated[int, Meta(ge=1, le=LEVERAGE_MAX)] | None


class DayAnchor(Answer, frozen=True):
    """The equity that the day's loss is measured from."""

    day: str
    equity: Money


class KillSwitchShown(Answer, frozen=True):
    """The kill switch as last set: why and by whom, and where a loss tripped it, its figures."""

    tripped: bool
    why: str
    by: str
    equity: Money | None
    anchor: Money | None
    limit: Money | None


class RiskShown(Answer, frozen=True):
    """Limits, and what is used of them. `heat` is the planned loss of all that is open or waits."""

    policy: RiskPolicyValues
    says_no: tuple[Gate, ...]
    risk_state: str
    restraint: Restraint | None
    leverage_cap: int | None
    leverage_max: int
    equity: Money
    open: int
    heat: Money
    heat_share: float | None
    by_channel: Mapping[str, int]
    by_side: Mapping[str, int]
    day_anchor: DayAnchor | None
    kill_switch: KillSwitchShown


class PolicyShown(RiskPolicyValues, frozen=True, kw_only=True):
    """The policy that rules, row by row; `sources` tells where each comes from, `choices` what else may be chosen."""

    policy: str
    choices: tuple[str, ...]


class PolicySet(Answer, frozen=True):
    """The policy that rules now, and the one before."""

    ok: bool
    policy: str
    before: str


class KillSwitchSet(Answer, frozen=True):
    """How the kill switch stands now, how it stood before, and what still forbids opening."""

    ok: bool
    tripped: bool
    before: bool
    restraint: Restraint | None
    still_says_no: tuple[Gate, ...]


class LeverageSet(Answer, frozen=True):
    """The cap now and before (null: none); `leverage_max` is what a new call may have at most by cap and policy."""

    ok: bool
    leverage_cap: int | None
    before: int | None
    leverage_max: int


async def get_risk(request: web.Request) -> web.Response:
    """`GET /risk` - limits and what is used of them."""
    desk = desk_of(request)
    ledger, now = desk.view(), desk.clock.time()
    held = ledger.held(at=now)
    equity, heat = ledger.equity(marks(desk)), sum((call.planned_loss for call in held), Decimal(0))
    anchor = ledger.day_anchor
    return json(RiskShown(
        policy=_policy(desk), says_no=says_no(desk), risk_state=ledger.control.risk_state,
        restraint=restraint_of(desk), leverage_cap=ledger.control.leverage_cap, leverage_max=_leverage_max(desk),
        equity=plain(equity), open=len(held), heat=plain(heat),
        heat_share=round(float(heat / equity), 6) if equity else None,
        by_channel=Counter(call.channel for call in held), by_side=Counter(call.side for call in held),
        day_anchor=None if anchor is None else DayAnchor(day=anchor.day, equity=plain(anchor.equity)),
        kill_switch=_kill_switch(ledger.control.kill),
    ))  # fmt: skip


async def get_policy(request: web.Request) -> web.Response:
    """`GET /risk/policy` - the policy that rules, row by row, and what else may be chosen."""
    desk = desk_of(request)
    rows = _policy(desk)
    return json(PolicyShown(policy=rows.name, choices=desk.policies, **msgspec.structs.asdict(rows)))


async def put_policy(request: web.Request) -> web.Response:
    """`PUT /risk/policy` - switch. Tickets that are out keep the limits they were given under."""
    desk, body = desk_of(request), await read_body(request, PolicyWanted)
    if body.policy not in desk.policies:
        raise ConfigError(f"policy: expected one of {', '.join(desk.policies)}")
    if _loosens(desk, body.policy):
        because = f"{body.policy} allows more than {_ruling(desk)}"
        await permit_loosening(request, reason=body.reason, because=because, stages=(stage_of(desk),))
    wish = SetPolicy(policy=body.policy, by=caller_of(request), reason=body.reason)
    before = await answer_of(desk.risk, wish, timeout_s=desk.ask_timeout_s)
    return json(PolicySet(ok=True, policy=body.policy, before=before))


async def get_kill_switch(request: web.Request) -> web.Response:
    """`GET /risk/kill-switch` - is it tripped, since when and why."""
    return json(_kill_switch(desk_of(request).view().control.kill))


async def post_kill_switch(request: web.Request) -> web.Response:
    """`POST /risk/kill-switch` - trip it, or re-arm it."""
    desk, body = desk_of(request), await read_body(request, KillSwitchWanted)
    if not body.tripped:
        because = "re-arming allows opening again"
        await permit_loosening(request, reason=body.reason, because=because, stages=(stage_of(desk),))
    wish = SetKillSwitch(tripped=body.tripped, by=caller_of(request), reason=body.reason)
    before = await answer_of(desk.exec_, wish, timeout_s=desk.ask_timeout_s)
    return json(KillSwitchSet(
        ok=True, tripped=body.tripped, before=before, restraint=restraint_of(desk), still_says_no=says_no(desk),
    ))  # fmt: skip


async def post_leverage(request: web.Request) -> web.Response:
    """`POST /risk/leverage` - cap the leverage of new calls. It is a ceiling and never a size."""
    desk, body = desk_of(request), await read_body(request, LeverageWanted)
    ruling = desk.view().control.leverage_cap
    if (body.leverage or LEVERAGE_MAX) > (ruling or LEVERAGE_MAX):
        because = f"more than the cap of {ruling}"
        await permit_loosening(request, reason=body.reason, because=because, stages=(stage_of(desk),))
    wish = SetLeverage(leverage=body.leverage, by=caller_of(request), reason=body.reason)
    before = await answer_of(desk.risk, wish, timeout_s=desk.ask_timeout_s)
    return json(LeverageSet(
        ok=True, leverage_cap=body.leverage, before=before or None, leverage_max=_leverage_max(desk),
    ))  # fmt: skip


def _policy(desk: Desk) -> RiskPolicyValues:
    return resolve_policy(desk.config, name=_ruling(desk))


def _leverage_max(desk: Desk) -> int:
    highest = _policy(desk).max_leverage
    return min(highest, desk.view().control.leverage_cap or highest)


def _ruling(desk: Desk) -> str:
    return desk.view().control.policy or desk.config.risk.policy


def _loosens(desk: Desk, wanted: str) -> bool:
    new, old = (PolicyValues.of(resolve_policy(desk.config, name=name)) for name in (wanted, _ruling(desk)))
    return loosens(new, old, equity=desk.view().equity(marks(desk)))


def _kill_switch(kill: KillState) -> KillSwitchShown:
    return KillSwitchShown(
        tripped=kill.tripped, why=kill.why, by=kill.by, equity=plain_or_none(kill.equity),
        anchor=plain_or_none(kill.anchor), limit=plain_or_none(kill.limit),
    )  # fmt: skip
