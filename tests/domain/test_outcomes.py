"""An outcome in the shadow ledger, as it stands in the log."""

from decimal import Decimal

from levibotd.domain.outcomes import AS_POSTED, ShadowOutcome
from levibotd.domain.records import Entry
from levibotd.domain.signal import CallKey, Side
from levibotd.journal import Chain, Preparer, decode


def test_an_outcome_comes_back_from_the_log_as_it_went_in() -> None:
    outcome = ShadowOutcome(
        call=CallKey("paper|@c|7|0"), channel="@c", ledger=AS_POSTED, side=Side.SELL, status="filled",
        witnessed=True, posted_at=1.0, decided_at=3.0, at=9.0, opened_at=4.0, entry=Decimal("0.00000010"),
        exit=Decimal("0.1"), filled_share=0.5, r=-1.25, r_low=-1.5, r_high=0.25, undecided=True, ended_by="stop",
    )  # fmt: skip

    line = Chain(boot="b").line(Preparer().prepare(Entry(outcome)), ts=0, mono=0)

    assert decode(line).event_type == "SHADOW_OUTCOME"
    assert decode(line).entry.record == outcome
