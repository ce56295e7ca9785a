"""What the log holds of a call's surroundings is enough to know what its score was made of."""

import msgspec

from levibotd.domain.climate.hybrid import Parts
from levibotd.domain.climate.terms import LegTerms, Terms
from levibotd.domain.signal import Side


def test_the_parts_of_a_leg_are_those_of_the_post_and_its_own() -> None:
    legs = (LegTerms(trend=1.5, eth_led=None, hybrid=0.5), LegTerms(trend=None, eth_led=True, hybrid=0.6))
    terms = Terms(bias=0.25, pulse=None, legs=legs, source="hand", used=False)

    again = msgspec.json.decode(msgspec.json.encode(terms), type=Terms)

    assert again.parts(0, p_call=0.9, side=Side.BUY) == Parts(p_call=0.9, side=Side.BUY, bias=0.25, trend=1.5)
    assert again.parts(1, p_call=0.9, side=Side.SELL) == Parts(p_call=0.9, side=Side.SELL, bias=0.25, eth_led=True)
