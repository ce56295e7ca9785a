"""A daemon that has lived long: what is written for it is what it finds, and what its folds weigh is told."""

from pathlib import Path

from bench.lived import OTHERS, live_before
from bench.weights import table, weights
from levibotd.adapters.journal_check import verify
from levibotd.adapters.os_files import OsFiles
from levibotd.app.memory import Memory
from levibotd.config import demo_config
from levibotd.sim.demo_feed import CHANNELS

NOON = 1_750_000_000.0
CALLS = 200
TRADES = 50


async def test_its_log_is_whole_and_its_folds_are_as_full_as_was_asked(tmp_path: Path) -> None:
    config = demo_config(environ={"LEVI_DAEMON__STATE_DIR": str(tmp_path / "state")})

    cursors = await live_before(config, until=NOON, calls=CALLS, trades=TRADES)

    assert len(cursors) == len(CHANNELS) + OTHERS
    assert sum(cursor.upto for cursor in cursors.values()) == CALLS
    memory = Memory(config, boot="again", log_key=b"")
    memory.journal.close()
    assert memory.recovery.records == 0, "all of it is in the snapshot"
    assert verify(OsFiles(memory.log_dir)).damage is None
    assert memory.state.remembered()["on_cards"] == CALLS
    assert 0 < memory.state.remembered()["to_compare"] <= CALLS
    ledger = memory.state.ledger()
    assert len(ledger.cursors) == len(cursors)
    assert (len(ledger.trades), len(ledger.finished_orders()), ledger.calls) == (TRADES, 2 * TRADES, {})
    assert (ledger.cash, ledger.contradictions) == (10_000, 0)


async def test_each_part_of_the_folds_is_weighed_once(tmp_path: Path) -> None:
    config = demo_config(environ={"LEVI_DAEMON__STATE_DIR": str(tmp_path / "state")})
    await live_before(config, until=NOON, calls=CALLS, trades=TRADES)
    memory = Memory(config, boot="again", log_key=b"")
    memory.journal.close()

    found = {one.name: one for one in weights(memory.state)}

    cards, past = found["calls on cards"], found["calls to be compared"]
    assert (cards.entries, past.entries) == (CALLS, memory.state.remembered()["to_compare"])
    assert 300 < past.bytes / past.entries < 500
    assert 400 < cards.bytes / cards.entries < 2_500  # Of fifty channels, which weigh something on their own.
    assert "all folds" in table(list(found.values()))
