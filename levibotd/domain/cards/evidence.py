"""Which evidence a channel must have before its calls may act with money, and at which it is taken back a stage."""

from levibotd.domain.acts import ACTS_JUDGED, Tally
from levibotd.domain.cards.card import Card, Column
from levibotd.domain.cards.format import PSI_MAX
from levibotd.domain.cards.state import ChannelKept
from levibotd.domain.gates import GateName
from levibotd.domain.records import Gate, StageEvidence
from levibotd.domain.rounding import six_digits
from levibotd.domain.trust import Trust

DAYS_FOR_CANARY = 14.0
CALLS_FOR_CANARY = 10
PARSED_FOR_CANARY = 0.9
T_FOR_CANARY = 0.5
N_EFF_FOR_LIVE = 30.0
T_FOR_LIVE = 0.8
T_TO_STAY = 0.35
LOSS_TO_STAY_R = -5.0
SILENT_DAYS_MAX = 30.0
WRONG_ACTS_TO_GO = 3  # Of the last ACTS_JUDGED that were judged.
REAL = ("ask", "canary", "live")  # Stages in which calls may cost money.

NO_ACTS = Tally()

_DAY_S = 86_400.0


def lacking(stage: str, card: Card, *, at: float) -> Gate | None:
    """What is missing for `stage`, with what was found and the least that would do; None: it may."""
    if stage == "live":
        return _below({"n_eff": (_n_eff(card), N_EFF_FOR_LIVE), "t": (_t(card), T_FOR_LIVE)})
    if stage != "canary":
        return None
    column = card.witnessed
    seen_d = 0.0 if column.since is None else (at - column.since) / _DAY_S
    return _below(
        {
            "days": (round(seen_d, 2), DAYS_FOR_CANARY),
            "witnessed_calls": (float(_clean(column)), float(CALLS_FOR_CANARY)),
            "parse_coverage": (column.conduct.parse_coverage or 0.0, PARSED_FOR_CANARY),
            "t": (_t(card), T_FOR_CANARY),
        }
    )


def evidence_of(
    kept: ChannelKept, held: Trust, *, at: float, gate: Gate | None = None, acts: Tally = NO_ACTS
) -> StageEvidence:
    """What was known of a channel at `at`, as the log tells it of a change of its stage. `gate` is what it lacks."""
    calls = [call for call in kept.calls.values() if call.witnessed and not call.contaminated]
    older = kept.witnessed
    since = min([one for one in (older.since, *(call.posted_at for call in calls)) if one is not None], default=at)
    return StageEvidence(
        t=held.t,
        n_eff=held.n_eff,
        ev_r=held.ev_r,
        prior_sha=held.prior.sha,
        witnessed_calls=len(calls) + older.calls - older.contaminated,
        days=round((at - since) / _DAY_S, 2),
        parse_coverage=kept.parse_coverage,
        since_stage_r=six_digits(kept.since_stage_r),
        silent_days=None if kept.last_call_at is None else round((at - kept.last_call_at) / _DAY_S, 2),
        psi=None if kept.format.psi is None else six_digits(kept.format.psi),
        judged_acts=acts.judged,
        wrong_acts=acts.wrong,
        lacking=None if gate is None else f"{gate.value}, and {gate.limit} is the least",
    )


def lost(
    stage: str, held: Trust | None, *, since_stage_r: float, silent_s: float | None, acts: Tally = NO_ACTS
) -> str | None:
    """
    Why a channel at `stage` must go down by one; None: it may stay.

    `held` is None of one that stands there by the operator's word. `since_stage_r` is what following it came to
    since it was put there, `silent_s` the time since its last call, `acts` what labels say of how its posts were read.
    """
    if stage not in ("canary", "live"):
        return None
    if held is not None and held.t < T_TO_STAY:
        return f"t {held.t:g} is below {T_TO_STAY:g}"
    if since_stage_r <= LOSS_TO_STAY_R:
        return f"{since_stage_r:.2f} R since it was put there, and {LOSS_TO_STAY_R:g} R is the limit"
    if acts.wrong >= WRONG_ACTS_TO_GO:
        limit = f"{WRONG_ACTS_TO_GO} of {ACTS_JUDGED} are the limit"
        return f"{acts.wrong} of the last {acts.judged} acts that were judged are wrong, and {limit}"
    if silent_s is not None and silent_s > SILENT_DAYS_MAX * _DAY_S:
        return f"silent for {silent_s / _DAY_S:.0f} days, and {SILENT_DAYS_MAX:.0f} are the limit"
    return None


def drifted(psi: float | None) -> str | None:
    """Why a channel must go back to where it is only looked at: it writes otherwise than it did. None: it may stay."""
    if psi is not None and psi > PSI_MAX:
        return f"psi {psi:.3f} of its format, and {PSI_MAX:g} is the limit"
    return None


def _below(wanted: dict[str, tuple[float, float]]) -> Gate | None:
    for name, (found, least) in wanted.items():
        if found < least:
            return Gate(name=GateName.STAGE, value=f"{name} {found:g}", limit=f"{name} {least:g}")
    return None


# What was read with later knowledge moves nobody up.
def _clean(column: Column) -> int:
    return column.counts.calls + column.counts.running - column.conduct.contaminated


def _t(card: Card) -> float:
    return 0.0 if card.trust is None else card.trust.t


def _n_eff(card: Card) -> float:
    return 0.0 if card.trust is None else card.trust.n_eff
