"""Same key, same answer: what a POST with an Idempotency-Key was answered, kept for a day, also over a restart."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import blake2b

import anyio
import msgspec
from msgspec import Struct

from levibotd.admin.problems import KeyReused, Malformed
from levibotd.kernel import offload
from levibotd.ports.answers import AnswerStore

KEY_HEADER = "Idempotency-Key"
KEY_MAX = 255
KEPT_S = 24 * 3600.0
ANSWERS_MAX = 4096
STORED_BYTES_MAX = 64 << 10  # A longer answer is remembered by this process alone.

_RENEWED_AFTER = 4 * ANSWERS_MAX  # Lines that were added since the store was written anew.


class Kept(Struct, frozen=True, kw_only=True):
    """An answer as it can be given again."""

    status: int
    content_type: str
    body: bytes


class _Given(Struct, frozen=True, array_like=True):
    """An answer under the name of its request; `asked` tells one request from another under the same key."""

    name: str
    at: float
    asked: str
    answer: Kept


class Answers:
    """
    Answers by key, bounded in number; the oldest go first.

    A repetition that arrives while the first is still being answered waits for it. What fails by itself (`keep`
    says no) is not kept: the client may try again under the same key. With a `store` they outlive the process; what
    a crash cuts off before its answer is stored, actors recognise by its ids. `on_fault` hears why storing failed.
    """

    def __init__(
        self,
        *,
        store: AnswerStore | None = None,
        answers_max: int = ANSWERS_MAX,
        on_fault: Callable[[OSError], None] = lambda fault: None,
    ) -> None:
        self._store = store
        self._answers_max = answers_max
        self._on_fault = on_fault
        self._given: OrderedDict[str, _Given] = OrderedDict()
        self._running: dict[str, asyncio.Future[None]] = {}
        self._storing = anyio.Lock()
        self._added = 0

    def __len__(self) -> int:
        return len(self._given)

    def load(self, *, now: float) -> None:
        """Take up what an earlier process gave, as far as it is of the last day; what cannot be read is left out."""
        if self._store is None:
            return
        try:
            for line in self._store.load():
                given = _given_in(line)
                if given is not None and now - given.at <= KEPT_S:
                    self._remember(given)
            self._store.renew([msgspec.json.encode(given) for given in self._given.values()])
        except OSError as fault:
            self._store = None
            self._on_fault(fault)

    async def once(
        self,
        name: str,
        answer: Callable[[], Awaitable[Kept]],
        *,
        asked: bytes,
        keep: Callable[[Kept], bool],
        now: float,
        stored: bool = True,
    ) -> tuple[Kept, bool]:
        """
        Return the answer under `name` and whether it had been given before, making it at most once at a time.

        `now` is unix time; what is not `stored` stays in memory alone. Raises KeyReused when something else was
        `asked` under that name.
        """
        name, digest = _digest(name.encode("utf-8", "surrogateescape")), _digest(asked)
        while (running := self._running.get(name)) is not None:
            await asyncio.wait((running,))
        given = self._given.get(name)
        if given is not None and 0 <= now - given.at <= KEPT_S:
            if given.asked != digest:
                raise KeyReused(f"{KEY_HEADER}: another body was sent under this key; take a new one")
            return given.answer, True
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running[name] = done
        try:
            made = await answer()
            if keep(made):
                given = _Given(name, now, digest, made)
                self._remember(given)
                if stored:
                    await self._store_away(given)
            return made, False
        finally:
            del self._running[name]
            done.set_result(None)

    def _remember(self, given: _Given) -> None:
        self._given.pop(given.name, None)
        self._given[given.name] = given
        if len(self._given) > self._answers_max:
            self._given.popitem(last=False)

    async def _store_away(self, given: _Given) -> None:
        store = self._store
        if store is None or len(given.answer.body) > STORED_BYTES_MAX:
            return
        async with self._storing:
            self._added += 1
            try:
                if self._added > _RENEWED_AFTER:
                    lines = [msgspec.json.encode(one) for one in self._given.values()]
                    await offload.call(partial(store.renew, lines))
                    self._added = 0
                else:
                    await offload.call(partial(store.add, msgspec.json.encode(given)))
            except OSError as fault:
                self._on_fault(fault)


def checked_key(key: str | None) -> str | None:
    """Raises Malformed unless `key` is absent or short printable text."""
    if key is not None and not (0 < len(key) <= KEY_MAX and key.isascii() and key.isprintable()):
        raise Malformed(f"{KEY_HEADER}: expected 1 to {KEY_MAX} printable characters")
    return key


def _given_in(line: bytes) -> _Given | None:
    try:
        return msgspec.json.decode(line, type=_Given)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
