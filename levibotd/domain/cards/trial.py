"""The record that something was looked at: without it, the best of many looks like skill."""

from levibotd.domain.records import Record

CONFIG = "config"


class Trial(Record, frozen=True, kw_only=True):
    """A configuration, channel filter or threshold was tried on past calls. The same one again is no other trial."""

    what: str  # config | channels | threshold
    name: str  # A digest: equal for what is the same.
    at: float
