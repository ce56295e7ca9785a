"""
Trust in a channel: what is held of its calls as followed, after costs, as of a moment.

Only witnessed calls count. A call has the weight and the place in time of its post: it is mature once its entry and
the horizon are over, and enters with its R (not filled: 0). A younger one enters with what it has lost so far, or
with 0, so that winners which end first earn nothing early. Nothing after `at` is looked at.

What few calls say is drawn to what channels are like (the prior, empirical Bayes). Backfilled calls may move the mean
of the prior, and never the certainty.
"""

from collections.abc import Sequence
from hashlib import blake2b
from math import inf, sqrt
from statistics import fmean

from msgspec import Struct, json
from msgspec.structs import replace

from levibotd.domain.chance import NORMAL, beta_quantile, week_of
from levibotd.domain.rounding import six_digits

HORIZON_S = 7 * 86_400.0
HALF_LIFE_S = 120 * 86_400.0
DESIGN_EFFECT = 1.4  # Of weeks, measured over 135 calls; until a channel has `WEEKS_FOR_EFFECT`.
WEEKS_FOR_EFFECT = 20
CHANNELS_FOR_PRIOR = 20  # Fewer measured ones, and the prior is assumed.
CALLS_TO_MEASURE = 10  # Mature ones: fewer measure no channel.
PLACEBO_FROM = 20.0  # From this n_eff on, R minus its placebo takes the place of R.
COMPARED_MIN = 0.8  # Of its mature calls have a placebo: fewer, and R stands as it is.
BACKFILLED_MAX = 10.0  # Effective calls that backfilled evidence may weigh.
SIDE_SD = 0.1  # R by which a channel's longs and shorts differ from its mean; assumed.
UNFILLED_MAX = 2.0  # Calls that were never filled add to n_eff at most so many for each that was.
NOISE_WEIGHT = 10.0  # Calls by which a channel's own variance is drawn to that of all.

_PAYS_WEIGHTS = (2.0, 100.0)
_SPREAD_MIN = 0.01


class Prior(Struct, frozen=True, kw_only=True):
    """What is held of a channel before its calls are looked at. `source` is assumed | measured."""

    mean: float
    sd: float  # Between channels.
    noise: float  # Within a channel, R per call.
    pays: float  # Share of calls that pay.
    pays_weight: float  # In calls.
    source: str
    channels: int = 0
    sha: str = ""


class Pays(Struct, frozen=True):
    """How likely a call pays after costs, with its 80 % interval."""

    p: float
    lo: float
    hi: float


class OfSide(Struct, frozen=True, kw_only=True):
    """
    What one of a channel's calls on this side makes: the mean of the channel, moved by what its calls on that side say.

    `mean` is theirs alone, None of none; `pull` how much of the difference counts.
    """

    side: str
    calls: int
    n_eff: float
    mean: float | None
    pull: float
    ev_r: float


class Trust(Struct, frozen=True, kw_only=True):
    """What is held of a channel as of `at`, from witnessed calls as followed."""

    at: float
    ev_r: float  # Posterior mean of R per call.
    ev_sd: float
    t: float  # P(mean > 0).
    p_pays: Pays
    calls: int
    mature: int
    n_eff: float
    design_effect: float
    adjusted: bool  # R minus its placebo stands in the place of R.
    prior: Prior
    withheld: bool = False  # Too few of its calls have a price: it is held for no more than what channels are like.
    kind: OfSide | None = None  # Of a call: that of its side. Of two sides, the lower.

    @property
    def expected_r(self) -> float:
        """R that this kind of call makes on average."""
        return self.ev_r if self.kind is None else self.kind.ev_r


# Of 200 simulated channels and what is published of real ones: most lose a little after costs.
ASSUMED = Prior(mean=-0.08, sd=0.12, noise=1.2, pays=0.4, pays_weight=10.0, source="assumed")


class Lived(Struct, frozen=True, kw_only=True, gc=False):
    """
    One priced call as followed. `over_at` None: it is not over; `r` None: it was never filled.

    `running_r` is the R so far of one that is open, as of now; `placebo_r` that of the same trade at random times.
    Calls that say an open one again share its name in `said`. They count as one, and never for more than the first.
    """

    posted_at: float
    said: str = ""
    side: str = ""  # Of the first that shares its name.
    lifetime_s: float
    over_at: float | None = None
    r: float | None = None
    running_r: float | None = None
    placebo_r: float | None = None
    placebos: tuple[tuple[float, float], ...] = ()  # In place of it: since when it is known, and what.


class Evidence(Struct, frozen=True, kw_only=True):
    """What the calls of one channel say on their own, weighted by age."""

    calls: int
    mature: int
    n_eff: float
    design_effect: float
    mean: float
    variance: float
    pays: float  # Share with R above zero.
    adjusted: bool = False
    n_filled: float = inf  # As `n_eff`, of those that were filled alone.


class Survival(Struct, frozen=True, kw_only=True):
    """What became of a channel's history before we saw it."""

    missing: float = 0.0  # Share of message ids that are gone.
    edited: float = 0.0


def entered_r(call: Lived, *, at: float) -> float:
    """The R with which a call counts at `at`."""
    over = call.over_at is not None and call.over_at <= at
    r = (call.r if over else call.running_r) or 0.0
    return r if over and is_mature(call, at=at) else min(r, 0.0)


def placebo_of(call: Lived, *, at: float) -> float | None:
    """Its placebo, as far as it was known at `at`."""
    for since, r in reversed(call.placebos):
        if since <= at:
            return r
    return call.placebo_r


def is_mature(call: Lived, *, at: float) -> bool:
    """Could it be over by `at`, however it went?"""
    return call.posted_at + call.lifetime_s + HORIZON_S <= at


def evidence(calls: Sequence[Lived], *, at: float, adjusted: bool | None = None) -> Evidence | None:
    """
    What calls posted by `at` say; None when there is none.

    `adjusted` says whether their placebos are taken off; None: where they are enough for that.
    """
    known = [call for call in calls if call.posted_at <= at]
    if not known:
        return None
    first, again = _by_name(known)
    times = [call.posted_at for call in first.values()]
    weights = [2.0 ** ((time - at) / HALF_LIFE_S) for time in times]
    plain: list[float] = []
    filled: list[float] = []
    mature = 0
    for name, call, weight in zip(first, first.values(), weights, strict=True):
        over_at, matured = call.over_at, call.posted_at + call.lifetime_s + HORIZON_S <= at
        mature += matured
        if name in again:
            plain.append(_of_group([entered_r(one, at=at) for one in again[name]]))
            is_filled = _is_filled(again[name], at=at)
        elif over_at is not None and over_at <= at:  # As of a group of one, without the lists: most calls are such.
            r = call.r or 0.0
            plain.append(r if matured else min(r, 0.0))
            is_filled = call.r is not None
        else:
            r = min(call.running_r or 0.0, 0.0)
            plain.append(r)
            is_filled = r < 0
        if is_filled:
            filled.append(weight)
    effect = _design_effect(times, weights, plain)
    n_filled = _effective(filled) / effect
    n_eff = min(_effective(weights) / effect, (1 + UNFILLED_MAX) * n_filled)
    if adjusted is None:
        adjusted = n_eff >= PLACEBO_FROM and _is_compared(known, at=at)
    values, placebos = plain, []
    if adjusted:
        placebos = [one for call in known if (one := placebo_of(call, at=at)) is not None]
        adjusted = bool(placebos)
    if adjusted:
        # Those without one are as good as the mean of those that have one.
        usual = fmean(placebos)
        values = [
            _of_group([_less(call, at=at, usual=usual) for call in again.get(name, (own,))])
            for name, own in first.items()
        ]
    mean = _mean(values, weights)
    return Evidence(
        calls=len(known),
        mature=mature,
        n_eff=n_eff,
        design_effect=effect,
        mean=mean,
        variance=_mean([(value - mean) ** 2 for value in values], weights),
        pays=_mean([float(r > 0) for r in plain], weights),
        adjusted=adjusted,
        n_filled=n_filled,
    )


# The first of each name, in order, and all of those that have more than one.
def _by_name(calls: Sequence[Lived]) -> tuple[dict[str, Lived], dict[str, list[Lived]]]:
    first: dict[str, Lived] = {}
    again: dict[str, list[Lived]] = {}
    for number, call in enumerate(calls):
        name = call.said or str(number)
        if first.setdefault(name, call) is not call:
            again.setdefault(name, [first[name]]).append(call)
    return first, again


def prior_of(channels: Sequence[Evidence]) -> Prior:
    """What channels are like: measured once enough of them are, else assumed."""
    measured = [one for one in channels if one.mature >= CALLS_TO_MEASURE and one.n_eff > 1]
    if len(measured) < CHANNELS_FOR_PRIOR:
        return _named(replace(ASSUMED, channels=len(measured)))
    noise2 = _mean([one.variance for one in measured], [one.n_eff - 1 for one in measured])
    errors = [_error2(one, noise2) for one in measured]
    mean, spread2 = _between([one.mean for one in measured], errors)
    pays, pays_weight = _pays(measured)
    return _named(
        Prior(
            mean=six_digits(mean),
            sd=six_digits(sqrt(spread2)),
            noise=six_digits(sqrt(noise2)),
            pays=six_digits(pays),
            pays_weight=six_digits(pays_weight),
            source="measured",
            channels=len(measured),
        )
    )


def with_history(prior: Prior, backfilled: Evidence | None, survival: Survival) -> Prior:
    """
    The prior of one channel, its mean moved by its backfilled calls.

    A gain is shrunk by what did not survive, a loss is not: nobody deletes his winners.
    """
    if backfilled is None:
        return prior
    kept = (1.0 - survival.missing) * (1.0 - survival.edited)
    mean = backfilled.mean * kept if backfilled.mean > 0 else backfilled.mean
    pays = backfilled.pays * kept
    weight = min(backfilled.n_eff, BACKFILLED_MAX)
    share = weight / (weight + (prior.noise / prior.sd) ** 2)
    share_pays = weight / (weight + prior.pays_weight)
    return _named(
        replace(
            prior,
            mean=six_digits(prior.mean + share * (mean - prior.mean)),
            pays=six_digits(prior.pays + share_pays * (pays - prior.pays)),
        )
    )


def trust(found: Evidence | None, *, prior: Prior, at: float) -> Trust:
    """What is held of a channel: its evidence drawn to the prior."""
    if found is None:
        found = Evidence(calls=0, mature=0, n_eff=0.0, design_effect=DESIGN_EFFECT, mean=0.0, variance=0.0, pays=0.0)
    mean, sd, t = min(_drawn(found, prior), _drawn(_filled_alone(found), prior))
    return Trust(
        at=at,
        ev_r=six_digits(mean),
        ev_sd=six_digits(sd),
        t=six_digits(t),
        p_pays=_chance(found, prior),
        calls=found.calls,
        mature=found.mature,
        n_eff=six_digits(found.n_eff),
        design_effect=six_digits(found.design_effect),
        adjusted=found.adjusted,
        prior=prior,
    )


def of_kind(held: Trust, found: Evidence | None, *, side: str) -> Trust:
    """The same, with what a call on `side` makes: `found` are the channel's calls on that side alone."""
    pull, mean = 0.0, held.ev_r
    if found is not None and found.n_eff > 0:
        weighed = _filled_alone(found) if found.mean > held.ev_r else found
        pull = 0.0 if weighed.n_eff <= 0 else SIDE_SD**2 / (SIDE_SD**2 + _error2(weighed, held.prior.noise**2))
        mean += pull * (found.mean - held.ev_r)
    kind = OfSide(
        side=side,
        calls=0 if found is None else found.calls,
        n_eff=0.0 if found is None else six_digits(found.n_eff),
        mean=None if found is None else six_digits(found.mean),
        pull=six_digits(pull),
        ev_r=six_digits(mean),
    )
    return replace(held, kind=kind)


def cautious(held: Trust, *, at: float) -> Trust:
    """What is held of a channel much of which nobody can price: no more than of one that nobody knows."""
    unknown = trust(None, prior=held.prior, at=at)
    return replace(
        held,
        ev_r=min(held.ev_r, unknown.ev_r),
        t=min(held.t, unknown.t),
        p_pays=min(held.p_pays, unknown.p_pays, key=_p_of),
        withheld=True,
        kind=None if held.kind is None else replace(held.kind, ev_r=min(held.kind.ev_r, unknown.ev_r)),
    )


# Mean, its spread, and P(mean > 0): what these calls say, drawn to the prior.
def _drawn(found: Evidence, prior: Prior) -> tuple[float, float, float]:
    spread2 = prior.sd**2
    pull = 0.0 if found.n_eff <= 0 else spread2 / (spread2 + _error2(found, prior.noise**2))
    mean, sd = prior.mean + pull * (found.mean - prior.mean), sqrt(spread2 * (1.0 - pull))
    return mean, sd, NORMAL.cdf(mean / sd)


# Entries that nobody reaches bring a gain nearer to nothing; they must not make it more certain as well.
def _filled_alone(found: Evidence) -> Evidence:
    return replace(found, n_eff=min(found.n_eff, found.n_filled))


def _p_of(pays: Pays) -> float:
    return pays.p


def _chance(found: Evidence, prior: Prior) -> Pays:
    a = prior.pays * prior.pays_weight + found.pays * found.n_eff
    b = (1 - prior.pays) * prior.pays_weight + (1 - found.pays) * found.n_eff
    return Pays(
        six_digits(a / (a + b)),
        six_digits(beta_quantile(0.1, a=a, b=b)),
        six_digits(beta_quantile(0.9, a=a, b=b)),
    )


# Any of it, by then. What loses while it is open was filled.
def _is_filled(group: Sequence[Lived], *, at: float) -> bool:
    for call in group:
        over = call.over_at is not None and call.over_at <= at
        if call.r is not None if over else (call.running_r or 0.0) < 0:
            return True
    return False


def _effective(weights: Sequence[float]) -> float:
    total = sum(weights)
    return total * total / sum([weight * weight for weight in weights]) if weights else 0.0


# Of few calls a placebo would say what those few are like.
def _is_compared(known: Sequence[Lived], *, at: float) -> bool:
    mature = [placebo_of(call, at=at) is not None for call in known if is_mature(call, at=at)]
    return bool(mature) and sum(mature) >= COMPARED_MIN * len(mature)


# A young one is not held against a whole life: it enters with what it has lost so far, or with nothing.
def _less(call: Lived, *, at: float, usual: float) -> float:
    r = entered_r(call, at=at)
    if not is_mature(call, at=at):
        return r
    placebo = placebo_of(call, at=at)
    return r - (usual if placebo is None else placebo)


# Neither one that is sure to win nor one that cannot be filled, said after the first, makes more of it.
def _of_group(rs: Sequence[float]) -> float:
    return min(rs[0], fmean(rs))


# Variance of the mean with calls of one week taken together, over that with each on its own.
def _design_effect(times: Sequence[float], weights: Sequence[float], values: Sequence[float]) -> float:
    mean = _mean(values, weights)
    weeks: dict[int, float] = {}
    alone = 0.0
    for time, weight, value in zip(times, weights, values, strict=True):
        week, error = week_of(time), weight * (value - mean)
        weeks[week] = weeks.get(week, 0.0) + error
        alone += error * error
    if len(weeks) < WEEKS_FOR_EFFECT or alone <= 0:
        return DESIGN_EFFECT
    together = sum([error * error for error in weeks.values()])
    n, k = len(times), len(weeks)
    return max(1.0, together / alone * (k / (k - 1)) / (n / (n - 1)))


# Squared error of the mean; few calls tell their own spread badly, so it is drawn to that of all.
def _error2(found: Evidence, noise2: float) -> float:
    own = max(0.0, found.n_eff - 1)
    return (own * found.variance + NOISE_WEIGHT * noise2) / (own + NOISE_WEIGHT) / found.n_eff


# Mean and variance between channels, by moments (DerSimonian and Laird).
def _between(means: Sequence[float], errors: Sequence[float]) -> tuple[float, float]:
    weights = [1.0 / error for error in errors]
    mean = _mean(means, weights)
    total = sum(weights)
    q = sum([weight * (one - mean) ** 2 for weight, one in zip(weights, means, strict=True)])
    scale = total - sum([weight * weight for weight in weights]) / total
    spread2 = max(_SPREAD_MIN**2, (q - (len(means) - 1)) / scale)
    return _mean(means, [1.0 / (error + spread2) for error in errors]), spread2


# Share of calls that pay over all channels, and how many calls that is worth (beta-binomial, by moments).
def _pays(measured: Sequence[Evidence]) -> tuple[float, float]:
    shares, weights = [one.pays for one in measured], [one.n_eff for one in measured]
    mean = min(max(_mean(shares, weights), 0.01), 0.99)
    spread2 = _mean([(share - mean) ** 2 for share in shares], weights)
    spread2 -= _mean([mean * (1 - mean) / weight for weight in weights], weights)
    low, high = _PAYS_WEIGHTS
    return mean, high if spread2 <= 0 else min(max(mean * (1 - mean) / spread2 - 1, low), high)


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum([value * weight for value, weight in zip(values, weights, strict=True)]) / sum(weights)


def _named(prior: Prior) -> Prior:
    bare = replace(prior, sha="")
    return replace(prior, sha=blake2b(json.encode(bare, order="sorted"), digest_size=8).hexdigest())
