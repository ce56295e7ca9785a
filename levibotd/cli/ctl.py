"""`levibotd ctl`: a thin client of the HTTP interface. LEVI_API_BASE says where, LEVI_API_KEY who asks."""

import argparse
import sys
from collections.abc import Callable
from typing import TypeAlias

from levibotd.cli.words import Commands, command, json_flag

_Body = Callable[[argparse.Namespace], dict[str, object]]
_Parser: TypeAlias = argparse.ArgumentParser


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    ctl = commands.add_parser(
        "ctl",
        help="ask or tell a running daemon",
        # Not `capitalize`, which would make small letters of the variables' names.
        description="A thin client of the HTTP interface. LEVI_API_BASE says where, LEVI_API_KEY who asks.",
    )
    actions = ctl.add_subparsers(title="actions", required=True, metavar="ACTION")
    _looks(actions)
    _switches(actions)
    _limits(actions)
    _insides(actions)


def _looks(actions: Commands) -> None:
    for name, path, what in (
        ("status", "status", "how it stands: what forbids opening, equity, work"),
        ("risk", "risk", "limits, and what is used of them"),
        ("positions", "positions", "what is held now"),
        ("channels", "channels", "every channel with what is known of it"),
        ("actors", "actors", "every actor: state, restarts, mailbox, last error"),
    ):
        _action(actions, name, "GET", (path,), what)


def _switches(actions: Commands) -> None:
    start = _action(actions, "start", "POST", ("start",), "allow opening", body=_reason)
    stop = _action(actions, "stop", "POST", ("stop",), "open nothing more; protective orders stay", body=_reason)
    flatten = _action(actions, "flatten", "POST", ("flatten",), "end all of our calls", body=_reason)
    close = _action(
        actions, "close", "POST", ("positions", "{id}", "close"), "end one call", body=_reason, sample="'paper|@a|7|0'"
    )
    close.add_argument("id", metavar="ID", help="as `ctl positions` shows it")
    for each in (start, stop, flatten, close):
        each.add_argument("--dry-run", action="store_true", help="show the plan and do nothing")
    kill = _action(
        actions, "kill", "POST", ("risk", "kill-switch"), "trip the kill switch",
        body=lambda asked: {**_reason(asked), "tripped": True},
    )  # fmt: skip
    rearm = _action(
        actions, "rearm", "POST", ("risk", "kill-switch"), "arm it again; also lifts what log damage restrained",
        body=lambda asked: {**_reason(asked), "tripped": False}, sample="--reason 'looked at it'",
    )  # fmt: skip
    for each in (start, stop, flatten, close, kill):
        _why(each)
    _why(rearm, required=True)
    for each in (start, rearm):
        _code(each)


def _limits(actions: Commands) -> None:
    policy = _action(
        actions, "policy", "PUT", ("risk", "policy"), "switch the policy; without a name, show it",
        body=lambda asked: {**_reason(asked), "policy": asked.name}, sample="conservative",
    )  # fmt: skip
    policy.add_argument("name", nargs="?", metavar="NAME", help="conservative, moderate, aggressive or one of the file")
    leverage = _action(
        actions, "leverage", "POST", ("risk", "leverage"), "cap the leverage of new calls",
        body=lambda asked: {**_reason(asked), "leverage": asked.most}, sample="3",
    )  # fmt: skip
    leverage.add_argument("most", type=_cap, metavar="N", help="a number, or none")
    override = _action(
        actions, "set", "PUT", ("config",), "put keys of [risk] over the file",
        body=lambda asked: {**_reason(asked), "risk": dict(asked.keys)}, sample="max_open=2 cooldown_s=none",
    )  # fmt: skip
    override.add_argument("keys", type=_setting, nargs="+", metavar="KEY=VALUE", help="none takes a key away again")
    stage = _action(
        actions, "stage", "PUT", ("stage",), "set the stage, of one channel or of all; without one, show it",
        body=_staged, sample="observe --reason 'quiet week'",
    )  # fmt: skip
    stage.add_argument("stage", nargs="?", metavar="STAGE", help="observe, paper, ask, canary or live")
    stage.add_argument("--channel", metavar="X", help="of this channel alone")
    stage.add_argument("--unproven", action="store_true", help="although evidence is missing")
    for each in (policy, leverage, override, stage):
        _why(each)
        _code(each)


def _insides(actions: Commands) -> None:
    _action(actions, "reload", "POST", ("config", "reload"), "read the configuration anew", body=lambda asked: {})
    restart = _action(
        actions,
        "restart",
        "POST",
        ("actors", "{name}", "restart"),
        "let an actor begin anew",
        body=_reason,
        sample="risk",
    )
    restart.add_argument("name", metavar="NAME", help="as `ctl actors` shows it")
    requeue = _action(
        actions,
        "requeue",
        "POST",
        ("dead-letters", "{id}", "requeue"),
        "send a dead letter again",
        body=_reason,
        sample="7",
    )
    requeue.add_argument("id", metavar="ID", help="as GET /dead-letters shows it")
    for each in (restart, requeue):
        _why(each)


def _action(
    actions: Commands,
    name: str,
    method: str,
    path: tuple[str, ...],
    help_: str,
    *,
    body: _Body | None = None,
    sample: str = "",
) -> _Parser:
    parser = command(actions, name, _do, help_, example=f"levibotd ctl {name} {sample}".rstrip())
    parser.set_defaults(method=method, path=path, body=body)
    json_flag(parser)
    return parser


def _why(parser: _Parser, *, required: bool = False) -> None:
    parser.add_argument("--reason", default="", required=required, metavar="TEXT", help="why; what loosens needs one")


def _code(parser: _Parser) -> None:
    parser.add_argument("--totp", metavar="CODE", help="the code of now, from stage ask up")


def _do(asked: argparse.Namespace) -> int:
    from levibotd.app.ctl import Wish, carry_out
    from levibotd.config import api_access

    words = vars(asked)
    method, path = asked.method, tuple(part.format(**words) for part in asked.path)
    if method == "PUT" and words.get("name", words.get("stage", "")) is None:
        method = "GET"  # `policy` and `stage` without a word show what is.
    if words.get("channel") is not None:
        path = ("channels", asked.channel) if method == "GET" else ("channels", asked.channel, "stage")
    wish = Wish(
        method=method,
        path=path,
        query={"dry_run": "1"} if words.get("dry_run") else {},
        body=asked.body(asked) if method != "GET" else None,
        totp=words.get("totp"),
    )
    return carry_out(wish, api_access(), as_json=asked.json, out=sys.stdout)


def _reason(asked: argparse.Namespace) -> dict[str, object]:
    return {"reason": asked.reason} if asked.reason else {}


def _staged(asked: argparse.Namespace) -> dict[str, object]:
    if asked.channel is not None:
        return {**_reason(asked), "stage": asked.stage, "unproven": asked.unproven}
    return {**_reason(asked), "stage": asked.stage, "confirm": asked.stage}


def _cap(written: str) -> int | None:
    if written == "none":
        return None
    if not written.isdecimal():
        raise argparse.ArgumentTypeError(f"{written!r} is neither a number nor none")
    return int(written)


# Numbers as the file would have them; everything else is text.
def _setting(written: str) -> tuple[str, object]:
    key, found, value = written.partition("=")
    if not (key and found and value):
        raise argparse.ArgumentTypeError(f"{written!r} is not KEY=VALUE")
    if value == "none":
        return key, None
    for kind in (int, float):
        try:
            return key, kind(value)
        except ValueError:
            continue
    return key, value.strip('"')
