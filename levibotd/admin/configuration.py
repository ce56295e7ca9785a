"""The configuration as it rules, and how it is changed while the daemon runs."""

from collections.abc import Mapping

from aiohttp import web

from levibotd.admin.control import Because, stage_of
from levibotd.admin.desk import Change
from levibotd.admin.loosening import permit_loosening
from levibotd.admin.replies import Answer, caller_of, desk_of, json, read_body


class RiskOverrides(Because, frozen=True, kw_only=True):
    """Keys of `[risk]` as the file has them, put over it; null takes one away. What loosens needs a reason."""

    risk: Mapping[str, str | int | float | None]


class ConfigChanged(Answer, frozen=True):
    """
    What rules differently now (`loosened` of it allows more than before), and what waits for a restart.

    `hidden` changed in the file alone, under `overrides`: the keys of `[risk]` that lie over it.
    """

    ok: bool
    changed: tuple[str, ...]
    loosened: tuple[str, ...]
    needs_restart: tuple[str, ...]
    hidden: tuple[str, ...]
    overrides: Mapping[str, str | int | float]


async def put_config(request: web.Request) -> web.Response:
    """`PUT /config` - put keys of `[risk]` over the file; they survive a restart and a reload."""
    desk, body = desk_of(request), await read_body(request, RiskOverrides)

    async def permit(loosened: tuple[str, ...]) -> None:
        because = f"{', '.join(loosened)}: allows more than now"
        await permit_loosening(request, reason=body.reason, because=because, stages=(stage_of(desk),))

    change = await desk.configuring.override(body.risk, by=caller_of(request), reason=body.reason, permit=permit)
    return _told(request, change)


async def post_reload(request: web.Request) -> web.Response:
    """`POST /config/reload` - read the configuration anew, as SIGHUP does. One fault, and the old one stays."""
    await read_body(request, Because)
    return _told(request, await desk_of(request).configuring.reload(by=caller_of(request)))


def _told(request: web.Request, change: Change) -> web.Response:
    return json(ConfigChanged(
        ok=True, changed=change.changed, loosened=change.loosened, needs_restart=change.needs_restart,
        hidden=change.hidden, overrides=desk_of(request).view().control.risk_over,
    ))  # fmt: skip
