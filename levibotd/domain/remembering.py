"""Memories of bounded size: the newest stay, the oldest go."""

from itertools import islice
from typing import Any


def remember(memory: dict[Any, Any], key: Any, value: Any, *, limit: int) -> None:
    """Keep at least the newest `limit` entries, oldest first."""
    memory[key] = value
    forget_oldest(memory, limit=limit)


def forget_oldest(memory: dict[Any, Any], *, limit: int) -> None:
    """Bring a memory that has outgrown its limit by an eighth back to it."""
    # Forgetting comes in batches: taking one from the front of a large dictionary costs a walk over all before it.
    if len(memory) > limit + limit // 8:
        for old in list(islice(memory, len(memory) - limit)):
            del memory[old]
