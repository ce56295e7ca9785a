import pytest

from levibotd.domain.leg_read import LegRead
from levibotd.domain.posts.weights import written_weights
from levibotd.domain.signal import Leg, Side

LONG = Leg(symbol="BTC/USDT", side=Side.BUY, entry=(50_000.0,), tps=(51_000.0, 52_000.0), sl=48_000.0)
SHORT = Leg(symbol="BTC/USDT", side=Side.SELL, entry=(53_000.0,), tps=(51_000.0, 52_000.0), sl=55_000.0)


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("Targets: 51000_25%, 52000_75%", (25.0, 75.0)),
        ("TP2: 52,000_60 %\nTP1: 51,000_40 %", (40.0, 60.0)),
        ("Targets: 51000_33.3% 52000_66.6%", (33.3, 66.6)),
        ("Targets: 51000_25%, 52000_50%\nTargets again: 51000_25%", (25.0, 50.0)),
        ("Targets: 51000_25%, 52000", ()),
        ("Targets: 51000_25%, 51000_30%, 52000_50%", ()),
        ("Targets: 51000_60%, 52000_60%", ()),
        ("Targets: 51000_0%, 52000_100%", ()),
        ("Targets: 51000 25%, 52000 75%", ()),
        ("Entry: 50000_50% 49000_50%\nTargets: 51000, 52000", ()),
        ("1.2.3_4% and 51000_25%", ()),
        ("", ()),
    ],
)
def test_a_share_stands_beside_each_target_or_means_nothing(text: str, weights: tuple[float, ...]) -> None:
    assert written_weights(text, LONG) == weights
    assert written_weights(text, LegRead.of(LONG)) == weights
    assert written_weights(text, SHORT) == tuple(reversed(weights))


def test_without_targets_there_is_nothing_to_share() -> None:
    assert written_weights("51000_25%", Leg(symbol="BTC/USDT", side=Side.BUY)) == ()
