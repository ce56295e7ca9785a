"""What allows more than before: a reason for it, and from stage `ask` up trade's scope and the second factor too."""

from aiohttp import web

from levibotd.admin.auth import Scope
from levibotd.admin.problems import Malformed, ScopeMissing
from levibotd.admin.replies import CALLER, desk_of, write_down
from levibotd.admin.totp import CODE_HEADER
from levibotd.domain.risk import needs_second_factor


async def permit_loosening(request: web.Request, *, reason: str, because: str, stages: tuple[str, ...]) -> None:
    """
    Let somebody loosen a limit while these stages rule, or are to.

    `because` says what it would allow. Raises Malformed without a reason, ScopeMissing and SecondFactorMissing.
    """
    if not reason:
        raise Malformed(f"reason: missing, and {because}")
    if not needs_second_factor(*stages):
        return
    caller = request[CALLER]
    if caller.scope < Scope.TRADE:
        raise ScopeMissing(f"{because}, which needs scope trade from stage ask up")
    step = desk_of(request).second_factor.check(request.headers.get(CODE_HEADER))
    await write_down(request, command="confirm", reason=reason, effect=str(step))
