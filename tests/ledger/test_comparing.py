"""Two followers that share no code agree on every call that has a price."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from levibotd.app.replay import ReplayInput, replay
from levibotd.config import load
from tests.ledger.comparing import Compared, Series, compared
from tests.ledger.made_up import write
from tests.ledger.second_follower import Bar

OPEN = {"LEVI_STRATEGY__CONFIDENCE_MIN": "0", "LEVI_RISK__MIN_VOLUME_24H": "0"}
SEEDS = (1, 2, 3)
POSTS = 250


def disagreements(found: Iterable[Compared]) -> list[str]:
    return [f"{one.call}: {one.differs}" for one in found if one.differs is not None]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(300)
def test_both_followers_agree_on_made_up_calls(tmp_path: Path, seed: int) -> None:
    messages, candles, bars = write(tmp_path, seed, POSTS)
    log = tmp_path / "log"
    replay(load(environ=OPEN), ReplayInput(messages=(messages,), candles=(candles,), out=log), on_bad=print)
    series = {
        name: Series([Bar(*row[:5]) for row in rows], [row[5] * row[4] for row in rows]) for name, rows in bars.items()
    }
    found = list(compared(log, series))
    ends = Counter(one.ours.reason for one in found)
    assert disagreements(found) == []
    assert len(found) > POSTS / 2
    assert {"stop", "target", "horizon", "lifetime", "target_traded", "chased"} <= set(ends), ends
