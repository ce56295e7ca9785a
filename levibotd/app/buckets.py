"""Who counts what clients ask: this process, or a Redis that several daemons share."""

from levibotd.adapters.redis_buckets import RedisBuckets
from levibotd.admin.limits import MemoryBuckets
from levibotd.admin.spare_buckets import SpareBuckets
from levibotd.config import Config
from levibotd.errors import Unavailable
from levibotd.kernel.clock import Clock
from levibotd.observe.logging import Log
from levibotd.observe.metrics import Metrics
from levibotd.ports.buckets import Buckets, Rate


def buckets_of(config: Config, *, password: str | None, clock: Clock, metrics: Metrics, log: Log) -> Buckets:
    """
    Make the buckets that `http.redis_url` asks for.

    Raises ConfigError without the extra.
    """
    rate = Rate()
    here = MemoryBuckets(rate, clock=clock)
    url = config.http.redis_url
    if url is None:
        return here

    def on_change(error: Unavailable | None) -> None:
        metrics.http_limits_spare.set(error is not None)
        if error is None:
            log.info("limits_shared")
        else:
            log.warning("limits_spare", error=str(error))

    return SpareBuckets(RedisBuckets(url, password=password, rate=rate), spare=here, clock=clock, on_change=on_change)
