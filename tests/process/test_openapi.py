"""
The running daemon keeps what its OpenAPI document promises.

schemathesis asks everything that the document allows, and much that it does not. The suite asks the
same each time; `make fuzz` asks more, and other things each time.
"""

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.process.daemon import Daemon, daemon, verified
from tests.until import until

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(1800)]

PER_OPERATION = settings().max_examples // 10
PER_S = 150  # Below what one client may ask, so that answers are seldom 429.
STREAM = "/events/stream"  # It never ends; `tests/admin/test_streams.py` reads it.
# What these refuse depends on what rules now, or on the calendar, or on more than one field: a schema cannot say it.
DEPENDS = (
    "/stage$", "^/risk/", "^/start$", "^/config$", "^/reports/", "^/ws/events$", "^/events/hours$", "^/paper/order$",
)  # fmt: skip
# A whole number written as 18.0 is one to JSON Schema; over HTTP it must be written as one.
WHOLE = ("^/signals/",)
# How something may be turned away; too much of it is, before anybody looks at what it is.
REFUSALS = (400, 401, 403, 404, 405, 409, 413, 415, 422, 429)
JUNK = (b"\x00", b"{", b"[]", b"null", b'{"reason":"\\ud800"}', b'{"reason":1e999}', b"\xff\xfe{}", b"{" * 50_000)
PATHS = (
    "%00", "%0a", "%ff", "%ed%a0%80", "..%2f..%2fetc%2fpasswd", "%25%73", "x" * 6000, "'\"", "%F0%9F%92%A5", "9" * 40,
)  # fmt: skip
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with daemon(tmp_path_factory.mktemp("served") / "state") as one:
        yield one.wait_ready()


def document_of(one: Daemon) -> dict[str, Any]:
    found: dict[str, Any] = one.get("/openapi.json")
    return found


def without_keys(document: dict[str, Any]) -> dict[str, Any]:
    """As it is for who needs no key; and without kept answers, which are those of another request on purpose."""
    del document["components"]["securitySchemes"]
    for path in document["paths"].values():
        for operation in path.values():
            del operation["security"]
            kept = [one for one in operation.get("parameters", ()) if one["name"] != "Idempotency-Key"]
            operation["parameters"] = kept
    return document


def configuration() -> str:
    # Whom a key lets in is held route by route in `tests/admin/test_matrix.py`.
    lines = ["[checks]", "ignored_auth.enabled = false", "missing_required_header.enabled = false"]
    lines += [f"negative_data_rejection.expected-statuses = {list(REFUSALS)}"]
    for path in (*DEPENDS, *WHOLE):
        lines += ["[[operations]]", f'include-path-regex = "{path}"']
        lines += ["[operations.checks]", "positive_data_acceptance.enabled = false"]
    return "\n".join(lines)


def ask(one: Daemon, method: str, path: str, *, body: bytes | None = None, **headers: str) -> tuple[int, str, bytes]:
    """Status, content type and body of the first answer that is not 429. Names of headers: `_` stands for `-`."""
    answers: list[tuple[int, str, bytes]] = []

    def served() -> bool:
        answers.append(_ask(one, method, path, body, headers))
        return answers[-1][0] != 429

    until(served, within_s=30, what=f"an answer to {method} {path}")
    return answers[-1]


def _ask(one: Daemon, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=10)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=sent)
        answer = connection.getresponse()
        return answer.status, (answer.getheader("Content-Type") or "").split(";")[0], answer.read()
    finally:
        connection.close()


def declared(operation: Mapping[str, Any], document: Mapping[str, Any], status: int) -> set[str]:
    """The content types that the document has for this status; none where it does not know it."""
    response = operation["responses"].get(str(status), {})
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return set(response.get("content", ()))


def test_it_answers_what_it_declares_whatever_it_is_asked(served: Daemon, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(without_keys(document_of(served))))
    (tmp_path / "schemathesis.toml").write_text(configuration())
    repeat = ["--generation-deterministic", "--seed", "1"] if settings().derandomize else []
    words = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run", "openapi.json",
        "--url", f"http://127.0.0.1:{served.port}", "--phases", "examples,coverage,fuzzing",
        "--max-examples", str(PER_OPERATION), "--exclude-path", STREAM,
        "--rate-limit", f"{PER_S}/s", "--request-timeout", "15", "--continue-on-failure", "--no-color", *repeat,
    ]  # fmt: skip

    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=1700, check=False)

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert "No test cases were generated" not in done.stdout
    _assert_sound(served)


def test_junk_in_bodies_is_a_problem_and_never_a_fault_of_ours(served: Daemon) -> None:
    document = document_of(served)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method == "get":
                continue
            for body in JUNK:
                for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", "junk"):
                    url = re.sub(r"\{.*?\}", "none", path)
                    status, answered, _ = ask(served, method.upper(), url, body=body, Content_Type=kind)
                    assert answered in declared(operation, document, status), (method, path, body[:20], kind, status)
    _assert_sound(served)


def test_junk_in_paths_is_a_problem_and_never_a_fault_of_ours(served: Daemon) -> None:
    document = document_of(served)
    for path, methods in document["paths"].items():
        for junk in PATHS if "{" in path else ():
            for method, operation in methods.items():
                status, answered, _ = ask(served, method.upper(), re.sub(r"\{.*?\}", junk, path))
                assert answered in declared(operation, document, status), (method, path, junk, status)
    _assert_sound(served)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_answered_on_every_path(served: Daemon, method: str) -> None:
    for path, methods in document_of(served)["paths"].items():
        if method.lower() in methods or (method == "HEAD" and "get" in methods):
            continue
        status, kind, _ = ask(served, method, re.sub(r"\{.*?\}", "none", path))
        assert (status, kind) == (405, "application/problem+json"), path
    _assert_sound(served)


def test_head_is_answered_like_get_without_a_body(served: Daemon) -> None:
    for path, methods in document_of(served)["paths"].items():
        if "get" not in methods or path in (STREAM, "/ws/events"):
            continue
        url = re.sub(r"\{.*?\}", "none", path)
        got, asked = ask(served, "GET", url), ask(served, "HEAD", url)
        assert (asked[0], asked[1], asked[2]) == (got[0], got[1], b""), path


def _assert_sound(one: Daemon) -> None:
    assert one.process.poll() is None
    assert '"http_failed"' not in one.said()


def test_what_all_of_that_left_behind_is_a_sound_log(served: Daemon) -> None:
    assert served.stop() == 0
    assert verified(served.log)["clean"] is True
