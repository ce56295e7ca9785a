"""What following a channel came to, in R, with the channel's own claim beside it."""

from datetime import UTC, datetime

from levibotd.domain.cards.card import Card, Column, CurvePoint, Results
from levibotd.domain.pictures.svg import Scale, line, picture, place, steps, ticks, words

WIDTH = 760
PANEL = 284  # Height of one column's part.
HEAD = 64

_LEFT, _RIGHT = 64, 616  # Behind the right edge stand the ends of the curves.
_TOP, _BOTTOM = 62, 250  # Within a panel.
_LABEL = 17  # Lines of text need so much room.


def equity_picture(card: Card) -> bytes:
    """Draw each column that has calls, one below the other and never added; withheld figures stay withheld."""
    columns = [
        (name, column)
        for name, column in (("witnessed", card.witnessed), ("backfilled", card.backfilled))
        if column.counts.calls or column.counts.running
    ]
    parts = [words(f"{card.channel}: what following every call came to, in R", 20, 28, "ink head")]
    parts.append(words(card.heading or "1 R is the planned loss of a call; net of all costs", 20, 50, "soft small"))
    for number, (name, column) in enumerate(columns):
        parts.append(f'<g transform="translate(0 {place(HEAD + number * PANEL)})">{_panel(name, column)}</g>')
    if not columns:
        parts.append(words("No call of it is over.", _LEFT, HEAD + 80, "soft"))
    about = f"{card.sentence} " + " ".join(_about(name, column) for name, column in columns)
    height = HEAD + max(len(columns), 1) * PANEL
    return picture(parts, width=WIDTH, height=height, title=f"Equity of {card.channel} in R", about=about)


def _panel(name: str, column: Column) -> str:
    counts = column.counts
    covered = "–" if counts.coverage is None else f"{counts.coverage:.0%}"
    head = f"{name} · coverage {covered} · {counts.calls} calls, {counts.filled} filled, {counts.running} running"
    parts = [words(head, 20, 24), words(_figures(column), 20, 44, "soft small")]
    curve, claimed = _from_zero(column.results.curve), _from_zero(column.results.claimed_curve)
    if not curve:
        parts.append(
            words(
                "no curve: " + (column.withheld or "nothing is over"),
                (_LEFT + _RIGHT) / 2,
                150,
                "soft",
                anchor="middle",
            )
        )
        return "".join(parts)
    points = [*curve, *claimed]
    lows, highs = min(point.r for point in points), max(point.r for point in points)
    y_ticks = ticks(lows, highs, about=4)
    times = Scale(min(point.at for point in points), max(point.at for point in points) + 1.0, _LEFT, _RIGHT)
    heights = Scale(y_ticks[0], y_ticks[-1], _BOTTOM, _TOP)
    parts += [_grid(tick, heights(tick)) for tick in y_ticks]
    parts += _dates(times)
    ends = [("claims", claimed, "second", " dashed")] if claimed else []
    ends.append(("made", curve, "first", ""))
    places = _apart([heights(points[-1].r) for _, points, _, _ in ends])
    for (word, drawn, kind, dashes), at in zip(ends, places, strict=True):
        parts.append(steps([(times(point.at), heights(point.r)) for point in drawn], kind + dashes))
        parts.append(line(times(drawn[-1].at), heights(drawn[-1].r), _RIGHT + 6, at, f"{kind}{dashes}"))
        parts.append(words(f"{word} {drawn[-1].r:+.1f} R", _RIGHT + 10, at + 4, f"{kind}-ink"))
    return "".join(parts)


def _figures(column: Column) -> str:
    results = column.results
    if column.withheld is not None:
        return f"withheld: {column.withheld}"
    return " · ".join(filter(None, (_expectancy(results), _won(results), _fall(results))))


def _expectancy(results: Results) -> str | None:
    if results.expectancy is None:
        return None
    interval = results.expectancy_95
    chance = "" if interval is None else f" (95 %: {interval.lo:+.2f} to {interval.hi:+.2f})"
    return f"{results.expectancy:+.2f} R a call{chance}"


def _won(results: Results) -> str | None:
    return None if results.win_rate is None else f"{results.win_rate:.0%} of filled won"


def _fall(results: Results) -> str | None:
    return None if results.max_drawdown is None else f"deepest fall {results.max_drawdown:.1f} R"


# Before the first call that ended nothing was made: both curves begin there.
def _from_zero(curve: tuple[CurvePoint, ...]) -> list[CurvePoint]:
    return [CurvePoint(curve[0].at, 0.0), *curve] if curve else []


def _grid(tick: float, y: float) -> str:
    kind = "axis" if tick == 0 else "grid"
    return line(_LEFT, y, _RIGHT, y, kind) + words(
        f"{tick:+g}" if tick else "0", _LEFT - 8, y + 4, "soft small", anchor="end"
    )


def _dates(times: Scale) -> list[str]:
    parts: list[str] = []
    for number in range(4):
        at = times.lo + (times.hi - times.lo) * number / 3
        anchor = ("start", "middle", "middle", "end")[number]
        day = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
        parts.append(words(day, times(at), _BOTTOM + 20, "soft small", anchor=anchor))
    return parts


# Two labels at the same height would hide each other.
def _apart(heights: list[float]) -> list[float]:
    if len(heights) < 2 or abs(heights[0] - heights[1]) >= _LABEL:
        return heights
    middle = sum(heights) / 2
    first = -1 if heights[0] <= heights[1] else 1
    return [middle + first * _LABEL / 2, middle - first * _LABEL / 2]


def _about(name: str, column: Column) -> str:
    results = column.results
    if column.withheld is not None:
        return f"{name.capitalize()} calls: {column.withheld}."
    made = f"{results.sum_r:+.1f} R" if results.sum_r is not None else "unknown"
    claims = f"; its own posts claim {results.claimed_curve[-1].r:+.1f} R" if results.claimed_curve else ""
    return f"{name.capitalize()} calls came to {made} in all{claims}."
