"""What S3 answers, in our words; credentials and regions. What a store does: tests/contracts/test_object_store.py."""

import logging

import pytest

from levibotd.adapters.s3_object_store import Credential, _of_answer, credential_of, region_of
from levibotd.errors import ConfigError, LeviError
from levibotd.ports.object_store import AlreadyThere, NotThere, StoreRefused, StoreUnavailable


@pytest.mark.parametrize(
    ("status", "code", "error", "reason"),
    [
        (404, "NoSuchKey", NotThere, "not_there"),
        (404, "NoSuchBucket", StoreRefused, "no_bucket"),
        (412, "PreconditionFailed", AlreadyThere, "already_there"),
        (409, "ConditionalRequestConflict", StoreUnavailable, None),
        (500, "InternalError", StoreUnavailable, None),
        (503, "SlowDown", StoreUnavailable, None),
        (429, "TooManyRequests", StoreUnavailable, None),
        (400, "RequestTimeout", StoreUnavailable, None),
        (403, "RequestTimeTooSkewed", StoreRefused, "clock_skew"),
        (403, "SignatureDoesNotMatch", StoreRefused, "denied"),
        (400, "BadDigest", StoreRefused, "checksum"),
        (400, "XAmzContentChecksumMismatch", StoreRefused, "checksum"),
        (501, "NotImplemented", StoreRefused, "refused"),
        (405, "MethodNotAllowed", StoreRefused, "refused"),
    ],
)
def test_each_answer_has_its_meaning(status: int, code: str, error: type[LeviError], reason: str | None) -> None:
    answer = {"Error": {"Code": code, "Message": "secret things"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    found = _of_answer("a/1", answer)

    assert type(found) is error
    assert getattr(found, "reason", None) == reason
    assert "secret things" not in str(found)


def test_a_credential_is_two_lines() -> None:
    assert credential_of("AKIA123\nwJalr/x+y\n") == Credential(access_key="AKIA123", secret_key="wJalr/x+y")


@pytest.mark.parametrize("secret", ["", "justone", "one two three"])
def test_another_credential_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        credential_of(secret)
    assert "two lines" in str(refusal.value)
    assert all(word not in str(refusal.value) for word in secret.split() if word not in ("one", "two"))


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("https://s3.eu-west-1.amazonaws.com", "eu-west-1"),
        ("https://s3-eu-west-1.amazonaws.com", "eu-west-1"),
        ("https://s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1"),
        ("https://s3.us-west-004.backblazeb2.com/", "us-west-004"),
        ("https://s3.gra.io.cloud.ovh.net", "gra"),
        ("https://s3.amazonaws.com", "us-east-1"),
        ("https://fsn1.your-objectstorage.com", "us-east-1"),
        ("http://127.0.0.1:7480", "us-east-1"),
        ("http://localhost:9000", "us-east-1"),
        ("https://minio.example.org", "us-east-1"),
    ],
)
def test_the_region_is_read_from_the_host(endpoint: str, region: str) -> None:
    assert region_of(endpoint) == region


def test_its_libraries_never_write_requests_down() -> None:
    pytest.importorskip("aiobotocore", reason="NOT TESTED: pip install 'levibotd[s3]'")
    from levibotd.adapters.s3_object_store import _session

    _session()

    assert all(logging.getLogger(name).level >= logging.WARNING for name in ("botocore", "aiobotocore"))
