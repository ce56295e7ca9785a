"""Text that others wrote, made harmless for a terminal and for pictures."""


def printable(text: str) -> str:
    """
    The same text; what is not printable is written out as an escape.

    So it cannot move a cursor, colour a terminal, turn the direction of what follows, or hide.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
