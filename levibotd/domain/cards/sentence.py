"""What a card comes to, in one plain sentence."""

from levibotd.domain.cards.card import Baselines, Card, Column, Results

NO_STOP_SHARE = 0.2  # Above this share of calls without a stop, the figures are more ours than the channel's.


def heading_of(witnessed: Column, backfilled: Column, *, unproven: bool) -> str | None:
    """What must be known before any figure is read; None where there is nothing of the kind."""
    found = []
    without = [
        column.stops.without_share for column in (witnessed, backfilled) if column.stops.without_share is not None
    ]
    if without and without[0] > NO_STOP_SHARE:
        found.append("posts no stop: figures are with our stop")
    if witnessed.conduct.contaminated or backfilled.conduct.contaminated:
        found.append("contaminated: calls were read with knowledge of later than their posts")
    if unproven:
        found.append("unproven: live by the operator's word, not by evidence")
    return "; ".join(found) or None


def sentence_of(card: Card, everyone: Baselines) -> str:
    """The verdict, on witnessed calls where they carry one, else on what is known of the past."""
    if card.witnessed.withheld is None:
        return f"Following every call {_verdict(card.witnessed.results, everyone)}."
    if card.backfilled.withheld is None:
        verdict = _verdict(card.backfilled.results, everyone)
        return f"Witnessed calls prove nothing yet; of its past, as far as it is there: following every call {verdict}."
    column = card.witnessed if card.witnessed.counts.calls else card.backfilled
    if not column.counts.calls:
        return "No call of it is over: nothing can be said."
    return f"Nothing can be said: {column.withheld}."


def _verdict(results: Results, everyone: Baselines) -> str:
    assert results.expectancy is not None, "figures that are not withheld are there"
    fee = results.subscription or 0.0
    made = results.expectancy - fee
    said = f"{'made' if made > 0 else 'lost'} {abs(made):.2f} R a call after costs{' and its fee' if fee else ''}"
    interval = results.expectancy_95
    if interval is None:
        said += ", in too few weeks to tell it from chance"
    else:
        lo, hi = interval.lo - fee, interval.hi - fee
        chance = ", which may be chance" if lo <= 0 <= hi else ""
        said += f"{chance} (95 %: {lo:+.2f} to {hi:+.2f})"
    return said + _compared(results, everyone)


def _compared(results: Results, everyone: Baselines) -> str:
    said = ""
    excess = results.placebo_excess_95
    if excess is not None and excess.lo <= 0 <= excess.hi:
        said += ", no better than the same trades at random times"
    elif excess is not None and excess.hi < 0:
        said += ", worse than the same trades at random times"
    if everyone.copy_all is not None and (results.expectancy or 0.0) <= everyone.copy_all:
        said += ", no better than copying every channel"
    return said
