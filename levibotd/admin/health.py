"""Is it alive, is it ready, and how does it stand?"""

from collections.abc import Mapping
from decimal import Decimal

from aiohttp import web

from levibotd.admin.control import OnOff, Restraint, restraint_of, says_no, stage_of
from levibotd.admin.desk import Desk
from levibotd.admin.replies import Answer, Money, desk_of, encode, json, json_bytes, plain, plain_or_none
from levibotd.config import Config
from levibotd.domain.records import Gate
from levibotd.domain.signal import Symbol

PROMETHEUS = "text/plain; version=0.0.4"

# A number, or one for each set of labels; of a histogram, count and sum.
Metric = float | Mapping[str, float] | tuple[Mapping[str, float | str], ...]


class Alive(Answer, frozen=True):
    """The process answers."""

    ok: bool


class Readiness(Answer, frozen=True):
    """Whether the daemon does its work, and what it waits for where it does not."""

    ready: bool
    reasons: tuple[str, ...]


class Status(Answer, frozen=True):
    """The daemon in one look. Amounts are in `currency`; `says_no` tells why nothing may be opened."""

    version: str
    mode: str
    ready: bool
    not_ready: tuple[str, ...]
    stage: str
    policy: str
    opening: bool
    says_no: tuple[Gate, ...]
    switch: OnOff
    risk_state: str
    restraint: Restraint | None
    kill_switch: bool
    currency: str
    equity: Money
    cash: Money
    realised: Money
    fees: Money
    daily_pnl: Money | None
    open_positions: int
    open_calls: int
    open_orders: int
    closed: int
    won: int
    pending_posts: int
    decisions: Mapping[str, int]
    last_seq: int
    now: float
    uptime_s: float


async def get_livez(request: web.Request) -> web.Response:
    """`GET /livez` - the process answers."""
    return json(Alive(ok=True))


async def get_readyz(request: web.Request) -> web.Response:
    """`GET /readyz` - recovered, and every permanent actor in progress."""
    reasons = desk_of(request).readiness()
    return json(Readiness(ready=not reasons, reasons=reasons), status=503 if reasons else 200)


async def get_status(request: web.Request) -> web.Response:
    """`GET /status` - what one looks at first."""
    return json_bytes(request.app[SUMMARY].now())


async def get_metrics(request: web.Request) -> web.Response:
    """`GET /metrics` - every metric as JSON."""
    return json(desk_of(request).metrics.as_json())


async def get_prometheus(request: web.Request) -> web.Response:
    """`GET /metrics/prom` - the same for Prometheus; everybody else has a turn between its pieces."""
    desk, pieces = desk_of(request), list[bytes]()
    for piece in desk.metrics.pieces():
        pieces.append(piece)
        await desk.clock.sleep(0)
    return web.Response(body=b"".join(pieces), headers={"Content-Type": PROMETHEUS})


_NO_TIMES = b'"now":0.0,"uptime_s":0.0}'


class Summary:
    """
    Sums the daemon up, and works out anew only what may have changed since the last time.

    All of it follows from the committed records, the configuration, what is not ready and the prices of what is held.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._config: Config | None = None
        self._of: tuple[object, ...] = ()
        self._head = b""  # All but the times, encoded.

    def now(self) -> bytes:
        """The daemon as of now: a Status as JSON."""
        desk = self._desk
        reasons, prices, config = desk.readiness(), marks(desk), desk.config
        of = (desk.last_seq(), reasons, prices)
        if config is not self._config or of != self._of:
            self._head = encode(status(desk, reasons=reasons, prices=prices)).removesuffix(_NO_TIMES)
            self._of, self._config = of, config
        now, uptime_s = desk.clock.time(), desk.clock.monotonic() - desk.started_at
        return b'%b"now":%r,"uptime_s":%.3f}' % (self._head, now, uptime_s)


SUMMARY = web.AppKey("summary", Summary)


def status(desk: Desk, *, reasons: tuple[str, ...], prices: Mapping[Symbol, Decimal]) -> Status:
    """Sum the daemon up, except for the time."""
    ledger = desk.view()
    forbids = says_no(desk)
    equity = ledger.equity(prices)
    anchor = ledger.day_anchor
    return Status(
        version=desk.version,
        mode=mode(desk),
        ready=not reasons,
        not_ready=reasons,
        stage=stage_of(desk),
        policy=ledger.control.policy or desk.config.risk.policy,
        opening=not forbids,
        says_no=forbids,
        switch="on" if ledger.control.switch_on else "off",
        risk_state=ledger.control.risk_state,
        restraint=restraint_of(desk),
        kill_switch=ledger.control.kill.tripped,
        currency=desk.market.stable_quote,
        equity=plain(equity),
        cash=plain(ledger.cash),
        realised=plain(ledger.realised),
        fees=plain(ledger.fees),
        daily_pnl=plain_or_none(None if anchor is None else equity - anchor.equity),
        open_positions=len(ledger.positions),
        open_calls=len(ledger.calls),
        open_orders=len(ledger.open_orders()),
        closed=ledger.total.closed,
        won=ledger.total.won,
        pending_posts=len(ledger.pending),
        decisions=desk.decisions(),
        last_seq=desk.last_seq(),
        now=0.0,
        uptime_s=0.0,
    )


def marks(desk: Desk) -> dict[Symbol, Decimal]:
    """The newest price of each symbol that is held, where there is one."""
    held = desk.view().positions
    if not held:
        return {}
    now = desk.clock.time()
    found = {symbol: desk.market.mark(symbol, now) for symbol in held}
    return {symbol: mark.price for symbol, mark in found.items() if mark is not None}


def mode(desk: Desk) -> str:
    """What trades here, in words: `paper demo` makes up its posts and prices."""
    config = desk.config
    if config.telegram.source == "demo" and config.market_source == "demo":
        return "paper demo"
    return "paper" if config.exchange.id == "paper" else f"paper on {config.exchange.id}"
