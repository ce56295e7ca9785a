"""
The object store port over S3, spoken through aiobotocore; vendor types and errors stay in here.

Stores differ in what they check. Each put carries Content-MD5, which all of them hold the body
against, and SHA-256, which some do; what a given store keeps to is tried once (`promises`). Bodies
are not signed: reading them for that would hold the loop, and the signed MD5 vouches for them.
"""

import importlib
import importlib.util
import io
import logging
import re
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from hashlib import md5, sha256
from typing import Any, TypeVar

import aiohttp
import anyio
import msgspec
import stamina
from msgspec import Struct

from levibotd.adapters.resolver import Resolver
from levibotd.errors import ConfigError
from levibotd.kernel import offload
from levibotd.ports.object_store import (
    AlreadyThere,
    Content,
    Head,
    NotThere,
    Promises,
    StoreRefused,
    StoreUnavailable,
)

ATTEMPTS = 3
CONNECT_S = 5.0
READ_S = 20.0  # Without a single byte.
ANSWER_S = 60.0  # For an answer without a body of its own.
BYTES_PER_S = 100_000  # A body gets so much longer.

_PROBE = b"levibotd asks what this store keeps to\n"
_PROBE_KEY = "levibotd-probe"
_LIBRARIES = ("aiobotocore", "botocore")
_PIECE = 1 << 16
_MD5 = re.compile(r"[0-9a-f]{32}")
_CHECKSUM_CODES = frozenset(
    {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "InvalidRequest"}
)
_NO_SUCH_HEADER = (400, 501)

R = TypeVar("R")


class Credential(Struct, frozen=True, kw_only=True):
    """The secret `s3`: the access key and the secret key, a line each."""

    access_key: str
    secret_key: str


def credential_of(secret: str) -> Credential:
    """Raises ConfigError, never with what it read."""
    lines = secret.split()
    if len(lines) != 2:
        raise ConfigError("credential s3: expected two lines, the access key and the secret key")
    return Credential(access_key=lines[0], secret_key=lines[1])


def region_of(endpoint: str) -> str:
    """The region that many providers name in their host (`s3.eu-west-1.…`); else the one every store takes."""
    host = re.sub(r"^https?://|[:/].*$", "", endpoint)
    match = re.match(r"(?:s3|s3-fips)[.-](?:dualstack\.)?([a-z0-9-]+)\.(?=[^.]+\.)", host)
    return match[1] if match is not None and not host.replace(".", "").isdigit() else "us-east-1"


class S3ObjectStore:
    """
    One bucket at `endpoint`. Makes its client with the first call, away from the loop.

    Raises ConfigError at once when the extra is not installed.
    """

    def __init__(self, *, endpoint: str, bucket: str, credential: Credential, resolver: Resolver) -> None:
        if importlib.util.find_spec("aiobotocore") is None:
            raise ConfigError("the archive needs an extra that is not installed: pip install 'levibotd[s3]'")
        self._endpoint = endpoint
        self._bucket = bucket
        self._credential = credential
        self._resolver = resolver
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._making = anyio.Lock()
        self._promises: Promises | None = None

    async def promises(self) -> Promises:
        if self._promises is None:
            keeps_first = await self._keeps_first()
            self._promises = Promises(checks_sha256=await self._checks_sha256(), keeps_first=keeps_first)
        return self._promises

    async def put(self, key: str, content: Content) -> None:
        keeps_first = (await self.promises()).keeps_first
        if not keeps_first and await self._is_there(key):
            raise AlreadyThere(key)
        await self._put(key, content, only_first=keeps_first)

    async def head(self, key: str) -> Head:
        async def ask() -> Head:
            client = await self._made()
            with _translated(key):
                answer = await client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
            return _head(answer)

        return await _tried(ask, within_s=ANSWER_S)

    async def get(self, key: str, *, limit_bytes: int) -> AsyncIterator[bytes]:
        client = await self._made()
        with _translated(key):
            async with _within(ANSWER_S):
                answer = await client.get_object(Bucket=self._bucket, Key=key)
        size = int(answer["ContentLength"])
        received = 0
        async with answer["Body"] as body:
            if size > limit_bytes:
                raise StoreRefused(f"{key}: larger than {limit_bytes} bytes", reason="too_large")
            while True:
                with _translated(key):
                    async with _within(READ_S):
                        piece = await body.read(_PIECE)
                if not piece:
                    break
                received += len(piece)
                yield piece
        if received != size:
            raise StoreUnavailable(f"{key}: broke off after {received} of {size} bytes")

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        token: str | None = None
        while True:
            page = await self._page(prefix, token)
            for one in page.get("Contents", ()):
                yield str(one["Key"])
            token = page.get("NextContinuationToken")
            if token is None:
                return

    async def close(self) -> None:
        await self._stack.aclose()
        self._client = None

    # --- Asking -----------------------------------------------------------------------------

    async def _page(self, prefix: str, token: str | None) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            client = await self._made()
            more = {} if token is None else {"ContinuationToken": token}
            with _translated(prefix):
                page: dict[str, Any] = await client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **more)
                return page

        return await _tried(ask, within_s=ANSWER_S)

    async def _put(self, key: str, content: Content, *, only_first: bool) -> None:
        async def ask() -> None:
            client = await self._made()
            options = {"IfNoneMatch": "*"} if only_first else {}
            with content.open() as body, _translated(key):
                await client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentLength=content.size,
                    ContentMD5=_as_base64(content.md5),
                    ChecksumSHA256=_as_base64(content.sha256),
                    **options,
                )

        await _tried(ask, within_s=ANSWER_S + content.size / BYTES_PER_S)

    async def _is_there(self, key: str) -> bool:
        try:
            await self.head(key)
        except NotThere:
            return False
        return True

    # A store that knows the header says no to the second; one that does not may even refuse the header itself.
    async def _keeps_first(self) -> bool:
        for _ in range(2):
            try:
                await self._put(_PROBE_KEY, _content(_PROBE), only_first=True)
            except AlreadyThere:
                return True
            except StoreRefused as refusal:
                if refusal.reason != "refused":
                    raise
                await self._put(_PROBE_KEY, _content(_PROBE), only_first=False)
                return False
        return False

    async def _checks_sha256(self) -> bool:
        wrong = msgspec.structs.replace(_content(_PROBE), sha256=sha256(b"something else").hexdigest())
        try:
            await self._put(f"{_PROBE_KEY}-wrong", wrong, only_first=False)
        except StoreRefused as refusal:
            if refusal.reason not in ("checksum", "refused"):
                raise
            return (await self.head(_PROBE_KEY)).sha256 == sha256(_PROBE).hexdigest()
        return False

    # --- The client -------------------------------------------------------------------------

    # Importing it and reading its model of S3 takes most of a second.
    async def _made(self) -> Any:
        async with self._making:
            if self._client is None:
                session = await offload.call(_session)
                self._client = await self._stack.enter_async_context(
                    session.create_client(
                        "s3",
                        endpoint_url=self._endpoint,
                        region_name=region_of(self._endpoint),
                        aws_access_key_id=self._credential.access_key,
                        aws_secret_access_key=self._credential.secret_key,
                        config=_client_config(self._resolver),
                    )
                )
        return self._client


def _session() -> Any:
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)  # Below, they write headers and with them signatures.
    stamina.instrumentation.set_on_retry_hooks(())  # It would print to stdout.
    session = importlib.import_module("aiobotocore.session").get_session()
    importlib.import_module("aiobotocore.httpsession")
    loader = session.get_component("data_loader")
    for what in ("service-2", "endpoint-rule-set-1"):
        loader.load_service_model("s3", what)  # Kept by the loader, for the client to be.
    loader.load_data("partitions")
    return session


def _client_config(resolver: Resolver) -> Any:
    config = importlib.import_module("aiobotocore.config")
    return config.AioConfig(
        s3={"addressing_style": "path", "payload_signing_enabled": False},
        signature_version="s3v4",
        retries={"total_max_attempts": 1},
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        max_pool_connections=4,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connector_args={"resolver": resolver, "keepalive_timeout": 30},
    )


async def _tried(ask: Callable[[], Awaitable[R]], *, within_s: float) -> R:
    async for attempt in stamina.retry_context(
        on=StoreUnavailable, attempts=ATTEMPTS, timeout=None, wait_initial=0.3, wait_max=3.0
    ):
        with attempt:
            async with _within(within_s):
                return await ask()
    raise AssertionError("the last attempt returns or raises")


class _within:  # noqa: N801 - reads as a word
    """A deadline whose end is the store's fault."""

    def __init__(self, seconds: float) -> None:
        self._scope = anyio.fail_after(seconds)
        self._seconds = seconds

    async def __aenter__(self) -> None:
        self._scope.__enter__()

    async def __aexit__(self, *raised: Any) -> bool | None:
        try:
            return self._scope.__exit__(*raised)
        except TimeoutError:
            raise StoreUnavailable(f"no answer within {self._seconds:.0f} s") from None


@contextmanager
def _translated(key: str) -> Iterator[None]:
    errors = importlib.import_module("botocore.exceptions")
    try:
        yield
    except errors.ClientError as error:
        raise _of_answer(key, error.response) from None
    except errors.ParamValidationError as error:
        raise StoreRefused(f"{key}: {type(error).__name__}", reason="refused") from None
    except (errors.BotoCoreError, aiohttp.ClientError, TimeoutError, OSError) as error:
        # Without their words: they hold addresses with queries.
        raise StoreUnavailable(f"{key}: {type(error).__name__}") from None


# `key` tells what it was about; texts of the store are never passed on.
def _of_answer(key: str, answer: dict[str, Any]) -> Exception:
    code = str(answer.get("Error", {}).get("Code", ""))[:60]
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = f"{key}: the store answers {status} {code}".rstrip()
    if code == "NoSuchBucket":
        return StoreRefused("there is no such bucket", reason="no_bucket")
    if status == 404:
        return NotThere(key)
    if status == 412:
        return AlreadyThere(key)
    if status in (409, 429) or (status >= 500 and status != 501) or code in ("RequestTimeout", "SlowDown"):
        return StoreUnavailable(said)
    if code == "RequestTimeTooSkewed":
        return StoreRefused(f"{said}: dated too far from the store's time; set the clock", reason="clock_skew")
    if status in (401, 403):
        return StoreRefused(f"{said}: not allowed; look at the credential s3 and at the clock", reason="denied")
    if code in _CHECKSUM_CODES:
        return StoreRefused(f"{said}: the body does not match its checksum", reason="checksum")
    return StoreRefused(said, reason="refused")


def _head(answer: dict[str, Any]) -> Head:
    tag = str(answer.get("ETag", "")).strip('"')
    vouched = answer.get("ChecksumSHA256")
    return Head(
        size=int(answer["ContentLength"]),
        sha256=None if vouched is None else b64decode(vouched).hex(),
        md5=tag if _MD5.fullmatch(tag) is not None and "ServerSideEncryption" not in answer else None,
    )


def _content(data: bytes) -> Content:
    return Content(
        open=lambda: io.BytesIO(data),
        size=len(data),
        sha256=sha256(data).hexdigest(),
        md5=md5(data, usedforsecurity=False).hexdigest(),
    )


def _as_base64(digest: str) -> str:
    return b64encode(bytes.fromhex(digest)).decode()
