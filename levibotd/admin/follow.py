"""
One listener's way through the log: first what the index has, then what comes in, each record once.

The place is a `seq`, so both halves meet without a gap and without a duplicate, wherever the index
stands. Records are read from the index only until the ring of the newest ones is reached; a listener
that loses touch with the ring afterwards is too slow.
"""

import asyncio
from collections.abc import Callable, Sequence

from levibotd.admin.feed import Feed, FellBehind, Fresh, Wanted
from levibotd.admin.lines import seq_of
from levibotd.kernel.clock import Clock
from levibotd.ports.event_index import EventIndex, EventQuery

PAGE_LINES = 200
BEHIND_S = 0.05  # Before the index is asked again for what it does not have yet.



class Follower:
    """
    Everything wanted behind record `seq`, which moves on with what was returned.

    After a cancelled `next` nothing is lost.
    """

    def __init__(self, *, feed: Feed, index: EventIndex, clock: Clock, wanted: Wanted, seq: int) -> None:
        self.seq = seq
        self._feed = feed
        self._index = index
        self._clock = clock
        self._wanted = wanted
        self.is_live = False  # Has it reached the newest?

    async def next(self) -> Sequence[Fresh]:
        """
        Wait for the next records, at least one.

        Raises FellBehind, and Unavailable while the index is made anew.
        """
        while True:
            self.is_live = self.is_live or self.seq + 1 >= self._feed.first_seq
            if not self.is_live:
                found = self._past()
                if not found:
                    await self._clock.sleep(BEHIND_S if self.seq + 1 < self._feed.first_seq else 0)
            else:
                await self._feed.news(self.seq)
                found, self.seq = self._feed.after(self.seq, wanted=self._wanted)
                if not found:
                    await self._clock.sleep(0)
            if found:
                return found

    async def relay(self, write: Callable[[Sequence[Fresh]], bool]) -> None:
        """
        Hand what comes to `write` without a task in between, which costs more than all the rest.

        For a follower that is live. Returns once `write` says no: no more for now. Raises FellBehind, and what
        `write` raises of ConnectionError.
        """
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def told() -> None:
            if over.done():
                return
            try:
                found, self.seq = self._feed.after(self.seq, wanted=self._wanted)
                if found and not write(found):
                    over.set_result(None)
            except (FellBehind, ConnectionError) as error:
                over.set_exception(error)
            if self.seq < self._feed.last_seq:
                self._feed.push()  # One turn each, so that no other has to wait long.

        with self._feed.listening(told):
            told()
            await over

    def _past(self) -> list[Fresh]:
        indexed = self._index.indexed_seq  # Asked for first: meanwhile it may move on.
        wanted = self._wanted
        lines = self._index.find(
            EventQuery(
                trace_id=wanted.trace_id,
                types=() if wanted.type is None else (wanted.type,),
                symbol=wanted.symbol,
                beyond=self.seq,
                limit=PAGE_LINES,
            )
        )
        found = [Fresh(seq_of(line), line) for line in lines]
        if found:
            self.seq = found[-1].seq
        if len(found) < PAGE_LINES:
            self.seq = max(self.seq, indexed)
        return found
