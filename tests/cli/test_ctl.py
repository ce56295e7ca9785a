"""The words of `levibotd ctl`, and how it ends."""

import socket
from functools import partial

import msgspec
import pytest

from levibotd.cli.main import main
from levibotd.config import api_access
from levibotd.domain.records import ChannelStage, Control, KillSwitch, Record, RiskPolicyChanged
from levibotd.errors import ConfigError
from levibotd.exit_codes import ExitCode
from levibotd.journal import decode
from levibotd.kernel import offload
from tests.admin.site import MemoryLog, open_position, serving
from tests.cli.surroundings import child

ACTIONS = (
    "status", "risk", "positions", "channels", "actors", "start", "stop", "flatten", "close", "kill", "rearm",
    "policy", "leverage", "set", "stage", "reload", "restart", "requeue",
)  # fmt: skip


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_help_with_an_example_and_can_print_json(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ctl", action, "-h"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"levibotd ctl {action}" in printed.partition("example:\n")[2]
    assert "--json" in printed


def test_its_help_names_the_variables_as_they_are_set(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["ctl", "-h"])

    printed = " ".join(capsys.readouterr().out.split())
    assert "HTTP interface. LEVI_API_BASE says where, LEVI_API_KEY who asks." in printed


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dance"],
        ["close"],
        ["rearm"],
        ["leverage", "much"],
        ["leverage", "-3"],
        ["set"],
        ["set", "max_open"],
        ["set", "max_open="],
        ["set", "=3"],
        ["status", "--dry-run"],
    ],
)
def test_wrong_words_are_exit_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ctl", *words])
    assert ended.value.code == ExitCode.USAGE
    assert "usage:" in capsys.readouterr().err


def test_a_daemon_that_is_not_there_is_exit_75_in_one_line() -> None:
    done = child(["ctl", "status"], environ={"LEVI_API_BASE": f"http://127.0.0.1:{free_port()}"})
    assert done.returncode == ExitCode.TEMPORARY
    assert done.stdout == b""
    assert b"Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "base", ["127.0.0.1:8000", "ftp://x", "http://", "http://u:p@x", "http://x:99999", "http://x:0"]
)
def test_a_base_that_is_no_url_is_refused_without_its_password(base: str) -> None:
    with pytest.raises(ConfigError, match="LEVI_API_BASE") as refused:
        api_access(environ={"LEVI_API_BASE": base})
    assert "u:p" not in str(refused.value)


def test_the_base_is_the_default_bind_and_a_key_stands_on_one_line() -> None:
    assert api_access(environ={}).base == "http://127.0.0.1:8000"
    assert api_access(environ={"LEVI_API_KEY": "abc"}).key == "abc"
    for key in ("a\nb", "ключ"):
        with pytest.raises(ConfigError, match="LEVI_API_KEY") as refused:
            api_access(environ={"LEVI_API_KEY": key})
        assert key not in str(refused.value)


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("words", "printed", "record"),
    [
        (["stop", "--reason", "lunch"], "switch: off", Control(command="stop", by="http:local", reason="lunch")),
        (["stop", "--dry-run"], "dry_run: yes", None),
        (["stage"], "allowed: observe, paper", None),
        (
            ["stage", "observe", "--reason", "odd", "--channel", "coins"],
            "own_stage: observe",
            ChannelStage(
                stage="observe", before="paper", by="http:local", reason="odd", channel="coins", names=("coins",),
            ),
        ),
        (["leverage", "3"], "leverage_cap: 3", Control(command="leverage", by="http:local", effect="3")),
        (["restart", "exec"], "kind: actor", Control(command="restart", by="http:local", effect="exec")),
        (["kill"], "tripped: yes", KillSwitch(tripped=True, why="", by="http:local")),
        (["policy", "conservative"], "policy: conservative", RiskPolicyChanged(
            policy="conservative", before="demo", by="http:local", reason="",
        )),
        (["policy"], "max_open: 5", None),
        (["flatten", "--dry-run"], "calls: paper|coins|7|0", None),
    ],
)  # fmt: skip
async def test_words_become_what_the_daemon_does(words: list[str], printed: str, record: Record | None) -> None:
    log = MemoryLog()
    open_position(log)
    written = len(log.lines_written)
    async with serving(log=log) as site:
        base = {"LEVI_API_BASE": f"http://127.0.0.1:{site.port}"}
        done = await offload.call(partial(child, ["ctl", *words], environ=base))
        assert (done.returncode, done.stderr) == (ExitCode.OK, b"")
        assert printed in done.stdout.decode().splitlines()
        assert [decode(line).entry.record for line in log.lines_written[written:]] == ([record] if record else [])


@pytest.mark.real_time
async def test_keys_are_put_over_the_file_and_taken_away_by_words() -> None:
    async with serving() as site:
        base = {"LEVI_API_BASE": f"http://127.0.0.1:{site.port}"}
        words = ["ctl", "set", "max_open=2", "notional_max=5%", "--json"]
        done = await offload.call(partial(child, words, environ=base))
        assert msgspec.json.decode(done.stdout)["overrides"] == {"max_open": 2, "notional_max": "5%"}
        done = await offload.call(partial(child, ["ctl", "set", "max_open=none"], environ=base))
        assert (done.returncode, b"risk.max_open" in done.stderr) == (ExitCode.FAILED, True)
        words = ["ctl", "set", "max_open=none", "--reason", "enough"]
        assert (await offload.call(partial(child, words, environ=base))).returncode == ExitCode.OK
        assert site.log.ledger.control.risk_over == {"notional_max": "5%"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
