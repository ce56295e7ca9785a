"""The posts port: what a channel said, as it arrives."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from msgspec import Struct

from levibotd.domain.records import TgCursor
from levibotd.domain.signal import Post


class Posted(Struct, frozen=True, kw_only=True):
    """A post that arrived. `cursor` is where the source goes on after it; None: it always begins anew."""

    post: Post
    received_at: float
    late: bool = False
    cursor: TgCursor | None = None


class Edited(Struct, frozen=True, kw_only=True):
    """A later revision of a post that was delivered before."""

    post: Post
    received_at: float


class Deleted(Struct, frozen=True, kw_only=True):
    channel: str
    message_id: int
    seen_by: str
    received_at: float


PostEvent = Posted | Edited | Deleted


class Posts(Protocol):
    """Where posts come from."""

    @property
    def name(self) -> str:
        """`demo`, `file`, `replay` or `telethon`: the `source` of SIGNAL_INGEST."""

    def events(self, cursors: Mapping[str, TgCursor]) -> AsyncIterator[PostEvent]:
        """
        Everything after `cursors`, in the order of arrival; ends when the source is exhausted.

        Raises Unavailable when the source is out of reach (the supervisor retries), ConfigError when it can never work.
        """
