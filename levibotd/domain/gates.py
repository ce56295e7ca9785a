"""
The closed set of gates a call can fail at; the label of metrics and the reference is made of it.

Every refusal names its gate, the value found and the limit.
"""

from enum import StrEnum

from msgspec import Struct

from levibotd.domain.records import Gate, GateValue
from levibotd.domain.signal import CallKey, Side


class GateName(StrEnum):
    """What can say no, in the order in which it is asked; what follows `TOO_SMALL` is asked elsewhere."""

    SWITCH = "switch"
    KILL_SWITCH = "kill_switch"
    RISK_STATE = "risk_state"
    SAFE_MODE = "safe_mode"
    STAGE = "stage"
    CONFIDENCE = "confidence"
    EV_R = "ev_r"  # In stage live a channel must be held to make something, or be there by `unproven`.
    HYBRID = "hybrid"
    TTL = "ttl"
    SIDES = "sides"
    SYMBOLS = "symbols"
    QUOTE = "quote"
    NOT_TRADABLE = "not_tradable"  # Not known, not trading, or listed for less than seven days.
    CANNOT_SHORT = "cannot_short"
    NO_PRICE = "no_price"
    PRICE_DEVIATION = "price_deviation"
    COOLDOWN = "cooldown"
    COOLDOWN_STOP = "cooldown_stop"
    SYMBOL_BUSY = "symbol_busy"
    REPOST = "repost"  # The same call was opened before; its channel only tells it again.
    MAX_OPEN = "max_open"
    HEAT = "heat"
    HEAT_CHANNEL = "heat_channel"
    HEAT_SIDE = "heat_side"
    # Levels and size (`sizing.py`).
    ENTRY = "entry"  # No usable entry price.
    TICK = "tick"  # A price finer than the venue's tick.
    NO_SL = "no_sl"
    SL_WRONG_SIDE = "sl_wrong_side"
    SL_PASSED = "sl_passed"
    SL_CONDITIONAL = "sl_conditional"
    SL_TOO_TIGHT = "sl_too_tight"
    SL_TOO_WIDE = "sl_too_wide"
    NO_SL_TOO_WIDE = "no_sl_too_wide"
    NO_SL_RR = "no_sl_rr"
    CHASED = "chased"
    TP_WRONG_SIDE = "tp_wrong_side"
    TP_PASSED = "tp_passed"
    LIQUIDATION = "liquidation"
    TOO_SMALL = "too_small"
    # Asked by Exec and by the operator.
    TICKET_EXPIRED = "ticket_expired"
    TICKET_SPENT = "ticket_spent"
    CAPACITY = "capacity"  # No room for one more order task.
    UNPROTECTED = "unprotected"  # No stop could be placed, so no entry was.
    RECALLED = "recalled"  # Its channel took it back before it was opened.
    ASK = "ask"
    QUARANTINED = "quarantined"


class Refusal(Struct, frozen=True, kw_only=True):
    """A no: the gate, what was found and what would have been allowed."""

    gate: GateName
    value: GateValue = None
    limit: GateValue = None
    reason: str | None = None
    owner: CallKey | None = None
    side: Side | None = None

    def as_gate(self) -> Gate:
        return Gate(name=self.gate, value=self.value, limit=self.limit)
