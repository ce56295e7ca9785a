"""What holds whatever went wrong: of posts, orders and money, and of calls that their channel changes."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from levibotd.domain.order_records import OrderAbandoned, OrderDone, OrderFill, OrderIntent, OrderReject, PositionClosed
from levibotd.domain.orders import OrderState
from levibotd.domain.records import Record, RiskSltp, RiskTicket, SignalIngest
from levibotd.domain.signal import CallKey, Side
from levibotd.journal import TERMINAL
from tests.scenarios.bench import Life, World

NAKED_S = 5.0


def expect_laws(world: World, life: Life) -> None:
    """Each post has one end, each order one sending behind its intent, every call ran out, three books say the same."""
    world.verify()
    records = [one.entry.record for one in world.records()]
    ingested = [one.post.trace for one in records if isinstance(one, SignalIngest)]
    decided = Counter(one.entry.trace for one in world.records() if one.event_type in TERMINAL)
    assert decided == Counter(ingested), "posts and decisions differ"

    cids = Counter(sent.order.cid for sent in world.sent)
    assert max(cids.values(), default=1) == 1, "a client id was placed twice"
    intents = Counter(one.cid for one in records if isinstance(one, OrderIntent))
    assert max(intents.values(), default=1) == 1, "an intent was written twice"
    assert set(cids) <= set(intents), "something was sent that nobody had written down"
    opened = [sent for sent in world.sent if not sent.order.reduce_only]
    assert [sent for sent in opened if sent.forbidden is not None] == [], "an opening order went out all the same"

    ledger = life.ledger
    assert not ledger.calls, "a call never ended"
    assert not [one for one in ledger.open_orders() if one.state is OrderState.UNKNOWN]
    assert life.venue.account.positions == {}
    assert ledger.orphan_fills == 0
    assert ledger.cash == 10_000 + ledger.realised - ledger.fees
    assert abs(life.venue.account.cash - ledger.cash) <= Decimal("1e-9")
    assert world.fold() == ledger
    closed = [one for one in records if isinstance(one, PositionClosed)]
    assert sum(one.net for one in closed) == ledger.cash - 10_000
    assert max(Counter(one.call for one in closed).values(), default=1) == 1, "a call was closed twice"
    assert life.gave_up == []


def expect_calm_laws(world: World, life: Life, *, posts: int) -> None:
    """The same, and nobody lost a post or left a position naked: nothing but deaths went wrong."""
    expect_laws(world, life)
    assert len([one for one in world.records() if isinstance(one.entry.record, SignalIngest)]) == posts
    assert life.naked.look() <= NAKED_S


def expect_never_worse(records: Sequence[Record]) -> None:
    """No call becomes larger than it was planned, none is added to, no two plans stand at once, no stop is loosened."""
    planned: dict[CallKey, Decimal] = {}
    stops: dict[CallKey, Decimal] = {}
    sides: dict[CallKey, Side] = {}
    intents: dict[str, OrderIntent] = {}
    live: dict[str, OrderIntent] = {}
    filled: Counter[CallKey] = Counter()
    for one in records:
        match one:
            case RiskTicket(call=call, plan=plan):
                assert plan.qty <= planned.setdefault(call, plan.qty), f"{call} became larger"
                sides[call] = plan.side
                stops.setdefault(call, plan.stop)
            case RiskSltp(call=call, stop=stop, why=why):
                assert why != "moved" or (stop - stops[call]) * sides[call].sign >= 0, f"{call}: a stop was loosened"
                stops[call] = stop
            case OrderIntent(cid=cid, call=call, role=role, revision=revision):
                intents[cid] = one
                if role == "e":
                    assert not filled[call] or not revision, f"{call}: an entry was added to what has filled"
                    others = [other for other in live.values() if other.call == call]
                    assert all(other.revision == revision for other in others), f"{call}: two plans at once"
                    live[cid] = one
            case OrderFill(cid=cid, qty=qty) if intents[cid].role == "e":
                filled[intents[cid].call] += qty  # type: ignore[assignment]
                assert filled[intents[cid].call] <= planned[intents[cid].call], "more was bought than planned"
            case OrderDone(cid=cid) | OrderReject(cid=cid) | OrderAbandoned(cid=cid):
                live.pop(cid, None)
