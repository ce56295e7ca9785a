"""How often what was said to be a call was one: the calibration of p_call on channels that the model had not seen."""

from collections.abc import Sequence
from math import sqrt

from msgspec import Struct

from levibotd.domain.chance import wilson
from levibotd.domain.pictures.svg import Scale, dot, line, picture, polyline, words

SIZE = 460

_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 430, 84, 400
_HEIGHT = 480
_RADIUS = 9.0  # Of a bin that holds everything.


class Bin(Struct, frozen=True, kw_only=True):
    """Posts of which about the same was said: mean of what was said, share that came true, and how many they are."""

    said: float
    seen: float
    posts: int


class Reliability(Struct, frozen=True, kw_only=True):
    """What `bins` are of, and how far said and seen are apart (ECE)."""

    model: str
    method: str
    ece: float | None
    bins: tuple[Bin, ...]


UNMEASURED = Reliability(model="", method="no figures", ece=None, bins=())


def reliability_picture(of: Reliability) -> bytes:
    """Draw what was said against what was seen, with 95 % intervals; on the diagonal both are the same."""
    across, up = Scale(0.0, 1.0, _LEFT, _RIGHT), Scale(0.0, 1.0, _BOTTOM, _TOP)
    parts = [
        words("Is p_call what it says?", 20, 28, "ink head"),
        words(of.method, 20, 48, "soft small"),
        words(_short(of), 20, 66, "soft small"),
    ]
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(line(_LEFT, up(tick), _RIGHT, up(tick), "grid"))
        parts.append(words(f"{tick:.0%}", _LEFT - 8, up(tick) + 4, "soft small", anchor="end"))
        parts.append(words(f"{tick:.0%}", across(tick), _BOTTOM + 18, "soft small", anchor="middle"))
    parts.append(line(across(0), up(0), across(1), up(1), "axis dashed"))
    parts += _points(of.bins, across, up)
    parts.append(
        words("said: probability that it is a call", (_LEFT + _RIGHT) / 2, _BOTTOM + 42, "ink small", anchor="middle")
    )
    parts.append(
        words(
            "up: share of posts that were calls · size: number of posts",
            (_LEFT + _RIGHT) / 2,
            _BOTTOM + 62,
            "soft small",
            anchor="middle",
        )
    )
    return picture(parts, width=SIZE, height=_HEIGHT, title="Reliability of p_call", about=_about(of))


def _points(bins: Sequence[Bin], across: Scale, up: Scale) -> list[str]:
    if not bins:
        return [words("no figures stand beside this model", (_LEFT + _RIGHT) / 2, 240, "soft", anchor="middle")]
    posts = sum(one.posts for one in bins) or 1
    parts: list[str] = []
    for one in bins:
        interval = wilson(one.seen * one.posts, one.posts)
        if interval is not None:
            parts.append(line(across(one.said), up(interval.lo), across(one.said), up(interval.hi), "first"))
    parts.append(polyline([(across(one.said), up(one.seen)) for one in bins], "first"))
    parts += [dot(across(one.said), up(one.seen), 3.0 + _RADIUS * sqrt(one.posts / posts), "first-ink") for one in bins]
    return parts


def _short(of: Reliability) -> str:
    apart = "" if of.ece is None else f" · mean distance {of.ece:.1%}"
    return f"model {of.model} · {sum(one.posts for one in of.bins):,} posts{apart}"


def _about(of: Reliability) -> str:
    told = "; ".join(f"said {one.said:.0%}, seen {one.seen:.0%} of {one.posts}" for one in of.bins)
    return f"{of.method}: {told}." if told else "No figures."
