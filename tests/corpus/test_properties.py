"""What must not change a reading, and what must change it in one way only."""

import unicodedata
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.posts.market_view import EMPTY_VIEW
from levibotd.domain.posts.reading import read
from levibotd.domain.signal import Kind, Leg, Post, Reading, Side
from tests.corpus.rows import rows
from tests.corpus.written import NOTATIONS, Call, calls, plain

INVISIBLE = "\u200b\u200c\u200d\u2060\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2069\ufeff\u00ad"
BULLETS = ("🔥 ", "👉 ", "• ", "▪️ ", "➡️ ", "🟢 ", "💎", "⚡️", "— ", "* ")
DIGITS = {"arabic": 0x660, "persian": 0x6F0, "fullwidth": 0xFF10, "bold": 0x1D7CE, "double": 0x1D7D8, "mono": 0x1D7F6}
CHATTER = (
    "Good luck everyone!",
    "Join our VIP for 49$ a month",
    "24 hours left until the price goes up",
    "See you at 9:30 UTC",
    "Follow @desk_of_three for more",
    "https://example.org/chart/4711",
    "RSI 34, volume +12%, market cap 180M",
    "Not financial advice.",
    "Only 3 places left",
    "🔥🔥🔥",
    "We have 41,000 members",
    "Risk 1-2% of your capital",
)


def reading(text: str) -> Reading:
    return read(Post(channel="c", message_id=1, posted_at=1_650_000_000.0, text=text), EMPTY_VIEW)


def the_leg(call: Call) -> Leg:
    """What `call` says, if anything was understood."""
    found = reading(plain(call))
    assert found.kind is Kind.NEW, found.reasons
    return found.legs[0]


def quoted(leg: Leg) -> tuple[list[Decimal], list[Decimal], Decimal]:
    """The prices of a leg in its quote."""
    assert isinstance(leg.sl, float)
    prices = [[Decimal(repr(price)) * leg.factor for price in row] for row in (leg.entry, leg.tps, (leg.sl,))]
    return prices[0], prices[1], prices[2][0]


@given(calls())
def test_a_call_says_what_it_was_made_of(call: Call) -> None:
    leg = the_leg(call)
    assert (leg.symbol, leg.side) == (f"{call.coin}/USDT", call.side)
    assert leg.entry == tuple(map(float, call.entry))
    assert leg.tps == tuple(map(float, call.tps))
    assert leg.sl == float(call.sl)


@given(calls(), st.lists(st.tuples(st.integers(0, 500), st.sampled_from(INVISIBLE)), max_size=40))
def test_invisible_signs_change_nothing(call: Call, signs: list[tuple[int, str]]) -> None:
    text = dressed = plain(call)
    for at, sign in signs:
        at %= len(dressed)
        dressed = dressed[:at] + sign + dressed[at:]
    assert reading(dressed) == reading(text)


@given(calls(), st.sampled_from([str.lower, str.upper, str.title]))
def test_case_changes_nothing(call: Call, dress: object) -> None:
    text = plain(call)
    assert reading(dress(text)).legs == reading(text).legs  # type: ignore[operator]


@given(calls(), st.integers(1, 4), st.integers(0, 3), st.sampled_from([" ", "\t", "\u00a0", "\u2003"]))
def test_blanks_and_empty_lines_change_nothing(call: Call, wide: int, empty: int, blank: str) -> None:
    text = plain(call)
    spaced = ("\n" * (empty + 1)).join(
        f"{blank * empty}{line}{blank}" for line in text.replace(" ", blank * wide).split("\n")
    )
    assert reading(spaced).legs == reading(text).legs
    assert reading(text.replace("\n", "\r\n")).legs == reading(text).legs


@given(calls(), st.lists(st.sampled_from(BULLETS), min_size=12, max_size=12))
def test_bullets_change_nothing(call: Call, bullets: list[str]) -> None:
    for notation in ("dash", "labelled"):
        text = plain(call, targets=notation)
        dressed = "\n".join(bullet + line for bullet, line in zip(bullets, text.split("\n"), strict=False))
        assert reading(dressed).legs == reading(text).legs


@pytest.mark.parametrize("notation", NOTATIONS)
@given(call=calls())
def test_targets_mean_the_same_in_every_notation(notation: str, call: Call) -> None:
    assert reading(plain(call, targets=notation)).legs == (the_leg(call),)


@given(calls(), st.permutations(range(4)))
def test_the_order_of_the_fields_changes_nothing(call: Call, order: list[int]) -> None:
    lines = plain(call).split("\n")
    assert reading("\n".join(lines[place] for place in order)).legs == (the_leg(call),)


@given(calls(bands=False), st.integers(-3, 1))
def test_levels_scale_together(call: Call, power: int) -> None:
    factor = Decimal(10) ** power
    scaled = replace(
        call,
        entry=tuple(f"{Decimal(price) * factor:f}" for price in call.entry),
        tps=tuple(f"{Decimal(price) * factor:f}" for price in call.tps),
        sl=f"{Decimal(call.sl) * factor:f}",
    )
    one, other = the_leg(call), the_leg(scaled)
    assert quoted(other) == tuple(
        [price * factor for price in part] if isinstance(part, list) else part * factor for part in quoted(one)
    )
    assert (other.side, other.entry_type, other.price_unit) == (one.side, one.entry_type, one.price_unit)


@given(calls())
def test_satoshi_are_a_unit_and_nothing_else(call: Call) -> None:
    # The digits of the call as whole satoshi, and once more as what they are of a bitcoin.
    whole = replace(
        call,
        coin="ELF",
        entry=tuple(price.replace(".", "") for price in call.entry),
        tps=tuple(price.replace(".", "") for price in call.tps),
        sl=call.sl.replace(".", ""),
    )
    written = replace(
        whole,
        entry=tuple(f"{int(price) * Decimal('1e-8'):.8f}" for price in whole.entry),
        tps=tuple(f"{int(price) * Decimal('1e-8'):.8f}" for price in whole.tps),
        sl=f"{int(whole.sl) * Decimal('1e-8'):.8f}",
    )
    in_satoshi = reading(plain(whole, quote="BTC") + " sat").legs
    in_bitcoin = reading(plain(written, quote="BTC")).legs
    assert [leg.price_unit for leg in (*in_satoshi, *in_bitcoin)] == ["satoshi", "quote"]
    assert quoted(in_satoshi[0]) == quoted(in_bitcoin[0])


@given(calls())
def test_a_short_is_the_mirror_of_a_long(call: Call) -> None:
    centre = 2 * Decimal(call.entry[0])

    def mirrored(price: str) -> str:
        return f"{centre - Decimal(price):f}"

    mirror = Call(
        coin=call.coin,
        side=call.side.opposite,
        entry=tuple(map(mirrored, call.entry)),
        tps=tuple(map(mirrored, call.tps)),
        sl=mirrored(call.sl),
    )
    one, other = the_leg(call), the_leg(mirror)
    assert other.side is one.side.opposite
    assert (other.entry_type, len(other.entry), len(other.tps)) == (one.entry_type, len(one.entry), len(one.tps))


@given(calls())
def test_the_side_is_seen_from_the_levels_where_none_is_written(call: Call) -> None:
    text = (
        plain(call)
        .replace(" LONG", "")
        .replace(" SHORT", "")
        .replace("Entry", "Buy" if call.side is Side.BUY else "Sell")
    )
    found = reading(text)
    assert [leg.side for leg in found.legs] in ([call.side], [])


@given(calls())
def test_stop_and_targets_that_changed_places_never_act_on_the_side_that_is_written(call: Call) -> None:
    swapped = replace(call, tps=(call.sl,), sl=call.tps[0])
    found = reading(plain(swapped))
    assert (found.kind, found.legs) == (Kind.AMBIGUOUS, ())


@given(calls(), st.lists(st.sampled_from(CHATTER), min_size=1, max_size=4), st.booleans())
def test_chatter_around_a_call_never_changes_it_into_another(call: Call, said: list[str], before: bool) -> None:
    text = plain(call)
    around = "\n\n".join([*said, text]) if before else "\n\n".join([text, *said])
    assert reading(around).legs in ((the_leg(call),), ())


@given(st.lists(st.sampled_from(CHATTER), min_size=1, max_size=8), st.sampled_from(["\n", " ", "\n\n"]))
def test_chatter_alone_is_never_a_call(said: list[str], join: str) -> None:
    assert reading(join.join(said)).legs == ()


@pytest.mark.parametrize("script", sorted(DIGITS))
@given(call=calls())
def test_digits_of_other_scripts_are_digits(script: str, call: Call) -> None:
    text = plain(call)
    zero = DIGITS[script]
    foreign = "".join(chr(zero + int(sign)) if sign.isdigit() else sign for sign in text)
    assert unicodedata.normalize("NFKC", foreign) is not None
    assert reading(foreign).legs == reading(text).legs


@given(calls(), st.integers(0, 8), st.sampled_from([10, 100]))
@example(Call(coin="SOL", side=Side.BUY, entry=("22.10",), tps=("23.00", "24.00"), sl="2.10"), 2, 10)
def test_a_stop_or_a_target_that_lost_a_digit_is_never_sent(call: Call, which: int, factor: int) -> None:
    # One level is a power of ten too small; for a short a target of a tenth may be meant.
    assume(call.side is Side.BUY)
    broken = f"{Decimal(call.sl) / factor:f}" if which % 2 else f"{Decimal(call.tps[-1]) / factor:f}"
    changed = replace(call, sl=broken) if which % 2 else replace(call, tps=(*call.tps[:-1], broken))
    assert reading(plain(changed)).legs == ()


@pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in rows() if "parent" not in row])
def test_dress_changes_no_post_of_the_corpus(row: dict[str, object]) -> None:
    text = str(row["text"])
    plainly = reading(text)
    for dressed in (
        text.replace(" ", " \u200b"),
        "\u202a" + text + "\u202c",
        text.replace("\n", " \n\n "),
        "".join(sign + ("\u2060" if place % 7 == 0 else "") for place, sign in enumerate(text)),
    ):
        assert (reading(dressed).kind, reading(dressed).legs) == (plainly.kind, plainly.legs)
