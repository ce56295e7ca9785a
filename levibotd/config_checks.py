"""
What a configuration may not say: rules between its keys, what this version does not have, a bind that is too open.

Each fault names the key to change. They are gathered, so that whoever corrects a file hears of all of them at once.
"""

import ipaddress
from urllib.parse import urlsplit

from levibotd.errors import ConfigError
from levibotd.settings import POLICIES, POLICY_LEFT_OUT, POLICY_ROWS, QUOTES, Settings

_FEEDS = ("dex", "nft", "l2")


def check_usable(settings: Settings, *, has_keys: bool) -> None:
    """As `check_supported` and `check_bind` together. Raises ConfigError with what either has to say."""
    refuse([*unsupported(settings), *unbindable(settings, has_keys=has_keys)])


def check_supported(settings: Settings) -> None:
    """Refuse what the configuration asks for and this version does not have. Raises ConfigError with every case."""
    refuse(unsupported(settings))


def unsupported(settings: Settings) -> list[str]:
    """Return a fault for everything that is asked for and that this version does not have."""
    absent = "is not in this version yet"
    asked = (
        (settings.exchange.id != "paper", f'$.exchange.id: trading on {settings.exchange.id} {absent}; use "paper"'),
        (settings.telegram.source == "telethon", f'$.telegram.source: "telethon" {absent}; use "demo" or "file"'),
        (settings.telegram.server is not None, f"$.telegram.server: signing in to Telegram {absent}; remove it"),
        (_control_enabled(settings), f"$.telegram.control.enabled: commands by Telegram {absent}; set it to false"),
        (
            settings.market_source == "venue",
            f'$.market.source: prices of a venue {absent}; use "candles" with `market.candles`, or "demo"',
        ),
        (_redis_fault(settings) is not None, f"$.http.redis_url: {_redis_fault(settings)}"),
        (settings.news.enabled, f"$.news.enabled: news {absent}; set it to false"),
        (settings.exec.stop_trigger == "mark", f'$.exec.stop_trigger: stops on mark prices {absent}; use "last"'),
        (settings.symbols.quote_map != QUOTES, f"$.symbols.quote_map: other quotes {absent}; remove it"),
    )
    faults = [fault for wanted, fault in asked if wanted]
    faults += [f"$.feeds.{key}: this feed {absent}; set it to false" for key in _FEEDS if getattr(settings.feeds, key)]
    only = settings.exchange.market
    for index, channel in enumerate(settings.telegram.channels):
        if channel.market not in (None, only):  # Silence would look like consent.
            where = f"$.telegram.channels[{index}].market"
            faults.append(f'{where}: beside exchange.market = "{only}" another one {absent}; remove it')
    return faults


def _redis_fault(settings: Settings) -> str | None:
    if settings.http.redis_url is None:
        return None
    if not is_address(settings.http.redis_url, "redis", "rediss", may_name_user=True):
        return "expected redis://host[:port][/number] or rediss://..."
    parts = urlsplit(settings.http.redis_url)
    holds_more = parts.password is not None or parts.query
    return "expected no password in it; put it into the credential `redis`" if holds_more else None


def check_bind(settings: Settings, *, has_keys: bool) -> None:
    """Refuse to listen beyond loopback without keys, a TLS proxy and trusted proxies. Raises ConfigError."""
    refuse(unbindable(settings, has_keys=has_keys))


def unbindable(settings: Settings, *, has_keys: bool) -> list[str]:
    """Return a fault for everything that listening beyond loopback lacks."""
    host, _ = split_bind(settings.http.bind)
    if _is_loopback(host):
        return []
    where = f"$.http.bind: {settings.http.bind} is reachable from other machines, which needs"
    missing = (
        (not has_keys, f"{where} the credential `api_keys`; add it or bind 127.0.0.1"),
        (not settings.http.tls_terminated, f"{where} a proxy that ends TLS, declared by `http.tls_terminated = true`"),
        (not settings.http.trusted_proxies, f"{where} `http.trusted_proxies`, the networks of that proxy"),
    )
    return [fault for lacking, fault in missing if lacking]


def split_bind(bind: str) -> tuple[str, int]:
    """Split host and port; an IPv6 host loses its brackets."""
    host, _, port = bind.rpartition(":")
    return host.strip("[]"), int(port)


def conflicts(settings: Settings) -> list[str]:
    """Return a fault for every rule between keys that is broken."""
    paper = settings.exchange.id == "paper"
    high = ("ask", "canary", "live")
    paper_only = 'expected observe or paper with exchange.id = "paper"'
    known = (*POLICIES, *settings.risk.policies)
    log = settings.log
    rules = [
        (split_bind(settings.http.bind)[1] > 65535, "$.http.bind: expected a port <= 65535"),
        (
            paper and settings.exchange.stage in high,
            f"$.exchange.stage: {paper_only}",
        ),
        (
            settings.exchange.stage == "ask" and not _control_enabled(settings),
            "$.exchange.stage: ask needs telegram.control.enabled",
        ),
        (
            (settings.exchange.network == "custom") != (settings.exchange.base_url is not None),
            '$.exchange.base_url: expected exactly with network = "custom"',
        ),
        (
            settings.telegram.source == "file" and not settings.telegram.file,
            '$.telegram.file: missing, telegram.source = "file" needs it',
        ),
        (
            settings.market.source == "candles" and not settings.market.candles,
            '$.market.candles: missing, market.source = "candles" needs it',
        ),
        (settings.risk.policy not in known, f"$.risk.policy: expected one of {', '.join(dict.fromkeys(known))}"),
        (log.reduce_free_bytes > log.min_free_bytes, "$.log.reduce_free_bytes: expected <= log.min_free_bytes"),
        (log.reduce_free_h > log.min_free_h, "$.log.reduce_free_h: expected <= log.min_free_h"),
        (settings.archive.endpoint is not None and not settings.archive.bucket, "$.archive.bucket: missing"),
        (
            settings.archive.endpoint is not None and not is_address(settings.archive.endpoint, "http", "https"),
            "$.archive.endpoint: expected http(s)://host[:port], the keys in the credential `s3`",
        ),
    ]
    seen: set[str | int] = set()
    for index, channel in enumerate(settings.telegram.channels):
        where = f"$.telegram.channels[{index}]"
        rules.append((channel.id in seen, f"{where}.id: {channel.id} stands twice"))
        rules.append(
            (paper and channel.stage in high, f'{where}.stage: expected observe or paper with exchange.id = "paper"')
        )
        seen.add(channel.id)
    for name, rows in settings.risk.policies.items():
        said = [rows, POLICY_LEFT_OUT, *([POLICIES[name]] if name in POLICIES else [])]
        missing = [row for row in POLICY_ROWS if all(getattr(one, row) is None for one in said)]
        rules += [(True, f"$.risk.policies.{name}.{row}: missing") for row in missing]
    return [fault for broken, fault in rules if broken]


def _control_enabled(settings: Settings) -> bool:
    return settings.telegram.control is not None and settings.telegram.control.enabled


def is_address(url: str, *schemes: str, may_name_user: bool = False) -> bool:
    """Is `url` one of these schemes with a host, and without a user or a secret in it?"""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # Its words are not told: a password with a slash in it is taken for a port.
        return False
    return usable and (may_name_user or "@" not in parts.netloc)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refuse(faults: list[str], *, origin: str = "") -> None:
    """Raise ConfigError with all of `faults`, one a line, where there are any."""
    if faults:
        raise ConfigError("\n".join([f"{origin}:", *faults] if origin else faults))
