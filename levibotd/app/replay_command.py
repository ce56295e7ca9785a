"""`levibotd replay`: what was asked for, what went wrong with the input, and what came of it."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import TextIO

import msgspec

from levibotd.app.progress import Progress
from levibotd.app.replay import ChannelSummary, ReplayInput, Summary, replay
from levibotd.config import Config
from levibotd.errors import Refused
from levibotd.exit_codes import ExitCode


def replay_command(
    load: Callable[[], Config], asked: ReplayInput, *, keep: bool, as_json: bool, out: TextIO, err: TextIO
) -> int:
    """
    Replay and print the summary. The log lies in `asked.out`, or is thrown away unless `keep`.

    1 when some lines of the input were bad, 2 when a file cannot be read or the directory is taken.
    """
    missing = _unreadable((*asked.messages, *asked.candles, *((asked.markets,) if asked.markets else ())))
    for fault in missing:
        print(f"levibotd: {fault}", file=err)
    if missing:
        return ExitCode.USAGE
    config = load()
    with ExitStack() as stack:
        if not keep:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="levibotd-replay-log-"))
            asked = msgspec.structs.replace(asked, out=Path(scratch) / "log")
        progress = stack.enter_context(Progress(err))
        progress.show("sorting posts and candles")
        try:
            summary = replay(
                config,
                asked,
                on_bad=lambda fault: _tell(str(fault), progress, err),
                on_bad_row=lambda fault: _tell(fault, progress, err),
                on_progress=lambda done, total: progress.show(f"{done:,} of {total:,} posts"),
            )
        except Refused as refused:
            if refused.reason == "not_empty":
                print(f"levibotd: {refused}", file=err)
                return ExitCode.USAGE
            print("levibotd: stopped at the first bad line", file=err)
            return ExitCode.FAILED
    if not summary.messages:
        print(
            "levibotd: not one post in these files" + (" and this span of time" if _has_span(asked) else ""), file=err
        )
    if not summary.symbols:
        print("levibotd: not one candle in these files: no call has a price", file=err)
    print(msgspec.json.encode(summary).decode() if as_json else as_table(summary), file=out)
    return ExitCode.FAILED if summary.bad_lines or summary.bad_candles else ExitCode.OK


def as_table(summary: Summary) -> str:
    """The summary for people."""
    rows = [
        ("posts", f"{summary.messages:,}", ""),
        *_decisions(summary),
        ("orders", f"{summary.orders:,}", ""),
        ("fills", f"{summary.fills:,}", ""),
        ("PnL before fees", _money(summary.pnl), ""),
        ("fees", _money(summary.fees), ""),
        ("funding", _money(summary.funding), ""),
        ("PnL", _money(summary.net), ""),
        ("max drawdown", f"{summary.max_drawdown:.2%}", ""),
        ("calls still open", f"{summary.open_calls:,}", ""),
        ("symbols with candles", f"{summary.symbols:,}", ""),
        ("bad lines", f"{summary.bad_lines:,}", ""),
        ("bad candles", f"{summary.bad_candles:,}", ""),
    ]
    width = max(len(name) for name, _, _ in rows)
    lines = [f"{name:<{width}}  {value:>12}  {note}".rstrip() for name, value, note in rows]
    return "\n".join([*lines, *_channels(summary.channels)])


def _decisions(summary: Summary) -> list[tuple[str, str, str]]:
    # Contaminated: the model had learned from later texts than the post.
    known = summary.contaminated
    return [
        (f"  {reason}", f"{count:,}", f"{known[reason]:,} contaminated" if reason in known else "")
        for reason, count in summary.decisions.items()
    ]


def _channels(channels: Mapping[str, ChannelSummary]) -> list[str]:
    if not channels:
        return []
    width = max(len("channel"), *(len(name) for name in channels))
    lines = ["", f"{'channel':<{width}}  {'closed':>6}  {'won':>6}  {'net':>14}  {'fees':>12}  {'R':>8}"]
    for name, one in channels.items():
        money = f"{_money(one.net):>14}  {_money(one.fees):>12}"
        lines.append(f"{name:<{width}}  {one.closed:>6}  {one.won:>6}  {money}  {one.r:>8.2f}")
    return lines


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


# All of them at once: whoever mistyped two names should not have to try twice.
def _unreadable(paths: Iterable[Path]) -> list[str]:
    faults: list[str] = []
    for path in paths:
        try:
            path.open("rb").close()
        except OSError as error:
            faults.append(f"{path}: {error.strerror}")
    return faults


def _tell(fault: str, progress: Progress, err: TextIO) -> None:
    progress.clear()
    print(fault, file=err)


def _has_span(asked: ReplayInput) -> bool:
    return asked.since > 0 or asked.until != float("inf")
