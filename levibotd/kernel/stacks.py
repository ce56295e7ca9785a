"""Where a task stands: the whole chain of what it awaits, which `Task.get_stack` does not show."""

import asyncio
from typing import Any

_DEEP = 32


def stack_of(task: "asyncio.Task[Any]") -> str:
    """One line per coroutine, outermost first: `name (file:line)`."""
    lines: list[str] = []
    awaited: Any = task.get_coro()
    while awaited is not None and len(lines) < _DEEP:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:
            break
        code = frame.f_code
        lines.append(f"{code.co_qualname} ({code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno})")
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return "\n".join(lines)
