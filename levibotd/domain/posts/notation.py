"""
What a written number may be worth: thousands or decimals, half-written edges, lists said twice.
"""

import math
import re
from itertools import pairwise

from levibotd.domain.posts.fields import Number
from levibotd.domain.posts.refusal import Unsolved

ALIGNED = (0.55, 1.8)  # Of the level before: there only one power of ten fits.
NEXT_EDGE = 0.7  # |ln| from the level before to one that is written by its last digits.
STEP = (0.8, 1.25)  # Of the level before: one in thousands that goes on where it stood, "2800 3k".
BY_THOUSANDS = (0.3, 3.3)  # Of a level in thousands: one beside it that leaves out its "k".


def readings(number: Number) -> list[float]:
    """Every value this notation may stand for; the usual one first."""
    raw = number.raw
    dots, commas = raw.count("."), raw.count(",")
    out: list[str] = []
    if dots and commas:
        last = max(raw.rfind("."), raw.rfind(","))
        head = re.sub("[.,]", "", raw[:last])
        out = [f"{head}.{raw[last + 1 :]}"]
    elif commas == 1:
        head, tail = raw.split(",")
        if len(tail) == 3 and head != "0" and len(head) <= 3:
            out = [head + tail, f"{head}.{tail}"]
        else:
            out = [f"{head}.{tail}"]
    elif dots == 1:
        head, tail = raw.split(".")
        out = [f"{head or '0'}.{tail}"]
        if not head and 3 <= len(tail) <= 5 and tail[0] != "0":
            out.append(tail)  # "180 190 .200": a point that parts a list.
        if len(tail) == 3 and head not in ("", "0") and len(head) <= 3 and not head.startswith("0"):
            out.append(head + tail)
    elif dots or commas:
        parts = re.split("[.,]", raw)
        if all(len(part) == 3 for part in parts[1:]) and parts[0] != "0":
            out = ["".join(parts)]
        elif commas:
            raise Unsolved("comma_list")
        else:
            raise Unsolved("unreadable_number")
    else:
        out = [raw]
    values = [float(value[:40]) for value in out]
    return [value * 1000 for value in values] if number.thousand else values


def scale_of(numbers: list[Number]) -> float | None:
    """The order of magnitude of this call, from the numbers that can be read in one way only."""
    sure = sorted(values[0] for number in numbers if len(values := readings(number)) == 1 and values[0] > 0)
    if not sure:
        return None
    return sure[len(sure) // 2]


def values_of(numbers: list[Number], scale: float | None) -> list[float]:
    out = []
    for number in numbers:
        values = [value for value in readings(number) if value > 0]
        if not values:
            raise Unsolved("zero")
        if len(values) > 1 and scale:
            values.sort(key=lambda value: abs(math.log(value / scale)))
        out.append(values[0])
    return out


def completed(numbers: list[Number], values: list[float], near: list[float] | None = None) -> list[float]:
    """Complete edges written by their last digits only: `0.00027000 - 28500`, `.000022/20`, `57450-600`."""
    out = list(values)
    anchor_raw, anchor = (numbers[0].raw, out[0]) if numbers else ("", 0.0)
    for i in range(1, len(out)):
        if anchor <= 0 or 0.2 < out[i] / anchor < 5 or 0.2 < out[i] / out[i - 1] < 5:
            continue
        if numbers[i].line != numbers[i - 1].line:
            continue
        head = anchor_raw.replace(",", "")
        if not (out[i] < anchor and "." in head):
            full = _with_head(head, numbers[i].raw, before=out[i - 1]) or out[i]
            if i < 2 or (out[i - 1] - out[i - 2]) * (full - out[i - 1]) >= 0:  # A list does not turn back.
                out[i] = full
    return out


def _with_head(head: str, tail: str, *, before: float) -> float | None:
    """The number near `before` that ends in `tail` and begins like `head`, zeros at its end left out or not."""
    if not tail.isdigit() or head.count(".") > 1 or len(tail) >= len(head.replace(".", "")):
        return None
    for zeros in range(len(tail) if "." in head else 1):
        whole = head + "0" * zeros
        full = float(whole[: -len(tail)] + tail) if "." not in whole[-len(tail) :] else 0.0
        if full and abs(math.log(full / before)) <= NEXT_EDGE:
            return full
    return None


def lone_thousand(numbers: list[Number]) -> bool:
    """Whether one number alone is in thousands, and no next step from the one before: "1.54K" beside "940 1010"."""
    said = [i for i, number in enumerate(numbers) if number.thousand]
    if len(said) != 1 or len(numbers) == 1:
        return False
    if not said[0] or not numbers[said[0]].raw.isdigit():
        return True
    before, value = (readings(numbers[i])[0] for i in (said[0] - 1, said[0]))
    return not before * STEP[0] < value < before * STEP[1]


def share_thousands(numbers: list[Number]) -> None:
    """Read "50-53K" as 50K and 53K: what leaves out the "k" of the levels around it is in thousands too."""
    said = [values[0] for number in numbers if number.thousand and (values := readings(number))[0] >= 1000]
    if not said:
        return
    for number in numbers:
        value = readings(number)[0]
        if not number.thousand and value < 1000 and BY_THOUSANDS[0] < value * 1000 / said[0] < BY_THOUSANDS[1]:
            number.thousand = True


def aligned(numbers: list[Number], values: list[float], anchor: Number, price: float) -> list[float]:
    """
    Bring digits written without their zeros to the scale of the entry: targets `590 - 750` of an entry `0.0005500`.

    The whole list is brought there by one power of ten within the entry's decimals, or stays as written.
    """
    decimals = len(anchor.raw.partition(".")[2]) if anchor.raw.count(".") == 1 else 0
    if not decimals or price >= 1 or any(not number.raw.isdigit() or len(number.raw) < 2 for number in numbers):
        return values
    for places in range(decimals, 0, -1):
        scaled = [round(value * 10.0**-places, decimals + 4) for value in values]
        if all(ALIGNED[0] < after / before < ALIGNED[1] for before, after in pairwise([price, *scaled])):
            return scaled
    return values


def unique_edges(numbers: list[Number]) -> list[Number]:
    """
    Keep each edge of a staircase once: `270-300`, `300-360`, `360-390`.

    Lines of which one does not begin where the one before ended are lists, and stay whole but for edges that meet.
    """
    lines: dict[int, list[Number]] = {}
    for number in numbers:
        lines.setdefault(number.line, []).append(number)
    rows = list(lines.values())
    pairs = [row for row in rows if len(row) == 2]
    if len(pairs) < 2 or any(len(row) > 2 for row in rows):
        return numbers
    if any(before[1].raw != after[0].raw for before, after in pairwise(pairs)):
        meet = [before.raw == after.raw and before.line != after.line for before, after in pairwise(numbers)]
        return [numbers[0], *(number for number, again in zip(numbers[1:], meet, strict=True) if not again)]
    edges = [row[0] for row in rows] + rows[-1][1:]
    return [edges[0], *(after for before, after in pairwise(edges) if after.raw != before.raw)]


def unrepeated(values: list[float]) -> list[float]:
    """Drop the second copy of a list that a bilingual post writes twice."""
    half = len(values) // 2
    if half and len(values) % 2 == 0 and values[:half] == values[half:]:
        return values[:half]
    return values
