"""The status page: plain files under a strict policy."""

import re

import pytest

from levibotd.admin.panel import CSP, load_assets
from tests.admin.site import serving

SCRIPT = load_assets()["status.js"].body.decode()
PAGE = load_assets()["index.html"].body.decode()


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html"),
        ("/static/status.js", "text/javascript"),
        ("/static/status.css", "text/css"),
        ("/static/icon.svg", "image/svg+xml"),
    ],
)
async def test_the_page_and_its_files_are_served_under_the_policy(path: str, content_type: str) -> None:
    async with serving() as site:
        answer = await site.get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == f"{content_type}; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == CSP
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    allowed = dict(part.strip().split(" ", 1) for part in CSP.split(";"))
    assert allowed["default-src"] == "'none'"
    assert allowed["require-trusted-types-for"] == "'script'"
    assert set(allowed.values()) <= {"'none'", "'self'", "'script'"}


def test_the_page_works_without_a_network() -> None:
    assert re.findall(r'(?:src|href)="(?!/static/)[^"]*"', PAGE) == []
    assert "http" not in SCRIPT.replace("https", "http").replace("http_", "")


@pytest.mark.fault("G11")
@pytest.mark.parametrize(
    "word",
    ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "onclick", "style="],
)
def test_text_of_a_channel_can_only_become_text(word: str) -> None:
    assert word not in SCRIPT
    assert word not in PAGE


def test_nothing_stands_in_the_page_that_the_policy_would_block() -> None:
    assert re.findall(r"<script(?![^>]*\bsrc=)", PAGE) == []
    assert "<style" not in PAGE
    assert re.findall(r"\son\w+=", PAGE) == []


def test_every_place_that_the_script_fills_is_there() -> None:
    wanted = set(re.findall(r'(?:at|tag|fill)\("([\w-]+)"', SCRIPT))
    assert wanted <= set(re.findall(r'id="([\w-]+)"', PAGE))
    assert len(wanted) > 8
