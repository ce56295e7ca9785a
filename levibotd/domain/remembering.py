"""Memories of bounded size: the newest stay, the oldest go."""

from itertools import islice
from typing import Any


def remember(memory: dict[Any, Any], key: Any, value: Any, *, limit: int) -> int:
    """Keep at least the newest `limit` entries, oldest first. Returns how many had to go."""
    memory[key] = value
    return forget_oldest(memory, limit=limit)


def forget_oldest(memory: dict[Any, Any], *, limit: int) -> int:
    """Bring a memory that has outgrown its limit by an eighth back to it. Returns how many had to go."""
    # Forgetting comes in batches: taking one from the front of a large dictionary costs a walk over all before it.
    too_many = len(memory) - limit
    if too_many <= limit // 8:
        return 0
    for old in list(islice(memory, too_many)):
        del memory[old]
    return too_many
