"""The channels that are followed: how far their calls go, and what the log knows of them."""

from collections.abc import Iterable
from decimal import Decimal

from aiohttp import web
from msgspec import Struct

from levibotd.admin.control import Reason
from levibotd.admin.desk import Desk
from levibotd.admin.loosening import permit_loosening
from levibotd.admin.problems import Blocked, NotFound
from levibotd.admin.replies import (
    Answer,
    Body,
    Money,
    answer_of,
    caller_of,
    desk_of,
    json,
    picture,
    plain,
    read_body,
)
from levibotd.config import channel_names
from levibotd.domain.accounting import total
from levibotd.domain.cards.card import Baselines, Board, Card
from levibotd.domain.cards.evidence import evidence_of, lacking
from levibotd.domain.pictures.equity import equity_picture
from levibotd.domain.pictures.reliability import reliability_picture
from levibotd.domain.records import Gate, StageEvidence
from levibotd.domain.risk import STAGES, lower_stage, needs_evidence
from levibotd.errors import ConfigError
from levibotd.messages import SetStage
from levibotd.settings import ChannelConfig


class ChannelStageWanted(Body, frozen=True):
    """A stage and why; `unproven` stands for evidence that is missing."""

    stage: str
    reason: Reason
    unproven: bool = False


class ChannelShown(Answer, frozen=True):
    """
    A channel: its calls act at `stage`, the lower of its own and the global one; `file_stage` is the highest it may
    have. Figures are of closed calls since the first record, as traded; `scorecard` is of every call, traded or not,
    and null while it made none. `judged_acts` are our last ones that somebody labelled since its stage was set.
    """

    id: str
    alias: str | None
    listed: bool
    stage: str
    own_stage: str
    file_stage: str
    open_calls: int
    planned_loss: Money
    closed: int
    won: int
    stopped: int
    pnl: Money
    fees: Money
    net: Money
    r: float
    median_stop: float | None
    judged_acts: int
    wrong_acts: int
    scorecard: Card | None


class Channels(Answer, frozen=True):
    """
    Those of the file, in its order, and those that only the log knows.

    Beside their cards stands what following nobody in particular would have made. `trials` counts what was looked
    at to choose from, `overfitting` how often the best of one half of the weeks is below the median in the other.
    """

    channels: tuple[ChannelShown, ...]
    baselines: Baselines
    trials: int
    overfitting: float | None


class ChannelStageSet(Answer, frozen=True):
    """The channel's own stage now and before, and the one its calls act at."""

    ok: bool
    channel: str
    own_stage: str
    before: str
    stage: str


class _Known(Struct, frozen=True):
    """A channel and all its names, its own first."""

    config: ChannelConfig
    names: tuple[str, ...]
    listed: bool

    @property
    def id(self) -> str:
        return self.names[0]


async def get_channels(request: web.Request) -> web.Response:
    """`GET /channels` - every channel with what is known of it."""
    desk = desk_of(request)
    board = await desk.board()
    return json(Channels(
        channels=tuple(_shown(desk, one, board) for one in _known(desk)),
        baselines=board.baselines, trials=board.trials, overfitting=board.overfitting,
    ))  # fmt: skip


async def get_channel(request: web.Request) -> web.Response:
    """`GET /channels/{id}` - one of them, by any of its names."""
    desk = desk_of(request)
    return json(_shown(desk, _named(desk, request.match_info["id"]), await desk.board()))


async def get_channel_equity(request: web.Request) -> web.Response:
    """`GET /channels/{id}/equity.svg` - what following it came to, beside what it claims."""
    desk = desk_of(request)
    channel = _named(desk, request.match_info["id"])
    return picture(equity_picture(_card(channel, await desk.board()) or Card(channel=channel.id)))


async def get_reliability(request: web.Request) -> web.Response:
    """`GET /ml/reliability.svg` - is p_call of the served model what it says?"""
    return picture(reliability_picture(desk_of(request).reliability()))


async def put_channel_stage(request: web.Request) -> web.Response:
    """`PUT /channels/{id}/stage` - set its own stage. Raises ConfigError for one that the file does not reach."""
    desk, body = desk_of(request), await read_body(request, ChannelStageWanted)
    channel = _named(desk, request.match_info["id"])
    _expect_reachable(channel, body.stage)
    gate = _lacking(channel, body.stage, await desk.board(), at=desk.clock.time())
    await _permit_up(request, body, gate, ruling=desk.stage_of(channel.id))
    wish = SetStage(
        stage=body.stage, by=caller_of(request), reason=body.reason, channel=channel.id, unproven=body.unproven,
        names=channel.names, evidence=_evidence(desk, channel, gate),
    )  # fmt: skip
    before = await answer_of(desk.exec_, wish, timeout_s=desk.ask_timeout_s)
    own = desk.stage_of(channel.id)
    return json(ChannelStageSet(
        ok=True, channel=channel.id, own_stage=own, before=before, stage=lower_stage(own, desk.stage_of(None)),
    ))  # fmt: skip


def _expect_reachable(channel: _Known, stage: str) -> None:
    allowed = STAGES[: STAGES.index(channel.config.stage) + 1]
    if stage not in allowed:
        raise ConfigError(f"stage: expected one of {', '.join(allowed)}")


async def _permit_up(request: web.Request, body: ChannelStageWanted, gate: Gate | None, *, ruling: str) -> None:
    if lower_stage(ruling, body.stage) == body.stage:
        return
    if gate is not None and not body.unproven:
        raise Blocked(gate)
    because = f"{body.stage} allows more than {ruling}"
    await permit_loosening(request, reason=body.reason, because=because, stages=(ruling, body.stage))


# Posts may stand in the log under any of its names. As the cards show it: making one here would take the loop's time.
def _lacking(channel: _Known, stage: str, board: Board, *, at: float) -> Gate | None:
    if not needs_evidence(stage):
        return None
    cards = [card for card in board.cards if card.channel in channel.names] or [Card(channel=channel.id)]
    gates = [lacking(stage, card, at=at) for card in cards]
    return None if None in gates else gates[0]


def _evidence(desk: Desk, channel: _Known, gate: Gate | None) -> StageEvidence | None:
    book, now = desk.cards(), desk.clock.time()
    name = next((name for name in channel.names if name in book.channels), None)
    if name is None:
        return None
    return evidence_of(book.channels[name], desk.trust(name, ()), at=now, gate=gate, acts=desk.acts(channel.names))


def _known(desk: Desk) -> Iterable[_Known]:
    listed = [_Known(one, channel_names(one), listed=True) for one in desk.config.telegram.channels]
    named = {name for one in listed for name in one.names}
    ledger = desk.view()
    others = {
        *ledger.channels, *ledger.cursors, *ledger.control.channel_stages, *desk.cards().channels,
        *(call.channel for call in ledger.calls.values()),
    }  # fmt: skip
    return (*listed, *(_Known(ChannelConfig(id=name), (name,), listed=False) for name in sorted(others - named)))


def _named(desk: Desk, name: str) -> _Known:
    for one in _known(desk):
        if name in one.names:
            return one
    raise NotFound("no channel is called so")


def _card(channel: _Known, board: Board) -> Card | None:
    return next((card for card in board.cards if card.channel in channel.names), None)


def _shown(desk: Desk, channel: _Known, board: Board) -> ChannelShown:
    ledger, own = desk.view(), desk.stage_of(channel.id)
    sums = total(tally for name in channel.names if (tally := ledger.channels.get(name)) is not None)
    held = [one for one in ledger.held(at=desk.clock.time()) if one.channel in channel.names]
    acts = desk.acts(channel.names)
    medians = (ledger.channel_median_stop(name) for name in channel.names)
    return ChannelShown(
        id=channel.id, alias=channel.config.alias, listed=channel.listed,
        stage=lower_stage(own, desk.stage_of(None)), own_stage=own, file_stage=channel.config.stage,
        open_calls=len(held), planned_loss=plain(sum((one.planned_loss for one in held), Decimal(0))),
        closed=sums.closed, won=sums.won, stopped=sums.stopped, pnl=plain(sums.pnl), fees=plain(sums.fees),
        net=plain(sums.net), r=round(sums.r, 6), median_stop=next((one for one in medians if one is not None), None),
        judged_acts=acts.judged, wrong_acts=acts.wrong,
        scorecard=_card(channel, board),
    )  # fmt: skip
