"""
Scorecards for people at a terminal: coverage first, then what it rests on, then what following came to.

Both columns stand side by side and are never added. A figure that is withheld reads so, one that nobody knows is a
dash. Whatever a channel is called, it cannot move the cursor or colour the terminal.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from levibotd.domain.cards.card import Board, Card, Column, Results
from levibotd.domain.chance import Interval
from levibotd.domain.printable import printable
from levibotd.domain.trust import Trust

UNKNOWN = "–"
WITHHELD = "withheld"

_INDENT = "  "


class _Row(NamedTuple):
    name: str
    say: Callable[[Column], str]
    is_result: bool = False  # Shown only where figures are.


def as_text(board: Board) -> str:
    """All cards, after an overview where there are several."""
    if not board.cards:
        return "no calls in this log"
    parts = [_overview(board)] if len(board.cards) > 1 else []
    parts += [_card(card) for card in board.cards]
    parts.append(_baselines(board))
    return "\n\n".join(parts)


def _overview(board: Board) -> str:
    rows: list[tuple[str, ...]] = [
        ("channel", "", "coverage", "calls", "unfilled", "win rate", "R a call", "95 %", "deepest fall")
    ]
    for card in board.cards:
        for name, column in (("witnessed", card.witnessed), ("backfilled", card.backfilled)):
            if column.counts.calls or column.counts.running:
                rows.append((printable(card.channel), name, *_short(column)))
    return "\n".join(_aligned(rows))


def _short(column: Column) -> tuple[str, ...]:
    counts, results = column.counts, column.results
    if column.withheld is not None:
        told = (WITHHELD, WITHHELD, "", WITHHELD)
    else:
        told = (
            _percent(results.win_rate),
            _signed(results.expectancy),
            _interval(results.expectancy_95),
            _plain(results.max_drawdown),
        )
    return _percent(counts.coverage), str(counts.calls), str(counts.unfilled), *told


def _card(card: Card) -> str:
    lines = [printable(card.channel)]
    if card.heading is not None:
        lines.append(f"{_INDENT}! {printable(card.heading)}")
    rows = [("", "witnessed", "backfilled")]
    for row in _ROWS:
        rows.append((row.name, _said(row, card.witnessed), _said(row, card.backfilled)))
    lines += [f"{_INDENT}{line}" for line in _aligned(rows)]
    if card.trust is not None:
        lines.append(f"{_INDENT}{_held(card.trust)}")
    lines += [f"{_INDENT}for stage {stage} it lacks: {printable(what)}" for stage, what in card.lacking.items()]
    lines.append(f"{_INDENT}{printable(card.sentence)}")
    return "\n".join(lines)


def _said(row: _Row, column: Column) -> str:
    if not column.counts.calls and not column.counts.running:
        return "none" if row.name == "calls" else UNKNOWN
    if row.is_result and column.withheld is not None:
        return WITHHELD
    return printable(row.say(column))


def _held(trust: Trust) -> str:
    pays = trust.p_pays
    return (
        f"held of it, as we follow: {trust.ev_r:+.2f} R a call, P(mean > 0) {trust.t:.0%}, pays {pays.p:.0%} "
        f"(80 %: {pays.lo:.0%} to {pays.hi:.0%}), from {trust.calls} calls worth {trust.n_eff:.1f}; "
        f"prior {trust.prior.source}"
    )


def _baselines(board: Board) -> str:
    of = board.baselines
    told = [f"copying every channel: {_signed(of.copy_all)} R a call{_in_brackets(of.copy_all_95)}"]
    if of.hold_btc_pct is not None:
        told.append(f"holding bitcoin: {of.hold_btc_pct:+.1f} %")
    if of.equal_weight_pct is not None:
        told.append(f"the same in every coin: {of.equal_weight_pct:+.1f} %")
    told.append(f"looked at: {board.trials} channels, configurations, filters and thresholds")
    if board.overfitting is not None:
        told.append(f"the best of one half of the weeks is below the median in the other: {board.overfitting:.0%}")
    return "following nobody in particular\n" + "\n".join(f"{_INDENT}{one}" for one in told)


def _covered(column: Column) -> str:
    counts = column.counts
    return f"{_percent(counts.coverage)} ({counts.filled + counts.unfilled + counts.cancelled} of {counts.calls})"


def _outcomes(column: Column) -> str:
    counts = column.counts
    return f"{counts.filled} + {counts.unfilled} + {counts.cancelled}"


def _unpriced(column: Column) -> str:
    return _counted(column.counts.unpriced, column.counts.unpriced_by)


def _span(column: Column) -> str:
    return " to ".join(_day(at) for at in (column.since, column.until))


def _result(say: Callable[[Results], str]) -> Callable[[Column], str]:
    return lambda column: say(column.results)


def _filled_r(results: Results) -> str:
    return f"{_signed(results.expectancy_filled)}{_in_brackets(results.expectancy_filled_95)}"


def _bounds(results: Results) -> str:
    undecided = f", {results.undecided} undecided" if results.undecided else ""
    return f"{_signed(results.expectancy_low)} to {_signed(results.expectancy_high)}{undecided}"


def _placebo(results: Results) -> str:
    if results.placebo is None:
        return UNKNOWN
    excess = f"{_signed(results.placebo_excess)}{_in_brackets(results.placebo_excess_95)}"
    return f"{_signed(results.placebo)}; timing {excess}"


def _sharpe(results: Results) -> str:
    return f"{_plain(results.sharpe_weekly)}, {_percent(results.deflated_sharpe)}"


def _net(results: Results) -> str:
    if results.subscription is None:
        return UNKNOWN
    return f"{_signed(results.expectancy_net)} (fee {results.subscription:.3f})"


def _latency(results: Results) -> str:
    return ", ".join(f"{delay} s {_signed(r)}" for delay, r in results.latency.items()) or UNKNOWN


def _edits(column: Column) -> str:
    return f"{_number(column.conduct.edited)}, {_number(column.conduct.edited_after_move)}"


def _deletions(column: Column) -> str:
    return f"{_number(column.conduct.deleted)}, {_number(column.conduct.deleted_after_loss)}"


def _copies(column: Column) -> str:
    return _counted(column.conduct.copied, column.conduct.copied_from)


def _claims(column: Column) -> str:
    conduct = column.conduct
    if conduct.claimed_win_rate is None:
        return UNKNOWN
    measured = f"{conduct.claims_that_won} of {conduct.claims_measured} measured paid"
    return f"{conduct.claimed_wins} ({conduct.claimed_win_rate:.0%}), {measured}"


def _stopless(column: Column) -> str:
    stops = column.stops
    if stops.without_return_pct is None:
        return _percent(stops.without_share)
    worst = "" if stops.without_worst_pct is None else f", worst {stops.without_worst_pct:+.1f} %"
    return f"{_percent(stops.without_share)}; held as posted {stops.without_return_pct:+.1f} %{worst}"


def _elsewhere(column: Column) -> str:
    return f"{_percent(column.conduct.proxy_share)}, {_percent(column.conduct.synthetic_share)}"


# In the order in which one should believe them.
_ROWS: Sequence[_Row] = (
    _Row("coverage: priced of all calls", _covered),
    _Row("calls", lambda column: str(column.counts.calls)),
    _Row("from", _span),
    _Row("filled + unfilled + cancelled", _outcomes),
    _Row("unpriced", _unpriced),
    _Row("text unknown", lambda column: str(column.counts.unknown)),
    _Row("unreadable pictures", lambda column: str(column.counts.unreadable)),
    _Row("could be read, of what may be calls", lambda column: _percent(column.conduct.parse_coverage)),
    _Row("not over", lambda column: str(column.counts.running)),
    _Row("fill rate", lambda column: _percent(column.counts.fill_rate)),
    _Row("win rate, of filled", _result(lambda one: f"{_percent(one.win_rate)}{_shares(one.win_rate_95)}"), True),
    _Row("R a call", _result(lambda one: f"{_signed(one.expectancy)}{_in_brackets(one.expectancy_95)}"), True),
    _Row("R a filled call", _result(_filled_r), True),
    _Row("R a call as we follow", _result(lambda one: _signed(one.expectancy_followed)), True),
    _Row("R in all", _result(lambda one: _signed(one.sum_r)), True),
    _Row("deepest fall, R", _result(lambda one: _plain(one.max_drawdown)), True),
    _Row("smallest edge to be seen, R", _result(lambda one: _plain(one.visible_edge)), True),
    _Row("Sharpe of weeks, deflated", _result(_sharpe), True),
    _Row("edits, after the move", _edits),
    _Row("deletions, after a loss", _deletions),
    _Row("copies, and who was first", _copies),
    _Row("copied by others", lambda column: str(column.conduct.copied_by_others)),
    _Row("said again", lambda column: str(column.conduct.repeated)),
    _Row("R a call by delay", _result(_latency), True),
    _Row("worst to best order in a bar", _result(_bounds), True),
    _Row("same trades at random times, R", _result(_placebo), True),
    _Row("R a call net of the fee", _result(_net), True),
    _Row("wins it claims", _claims),
    _Row("without a stop", _stopless),
    _Row("stop distance, median", lambda column: _percent(column.stops.median_distance, digits=1)),
    _Row("priced elsewhere, by a cross", _elsewhere),
    _Row("contaminated", lambda column: str(column.conduct.contaminated)),
)


def _counted(total: int, parts: Mapping[str, int]) -> str:
    named = ", ".join(f"{name} {count}" for name, count in parts.items())
    return f"{total} ({named})" if named else str(total)


def _percent(share: float | None, *, digits: int = 0) -> str:
    return UNKNOWN if share is None else f"{share:.{digits}%}"


def _signed(figure: float | None) -> str:
    return UNKNOWN if figure is None else f"{figure:+.2f}"


def _plain(figure: float | None) -> str:
    return UNKNOWN if figure is None else f"{figure:.2f}"


def _number(count: int | None) -> str:
    return UNKNOWN if count is None else str(count)


def _interval(of: Interval | None) -> str:
    return "" if of is None else f"{of.lo:+.2f} to {of.hi:+.2f}"


def _in_brackets(of: Interval | None) -> str:
    return "" if of is None else f" ({_interval(of)})"


def _shares(of: Interval | None) -> str:
    return "" if of is None else f" ({of.lo:.0%} to {of.hi:.0%})"


def _day(at: float | None) -> str:
    return UNKNOWN if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
