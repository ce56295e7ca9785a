"""What Python freed and the C library keeps is given back to the system."""

import ctypes

_ARENA_MAX, _MMAP_THRESHOLD = -8, -3  # Of mallopt(3).
_LARGE_BYTES = 256 << 10


def keep_together() -> bool:
    """
    Have all threads take memory from one place, and what is large from the system. To be called before there are any.

    As it is, each thread has a place of its own, and each keeps what its largest work ever took: a snapshot's bytes,
    several times. The interpreter lets one thread run at a time anyway. False where the C library has no such call.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_ARENA_MAX, 1)) and bool(mallopt(_MMAP_THRESHOLD, _LARGE_BYTES))


def give_back() -> bool:
    """
    Give free memory back: after something large that is over, such as a snapshot. Takes some milliseconds.

    False where the C library has no such call; then nothing happens.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return False
    trim(0)
    return True
