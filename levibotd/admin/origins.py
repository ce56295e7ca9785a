"""
Whom a browser may speak to us for: the names we answer to, and the pages that may ask.

A page that rebinds its own DNS name to this machine still says its own name in `Host`; a page
of another site says where it comes from in `Origin`. Both are refused.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from levibotd.admin.problems import ForeignHost, ForeignOrigin
from levibotd.errors import ConfigError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


class Origins:
    """
    The hosts and origins that are ours.

    The hosts of `cors_origins` count as names of ours too: behind a proxy that is how the operator says them.
    """

    def __init__(self, *, host: str, port: int, cors_origins: Iterable[str] = ()) -> None:
        allowed = tuple(_normal_origin(origin) for origin in cors_origins)
        names = (*LOOPBACK_NAMES, f"[{host}]" if ":" in host else host.lower())
        own = [f"{name}:{port}" for name in names]
        if port == 80:
            own += names
        self._hosts = frozenset((*own, *(urlsplit(origin).netloc for origin in allowed)))
        self._origins = frozenset((*allowed, *(f"http://{name}" for name in own)))

    def check_host(self, host: str | None) -> None:
        """Raises ForeignHost unless `host` is a name of ours."""
        if host is None or (host not in self._hosts and host.lower() not in self._hosts):
            raise ForeignHost("this Host is not served here; use the address the daemon is bound to")

    def check_origin(self, origin: str | None, *, host: str) -> str | None:
        """
        Return the origin to name in the answer, None where the request is none of another origin.

        Raises ForeignOrigin for a page of another site.
        """
        if origin is None or origin == f"http://{host}":
            return None
        if origin.lower() not in self._origins:
            raise ForeignOrigin("pages of this origin may not call; see http.cors_origins")
        return origin


def _normal_origin(origin: str) -> str:
    try:
        parts = urlsplit(origin)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
        raise ConfigError(f"$.http.cors_origins: expected scheme://host[:port], not {origin!r}")
    return f"{parts.scheme}://{parts.netloc}".lower()
