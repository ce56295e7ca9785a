"""What Python freed and the C library keeps is given back to the system."""

import ctypes


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
