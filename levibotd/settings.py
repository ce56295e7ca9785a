"""
The tables and keys of the configuration file, with their defaults and bounds.

Defaults are safe: paper, loopback. The comment behind a key is its line in the reference;
how a file becomes a tree, and what rules hold between keys, is `levibotd/config.py`
and `levibotd/config_checks.py`.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Amount = Annotated[str, Meta(pattern=r"^\d+(\.\d+)?$", description='an amount in quotes, such as "10000"')]
Fee = Annotated[str, Meta(pattern=r"^-?0(\.\d+)?$", description='a share of the price in quotes, such as "0.001"')]
Notional = Annotated[str, Meta(pattern=r"^\d+(\.\d+)?%?$", description='an amount or a share, such as "25" or "5%"')]
Share = Annotated[float, Meta(gt=0, le=1)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
RewardMin = Annotated[float, Meta(ge=0, le=10)]
UserId = Annotated[int, Meta(ge=1)]
Bind = Annotated[str, Meta(pattern=r"^(\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):\d{1,5}$", description="host:port")]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description='a time of day, such as "03:00"')]
Timeframe = Annotated[str, Meta(pattern=r"^[1-9]\d*[smhd]$", description='a bar length, such as "1h"')]
Url = Annotated[str, Meta(pattern=r"^(https?|rediss?)://\S+$", description="a URL")]
Stage = Literal["observe", "paper", "ask", "canary", "live"]
MarketKind = Literal["spot", "swap"]
StopMover = Annotated[
    str,
    Meta(
        pattern=r"^(none|breakeven(-tp[1-9]|-(?!0+(\.0+)?%)[0-9]{1,2}(\.[0-9]+)?%)?|moving-target|moving-two-target|"
        r"trailing(-(?!0+(\.0+)?%)[0-9]{1,2}(\.[0-9]+)?%)?)$",
        description="none, breakeven, breakeven-tp2, breakeven-1.5%, moving-target, moving-two-target, trailing or "
        "trailing-2%",
    ),
]
NoStop = Literal["impute", "skip"]
Split = Literal["even", "one", "two", "three", "fifty-on-first", "decreasing", "increasing"] | tuple[Share, ...]

QUOTES = {"USD": "USDT"}
ALTS = ("BNB", "SOL", "XRP", "ADA", "DOGE", "AVAX", "LINK", "DOT", "LTC", "MATIC", "UNI", "ATOM")


class Section(Struct, frozen=True, kw_only=True):
    """Root of all tables."""


class DaemonConfig(Section, frozen=True):
    """Where the daemon keeps what it must not lose."""

    state_dir: str = ""  # Journal, index and lock; empty: $STATE_DIRECTORY, else $XDG_STATE_HOME/levibotd.
    secrets_dir: str | None = None  # Directory of secret files, each of mode 0600.
    watchdog_s: Annotated[float, Meta(ge=1)] = 30.0  # A loop that stands still so long ends the process, with stacks.


class HttpConfig(Section, frozen=True):
    """The HTTP interface."""

    bind: Bind = "127.0.0.1:8000"  # Anything but loopback needs keys, a TLS proxy and `trusted_proxies`.
    redis_url: Url | None = None  # Shared rate limits; without it they are kept in memory.
    cors_origins: tuple[str, ...] = ()  # Origins that browsers may call from.
    trusted_proxies: tuple[str, ...] = ()  # Networks whose X-Forwarded-For is believed.
    tls_terminated: bool = False  # A proxy in front ends TLS.


class LogConfig(Section, frozen=True):
    """The event log."""

    dir: str | None = None  # Empty: `<state_dir>/logs`.
    min_free_bytes: Annotated[int, Meta(ge=0)] = 1 << 30  # Below this free space sheddable records stop.
    min_free_h: NotNegative = 24.0  # The same, in hours at the last day's rate.
    reduce_free_bytes: Annotated[int, Meta(ge=0)] = 256 << 20  # Below this free space nothing is opened.
    reduce_free_h: NotNegative = 2.0  # The same, in hours at the last day's rate.


class TelegramServerConfig(Section, frozen=True):
    """A Telegram server other than Telegram's own."""

    address: Bind  # host:port.
    public_key_file: str  # Its RSA public key, PEM.


class TelegramControlConfig(Section, frozen=True):
    """Commands by Telegram."""

    enabled: bool = False  # Listen to the users of `[users]`.


class ChannelConfig(Section, frozen=True):
    """One followed channel; what is set here goes before the global value."""

    id: str | int  # `@name` or the numeric id.
    alias: str | None = None  # Its name in logs and metrics.
    stage: Stage = "paper"  # A call acts at the lower of this and `exchange.stage`.
    authors: tuple[UserId, ...] = ()  # In groups: who speaks for the channel. Empty: nobody.
    fee_monthly: Amount | None = None  # What following it costs.
    fee_ccy: str | None = None  # Currency of `fee_monthly`.
    risk: Share | None = None  # Share of equity risked per call.
    heat_share: Share | None = None  # Share of the heat this channel may take.
    max_leverage: Annotated[int, Meta(ge=1, le=125)] | None = None  # Ceiling for its calls.
    sides: tuple[Literal["BUY", "SELL"], ...] = ("BUY", "SELL")  # Sides that are taken.
    symbols_allow: tuple[str, ...] = ()  # Only these; empty: all.
    symbols_deny: tuple[str, ...] = ()  # Never these.
    market: MarketKind | None = None  # Where a call that names no market trades.
    entry_split: Split = "even"  # How quantity is split over entry rungs.
    tp_split: Split = "even"  # How the position is split over targets.
    max_tps: Annotated[int, Meta(ge=1, le=20)] = 5  # Later targets join this one.
    stop_mover: StopMover = "none"  # What a reached target, or the price, does with the stop.
    no_sl: NoStop | None = None  # Calls without a stop.
    entry_ttl_h: Positive | None = None  # Lifetime of an unfilled entry.
    chase_cap: Share | None = None  # How far beyond its price an entry may fill.
    on_delete: Literal["ignore", "cancel", "close"] = "ignore"  # The post was deleted.
    on_edit: Literal["follow", "ignore"] = "follow"  # The post was edited.
    language: str | None = None  # Helps where words are ambiguous.
    prior: float | None = None  # Assumed mean result in R before anything is measured.


class TelegramConfig(Section, frozen=True):
    """Where posts come from."""

    source: Literal["demo", "telethon", "file"] = "demo"  # demo makes them up, file follows `file`.
    file: str | None = None  # JSON lines, followed like `tail -F`.
    server: TelegramServerConfig | None = None  # Another server to rehearse on.
    control: TelegramControlConfig | None = None  # Commands by Telegram.
    channels: tuple[ChannelConfig, ...] = ()  # The channels that are followed.


class UsersConfig(Section, frozen=True):
    """Numeric Telegram ids that may command. Empty: nobody."""

    viewers: tuple[UserId, ...] = ()  # May look.
    operators: tuple[UserId, ...] = ()  # May also start, stop and close.
    admins: tuple[UserId, ...] = ()  # May also change limits.


class ExchangeConfig(Section, frozen=True):
    """The venue and how far the daemon may go on it."""

    id: Literal["paper", "binance", "bybit"] = "paper"  # paper: simulated fills.
    market: MarketKind = "spot"  # Replay and demo: swap unless set.
    network: Literal["mainnet", "testnet", "custom"] = "mainnet"  # custom needs `base_url`.
    base_url: Url | None = None  # REST root of a custom network.
    stage: Stage = "paper"  # The highest stage; paper trading allows observe and paper.
    recv_window_ms: Annotated[int, Meta(ge=100, le=60000)] = 3000  # How late a request may reach the venue.
    shared_account: bool = False  # Others trade on the same account.


class ExecConfig(Section, frozen=True):
    """Execution."""

    stop_trigger: Literal["last", "mark"] = "last"  # The price that triggers stops.


class MarketConfig(Section, frozen=True):
    """Where prices come from."""

    source: Literal["demo", "venue", "candles"] | None = None  # Unset: demo with demo posts, else venue.
    venue: Literal["binance", "bybit"] | None = None  # Unset: `exchange.id`, and binance for paper.
    candles: tuple[str, ...] = ()  # Files for source candles: .csv or .jsonl, gzipped or not.
    candles_kind: MarketKind | None = None  # Which market the candles are of. Unset: `exchange.market`.


class DefaultFilters(Section, frozen=True):
    """Steps and minimums of a symbol that no market list names."""

    tick: Amount = "0.00000001"  # Price step.
    step: Amount = "0.00000001"  # Quantity step.
    min_qty: Amount = "0.00000001"  # Least quantity.
    min_notional: Amount = "5"  # Least price x quantity.


class PaperConfig(Section, frozen=True):
    """The simulated venue."""

    balance: Amount = "10000"  # Quote balance of a new account.
    maker_fee: Fee | None = None  # Unset: the venue's.
    taker_fee: Fee | None = None  # Unset: the venue's.
    latency_ms: Annotated[int, Meta(ge=0, le=600000)] = 200  # From decision to the venue.
    slippage_bps: NotNegative = 0.0  # Beyond the half spread, on every market fill.
    default_filters: DefaultFilters = DefaultFilters()  # Where no market list names the symbol.


class SymbolsConfig(Section, frozen=True):
    """Which symbols are traded."""

    quote_map: dict[str, str] = field(default_factory=lambda: dict(QUOTES))  # A quote as written = what is traded.
    allow: tuple[str, ...] = ()  # Only these; empty: all.
    deny: tuple[str, ...] = ()  # Never these.


class StrategyConfig(Section, frozen=True):
    """Which calls are acted on."""

    confidence_min: Probability = 0.7  # Least probability that this is a call of that side.
    signal_ttl_s: Positive = 60.0  # A call older than this opens nothing.
    entry_valid_s: Positive | None = None  # Lifetime of an unfilled entry. Unset: 86400, spot 259200.


class PolicyRows(Section, frozen=True):
    """The rows of a risk policy; what is unset comes from the policy below."""

    risk_per_trade: Share | None = None  # Share of equity lost when the stop is hit.
    heat_max: Share | None = None  # Planned loss of all open and pending calls, share of equity.
    max_open: Count | None = None  # Calls open or pending at once.
    max_leverage: Annotated[int, Meta(ge=1, le=125)] | None = None  # Ceiling; never a size.
    notional_max: Notional | None = None  # Per call: quote amount, or share of equity.
    daily_loss_limit: Share | None = None  # Share of the day's anchor that trips the kill switch.
    cooldown_s: NotNegative | None = None  # Per symbol, after a call on it.
    cooldown_stop_s: NotNegative | None = None  # Per symbol, after a stop-out on it.
    no_sl_atr: Positive | None = None  # Imputed stop distance, in average true ranges.
    no_tp_r: Positive | None = None  # The one target where none is named, in stop distances.
    min_volume_24h: NotNegative | None = None  # Least quote volume of the symbol.
    no_sl_rr_min: RewardMin | None = None  # Least reward over an imputed stop, in its distances; 0: any.


POLICIES = {
    "conservative": PolicyRows(
        risk_per_trade=0.0025,
        heat_max=0.01,
        max_open=3,
        max_leverage=3,
        notional_max="5%",
        daily_loss_limit=0.02,
        cooldown_s=1800.0,
        cooldown_stop_s=14400.0,
        no_sl_atr=2.0,
        no_tp_r=1.5,
        min_volume_24h=20_000_000.0,
        no_sl_rr_min=1.0,
    ),
    "moderate": PolicyRows(
        risk_per_trade=0.005,
        heat_max=0.025,
        max_open=5,
        max_leverage=5,
        notional_max="10%",
        daily_loss_limit=0.03,
        cooldown_s=300.0,
        cooldown_stop_s=7200.0,
        no_sl_atr=2.5,
        no_tp_r=2.0,
        min_volume_24h=5_000_000.0,
        no_sl_rr_min=1.0,
    ),
    "aggressive": PolicyRows(
        risk_per_trade=0.01,
        heat_max=0.05,
        max_open=8,
        max_leverage=10,
        notional_max="20%",
        daily_loss_limit=0.05,
        cooldown_s=60.0,
        cooldown_stop_s=3600.0,
        no_sl_atr=3.0,
        no_tp_r=3.0,
        min_volume_24h=2_000_000.0,
        no_sl_rr_min=1.0,
    ),
}


POLICY_ROWS = PolicyRows.__struct_fields__
POLICY_LEFT_OUT = PolicyRows(no_sl_rr_min=1.0)  # What a policy of one's own need not state.


class RiskConfig(PolicyRows, frozen=True):
    """Limits. A row that is set here goes before the same row of the policy."""

    policy: str = "moderate"  # conservative, moderate, aggressive or a name below `[risk.policies]`.
    no_sl: NoStop | None = None  # Calls without a stop. Unset: impute on paper, else skip.
    on_trip: Literal["hold", "flatten"] = "hold"  # What the kill switch does with open positions.
    peak_loss_limit: Share | None = None  # Also trip at this loss from the day's peak.
    atr_period: Count = 14  # Bars of the average true range (Wilder).
    atr_timeframe: Timeframe = "1h"  # Length of those bars.
    notional_min: Amount | None = None  # Smaller calls are refused, on top of the venue's minimum.
    heat_channel_share: Share = 0.3  # Share of the heat for one channel.
    heat_side_share: Share = 0.6  # Share of the heat for one side.
    policies: dict[str, PolicyRows] = {}  # Policies by name; a new name states every row.


class FeaturesConfig(Section, frozen=True):
    """What is looked at around a call beside its text: shown and logged, and a gate only where `hybrid_min` is set."""

    enabled: bool = True  # Look at bias, pulse, trend and ether's lead.
    trend_timeframe: Timeframe = "1h"  # Length of the bars that the trend is told from.
    alts: tuple[str, ...] = ALTS  # Coins that must follow ether before its lead counts.
    hybrid_min: Probability | None = None  # Least hybrid score of a call. It gates only once it has proved itself.


class ModelConfig(Section, frozen=True):
    """The classifier."""

    file: str | None = None  # This one and no other. Unset: what training promoted, else the one of the package.
    labels: tuple[str, ...] = ()  # Files of labels that training reads beside those of `/ml/dataset`.


class NewsConfig(Section, frozen=True):
    """News that may veto a call or make it smaller."""

    enabled: bool = False  # Fetch `urls`.
    urls: tuple[Url, ...] = ()  # Feeds.


class FeedsConfig(Section, frozen=True):
    """Side feeds."""

    dex: bool = False  # Quotes of decentralised exchanges.
    nft: bool = False  # Floor prices.
    l2: bool = False  # Yields.


class ArchiveConfig(Section, frozen=True):
    """Closed log segments in an object store."""

    endpoint: Url | None = None  # Unset: no archive.
    bucket: str | None = None  # Its bucket.
    at: TimeOfDay = "03:00"  # When, UTC.
    keep_days: Count = 30  # Local days kept after verification.


class Settings(Section, frozen=True):
    """The file: one field a table."""

    daemon: DaemonConfig = DaemonConfig()
    http: HttpConfig = HttpConfig()
    log: LogConfig = LogConfig()
    telegram: TelegramConfig = TelegramConfig()
    users: UsersConfig = UsersConfig()
    exchange: ExchangeConfig = ExchangeConfig()
    exec: ExecConfig = ExecConfig()
    market: MarketConfig = MarketConfig()
    paper: PaperConfig = PaperConfig()
    symbols: SymbolsConfig = SymbolsConfig()
    strategy: StrategyConfig = StrategyConfig()
    risk: RiskConfig = RiskConfig()
    features: FeaturesConfig = FeaturesConfig()
    model: ModelConfig = ModelConfig()
    news: NewsConfig = NewsConfig()
    feeds: FeedsConfig = FeedsConfig()
    archive: ArchiveConfig = ArchiveConfig()

    @property
    def market_source(self) -> str:
        return self.market.source or ("demo" if self.telegram.source == "demo" else "venue")

    @property
    def market_venue(self) -> str:
        return self.market.venue or ("binance" if self.exchange.id == "paper" else self.exchange.id)

    @property
    def entry_valid_s(self) -> float:
        return self.strategy.entry_valid_s or (259200.0 if self.exchange.market == "spot" else 86400.0)

    @property
    def no_sl(self) -> str:
        return self.risk.no_sl or ("impute" if self.exchange.stage in ("observe", "paper") else "skip")
