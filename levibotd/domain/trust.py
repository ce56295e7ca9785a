"""
Trust in a channel: what is held of its calls as followed, after costs, as of a moment.

Only witnessed calls count, each as `lived.py` says. Nothing after `at` is looked at.

What few calls say is drawn to what channels are like (the prior, empirical Bayes). Backfilled calls may move the mean
of the prior, and never the certainty.
"""

from collections.abc import Sequence
from hashlib import blake2b
from math import sqrt

from msgspec import Struct, json
from msgspec.structs import replace

from levibotd.domain.chance import NORMAL, beta_quantile, weighted_mean
from levibotd.domain.lived import DESIGN_EFFECT, Evidence
from levibotd.domain.rounding import six_digits

CHANNELS_FOR_PRIOR = 20  # Fewer measured ones, and the prior is assumed.
CALLS_TO_MEASURE = 10  # Mature ones: fewer measure no channel.
BACKFILLED_MAX = 10.0  # Effective calls that backfilled evidence may weigh.
SIDE_SD = 0.1  # R by which a channel's longs and shorts differ from its mean; assumed.
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


class Survival(Struct, frozen=True, kw_only=True):
    """What became of a channel's history before we saw it."""

    missing: float = 0.0  # Share of message ids that are gone.
    edited: float = 0.0


def prior_of(channels: Sequence[Evidence]) -> Prior:
    """What channels are like: measured once enough of them are, else assumed."""
    measured = [one for one in channels if one.mature >= CALLS_TO_MEASURE and one.n_eff > 1]
    if len(measured) < CHANNELS_FOR_PRIOR:
        return _named(replace(ASSUMED, channels=len(measured)))
    noise2 = weighted_mean([one.variance for one in measured], [one.n_eff - 1 for one in measured])
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


# Squared error of the mean; few calls tell their own spread badly, so it is drawn to that of all.
def _error2(found: Evidence, noise2: float) -> float:
    own = max(0.0, found.n_eff - 1)
    return (own * found.variance + NOISE_WEIGHT * noise2) / (own + NOISE_WEIGHT) / found.n_eff


# Mean and variance between channels, by moments (DerSimonian and Laird).
def _between(means: Sequence[float], errors: Sequence[float]) -> tuple[float, float]:
    weights = [1.0 / error for error in errors]
    mean = weighted_mean(means, weights)
    total = sum(weights)
    q = sum([weight * (one - mean) ** 2 for weight, one in zip(weights, means, strict=True)])
    scale = total - sum([weight * weight for weight in weights]) / total
    spread2 = max(_SPREAD_MIN**2, (q - (len(means) - 1)) / scale)
    return weighted_mean(means, [1.0 / (error + spread2) for error in errors]), spread2


# Share of calls that pay over all channels, and how many calls that is worth (beta-binomial, by moments).
def _pays(measured: Sequence[Evidence]) -> tuple[float, float]:
    shares, weights = [one.pays for one in measured], [one.n_eff for one in measured]
    mean = min(max(weighted_mean(shares, weights), 0.01), 0.99)
    spread2 = weighted_mean([(share - mean) ** 2 for share in shares], weights)
    spread2 -= weighted_mean([mean * (1 - mean) / weight for weight in weights], weights)
    low, high = _PAYS_WEIGHTS
    return mean, high if spread2 <= 0 else min(max(mean * (1 - mean) / spread2 - 1, low), high)


def _named(prior: Prior) -> Prior:
    bare = replace(prior, sha="")
    return replace(prior, sha=blake2b(json.encode(bare, order="sorted"), digest_size=8).hexdigest())
