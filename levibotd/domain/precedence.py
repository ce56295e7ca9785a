"""
Signal, then channel, then global: which value of a setting rules one call, and who said so.

What a post says itself can only make a call smaller, shorter or safer: its leverage is a ceiling, its lifetime that
of its own entries. How it shares the position among its targets is its own business.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from levibotd.domain.copies import text_print
from levibotd.domain.posts.lifetime import written_lifetime_s
from levibotd.domain.posts.weights import written_weights
from levibotd.domain.records import Resolved, RiskTicket
from levibotd.domain.signal import Post


def with_its_own(ticket: RiskTicket, post: Post, settings: Iterable[Resolved]) -> RiskTicket:
    """
    Complete a ticket by what `post` says itself and by the `settings` of its channel, each with its source.

    Guarantees: only the lifetime of the entries differs from the ticket that was given.
    """
    plan, leg = ticket.plan, ticket.leg
    named = {one.name: one for one in settings}
    named["stop"] = Resolved(name="stop", value=f"{plan.stop:f}", source=plan.stop_source)
    lifetime_s = written_lifetime_s(post.text)
    if lifetime_s is not None:
        named["entry_valid_s"] = Resolved(name="entry_valid_s", value=f"{lifetime_s:g}", source="signal")
    weights = () if leg is None else written_weights(post.text, leg)
    if weights:
        shares = ", ".join(f"{weight:g}" for weight in weights)
        named["tp_split"] = Resolved(name="tp_split", value=f"[{shares}]", source="signal")
    cap = named.get("max_leverage")
    if cap is not None:
        asked = None if leg is None or leg.leverage is None else int(leg.leverage[0])
        source = "liquidation"  # Where it is none of those who were asked, the distance to it rules.
        if plan.leverage == asked:
            source = "signal"
        elif str(plan.leverage) == cap.value:
            source = cap.source
        named["leverage"] = Resolved(name="leverage", value=str(plan.leverage), source=source)
    return replace(
        ticket,
        said=text_print(post.text),
        entry_valid_until=ticket.entry_valid_until if lifetime_s is None else ticket.at + lifetime_s,
        resolved=tuple(named.values()),
    )
