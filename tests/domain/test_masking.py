"""Nothing secret is written down, and nothing innocent is blanked."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.masking import MASK, Masker

BOT_TOKEN = "1234567890:" + "AAE-x_9" * 5


def payload(text: str) -> bytes:
    return msgspec.json.encode({"text": text, "n": 123456})


def masked(text: str, *secrets: str) -> str:
    answer = json.loads(Masker(secrets).payload(payload(text)))["text"]
    assert isinstance(answer, str)
    return answer


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"https://api.telegram.org/bot{BOT_TOKEN}/getMe", f"https://api.telegram.org/bot{MASK}/getMe"),
        ("GET /order?symbol=X&signature=0a1b2c3d&x=1", f"GET /order?symbol=X&signature={MASK}&x=1"),
        ("X-API-Key: abcdef0123", f"X-API-Key: {MASK}"),
        ('{"api_key": "abcdef0123"}', f'{{"api_key": "{MASK}"}}'),
        ("apiKey=abcdef0123;", f"apiKey={MASK};"),
        ("X-MBX-APIKEY:abcdef0123", f"X-MBX-APIKEY:{MASK}"),
        ("password: hunter22", f"password: {MASK}"),
        ("Authorization: Bearer abc.def.ghi", f"Authorization: Bearer {MASK}"),
        ("ws://h/ws/events?ticket=0123456789abcdef0123", f"ws://h/ws/events?ticket={MASK}"),
        ("token=0123456789abcdef0123", f"token={MASK}"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, left: str) -> None:
    assert masked(text) == left
    assert Masker().text(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "Token: PEPE/USDT Entry: 100-101",
        "Session: London open. Key level: 105",
        "secret token: PEPE, ticket to the moon",
        "BTC:100000 ETH=4000",
        "The signature move of this pair",
        "12:30 UTC, 1234567890:short",
    ],
)
def test_a_call_is_left_as_it_is(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize("secret", ["s3cr3t-value", 'with "quotes"', "ключ-секрет", "line\nfeed", "123456", "a.b*c+d"])
def test_a_registered_value_is_masked_wherever_it_stands(secret: str) -> None:
    assert masked(f"a {secret} b", secret) == f"a {MASK} b"


def test_a_registered_number_does_not_break_the_json_around_it() -> None:
    json_object = Masker(["123456"]).payload(payload("code 123456"))
    assert json.loads(json_object) == {"text": f"code {MASK}", "n": 123456}


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert masked("x abcdefgh-more y", "abcdefgh", "abcdefgh-more") == f"x {MASK} y"


def test_a_short_value_is_not_looked_for() -> None:
    assert masked("test", "test") == "test"


def test_under_a_secret_name_nothing_is_shown() -> None:
    tree = {"api_key": "x", "deep": [{"Password": "y", "n": 1}], "token": "z", "symbol": "BTC", "secret": ""}
    assert Masker().tree(tree) == {
        "api_key": MASK, "deep": [{"Password": MASK, "n": 1}], "token": MASK, "symbol": "BTC", "secret": "",
    }  # fmt: skip


def test_untouched_payloads_are_the_very_same_bytes() -> None:
    plain = payload("BTC 100-101")
    assert Masker(["s3cr3t-value"]).payload(plain) is plain


@given(st.text(), st.text(min_size=6))
def test_a_registered_value_never_stands_in_the_bytes(text: str, secret: str) -> None:
    try:
        plain = payload(text + secret + text)
    except UnicodeEncodeError:
        return
    left = json.loads(Masker([secret]).payload(plain))["text"]
    assert secret not in left or secret in MASK or MASK in secret


_NAMES = [
    "token", "api_key", "Secret", "session_string", "x-bapi-sign", "passwd", "ticket", "signature", "passphrase", "the",
]  # fmt: skip
_GAPS = st.text("\"'\\ \n\t\x1d\xa0\u2028\u3000é", max_size=3)
_VALUES = ["0123456789abcdef0123", "bearer abcd", BOT_TOKEN]


_BEFORE = st.sampled_from(["", "tg:", "rule:", "|tg:1|", "rule:x |tg:", "refused:"])


@given(
    st.tuples(_BEFORE, st.sampled_from(_NAMES), _GAPS, st.sampled_from("=:"), _GAPS, st.sampled_from(_VALUES)).map(
        "".join
    )
)
def test_the_quick_look_passes_nothing_that_a_mask_would_change(text: str) -> None:
    masker = Masker()

    plain = msgspec.json.encode({"text": text})
    assert json.loads(masker.payload(plain)) == masker.tree({"text": text})
    in_texts = plain.count(b":") - 1 - text.startswith("tg:")
    assert masker.may_hold_secrets(plain, in_texts) or masker.tree({"text": text}) == {"text": text}


@pytest.mark.parametrize(
    "text", ["tg:-1001234567890", "paper|tg:-1001234567890|7|0", "rule:chatter", "rule:x tg:1", "refused:x"]
)
def test_a_channels_or_a_rules_name_is_no_reason_to_look_closer(text: str) -> None:
    plain = payload(text)

    assert not Masker().may_hold_secrets(plain)
    assert not Masker().may_hold_secrets(plain, text.count(":"))


def test_each_line_of_a_secret_is_one() -> None:
    masker = Masker(["AKIAEXAMPLE\nwJalrXUtnFEMI/K7MDENG"])

    assert masker.text("with wJalrXUtnFEMI/K7MDENG of AKIAEXAMPLE") == "with *** of ***"
