"""The daemon's own HTTP interface, from outside: one request, one answer, nothing kept."""

import http.client
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import msgspec
from msgspec import Struct

from levibotd.errors import Unavailable

TIMEOUT_S = 20.0
ANSWER_BYTES_MAX = 16 << 20


class Reply(Struct, frozen=True, kw_only=True):
    """What came back. `answer` is the decoded JSON, None where it was none."""

    status: int
    body: bytes
    answer: object

    @property
    def ok(self) -> bool:
        return self.status < 300


class ApiClient:
    """Speaks to one daemon. `base` is its root; the key travels in a header, and stands in no error."""

    def __init__(self, base: str, *, key: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self._base: SplitResult = urlsplit(base)
        self._key = key
        self._timeout_s = timeout_s

    def ask(
        self, method: str, path: tuple[str, ...], *, query: dict[str, str], body: object = None, totp: str | None = None
    ) -> Reply:
        """
        Send once. The parts of `path` may hold anything.

        Raises Unavailable when nobody answers; a request that got as far as the daemon may have been carried out.
        """
        where = f"{self._base.scheme}://{self._base.netloc}"
        connection = self._connection()
        try:
            try:
                connection.connect()
            except OSError as fault:
                raise Unavailable(
                    f"{where}: {fault.strerror or fault}; is the daemon up, and LEVI_API_BASE right?"
                ) from None
            connection.request(method, self._target(path, query), body=_encoded(body), headers=self._headers(totp))
            response = connection.getresponse()
            raw = response.read(ANSWER_BYTES_MAX)
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
            return Reply(status=response.status, body=raw, answer=_decoded(raw))
        except (OSError, http.client.HTTPException) as fault:
            reason = str(fault) or type(fault).__name__
            raise Unavailable(f"{where}: no answer ({reason}); it may have been carried out") from None
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._base.hostname or "", self._base.port
        kind = http.client.HTTPSConnection if self._base.scheme == "https" else http.client.HTTPConnection
        return kind(host, port, timeout=self._timeout_s)

    def _target(self, path: tuple[str, ...], query: dict[str, str]) -> str:
        parts = "/".join(quote(part, safe="") for part in path)
        return f"{self._base.path.rstrip('/')}/{parts}" + (f"?{urlencode(query)}" if query else "")

    def _headers(self, totp: str | None) -> dict[str, str]:
        sent = {"Content-Type": "application/json", "Accept": "application/json"}
        sent |= {} if self._key is None else {"X-API-Key": self._key}
        return sent | ({} if totp is None else {"X-TOTP": totp})


def _encoded(body: object) -> bytes | None:
    return None if body is None else msgspec.json.encode(body)


def _decoded(raw: bytes) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
