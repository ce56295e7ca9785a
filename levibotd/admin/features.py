"""What is around every call now: how channels lean, how busy they are, where prices go, and what is made of it."""

from collections.abc import Mapping
from itertools import islice

from aiohttp import web

from levibotd.admin.desk import Desk
from levibotd.admin.replies import Answer, desk_of, json
from levibotd.domain.climate.crowd import Bias, Pulse
from levibotd.domain.climate.eth_led import EthLed
from levibotd.domain.climate.hybrid import PARTS
from levibotd.domain.climate.proof import LEARNED_FROM, Verdict
from levibotd.domain.climate.trend import Trend

SYMBOLS_MAX = 20


class HybridShown(Answer, frozen=True):
    """
    The score that a call gets from all of it, and what it is worth.

    `weights` are by part, the constant beside them; `source` is hand until `needed` calls are over, then learned.
    `brier` is how far forecasts made beforehand missed what came, over `judged` calls: the score's, each part's
    alone, and that of a constant; less is better. `used` is whether it has proved itself, and `why` says what it
    lacks. `gates` is whether a call below `least` is refused now.
    """

    weights: Mapping[str, float]
    source: str
    resolved: int
    needed: int
    judged: int
    brier: Mapping[str, float]
    used: bool
    why: str
    least: float | None
    gates: bool


class FeaturesShown(Answer, frozen=True):
    """
    As of `at`; null is what is not known yet. `trend` is of bitcoin, ether and the coins that are held, `copies` are
    calls that were no second opinion. None of it makes a call larger.
    """

    enabled: bool
    at: float
    bias: Bias | None
    pulse: Pulse
    copies: int
    trend: Mapping[str, Trend | None]
    eth_led: EthLed | None
    hybrid: HybridShown


async def get_features(request: web.Request) -> web.Response:
    """`GET /features` - bias, pulse, trend, ether's lead, and the hybrid score's weights and worth."""
    desk = desk_of(request)
    seen = desk.climate(islice(desk.view().positions, SYMBOLS_MAX))
    return json(FeaturesShown(
        enabled=desk.config.features.enabled, at=seen.at, bias=seen.bias, pulse=seen.pulse, copies=seen.copies,
        trend=seen.trends, eth_led=seen.eth_led, hybrid=_hybrid(desk, seen.hybrid),
    ))  # fmt: skip


def _hybrid(desk: Desk, verdict: Verdict) -> HybridShown:
    features = desk.config.features
    constant, *weights = (round(weight, 6) for weight in verdict.weights)
    return HybridShown(
        weights={"constant": constant, **dict(zip(PARTS, weights, strict=True))}, source=verdict.source,
        resolved=verdict.resolved, needed=LEARNED_FROM, judged=verdict.judged,
        brier={name: round(score, 6) for name, score in verdict.brier.items()},
        used=verdict.used, why=verdict.why, least=features.hybrid_min,
        gates=features.enabled and verdict.used and features.hybrid_min is not None,
    )  # fmt: skip
