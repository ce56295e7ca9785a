"""
Why: a message's whole story, told from its records alone.

Needs no daemon: `levibotd why` reads the log directory, `GET /why/{trace_id}` the index.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from levibotd.domain.printable import printable


def story_of(lines: Iterable[bytes]) -> dict[str, Any] | None:
    """Tell what happened to one trace, in order; None when there is nothing to tell."""
    records = [msgspec.json.decode(line) for line in lines]
    if not records:
        return None
    post = _first(records, "SIGNAL_INGEST")
    scored = _first(records, "SIGNAL_SCORED")
    terminal = next((record for record in records if record["event_type"] in _ENDINGS), None)
    return {
        "trace_id": records[0]["trace_id"],
        "post": None if post is None else post["payload"]["post"],
        "reading": None if scored is None else _reading(scored["payload"]),
        "settings": _settings(records),
        "gates": _gates(records),
        "decision": None if terminal is None else {"event_type": terminal["event_type"], **terminal["payload"]},
        "steps": [_step(record) for record in records],
    }


def as_text(story: Mapping[str, Any]) -> str:
    """
    The story for people: the post, what it was read as, every gate with value and limit, what came of it.

    Whatever a channel wrote, it cannot move the cursor or colour the terminal: what is not printable is escaped.
    """
    lines = [f"trace {story['trace_id']}"]
    if story["post"] is not None:
        post = story["post"]
        lines += [f"post {post['message_id']} of {post['channel']}:", *_indented(post["text"])]
    if story["reading"] is not None:
        reading = story["reading"]
        lines.append(f"read as {reading['kind']}, {reading['label']} with probability {reading['p_call']:.3f}")
        lines += [f"  {_leg(leg)}" for leg in reading["legs"]]
        lines += [f"  because {reason}" for reason in reading["reasons"]]
        lines += [*_trusted(reading["trust"]), *_around(reading["terms"], reading["legs"])]
    lines += [f"{one['name']} = {one['value']}, by {one['source']}" for one in story["settings"]]
    lines += [
        f"gate {gate['name']}: {gate['value']} against {gate['limit']}{'' if gate['passed'] else ', refused'}"
        for gate in story["gates"]
    ]
    lines += [f"{step['ts']:.3f}  {step['event_type']}  {step['what']}".rstrip() for step in story["steps"]]
    return "\n".join(map(printable, lines))


_ENDINGS = ("AUTO_ROUTE_SKIPPED", "SIGNAL_EXPIRED", "SIGNAL_REJECTED", "AUTO_ROUTE_DRYRUN", "AUTO_ROUTE_EXECUTED")
_TOLD = {
    "SIGNAL_REJECTED": ("gate", "value", "limit", "reason", "owner"),
    "SIGNAL_EXPIRED": ("age_s", "limit_s"),
    "AUTO_ROUTE_SKIPPED": ("reason",),
    "AUTO_ROUTE_EXECUTED": ("effect", "legs"),
    "AUTO_ROUTE_DRYRUN": ("legs",),
    "RISK_TICKET": ("call", "policy", "equity"),
    "RISK_SLTP": ("why", "stop", "stop_source", "targets_source", "said_by"),
    "SIGNAL_EDITED": ("effect", "reason", "revision", "text"),
    "SIGNAL_DELETED": ("effect",),
    "CONTROL": ("command", "by", "reason"),
    "ORDER_INTENT": ("role", "slot", "side", "type", "qty", "price", "trigger"),
    "ORDER_FILLED": ("cid", "qty", "price", "fee", "liquidity"),
    "ORDER_PARTIAL_FILL": ("cid", "qty", "price", "fee", "liquidity"),
    "ORDER_DONE": ("cid", "final", "cum_qty", "why"),
    "ORDER_REJECT": ("cid", "code", "message"),
    "ORDER_BLOCKED": ("gate", "value", "limit"),
    "ORDER_ABANDONED": ("cid", "why"),
    "ACT_JUDGED": ("call", "read", "label", "wrong", "before"),
    "CANCEL_INTENT": ("cid", "why"),
    "PROTECT": ("state",),
    "ENTRY_ARMED": ("trigger", "price", "valid_until"),
    "SHADOW_OUTCOME": ("ledger", "status", "reason", "r"),
    "POSITION_OPENED": ("side", "qty", "price"),
    "POSITION_CLOSED": ("reason", "entry", "exit", "net", "r"),
}


def _first(records: Sequence[dict[str, Any]], event_type: str) -> dict[str, Any] | None:
    return next((record for record in records if record["event_type"] == event_type), None)


def _reading(payload: Mapping[str, Any]) -> dict[str, Any]:
    read = {key: payload[key] for key in ("kind", "label", "p_call", "probs", "stale", "legs", "reasons")}
    return {**read, "trust": payload.get("trust"), "terms": payload.get("terms")}


def _trusted(trust: Mapping[str, Any] | None) -> list[str]:
    if trust is None:
        return []
    pays = trust["p_pays"]
    held = f"{trust['ev_r']:+.2f} R a call, pays {pays['p']:.0%} (80 %: {pays['lo']:.0%} to {pays['hi']:.0%})"
    told = [f"held of its channel: {held}, from {trust['calls']} calls"]
    kind = trust.get("kind")
    if kind is not None:
        told.append(f"held of such a {kind['side']}: {kind['ev_r']:+.2f} R a call, from {kind['calls']} of them")
    return told


# Each term of the hybrid score, and whether the score was any good by then.
def _around(terms: Mapping[str, Any] | None, legs: Sequence[Mapping[str, Any]]) -> list[str]:
    if terms is None:
        return []
    worth = "proved" if terms["used"] else "shown only"
    lines = [f"around it: bias {_signed(terms['bias'])}, pulse {_signed(terms['pulse'])}"]
    for leg, own in zip(legs, terms["legs"], strict=False):
        led = "?" if own["eth_led"] is None else "yes" if own["eth_led"] else "no"
        lines.append(
            f"  {leg['symbol']}: trend {_signed(own['trend'])}, led by ether {led}, hybrid {own['hybrid']:.2f} "
            f"(weights by {'hand' if terms['source'] == 'hand' else 'learning'}, {worth})"
        )
    return lines


def _signed(value: float | None) -> str:
    return "?" if value is None else f"{value:+.2f}"


# How the settings were resolved for this call: signal, channel, global, policy or built-in.
def _settings(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    ticket = _first(records, "RISK_TICKET")
    return [] if ticket is None else list(ticket["payload"].get("resolved", ()))


# Gates that were passed stand in the ticket, the one that closed in the refusal.
def _gates(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    gates: list[dict[str, Any]] = []
    for record in records:
        payload = record["payload"]
        if record["event_type"] == "RISK_TICKET":
            gates += [{**gate, "passed": True} for gate in payload["gates"]]
        elif record["event_type"] in ("SIGNAL_REJECTED", "ORDER_BLOCKED"):
            gates.append(
                {"name": payload["gate"], "value": payload["value"], "limit": payload["limit"], "passed": False}
            )
    return gates


def _step(record: Mapping[str, Any]) -> dict[str, Any]:
    told = _TOLD.get(record["event_type"], ())
    payload = record["payload"]
    what = " ".join(f"{key}={_value(payload[key])}" for key in told if payload.get(key) not in (None, ""))
    return {"seq": record["seq"], "ts": record["ts"], "event_type": record["event_type"], "what": what}


def _value(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _leg(leg: Mapping[str, Any]) -> str:
    parts = [f"{leg['side']} {leg['symbol']} {leg['entry_type'] or ''} {_numbers(leg['entry'])}".rstrip()]
    if leg["tps"]:
        parts.append(f"targets {_numbers(leg['tps'])}" + ("" if leg["tp_unit"] == "price" else f" {leg['tp_unit']}"))
    if leg["sl"] is not None:
        stops = leg["sl"] if isinstance(leg["sl"], list) else [leg["sl"]]
        parts.append(f"stop {_numbers(stops)}" + ("" if leg["sl_kind"] == "price" else f" {leg['sl_kind']}"))
    return ", ".join(parts)


def _numbers(numbers: Sequence[str]) -> str:
    return " ".join(f"{Decimal(str(number)).normalize():f}" for number in numbers)


def _indented(text: str) -> list[str]:
    return [f"  | {line}" for line in text.splitlines()]
