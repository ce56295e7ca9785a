"""Limits of risk that refuse nobody for size, number, hour or channel: the gates of the call itself are left."""

OPEN = {
    "LEVI_STRATEGY__CONFIDENCE_MIN": "0",
    "LEVI_RISK__MIN_VOLUME_24H": "0",
    "LEVI_RISK__MAX_OPEN": "20",
    "LEVI_RISK__HEAT_MAX": "1.0",
    "LEVI_RISK__HEAT_CHANNEL_SHARE": "1.0",
    "LEVI_RISK__HEAT_SIDE_SHARE": "1.0",
    "LEVI_RISK__DAILY_LOSS_LIMIT": "0.9",
    "LEVI_RISK__COOLDOWN_S": "0",
    "LEVI_RISK__COOLDOWN_STOP_S": "0",
}
